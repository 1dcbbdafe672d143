"""A karaoke bar with a few rooms and many guests."""

from kit import Failed, Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "Semaphore"


def batch(b):
    return b.int("guests")


def want(b):
    return b.n


def ledger(b):
    guests = b.int("guests")
    return Ledger(units=guests, ops=b.n, each=b.n // guests)


def crowd(inside, permits):
    """Return how many guests are inside at once, if more than there may be.

    Others come and go while inside is read. But it has the number of each visit:
    who is in the same visit after all have been read was there all the time.
    """
    seen = inside[:]
    while len(seen) - seen.count(0) > permits:
        again = inside[:]
        stayed = sum(v == w != 0 for v, w in zip(seen, again))
        if stayed > permits:
            return stayed
        seen = again
    return 0


def rooms(b, way):
    guests, permits = b.int("guests"), b.int("permits")
    doors, inside, pause = way.Semaphore(permits), way.counts(guests), way.sleep

    def work(i, u):
        note, mask = u.samples.append, u.mask
        for k in range(b.n // guests):
            t = 0 if k & mask else clock()
            with doors:
                if t:
                    note(clock() - t)
                inside[i] = k + 1
                if n := crowd(inside, permits):
                    raise Failed(f"{n} guests were in {permits} rooms")
                pause(0)
                inside[i] = 0
            u.ops += 1
            u.answer += 1

    return way.race(b, guests, work)


async def tasks(b):
    import asyncio

    guests, permits = b.int("guests"), b.int("permits")
    doors, inside = asyncio.Semaphore(permits), [0] * guests

    async def work(i, u):
        note, mask = u.samples.append, u.mask
        for k in range(b.n // guests):
            t = 0 if k & mask else clock()
            async with doors:
                if t:
                    note(clock() - t)
                inside[i] = k + 1
                if n := crowd(inside, permits):
                    raise Failed(f"{n} guests were in {permits} rooms")
                await asyncio.sleep(0)
                inside[i] = 0
            u.ops += 1
            u.answer += 1

    return await race(b, guests, work)


MODELS = {
    "py-gevent": gevents(rooms),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(rooms),
    "py-process": processes(rooms),
}
NA = {
    "py-greenlet": "plain greenlets have no semaphore; those of gevent have",
    "py-executor": "tasks of a pool share no semaphore unless they are given one as processes are: see py-process",
}
