"""A tree of tasks: each starts ten others and adds up what they return."""

from kit import Laps, Ledger, Void, coroutines, gevents, processes, threads

NAME = "Skynet"


def batch(b):
    return b.int("leaves")


def want(b):
    return b.n * (b.int("leaves") - 1) // 2


def ledger(b):
    return Ledger(ops=b.n)


def limit(b):
    if b.model in ("py-thread", "py-process", "py-executor") and b.int("leaves") >= 10_000:
        raise Void("ten thousand threads of Python take seconds to start and to hand the interpreter round")


def children(first, leaves):
    """Return the ten subtrees of a tree: where each begins, and its leaves."""
    part = leaves // 10
    return [(first + i * part, part) for i in range(10)]


def added(sums):
    """Add up pairs: of the leaves' numbers, and of how many they are."""
    numbers, leaves = zip(*sums)
    return sum(numbers), sum(leaves)


def trees(b, one):
    """Time trees until b.n leaves have been added up."""
    n, u = b.int("leaves"), b.unit()
    laps = Laps(b, n)
    b.start()
    for _ in range(b.n // n):
        laps.passed()
        numbers, leaves = one((0, n))
        u.answer += numbers
        u.ops += leaves
    laps.passed()
    b.stop()
    return b.answer()


def hub(b, way):
    from gevent import spawn

    def add(tree):
        first, leaves = tree
        if leaves == 1:
            return first, 1
        return added([g.get() for g in [spawn(add, t) for t in children(first, leaves)]])

    return trees(b, add)


def add_threads(tree):
    """Add up with a thread for each subtree."""
    from threading import Thread

    first, leaves = tree
    if leaves == 1:
        return first, 1
    sums = []
    units = [Thread(target=lambda t=t: sums.append(add_threads(t))) for t in children(first, leaves)]
    for t in units:
        t.start()
    for t in units:
        t.join()
    return added(sums)


def thread(b, way):
    return trees(b, add_threads)


def process(b, way):
    """Give the ten subtrees below the root to a pool, whose tasks are threads."""
    from multiprocessing import Pool

    with Pool(b.cpus) as pool:
        pool.map(int, range(4 * b.cpus), 1)
        return trees(b, lambda root: added(pool.map(add_threads, children(*root), 1)))


def executor(b):
    from concurrent.futures import ProcessPoolExecutor

    with ProcessPoolExecutor(b.cpus) as pool:
        list(pool.map(int, range(4 * b.cpus)))
        return trees(b, lambda root: added(pool.map(add_threads, children(*root))))


async def tasks(b):
    import asyncio

    async def add(tree):
        first, leaves = tree
        if leaves == 1:
            return first, 1
        return added(await asyncio.gather(*map(add, children(first, leaves))))

    n, u = b.int("leaves"), b.unit()
    laps = Laps(b, n)
    b.start()
    for _ in range(b.n // n):
        laps.passed()
        numbers, leaves = await add((0, n))
        u.answer += numbers
        u.ops += leaves
    laps.passed()
    b.stop()
    return b.answer()


MODELS = {
    "py-gevent": gevents(hub),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(thread),
    "py-process": processes(process),
    "py-executor": executor,
}
NA = {"py-greenlet": "nobody wakes a plain greenlet when its children have ended; those of gevent are"}
