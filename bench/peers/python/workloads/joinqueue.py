"""A producer puts a batch on a queue, and waits until all of it is done."""

from kit import Failed, Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "JoinQueue"


def batch(b):
    return b.int("batch")


def want(b):
    return b.n * (b.n + 1) // 2


def ledger(b):
    return Ledger(units=1 + b.int("c"), ops=2 * b.n)  # each item is put and done


def queue(b, way):
    c, size = b.int("c"), b.int("batch")
    items, done = way.JoinableQueue(size), way.counts(1 + c)

    def produce(u):
        note, mask = u.samples.append, u.mask
        while u.ops < b.n:
            t = 0 if u.ops & mask else clock()
            for _ in range(size):
                u.ops += 1
                items.put(u.ops)
            items.join()
            if t:
                note((clock() - t) // size)
            if sum(done) != u.ops:
                raise Failed(f"joined when {sum(done)} of {u.ops} items were done")
        for _ in range(c):
            items.put(None)

    def work(i, u):
        if i == 0:
            return produce(u)
        while (v := items.get()) is not None:
            u.answer += v
            u.ops += 1
            done[i] = u.ops
            items.task_done()

    return way.race(b, 1 + c, work)


async def tasks(b):
    import asyncio

    c, size = b.int("c"), b.int("batch")
    items, done = asyncio.Queue(size), [0] * (1 + c)

    async def work(i, u):
        if i:
            while (v := await items.get()) is not None:
                u.answer += v
                u.ops += 1
                done[i] = u.ops
                items.task_done()
            return
        note, mask = u.samples.append, u.mask
        while u.ops < b.n:
            t = 0 if u.ops & mask else clock()
            for _ in range(size):
                u.ops += 1
                await items.put(u.ops)
            await items.join()
            if t:
                note((clock() - t) // size)
            if sum(done) != u.ops:
                raise Failed(f"joined when {sum(done)} of {u.ops} items were done")
        for _ in range(c):
            await items.put(None)

    return await race(b, 1 + c, work)


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
