"""The last tickets: everybody decrements one counter under one lock."""

from kit import Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "Lock"


def want(b):
    return b.n


def ledger(b):
    return Ledger(units=b.int("tasks"), ops=b.n)


def shared(b, way):
    """Sell tickets that lie in the memory of all."""
    lock, left, each = way.Lock(), b.n, b.get("yield") == "each"
    pause = way.sleep

    def work(i, u):
        nonlocal left
        note, mask = u.samples.append, u.mask
        while True:
            t = 0 if u.ops & mask else clock()
            with lock:
                if not left:
                    break
                left -= 1
            if t:
                note(clock() - t)
            u.ops += 1
            if each:
                pause(0)
        u.answer = u.ops

    return way.race(b, b.int("tasks"), work)


def separate(b, way):
    """Sell tickets that lie in shared memory, with a lock between processes."""
    left, each = way.Value("q", b.n), b.get("yield") == "each"
    lock, pause = left.get_lock(), way.sleep

    def work(i, u):
        note, mask = u.samples.append, u.mask
        while True:
            t = 0 if u.ops & mask else clock()
            with lock:
                if not left.value:
                    break
                left.value -= 1
            if t:
                note(clock() - t)
            u.ops += 1
            if each:
                pause(0)
        u.answer = u.ops

    return way.race(b, b.int("tasks"), work)


async def tasks(b):
    import asyncio

    lock, left, each = asyncio.Lock(), b.n, b.get("yield") == "each"

    async def work(i, u):
        nonlocal left
        note, mask = u.samples.append, u.mask
        while True:
            t = 0 if u.ops & mask else clock()
            async with lock:
                if not left:
                    break
                left -= 1
            if t:
                note(clock() - t)
            u.ops += 1
            if each:
                await asyncio.sleep(0)
        u.answer = u.ops

    return await race(b, b.int("tasks"), work)


MODELS = {
    "py-gevent": gevents(shared),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(shared),
    "py-process": processes(separate),
}
NA = {
    "py-greenlet": "plain greenlets switch nowhere but where they say so, and need no lock",
    "py-executor": "tasks of a pool share no lock unless they are given one as processes are: see py-process",
}
