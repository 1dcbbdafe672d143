"""A master puts tasks on a queue, workers take them, and put the results on another."""

from kit import Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "TaskQueue"


def want(b):
    return b.n * (b.n + 3) // 2  # the sum of 2 to n + 1


def ledger(b):
    return Ledger(units=1 + b.int("workers"), ops=2 * b.n)  # each task is done, and its result taken


def add_one(task):
    return task + 1


def master_and_workers(b, queues):
    """Return the work of unit 0, the master, and of the others, the workers."""
    workers, inflight = b.int("workers"), min(b.int("inflight"), b.n)

    def manage(u, tasks, results):
        note, mask, began = u.samples.append, u.mask, {}
        for i in range(b.n + inflight):
            if i >= inflight:
                v = results.get()
                if v - 1 in began:
                    note(clock() - began.pop(v - 1))
                u.answer += v
                u.ops += 1
            if i < b.n:
                if not i & mask:
                    began[i + 1] = clock()
                tasks.put(i + 1)
        for _ in range(workers):
            tasks.put(None)

    def work(i, u):
        tasks, results = queues()
        if i == 0:
            return manage(u, tasks, results)
        while (task := tasks.get()) is not None:
            u.ops += 1
            results.put(add_one(task))

    return work


def queue(b, way):
    both = way.Queue(), way.Queue()
    return way.race(b, 1 + b.int("workers"), master_and_workers(b, lambda: both))


def managed(b, way):
    """Have a manager keep the queues, and everybody connect to it with its key.

    This is what the documentation shows for several machines.
    """
    import os
    import queue
    from multiprocessing import get_context
    from multiprocessing.managers import BaseManager

    class Queues(BaseManager):
        pass

    tasks, results = queue.Queue(), queue.Queue()
    Queues.register("tasks", callable=lambda: tasks)
    Queues.register("results", callable=lambda: results)
    key, mine = os.urandom(32), []
    with Queues(("127.0.0.1", 0), key, ctx=get_context("fork")) as manager:

        def connect():
            m = Queues(manager.address, key)
            m.connect()
            mine[:] = m.tasks(), m.results()

        return way.race(b, 1 + b.int("workers"), master_and_workers(b, lambda: mine), prepare=connect)


async def tasks(b):
    import asyncio

    workers, inflight = b.int("workers"), min(b.int("inflight"), b.n)
    tasks, results = asyncio.Queue(), asyncio.Queue()

    async def manage(u):
        note, mask, began = u.samples.append, u.mask, {}
        for i in range(b.n + inflight):
            if i >= inflight:
                v = await results.get()
                if v - 1 in began:
                    note(clock() - began.pop(v - 1))
                u.answer += v
                u.ops += 1
            if i < b.n:
                if not i & mask:
                    began[i + 1] = clock()
                await tasks.put(i + 1)
        for _ in range(workers):
            await tasks.put(None)

    async def work(i, u):
        if i == 0:
            return await manage(u)
        while (task := await tasks.get()) is not None:
            u.ops += 1
            await results.put(add_one(task))

    return await race(b, 1 + workers, work)


MODELS = {
    "py-gevent": gevents(queue),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(queue),
    "py-process": processes(queue),
    "py-manager": processes(managed),
}
NA = {
    "py-greenlet": "plain greenlets have no queues; those of gevent have",
    "py-executor": "a pool gives out tasks by itself: that is Submit",
}
