"""Two traffic lights take turns; N cars wait at the one, then at the other."""

from kit import Ledger, clock, coroutines, few_processes, gevents, processes, race, threads

NAME = "Event"

# Of what the light shows the cars: the number of the turn, and when it began.
TURN, GREEN = 0, 1


def batch(b):
    return b.int("n")


def want(b):
    return b.n


def ledger(b):
    n = b.int("n")
    turns = b.n // n
    return Ledger(units=n + 1, ops=b.n + turns, each=turns)  # the light is a unit too


def limit(b):
    if b.model == "py-process":
        few_processes(b.int("n"))


def drive(u, shown):
    """Note how long it has been green, and whether no turn was missed."""
    if not u.ops & u.mask:
        u.samples.append(clock() - shown[GREEN])
    u.ops += 1
    u.answer += shown[TURN] == u.ops


def cars(b, way):
    n = b.int("n")
    turns, lights, shown = b.n // n, (way.Event(), way.Event()), way.counts(2)
    come = way.Semaphore(0)

    def work(i, u):
        for r in range(turns):
            if i:
                come.release()
                lights[r % 2].wait()
                drive(u, shown)
                continue
            for _ in range(n):
                come.acquire()
            lights[(r + 1) % 2].clear()
            u.ops += 1
            shown[TURN], shown[GREEN] = u.ops, clock()
            lights[r % 2].set()

    return way.race(b, n + 1, work)


async def tasks(b):
    import asyncio

    n = b.int("n")
    turns, lights, shown = b.n // n, (asyncio.Event(), asyncio.Event()), [0, 0]
    come = asyncio.Semaphore(0)

    async def work(i, u):
        for r in range(turns):
            if i:
                come.release()
                await lights[r % 2].wait()
                drive(u, shown)
                continue
            for _ in range(n):
                await come.acquire()
            lights[(r + 1) % 2].clear()
            u.ops += 1
            shown[TURN], shown[GREEN] = u.ops, clock()
            lights[r % 2].set()

    return await race(b, n + 1, work)


MODELS = {
    "py-gevent": gevents(cars),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(cars),
    "py-process": processes(cars),
}
NA = {
    "py-greenlet": "plain greenlets have no events; those of gevent have",
    "py-executor": "tasks of a pool that wait keep its processes from others",
}
