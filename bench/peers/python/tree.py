"""What this process and all below it use: CPU time, switches, memory."""

import os
import resource
import time

_OWN = (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)


def children(pid):
    """Return the living children of a process."""
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                found += map(int, f.read().split())
    except OSError:  # it has ended
        pass
    return found


def descendants(pid=None):
    """Return the living processes below one, this one if none is given."""
    found = []
    for child in children(pid or os.getpid()):
        found += [child] + descendants(child)
    return found


def own_cpu():
    """Return the CPU time of this process and of the children it has reaped."""
    return int(sum(u.ru_utime + u.ru_stime for u in map(resource.getrusage, _OWN)) * 1e9)


def own_switches():
    return sum(u.ru_nvcsw + u.ru_nivcsw for u in map(resource.getrusage, _OWN))


def reaped():
    """Return the largest memory that a reaped child has had, in bytes."""
    return resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss << 10


def cpu_of(pids):
    """Return the CPU time of living processes, by the clock that each has."""
    sum_ = 0
    for pid in pids:
        try:
            sum_ += time.clock_gettime_ns(~pid << 3 | 2)  # clock_getcpuclockid(3)
        except OSError:
            pass
    return sum_


def switches_of(pids):
    """Return the context switches of living processes and their threads."""
    sum_ = 0
    for pid in pids:
        try:
            for task in os.listdir(f"/proc/{pid}/task"):
                status = _fields(f"/proc/{pid}/task/{task}/status")
                sum_ += status.get("voluntary_ctxt_switches", 0) + status.get("nonvoluntary_ctxt_switches", 0)
        except OSError:
            pass
    return sum_


def memory(with_reaped):
    """Return the peak of the tree's memory in bytes, as the kernel counts it.

    Pages that several processes share are split between them. Children that
    came and went count by the largest of them, once, if there are no others.
    """
    pids = descendants()
    sum_ = sum(_memory(pid) for pid in [os.getpid(), *pids])
    if with_reaped and not pids:
        sum_ += reaped()
    return sum_


def _memory(pid):
    status = _fields(f"/proc/{pid}/status")
    rss = status.get("VmRSS", 0)
    size = _fields(f"/proc/{pid}/smaps_rollup").get("Pss", rss)
    return size + max(status.get("VmHWM", 0) - rss, 0) << 10


def _fields(name):
    """Read the lines "Name: number" of a file in /proc."""
    fields = {}
    try:
        with open(name) as f:
            for line in f:
                key, _, rest = line.partition(":")
                words = rest.split()
                if words and words[0].isdigit():
                    fields[key] = int(words[0])
    except OSError:
        pass
    return fields
