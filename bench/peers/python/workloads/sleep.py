"""N tasks sleep 10 ms again and again, all at once."""

from kit import Ledger, Void, clock, coroutines, few_processes, gevents, processes, race, threads

NAME = "Sleep"

NAP = 0.01
NAP_NS = 10_000_000


def batch(b):
    return b.int("n")


def want(b):
    return b.n


def ledger(b):
    n = b.int("n")
    rounds = b.n // n
    # A loop may count from when it last looked.
    return Ledger(units=n, ops=b.n, each=rounds, elapsed=rounds * NAP_NS * 95 // 100, in_turn=b.n * NAP_NS)


def limit(b):
    n = b.int("n")
    if b.model == "py-process":
        few_processes(n)
    if b.model == "py-thread" and n >= 10_000:
        raise Void("10,000 threads of Python take seconds to start and to hand the interpreter round")


# frame is a call that touches a KiB of the interpreter's stack: 120 variables.
_names = [f"v{i}" for i in range(120)]
_scope = {}
exec(f"def frame(deeper, kib):\n    {' = '.join(_names)} = kib\n    return deeper(kib - 1)", _scope)


def on_stack(kib, fn):
    """Call fn on top of so many KiB of stack, which stay in use meanwhile."""
    if kib <= 0:
        return fn()
    return _scope["frame"](lambda rest: on_stack(rest, fn), kib)


def naps(b, way):
    rounds, kib, sleep = b.n // b.int("n"), b.int("stack") // 1024, way.sleep

    def work(i, u):
        def nap():
            note, mask = u.samples.append, u.mask
            for k in range(rounds):
                t = 0 if k & mask else clock()
                sleep(NAP)
                if t:
                    note(clock() - t - NAP_NS)
                u.ops += 1
                u.answer += 1

        on_stack(kib, nap)

    return way.race(b, b.int("n"), work)


async def tasks(b):
    import asyncio

    rounds, kib = b.n // b.int("n"), b.int("stack") // 1024

    async def deep(kib, u):
        # A coroutine's frame lies on the heap, and stays there while it waits.
        v = [kib] * 120
        if kib > 0:
            return await deep(kib - 1, u)
        note, mask = u.samples.append, u.mask
        for k in range(rounds):
            t = 0 if k & mask else clock()
            await asyncio.sleep(NAP)
            if t:
                note(clock() - t - NAP_NS)
            u.ops += 1
            u.answer += 1
        del v

    async def work(i, u):
        await deep(kib, u)

    return await race(b, b.int("n"), work)


MODELS = {
    "py-gevent": gevents(naps),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(naps),
    "py-process": processes(naps),
}
NA = {
    "py-greenlet": "plain greenlets cannot sleep without stopping all others; those of gevent can",
    "py-executor": "a pool of as many processes as there are sleepers is py-process",
}
