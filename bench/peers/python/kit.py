"""What the workloads share: the timer, what units enter, and the teams.

Every measurement has the same edges, whatever the model, as in the Go models:
the units are started and have arrived at a barrier before the clock starts,
they stay until it has stopped and the memory has been read, and what they have
to tell travels after that.
"""

import gc
import os
import time

import hdr
import tree

clock = time.perf_counter_ns

MASK = (1 << 64) - 1  # answers are numbers of 64 bits, and wrap


class Failed(Exception):
    """The case has failed: a wrong answer, work left out, a broken timer."""


class Void(Exception):
    """This machine, or this language, cannot run the case."""


_UNITS = {"ns": 1, "us": 10**3, "µs": 10**3, "ms": 10**6, "s": 10**9}


def nanoseconds(text):
    """Read a duration of one number and one unit, as Go writes it."""
    number = text.rstrip("nuµms")
    return round(float(number) * _UNITS[text[len(number):]])


class Ledger:
    """What the units must have done, beside the answer."""

    def __init__(self, ops, units=0, each=0, bytes=0, elapsed=0, in_turn=0):
        self.units = units  # alive at the same moment
        self.ops = ops  # of all of them
        self.each = each  # of every single one; 0: they share them as it comes
        self.bytes = bytes  # received by all of them
        self.elapsed = elapsed  # nanoseconds; no machine is quicker
        self.in_turn = in_turn  # nanoseconds of all waits one after another; together takes less


class Unit:
    """One of the units that are alive at once: what it did, and latencies.

    Op i is one of those that are timed if not i & mask; its latency is appended
    to samples.
    """

    __slots__ = ("answer", "ops", "bytes", "mask", "samples")

    def __init__(self, every=1):
        self.answer = self.ops = self.bytes = 0
        self.mask = every - 1
        self.samples = []


class B:
    """How many ops to do, with which parameters; the edges of the timer."""

    def __init__(self, n, model, params, cpus, every=1):
        self.n = n
        self.model = model
        self.cpus = cpus
        self.every = every
        self.alive = 0
        self.members = []
        self.laps = []
        self.elapsed = None
        self._params = dict(p.split("=", 1) for p in params.split("/")) if params else {}
        self._began = None

    def get(self, key):
        return self._params[key]

    def int(self, key):
        return int(self._params[key])

    def duration(self, key):
        return nanoseconds(self._params[key])

    def share(self, i, n):
        """Return how many of the ops fall to unit i of n."""
        return self.n // n + (i < self.n % n)

    def unit(self):
        u = Unit(self.every)
        self.members.append(u)
        return u

    def units(self, alive):
        """Note how many units there were at the same moment."""
        self.alive = alive

    def answer(self):
        return sum(u.answer for u in self.members) & MASK

    def start(self):
        """Start the clock; what came before is not measured."""
        if self._began is not None:
            raise Failed("the timer was started twice")
        self._pids = tree.descendants()
        self._switches = -tree.own_switches() - tree.switches_of(self._pids)
        self._collections = -collections()
        self._cpu = -tree.cpu_of(self._pids) - tree.own_cpu()
        self._began = clock()

    def stop(self):
        """Stop the clock, while the units are still there."""
        now = clock()
        if self._began is None or self.elapsed is not None:
            raise Failed("the timer was stopped twice, or before it was started")
        self.elapsed = now - self._began
        self._cpu += tree.own_cpu() + tree.cpu_of(self._pids)
        pids = tree.descendants()
        self._cpu += tree.cpu_of([p for p in pids if p not in self._pids])
        self._collections += collections()
        self._switches += tree.own_switches() + tree.switches_of(pids)
        self._memory = tree.memory(with_reaped=not self._pids)

    def audit(self, want):
        """Compare what the units entered with what they must have done."""
        if self._began is None or self.elapsed is None:
            raise Failed("the timer was not started and stopped")
        ops, received = sum(u.ops for u in self.members), sum(u.bytes for u in self.members)
        if self.alive != want.units:
            raise Failed(f"{self.alive} units were alive at the same moment, want {want.units}")
        if want.each and (len(self.members) != want.units or any(u.ops != want.each for u in self.members)):
            raise Failed(f"{want.units} units were to do {want.each} ops each, and did {[u.ops for u in self.members][:10]}")
        if ops != want.ops:
            raise Failed(f"the units did {ops} ops, want {want.ops}")
        if received != want.bytes:
            raise Failed(f"the units received {received} bytes, want {want.bytes}")
        if self.elapsed < max(want.elapsed, 1):
            raise Failed(f"{self.n} ops took {self.elapsed} ns, which is less than {want.elapsed}: something was left out")
        # A busy machine delays a few short waits by as long as they are together.
        if want.in_turn >= 1_000_000_000 and self.elapsed >= want.in_turn:
            raise Failed(f"{self.n} ops took {self.elapsed} ns; waits that take {want.in_turn} one after another did not overlap")

    def values(self):
        """Return what was measured, by unit, and the histogram or None."""
        samples = [s for u in self.members + self.laps for s in u.samples]
        values = [
            ("ns/op", self.elapsed / self.n),
            ("ops/s", self.n * 1e9 / self.elapsed),
            ("cpu-ns/op", self._cpu / self.n),
        ]
        histogram = None
        if samples:
            histogram = hdr.Histogram(samples)
            for name, p in ("p50-ns", 50), ("p90-ns", 90), ("p99-ns", 99), ("p99.9-ns", 99.9), ("max-ns", 100):
                values.append((name, histogram.percentile(p)))
        # An int in a list takes 40 bytes, and is not the model's.
        values.append(("peak-RSS-bytes", max(self._memory - 40 * len(samples), 0)))
        values.append(("csw/op", self._switches / self.n))
        if self.alive:
            values.append(("units", self.alive))
        values.append(("gcs", self._collections))
        return values, histogram


