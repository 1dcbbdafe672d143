"""Map a pure function over a list of inputs, with as many workers as CPUs."""

from kit import MASK, Ledger, Void, coroutines, gevents, processes, threads

NAME = "CPUMap"

STEPS = 900  # for a microsecond of machine code; Python takes a hundred times that


def batch(b):
    return b.int("chunk")


def steps(n):
    x = 1
    for _ in range(n):
        x = (x * 6364136223846793005 + 1442695040888963407) & MASK
    return x


def limit(b):
    if b.duration("task") > 2_000_000:
        raise Void(
            f"a task of {count(b):,} steps takes Python about {count(b) // 10_000_000 + 1} s, and a result has ten at the least: "
            "the tasks up to 1 ms say which model gains by a second CPU"
        )


def count(b):
    return b.duration("task") * STEPS // 1000


def want(b):
    least = steps(count(b))
    return digest(least + i for i in range(b.n))


def digest(results):
    d = 0
    for r in results:
        d = (d * 31 + r) & MASK
    return d


def ledger(b):
    import os

    return Ledger(units=b.cpus, ops=b.n, elapsed=b.n * count(b) * 4 // 10 // os.cpu_count())


class Task:
    """The mapped function, as something that can be sent to a process."""

    def __init__(self, b):
        self.n = count(b)

    def __call__(self, x):
        return steps(self.n) + x


def timed(b, work):
    """Time a map, which returns the results; the workers are there already."""
    u = b.unit()
    b.units(b.cpus)
    b.start()
    results = list(work(range(b.n)))
    b.stop()
    u.ops, u.answer = len(results), digest(results)
    return b.answer()


def chunks(xs, size):
    return [xs[i : i + size] for i in range(0, len(xs), size)]


def greenlets(b):
    from greenlet import getcurrent, greenlet

    task, main = Task(b), getcurrent()

    def worker(chunk):
        while True:
            chunk = main.switch([task(x) for x in chunk])

    workers = [greenlet(worker) for _ in range(b.cpus)]

    def work(xs):
        for i, chunk in enumerate(chunks(xs, b.int("chunk"))):
            yield from workers[i % len(workers)].switch(chunk)

    return timed(b, work)


def hub(b, way):
    from gevent.pool import Pool

    task, pool = Task(b), Pool(b.cpus)

    def work(xs):
        for part in pool.imap(lambda chunk: list(map(task, chunk)), chunks(xs, b.int("chunk"))):
            yield from part

    return timed(b, work)


async def tasks(b):
    import asyncio

    task, u, results = Task(b), b.unit(), [0] * b.n

    async def worker(todo):
        for chunk in todo:
            for x in chunk:
                results[x] = task(x)
            await asyncio.sleep(0)

    b.units(b.cpus)
    b.start()
    todo = iter(chunks(range(b.n), b.int("chunk")))
    await asyncio.gather(*(worker(todo) for _ in range(b.cpus)))
    b.stop()
    u.ops, u.answer = len(results), digest(results)
    return b.answer()


def pool_of_threads(b, way):
    from multiprocessing.pool import ThreadPool

    with ThreadPool(b.cpus) as pool:
        return timed(b, lambda xs: pool.map(Task(b), xs, b.int("chunk")))


def pool_of_processes(b, way):
    from multiprocessing import Pool

    with Pool(b.cpus) as pool:
        pool.map(steps, [1000] * (4 * b.cpus), 1)
        return timed(b, lambda xs: pool.map(Task(b), xs, b.int("chunk")))


def executor(b):
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(b.cpus) as pool:
        list(pool.map(steps, [1000] * (4 * b.cpus)))
        return timed(b, lambda xs: pool.map(Task(b), xs, chunksize=b.int("chunk")))


MODELS = {
    "py-greenlet": greenlets,
    "py-gevent": gevents(hub),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(pool_of_threads),
    "py-process": processes(pool_of_processes),
    "py-executor": executor,
}
NA = {}
