"""Tasks share one dictionary of a thousand names, which they look up and count."""

from kit import MASK, Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "SharedDict"

SIZE = 1000


def batch(b):
    return b.int("tasks")


def op_of(task, op, read):
    """Return with which name a task's op is, and whether it reads."""
    x = ((task + 1) * 0x9E3779B97F4A7C15 + op * 0xD1342543DE82EF95) & MASK
    x ^= x >> 32
    return x % SIZE, x // SIZE % 100 < read


def want(b):
    """Return the answer: a read counts once, an update twice."""
    tasks, read = b.int("tasks"), b.int("read")
    return sum(1 if op_of(i, op, read)[1] else 2 for i in range(tasks) for op in range(b.n // tasks))


def ledger(b):
    tasks = b.int("tasks")
    return Ledger(units=tasks, ops=b.n, each=b.n // tasks)


def names():
    return [f"player-{i:03}" for i in range(SIZE)]


def play(b, scores, lock):
    """Return the work of a task, with a lock that covers what is not one step."""
    tasks, read, known = b.int("tasks"), b.int("read"), names()

    def work(i, u):
        note, mask = u.samples.append, u.mask
        for op in range(b.n // tasks):
            name, reads = op_of(i, op, read)
            t = 0 if op & mask else clock()
            if reads:
                u.answer += scores.get(known[name]) is not None
            elif lock:
                with lock:
                    scores[known[name]] += 1
            else:
                scores[known[name]] += 1
            if t:
                note(clock() - t)
            u.ops += 1

    return work


def shared(b, way):
    """Share a dictionary in memory; greenlets of gevent need no lock for it."""
    scores = dict.fromkeys(names(), 0)
    answer = way.race(b, b.int("tasks"), play(b, scores, way.Lock() if b.model == "py-thread" else None))
    return answer + 2 * sum(scores.values())


def managed(b, way):
    """Share a dictionary that a manager keeps, with a lock, as the tutorials do."""
    from multiprocessing import Manager

    with Manager() as manager:
        scores = manager.dict(dict.fromkeys(names(), 0))
        answer = way.race(b, b.int("tasks"), play(b, scores, way.Lock()), prepare=lambda: len(scores))
        return answer + 2 * sum(scores.values())


async def tasks(b):
    scores = dict.fromkeys(names(), 0)
    work = play(b, scores, None)

    async def task(i, u):
        work(i, u)

    answer = await race(b, b.int("tasks"), task)
    return answer + 2 * sum(scores.values())


MODELS = {
    "py-gevent": gevents(shared),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(shared),
    "py-process": processes(managed),
}
NA = {
    "py-greenlet": "greenlets that nothing switches: that is a loop",
    "py-executor": "a pool whose tasks ask a manager is py-process",
}
