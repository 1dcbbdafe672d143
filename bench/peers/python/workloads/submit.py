"""Tiny tasks are submitted one by one, with a callback and a future each."""

from kit import Ledger, clock, coroutines, gevents, processes, threads

NAME = "Submit"

POOLS = ("py-thread", "py-process", "py-executor")


def want(b):
    return b.n * (b.n + 1)  # 1 to n, by callbacks and by futures


def ledger(b):
    return Ledger(units=b.cpus if b.model in POOLS else 0, ops=2 * b.n)


def add_one(x):
    return x + 1


class Tally:
    """What the callbacks add up; the last of them calls done.

    They may come at once: to append is one step.
    """

    def __init__(self, b, done):
        self.values = []
        self._want, self._done = b.n, done

    def add(self, v):
        self.values.append(v)
        if len(self.values) == self._want:
            self._done()

    def enter(self, u):
        u.answer += sum(self.values)
        u.ops += len(self.values)


def submissions(b, start, get, tally, wait):
    """Time b.n tasks: start returns the future of one, and get its result."""
    u, tasks, size = b.unit(), [], b.int("inflight")
    note, mask = u.samples.append, u.mask
    if b.model in POOLS:
        b.units(b.cpus)

    def take(future, t):
        u.answer += get(future)
        u.ops += 1
        if t:
            note(clock() - t)

    b.start()
    for x in range(b.n):
        if len(tasks) < size:
            tasks.append(None)
        else:
            take(*tasks[x % size])
        t = 0 if x & mask else clock()
        tasks[x % size] = start(x), t
    for x in range(b.n, b.n + len(tasks)):
        take(*tasks[x % len(tasks)])
    wait()
    b.stop()
    tally.enter(u)
    return b.answer()


def hub(b, way):
    from gevent.pool import Pool

    done = way.Event()
    pool, tally = Pool(b.int("inflight")), Tally(b, done.set)
    return submissions(b, lambda x: pool.apply_async(add_one, (x,), callback=tally.add), lambda g: g.get(), tally, done.wait)


def future(b, pool):
    """Submit to an executor of concurrent.futures."""
    from threading import Event

    done = Event()
    tally = Tally(b, done.set)

    def start(x):
        f = pool.submit(add_one, x)
        f.add_done_callback(lambda f: tally.add(f.result()))
        return f

    list(pool.map(add_one, range(8 * b.cpus)))
    return submissions(b, start, lambda f: f.result(), tally, done.wait)


def thread(b, way):
    from concurrent.futures import ThreadPoolExecutor

    with ThreadPoolExecutor(b.cpus) as pool:
        return future(b, pool)


def process(b, way):
    from multiprocessing import Pool
    from threading import Event

    done = Event()
    tally = Tally(b, done.set)
    with Pool(b.cpus) as pool:
        pool.map(add_one, range(8 * b.cpus), 1)
        return submissions(b, lambda x: pool.apply_async(add_one, (x,), callback=tally.add), lambda r: r.get(), tally, done.wait)


def executor(b):
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(b.cpus) as pool:
        return future(b, pool)


async def tasks(b):
    import asyncio

    u, size = b.unit(), b.int("inflight")
    note, mask = u.samples.append, u.mask
    called = asyncio.Event()
    tally = Tally(b, called.set)
    started = []

    async def task(x):
        return x + 1

    async def take(future, t):
        u.answer += await future
        u.ops += 1
        if t:
            note(clock() - t)

    b.start()
    for x in range(b.n):
        if len(started) < size:
            started.append(None)
        else:
            await take(*started[x % size])
        t = 0 if x & mask else clock()
        f = asyncio.create_task(task(x))
        f.add_done_callback(lambda f: tally.add(f.result()))
        started[x % size] = f, t
    for x in range(b.n, b.n + len(started)):
        await take(*started[x % len(started)])
    await called.wait()
    b.stop()
    tally.enter(u)
    return b.answer()


MODELS = {
    "py-gevent": gevents(hub),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(thread),
    "py-process": processes(process),
    "py-executor": executor,
}
NA = {"py-greenlet": "plain greenlets have no futures; those of gevent have"}
