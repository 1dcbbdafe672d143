"""P producers put items on a queue that holds ten, C consumers take them off."""

from kit import Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "ProdCons"

SIZE = 10  # of the queue, the tutorials' ten steamed buns


def want(b):
    return b.n * (b.n + 1) // 2


def ledger(b):
    return Ledger(units=b.int("p") + b.int("c"), ops=2 * b.n)  # each item is put and got


def queue(b, way):
    """Run consumers and producers; each producer ends as many as fall to it."""
    p, c = b.int("p"), b.int("c")
    items = way.Queue(SIZE)

    def consume(u):
        while (v := items.get()) is not None:
            u.answer += v
            u.ops += 1

    def produce(i, u):
        note, mask = u.samples.append, u.mask
        for k, v in enumerate(range(i + 1, b.n + 1, p)):
            t = 0 if k & mask else clock()
            items.put(v)
            if t:
                note(clock() - t)
            u.ops += 1
        for _ in range(i, c, p):
            items.put(None)

    def work(i, u):
        if i < c:
            consume(u)
        else:
            produce(i - c, u)

    return way.race(b, c + p, work)


async def tasks(b):
    import asyncio

    p, c = b.int("p"), b.int("c")
    items = asyncio.Queue(SIZE)

    async def work(i, u):
        if i < c:
            while (v := await items.get()) is not None:
                u.answer += v
                u.ops += 1
            return
        note, mask = u.samples.append, u.mask
        for k, v in enumerate(range(i - c + 1, b.n + 1, p)):
            t = 0 if k & mask else clock()
            await items.put(v)
            if t:
                note(clock() - t)
            u.ops += 1
        for _ in range(i - c, c, p):
            await items.put(None)

    return await race(b, c + p, work)


MODELS = {
    "py-gevent": gevents(queue),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(queue),
    "py-process": processes(queue),
}
NA = {
    "py-greenlet": "plain greenlets have no queues; those of gevent have",
    "py-executor": "tasks of a pool do not talk to each other",
}
