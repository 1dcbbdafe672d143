"""A token travels round N tasks, as a baton or a lock would."""

from kit import Laps, Ledger, coroutines, few_processes, gevents, processes, race, threads

NAME = "Ring"


def batch(b):
    return b.int("n")  # whole laps


def want(b):
    return b.n + b.int("n")


def ledger(b):
    n = b.int("n")
    return Ledger(units=n, ops=b.n + n, each=b.n // n + 1)


def limit(b):
    if b.model == "py-process":
        few_processes(b.int("n"))


def laps(b, u, lap):
    """Do the leader's part: one lap before the clock starts, and the others."""
    n = b.int("n")
    times = Laps(b, n)
    token = lap(0)
    b.start()
    for _ in range(b.n // n):
        times.passed()
        token = lap(token)
    times.passed()
    b.stop()
    u.ops, u.answer = 1 + b.n // n, token


def greenlets(b):
    from greenlet import getcurrent, greenlet

    n = b.int("n")
    ring = [getcurrent()]

    def station(i, u):
        switch = ring[(i + 1) % n].switch

        def pass_on():
            token = ring[0].switch()
            while True:
                u.ops += 1
                token = switch(token + 1)

        return pass_on

    ring += [greenlet() for _ in range(n - 1)]
    for i in range(1, n):
        ring[i].run = station(i, b.unit())
        ring[i].switch()  # its stack begins where this one is, not the one before it
    u, switch = b.unit(), ring[1].switch
    b.units(n)
    laps(b, u, lambda token: switch(token + 1))
    return b.answer()


def queues(b, way):
    n = b.int("n")
    hops = [way.Queue() for _ in range(n)]

    def work(i, u):
        take, give = hops[i].get, hops[(i + 1) % n].put
        if i:
            while (token := take()) is not None:
                u.ops += 1
                give(token + 1)
            give(None)
            return

        def lap(token):
            give(token + 1)
            return take()

        laps(b, u, lap)
        give(None)

    return way.relay(b, n, work)


def pipes(b, way):
    n = b.int("n")
    ends = [way.Pipe(duplex=False) for _ in range(n)]

    def work(i, u):
        take, give = ends[i][0].recv, ends[(i + 1) % n][1].send
        if i:
            while (token := take()) is not None:
                u.ops += 1
                give(token + 1)
            give(None)
            return

        def lap(token):
            give(token + 1)
            return take()

        laps(b, u, lap)
        give(None)

    answer = way.relay(b, n, work)
    for end in sum(ends, ()):
        end.close()
    return answer


async def tasks(b):
    import asyncio

    n = b.int("n")
    hops = [asyncio.Queue() for _ in range(n)]

    async def work(i, u):
        take, give = hops[i].get, hops[(i + 1) % n].put_nowait
        if i:
            while (token := await take()) is not None:
                u.ops += 1
                give(token + 1)
            give(None)
            return
        times = Laps(b, n)
        give(1)
        token = await take()
        b.start()
        for _ in range(b.n // n):
            times.passed()
            give(token + 1)
            token = await take()
        times.passed()
        b.stop()
        u.ops, u.answer = 1 + b.n // n, token
        give(None)

    return await race(b, n, work, relay=True)


MODELS = {
    "py-greenlet": greenlets,
    "py-gevent": gevents(queues),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(queues),
    "py-process": processes(pipes),
}
NA = {"py-executor": "tasks of a pool do not talk to each other"}
