"""N parties in rounds: each waits until all have come."""

from kit import Ledger, Void, clock, coroutines, few_processes, gevents, processes, race, threads

NAME = "Barrier"


def batch(b):
    return b.int("n")


def want(b):
    return b.n


def ledger(b):
    n = b.int("n")
    return Ledger(units=n, ops=b.n, each=b.n // n)


def limit(b):
    if b.model == "py-process":
        few_processes(b.int("n"))


class HubBarrier:
    """A barrier of greenlets of gevent, which has none."""

    def __init__(self, n):
        from gevent.event import Event

        self._new, self._n, self._left = Event, n, n
        self._all = Event()

    def wait(self):
        everybody = self._all
        self._left -= 1
        if self._left:
            everybody.wait()
            return
        self._left, self._all = self._n, self._new()
        everybody.set()


def parties(b, way):
    n = b.int("n")
    come, barrier = way.counts(n), HubBarrier(n) if b.model == "py-gevent" else way.Barrier(n)

    def work(i, u):
        note, mask, neighbour = u.samples.append, u.mask, (i + 1) % n
        for r in range(b.n // n):
            come[i] = r + 1
            t = 0 if r & mask else clock()
            barrier.wait()
            if t:
                note(clock() - t)
            u.answer += come[neighbour] > r
            u.ops += 1

    return way.race(b, n, work)


async def tasks(b):
    import asyncio

    if not hasattr(asyncio, "Barrier"):
        raise Void("asyncio has barriers from Python 3.11 on")
    n = b.int("n")
    come, barrier = [0] * n, asyncio.Barrier(n)

    async def work(i, u):
        note, mask, neighbour = u.samples.append, u.mask, (i + 1) % n
        for r in range(b.n // n):
            come[i] = r + 1
            t = 0 if r & mask else clock()
            await barrier.wait()
            if t:
                note(clock() - t)
            u.answer += come[neighbour] > r
            u.ops += 1

    return await race(b, n, work)


MODELS = {
    "py-gevent": gevents(parties),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(parties),
    "py-process": processes(parties),
}
NA = {
    "py-greenlet": "plain greenlets have no barrier, nor what one is made of",
    "py-executor": "tasks of a pool that wait keep its processes from others",
}
