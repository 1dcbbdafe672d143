"""A daemon beats every 10 ms while others compute."""

from kit import Ledger, clock, coroutines, gevents, processes, race, threads
from workloads.cpumap import steps

NAME = "Heartbeat"

EVERY = 10_000_000  # nanoseconds

# What Python does in a microsecond, about. A burst lasts as long as its name
# says: a hog is there to be in the way for so long, not to get work done.
STEPS = 10


def bursts(b):
    """Return how many bursts a hog does: as many as fill the time of the beats."""
    hogs = max(b.int("hogs"), 1)
    return max(1, b.n * EVERY * min(b.cpus, hogs) // hogs // b.duration("burst"))


def size(b):
    return b.duration("burst") * STEPS // 1000


def want(b):
    hogs = b.int("hogs")
    return b.n + (hogs * bursts(b) * steps(size(b)) if hogs else 0)


def ledger(b):
    hogs = b.int("hogs")
    return Ledger(units=1 + hogs, ops=b.n + hogs * bursts(b), elapsed=b.n * EVERY)


def beats(b, way):
    n, count, sleep = bursts(b), size(b), way.sleep

    def work(i, u):
        if i:
            for _ in range(n):
                u.answer += steps(count)
                u.ops += 1
                sleep(0)
            return
        due = clock()
        for k in range(b.n):
            due += EVERY
            while (left := due - clock()) > 0:
                sleep(left / 1e9)
            if not k & u.mask:
                u.samples.append(max(clock() - due, 0))
            u.ops += 1
            u.answer += 1

    return way.race(b, 1 + b.int("hogs"), work)


async def tasks(b):
    import asyncio

    n, count = bursts(b), size(b)

    async def work(i, u):
        if i:
            for _ in range(n):
                u.answer += steps(count)
                u.ops += 1
                await asyncio.sleep(0)
            return
        due = clock()
        for k in range(b.n):
            due += EVERY
            while (left := due - clock()) > 0:
                await asyncio.sleep(left / 1e9)
            if not k & u.mask:
                u.samples.append(max(clock() - due, 0))
            u.ops += 1
            u.answer += 1

    return await race(b, 1 + b.int("hogs"), work)


MODELS = {
    "py-gevent": gevents(beats),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(beats),
    "py-process": processes(beats),
}
NA = {
    "py-greenlet": "plain greenlets cannot sleep without stopping all others; those of gevent can",
    "py-executor": "a daemon in a pool is a process that the pool has no longer: see py-process",
}
