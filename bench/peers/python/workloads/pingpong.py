"""Two tasks hand a counter back and forth, and each adds one."""

from kit import Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "PingPong"


def want(b):
    return 2 * (b.n + 1)


def ledger(b):
    return Ledger(units=2, ops=2 * (b.n + 1), each=b.n + 1)


def greenlets(b):
    from greenlet import getcurrent, greenlet

    ours, theirs = b.unit(), b.unit()
    main = getcurrent()

    def other(v):
        while True:
            theirs.ops += 1
            v = main.switch(v + 1)

    switch = greenlet(other).switch
    v = switch(1)
    note, mask = ours.samples.append, ours.mask
    b.units(2)
    b.start()
    for i in range(b.n):
        t = 0 if i & mask else clock()
        v = switch(v + 1)
        if t:
            note(clock() - t)
    b.stop()
    ours.ops = b.n + 1
    ours.answer = v
    return b.answer()


def queues(b, way):
    there, back = way.Queue(), way.Queue()

    def work(i, u):
        if i == 0:
            lead(b, u, there, back)
        else:
            follow(u, there, back)

    return way.relay(b, 2, work)


def lead(b, u, there, back):
    there.put(1)
    v = back.get()
    note, mask = u.samples.append, u.mask
    b.start()
    for i in range(b.n):
        t = 0 if i & mask else clock()
        there.put(v + 1)
        v = back.get()
        if t:
            note(clock() - t)
    b.stop()
    u.answer, u.ops = v, b.n + 1
    there.put(None)


def follow(u, there, back):
    while (v := there.get()) is not None:
        u.ops += 1
        back.put(v + 1)


def pipe(b, way):
    ours, theirs = way.Pipe()

    def work(i, u):
        if i:
            while (v := theirs.recv()) is not None:
                u.ops += 1
                theirs.send(v + 1)
            return
        theirs.close()  # then the end of the other process is the end of file
        ours.send(1)
        v = ours.recv()
        note, mask = u.samples.append, u.mask
        b.start()
        for k in range(b.n):
            t = 0 if k & mask else clock()
            ours.send(v + 1)
            v = ours.recv()
            if t:
                note(clock() - t)
        b.stop()
        u.answer, u.ops = v, b.n + 1
        ours.send(None)

    return way.relay(b, 2, work)


async def tasks(b):
    import asyncio

    there, back = asyncio.Queue(), asyncio.Queue()

    async def work(i, u):
        if i:
            while (v := await there.get()) is not None:
                u.ops += 1
                back.put_nowait(v + 1)
            return
        there.put_nowait(1)
        v = await back.get()
        note, mask = u.samples.append, u.mask
        b.start()
        for k in range(b.n):
            t = 0 if k & mask else clock()
            there.put_nowait(v + 1)
            v = await back.get()
            if t:
                note(clock() - t)
        b.stop()
        u.answer, u.ops = v, b.n + 1
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