def collections():
    """Return how often the garbage collector of this process has run."""
    return sum(g["collections"] for g in gc.get_stats())


class Laps:
    """The latency of ops that are timed by whole laps of n."""

    def __init__(self, b, n):
        self.samples = []
        self._n = n
        self._mask = max(b.every // n, 1) - 1
        self._count = 0
        self._began = 0
        b.laps.append(self)

    def passed(self):
        """End a lap, unless it is the first call, and begin the next."""
        now = 0
        if self._began or not self._count & self._mask:
            now = clock()
        if self._began:
            self.samples.append((now - self._began) // self._n)
        self._began = 0 if self._count & self._mask else now
        self._count += 1


# A way is how one model runs units, and what it gives them: Queue, Lock and so
# on by the names that threading and multiprocessing share. So one body, which
# takes a way, is the program of all models that their users write alike.
#
# way.race(b, n, work) times n units from the barrier to the end of the last
# one's work(i, u), and way.relay is for units that wait for each other: unit 0
# starts the clock when each has had a turn, and stops it.


class _Shared:
    """Units in this process."""

    def counts(self, n):
        """Return n numbers, for everybody to write their own."""
        return [0] * n

    def race(self, b, n, work):
        return self._contest(b, n, work, b.start, b.stop)

    def relay(self, b, n, work):
        return self._contest(b, n, work, lambda: None, lambda: None)

    def _contest(self, b, n, work, start, stop):
        members = [b.unit() for _ in range(n)]
        arrived, opened, worked, home = self.Semaphore(0), self.Event(), self.Event(), self.Event()
        lock = self.Lock()
        left, errors = n, []

        def unit(i):
            nonlocal left
            arrived.release()
            opened.wait()
            try:
                work(i, members[i])
            except Exception as e:
                errors.append(e)
            with lock:
                left -= 1
                if not left or errors:
                    worked.set()
            home.wait()

        units = [self.spawn(unit, i) for i in range(n)]
        for _ in range(n):
            arrived.acquire()
        b.units(n)
        start()
        opened.set()
        worked.wait()
        stop()
        if errors:
            raise errors[0]
        home.set()
        for u in units:
            u.join()
        return b.answer()


class _Threads(_Shared):
    def __init__(self):
        import queue
        import threading

        self.Queue = self.JoinableQueue = queue.Queue
        self.Lock, self.Event, self.Semaphore = threading.Lock, threading.Event, threading.Semaphore
        self.Barrier = threading.Barrier
        self.sleep = time.sleep
        self._thread = threading.Thread

    def spawn(self, fn, *args):
        t = self._thread(target=fn, args=args, daemon=True)
        t.start()
        return t


class _Gevent(_Shared):
    def __init__(self):
        import gevent
        import gevent.event
        import gevent.lock
        import gevent.queue

        self.Queue, self.JoinableQueue = gevent.queue.Queue, gevent.queue.JoinableQueue
        self.Lock, self.Event, self.Semaphore = gevent.lock.RLock, gevent.event.Event, gevent.lock.Semaphore
        self.sleep, self.spawn = gevent.sleep, gevent.spawn


class _Processes:
    """Units in processes of their own, forked from this one."""

    def __init__(self):
        import multiprocessing

        self._fork = multiprocessing.get_context("fork")
        f = self._fork
        self.Queue, self.JoinableQueue, self.Pipe, self.Value = f.Queue, f.JoinableQueue, f.Pipe, f.Value
        self.Lock, self.Event, self.Semaphore, self.Barrier = f.Lock, f.Event, f.Semaphore, f.Barrier
        self.sleep = time.sleep

    def counts(self, n):
        """Return n numbers in shared memory, for everybody to write their own."""
        return self._fork.RawArray("q", n)

    def race(self, b, n, work, prepare=lambda: None):
        """Race; each unit calls prepare before it comes to the barrier."""
        with Team(self._fork, b, n, work, prepare) as team:
            b.units(n)
            b.start()
            team.open()
            team.wait()
            b.stop()
            team.dismiss()
        return b.answer()

    def relay(self, b, n, work):
        """Run unit 0 in this process."""
        u = b.unit()
        with Team(self._fork, b, n - 1, lambda i, u: work(i + 1, u)) as team:
            b.units(n)
            team.open()
            work(0, u)
            team.dismiss()
        return b.answer()


class Team:
    """Processes that wait at a barrier for this one.

    The barrier is made of pipes that nobody writes to. Who waits reads, and
    sees the end of the file when the last of the others has closed its end,
    even if that has died: everybody is woken once.
    """

    def __init__(self, context, b, n, work, ready=lambda: None, wait=True):
        """Start n units, each of which calls ready, and at the barrier waits.

        Without wait the caller waits for that by itself: for the end of the
        file arrived.
        """
        self._b, self._ready = b, ready
        self._arrived, self._worked = os.pipe(), os.pipe()
        self._opened, self._home = os.pipe(), os.pipe()
        self._processes, self._outcomes = [], []
        for i in range(n):
            ours, theirs = context.Pipe(duplex=False)
            p = context.Process(target=self._unit, args=(work, i, theirs), daemon=True)
            p.start()
            theirs.close()
            self._processes.append(p)
            self._outcomes.append(ours)
        os.close(self._arrived[1])
        os.close(self._worked[1])
        self.arrived, self.worked = self._arrived[0], self._worked[0]
        if wait:
            os.read(self.arrived, 1)

    def let_go(self):
        """Close what a process that is not of the team has of it."""
        os.close(self._opened[1])
        os.close(self._home[1])

    def _unit(self, work, i, outcome):
        self.let_go()
        u = Unit(self._b.every)
        try:
            self._ready()
            os.close(self._arrived[1])
            os.read(self._opened[0], 1)
            work(i, u)
        except Exception as e:
            outcome.send(f"{type(e).__name__}: {e}")
            return
        os.close(self._worked[1])
        os.read(self._home[0], 1)
        outcome.send((u.answer, u.ops, u.bytes, u.samples))

    def open(self):
        os.close(self._opened[1])

    def wait(self):
        os.read(self._worked[0], 1)

    def dismiss(self):
        """Let the units end, and take what they have done."""
        os.close(self._home[1])
        for outcome in self._outcomes:
            u = self._b.unit()
            try:
                did = outcome.recv()
                if isinstance(did, str):
                    raise Failed(did)
                u.answer, u.ops, u.bytes, u.samples = did
            except EOFError:
                raise Failed("a process ended before its work was done") from None
        for p in self._processes:
            p.join()
            if p.exitcode:
                raise Failed(f"a process ended with exit code {p.exitcode}")

    def __enter__(self):
        return self

    def __exit__(self, *failure):
        for p in self._processes:
            p.kill()
            p.join()
        for fd in self._arrived[0], self._worked[0], self._opened[0], self._home[0]:
            os.close(fd)
        for outcome in self._outcomes:
            outcome.close()


_made = {}


def _way(kind):
    """Return a way, which is made when it is first used: imports take time."""
    if kind not in _made:
        _made[kind] = kind()
    return _made[kind]


def threads(body):
    """Return the implementation that body is with threads."""
    return lambda b: body(b, _way(_Threads))


def gevents(body):
    """Return the implementation that body is with greenlets of gevent."""
    return lambda b: body(b, _way(_Gevent))


def processes(body):
    """Return the implementation that body is with processes."""
    return lambda b: body(b, _way(_Processes))


def coroutines(body):
    """Return the implementation that body, a coroutine function, is with asyncio."""

    def run(b):
        import asyncio

        return asyncio.run(body(b))

    return run


async def race(b, n, work, relay=False):
    """Time n tasks of asyncio, as a way does."""
    import asyncio

    members = [b.unit() for _ in range(n)]
    opened, worked, home = asyncio.Event(), asyncio.Event(), asyncio.Event()
    left, errors = n, []
    arrived = 0

    async def unit(i):
        nonlocal left, arrived
        arrived += 1
        await opened.wait()
        try:
            await work(i, members[i])
        except Exception as e:
            errors.append(e)
        left -= 1
        if not left or errors:
            worked.set()
        await home.wait()

    tasks = [asyncio.create_task(unit(i)) for i in range(n)]
    await asyncio.sleep(0)  # all of them come to the barrier
    b.units(arrived)
    if not relay:
        b.start()
    opened.set()
    await worked.wait()
    if not relay:
        b.stop()
    if errors:
        raise errors[0]
    home.set()
    await asyncio.gather(*tasks)
    return b.answer()


def rounds(b, n, round_):
    """Do rounds of n tasks, each of which says how many of them have ended.

    The latency is that of a task: its round's time divided by n.
    """
    u, laps = b.unit(), Laps(b, n)
    b.start()
    for _ in range(b.n // n):
        laps.passed()
        u.ops += round_()
    laps.passed()
    b.stop()
    u.answer = u.ops
    return b.answer()


async def rounds_of_tasks(b, n, round_):
    """Do rounds of n tasks of asyncio."""
    u, laps = b.unit(), Laps(b, n)
    b.start()
    for _ in range(b.n // n):
        laps.passed()
        u.ops += await round_()
    laps.passed()
    b.stop()
    u.answer = u.ops
    return b.answer()


MAX_PROCESSES = 100


def few_processes(n):
    """Refuse more processes than are made anew for a result."""
    if n > MAX_PROCESSES:
        raise Void(f"{n} processes, at some 10 MiB and a millisecond of start-up each, are too many")
