"""A daisy chain: N tasks, each of which waits for the value of its successor."""

from kit import Failed, Ledger, Void, coroutines, few_processes, gevents, processes, rounds, rounds_of_tasks, threads

NAME = "Chain"


def batch(b):
    return b.int("n")


def want(b):
    return b.n


def ledger(b):
    return Ledger(units=b.int("n"), ops=b.n)


def limit(b):
    if b.model == "py-process":
        few_processes(b.int("n"))
    if b.model == "py-thread" and b.int("n") >= 10_000:
        raise Void("10,000 threads of Python take seconds to start and to hand the interpreter round")


def greenlets(b):
    """Have each end with its value, which its parent receives."""
    from greenlet import getcurrent, greenlet

    n, main = b.int("n"), getcurrent()
    b.units(n)

    def task():
        return main.switch() + 1

    def once():
        last = main
        for _ in range(n):
            last = greenlet(task, last)
            last.switch()
        return last.switch(0)

    return rounds(b, n, once)


def hub(b, way):
    from gevent import spawn
    from gevent.event import AsyncResult

    n = b.int("n")
    b.units(n)

    def once():
        values = [AsyncResult() for _ in range(n + 1)]

        def task(i):
            values[i].set(1 + values[i + 1].get())

        for i in range(n):
            spawn(task, i)
        values[n].set(0)
        return values[0].get()

    return rounds(b, n, once)


def thread(b, way):
    n = b.int("n")
    b.units(n)

    def once():
        values = [way.Queue() for _ in range(n + 1)]

        def task(i):
            values[i].put(1 + values[i + 1].get())

        units = [way.spawn(task, i) for i in range(n)]
        values[n].put(0)
        v = values[0].get()
        for t in units:
            t.join()
        return v

    return rounds(b, n, once)


def process(b, way):
    from multiprocessing import Process

    n = b.int("n")
    b.units(n)

    def task(out, into):
        out.send(1 + into.recv())

    def once():
        first, out = way.Pipe(duplex=False)
        units = []
        for _ in range(n):
            into, after = way.Pipe(duplex=False)
            units.append(Process(target=task, args=(out, into), daemon=True))
            units[-1].start()
            out.close()
            into.close()
            out = after
        out.send(0)
        v = first.recv()
        out.close()
        first.close()
        for p in units:
            p.join()
            if p.exitcode:
                raise Failed(f"a process ended with exit code {p.exitcode}")
        return v

    return rounds(b, n, once)


async def tasks(b):
    import asyncio

    n = b.int("n")
    b.units(n)
    loop = asyncio.get_running_loop()

    async def once():
        values = [loop.create_future() for _ in range(n + 1)]

        async def task(i):
            values[i].set_result(1 + await values[i + 1])

        units = [asyncio.create_task(task(i)) for i in range(n)]
        values[n].set_result(0)
        v = await values[0]
        await asyncio.gather(*units)
        return v

    return await rounds_of_tasks(b, n, once)


MODELS = {
    "py-greenlet": greenlets,
    "py-gevent": gevents(hub),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(thread),
    "py-process": processes(process),
}
NA = {"py-executor": "tasks of a pool do not talk to each other"}
