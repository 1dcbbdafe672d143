"""A message goes through a duplex pipe and comes back.

Each side copies the bytes into memory of its own, as a pipe does, adds one to
a number somewhere in them, and sends them on.
"""

from kit import Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "Pipe"


def want(b):
    return 2 * (b.n + 1)


def ledger(b):
    trips = b.n + 1
    return Ledger(units=2, ops=2 * trips, each=trips, bytes=2 * trips * b.int("payload"))


class Message:
    """Memory of one side, as bytes and as numbers."""

    def __init__(self, b):
        self.bytes = bytearray(b.int("payload"))
        self.numbers = memoryview(self.bytes).cast("Q")
        self._last = len(self.numbers) - 1

    def stamp(self, i):
        """Add one to a number of message i: which one changes each time."""
        self.numbers[self._last - (i * 0x9E3779B1 & self._last)] += 1

    def arrived(self, u):
        u.bytes += len(self.bytes)
        self.stamp(u.ops)
        u.ops += 1


def trips(b, u, trip):
    """Do one round trip before the clock starts, and the others after."""
    trip()
    note, mask = u.samples.append, u.mask
    b.start()
    for i in range(b.n):
        t = 0 if i & mask else clock()
        trip()
        if t:
            note(clock() - t)
    b.stop()


def greenlets(b):
    from greenlet import getcurrent, greenlet

    ours, theirs, main = Message(b), Message(b), getcurrent()
    ask, echo = b.unit(), b.unit()

    def other(received):
        while True:
            theirs.bytes[:] = received
            theirs.arrived(echo)
            received = main.switch(theirs.bytes)

    switch = greenlet(other).switch
    b.units(2)

    def trip():
        ours.stamp(ask.ops)
        ours.bytes[:] = switch(ours.bytes)
        ask.bytes += len(ours.bytes)
        ask.ops += 1

    trips(b, ask, trip)
    ask.answer = sum(ours.numbers)
    return b.answer()


def queues(b, way):
    there, back = way.Queue(), way.Queue()

    def work(i, u):
        mine = Message(b)
        if i:
            while (received := there.get()) is not None:
                mine.bytes[:] = received
                mine.arrived(u)
                back.put(mine.bytes)
            return

        def trip():
            mine.stamp(u.ops)
            there.put(mine.bytes)
            mine.bytes[:] = back.get()
            u.bytes += len(mine.bytes)
            u.ops += 1

        trips(b, u, trip)
        u.answer = sum(mine.numbers)
        there.put(None)

    return way.relay(b, 2, work)


def pipe(b, way):
    ours, theirs = way.Pipe()

    def work(i, u):
        mine = Message(b)
        if i:
            ours.close()
            try:
                while True:
                    n = theirs.recv_bytes_into(mine.bytes)
                    mine.arrived(u)
                    theirs.send_bytes(mine.bytes[:n] if n < len(mine.bytes) else mine.bytes)
            except EOFError:
                return
        theirs.close()

        def trip():
            mine.stamp(u.ops)
            ours.send_bytes(mine.bytes)
            u.bytes += ours.recv_bytes_into(mine.bytes)
            u.ops += 1

        trips(b, u, trip)
        u.answer = sum(mine.numbers)
        ours.close()

    return way.relay(b, 2, work)


async def tasks(b):
    import asyncio

    there, back = asyncio.Queue(), asyncio.Queue()

    async def work(i, u):
        mine = Message(b)
        if i:
            while (received := await there.get()) is not None:
                mine.bytes[:] = received
                mine.arrived(u)
                back.put_nowait(mine.bytes)
            return

        async def trip():
            mine.stamp(u.ops)
            there.put_nowait(mine.bytes)
            mine.bytes[:] = await back.get()
            u.bytes += len(mine.bytes)
            u.ops += 1

        await trip()
        note, mask = u.samples.append, u.mask
        b.start()
        for k in range(b.n):
            t = 0 if k & mask else clock()
            await trip()
            if t:
                note(clock() - t)
        b.stop()
        u.answer = sum(mine.numbers)
        there.put_nowait(None)

    return await race(b, 2, work, relay=True)


MODELS = {
    "py-greenlet": greenlets,
    "py-gevent": gevents(queues),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(queues),
    "py-process": processes(pipe),
}
NA = {"py-executor": "tasks of a pool do not talk to each other"}
