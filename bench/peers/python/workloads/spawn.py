"""Start N tasks that do next to nothing, and wait until all have ended."""

from kit import Failed, Ledger, coroutines, gevents, processes, rounds, rounds_of_tasks, threads

NAME = "Spawn"


def batch(b):
    return b.int("n")


def want(b):
    return b.n


def ledger(b):
    return Ledger(ops=b.n)


def greenlets(b):
    from greenlet import greenlet

    n = b.int("n")

    def once():
        ended = 0
        for g in [greenlet(lambda v: v + 1) for _ in range(n)]:
            ended = g.switch(ended)
        return ended

    return rounds(b, n, once)


def hub(b, way):
    from gevent import joinall, spawn

    n = b.int("n")

    def once():
        ended = []
        joinall([spawn(ended.append, 1) for _ in range(n)])
        return len(ended)

    return rounds(b, n, once)


def thread(b, way):
    from threading import Thread

    n = b.int("n")

    def once():
        ended = []
        units = [Thread(target=ended.append, args=(1,)) for _ in range(n)]
        for t in units:
            t.start()
        for t in units:
            t.join()
        return len(ended)

    return rounds(b, n, once)


def process(b, way):
    from multiprocessing import Process

    n = b.int("n")

    def once():
        units = [Process(target=int) for _ in range(n)]
        for p in units:
            p.start()
        for p in units:
            p.join()
            if p.exitcode:
                raise Failed(f"a process ended with exit code {p.exitcode}")
        return len(units)

    return rounds(b, n, once)


async def tasks(b):
    import asyncio

    n = b.int("n")

    async def task(ended):
        ended.append(1)

    async def once():
        ended = []
        await asyncio.gather(*(task(ended) for _ in range(n)))
        return len(ended)

    return await rounds_of_tasks(b, n, once)


MODELS = {
    "py-greenlet": greenlets,
    "py-gevent": gevents(hub),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(thread),
    "py-process": processes(process),
}
NA = {"py-executor": "the processes of a pool have been started before: see Submit"}
