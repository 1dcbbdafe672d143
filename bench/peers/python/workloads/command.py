"""Tasks run an external command again and again, and talk to it."""

from kit import Failed, Ledger, clock, coroutines, gevents, processes, race, threads

NAME = "Command"

COMMAND = ["/bin/sh", "-c", 'read code; echo "$code"; exit "$code"']
LINE = 3  # the length of what it is sent, and answers


def batch(b):
    return b.int("tasks")


def code(i):
    """Return the exit code that command i is asked for."""
    return 10 + i % 90


def want(b):
    return sum(2 * code(i) for i in range(b.n))


def ledger(b):
    n = b.int("tasks")
    return Ledger(units=n, ops=b.n, each=b.n // n, bytes=LINE * b.n)


def entered(u, i, answer, status):
    """Enter what a command answered, and how it ended."""
    if answer != b"%d\n" % code(i):
        raise Failed(f"command {i} answered {answer!r}")
    u.bytes += len(answer)
    u.answer += code(i) + status
    u.ops += 1


def commands(b, way):
    tasks = b.int("tasks")
    if b.model == "py-gevent":
        from gevent.subprocess import PIPE, Popen
    else:
        from subprocess import PIPE, Popen

    def work(first, u):
        note, mask = u.samples.append, u.mask
        for i in range(first, b.n, tasks):
            t = 0 if u.ops & mask else clock()
            with Popen(COMMAND, stdin=PIPE, stdout=PIPE) as p:
                p.stdin.write(b"%d\n" % code(i))
                p.stdin.flush()
                answer = p.stdout.readline()
                status = p.wait()
            if t:
                note(clock() - t)
            entered(u, i, answer, status)

    return way.race(b, tasks, work)


async def tasks(b):
    from asyncio import create_subprocess_exec
    from asyncio.subprocess import PIPE

    n = b.int("tasks")

    async def work(first, u):
        note, mask = u.samples.append, u.mask
        for i in range(first, b.n, n):
            t = 0 if u.ops & mask else clock()
            p = await create_subprocess_exec(*COMMAND, stdin=PIPE, stdout=PIPE)
            p.stdin.write(b"%d\n" % code(i))
            answer = await p.stdout.readline()
            status = await p.wait()
            if t:
                note(clock() - t)
            entered(u, i, answer, status)

    return await race(b, n, work)


MODELS = {
    "py-gevent": gevents(commands),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(commands),
    "py-process": processes(commands),
}
NA = {
    "py-greenlet": "plain greenlets cannot wait for a command without stopping all others; those of gevent can",
    "py-executor": "a pool of processes that run commands is py-process",
}
