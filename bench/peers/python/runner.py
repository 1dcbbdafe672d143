"""The runner of the Python models: see the protocol in "go doc switchyard/bench".

It measures one result of one case, in this process, and prints it. The models
are those of the tutorials that the Go models re-create; a workload is a file in
the directory workloads, as it is one in bench/workload.
"""

import os
import sys

MODELS = {
    # name: (note, what it is set beside, what the tutorials take it for, package)
    "py-greenlet": ("greenlets that switch explicitly", "greenlet", "waiting and IO", "greenlet"),
    "py-gevent": ("greenlets of a hub that switches on IO", "greenlet", "waiting and IO", "gevent"),
    "py-asyncio": ("coroutines of asyncio", "greenlet", "waiting and IO", None),
    "py-thread": ("threads of threading", "thread", None, None),
    "py-process": ("forked processes of multiprocessing", "process", "computing", None),
    "py-executor": ("a pool of forked processes of concurrent.futures", "process", "computing", None),
    "py-manager": ("forked processes, and the queues of a BaseManager over TCP", "remote", None, None),
}
PROCESSES = ("py-process", "py-executor", "py-manager")
ALONE = {"py-manager": "it shares work out between machines: that is TaskQueue"}  # why models of one workload lack others

WORKLOADS = "pingpong ring chain spawn skynet cpumap submit prodcons joinqueue taskqueue pipe shareddict lock semaphore event barrier sleep echo fetch heartbeat command".split()

USAGE = """the Python runner measures one result of one case; switchyard starts it
  -list, or -workload NAME -model MODEL -params P -cpus C -benchtime NANOSECONDSns [-n N -op NANOSECONDSns]"""

OK, FAILED, BAD_USAGE, VOID = range(4)


def missing(model):
    """Return why a model is not there, or ""."""
    from importlib.util import find_spec

    package = MODELS[model][3]
    if package and not find_spec(package):
        return f"this python3 has no package {package}: make peers-deps installs it"
    return ""


def load(name):
    import importlib

    return importlib.import_module("workloads." + name.lower())


def print_list():
    import json

    import platform
    from importlib import metadata

    gone = {m: missing(m) for m in MODELS}
    for name, (note, beside, use, package) in MODELS.items():
        version = f"Python {platform.python_version()}"
        if package and not gone[name]:
            version = f"{package} {metadata.version(package)}, {version}"
        model = {"name": name, "note": f"{note} ({version})", "beside": beside}
        if use:
            model["for"] = use
        if name in PROCESSES:
            model["processes"] = True
        print("# model", json.dumps(model))
    for name in WORKLOADS:
        w = load(name)
        na = {m: gone[m] or w.NA.get(m) or ALONE.get(m, "") for m in MODELS if gone[m] or m not in w.MODELS}
        models = [m for m in MODELS if m not in na]
        print("# workload", json.dumps({"name": w.NAME, "models": models, "na": na}))


class Measurement:
    """One case, and its passes."""

    def __init__(self, workload, model, params, cpus):
        import kit

        self.kit, self.w, self.model, self.params, self.cpus = kit, workload, model, params, cpus
        probe = kit.B(1, model, params, cpus)
        self.batch = workload.batch(probe) if hasattr(workload, "batch") else 1
        if hasattr(workload, "limit"):
            workload.limit(probe)

    def round(self, n):
        """Round n up to whole batches."""
        return (n + self.batch - 1) // self.batch * self.batch

    def run(self, n, op=0):
        """Do n ops, and check everything there is to check."""
        import gc

        b = self.kit.B(n, self.model, self.params, self.cpus, every(op, self.kit.clock) if op else 1)
        gc.collect()
        answer = self.w.MODELS[self.model](b)
        want = self.w.want(b) & self.kit.MASK
        if answer != want:
            raise self.kit.Failed(f"wrong answer: got {answer}, want {want}")
        b.audit(self.w.ledger(b))
        b.got = answer
        return b

    def calibrate(self, benchtime):
        """Find the n that takes about the bench time."""
        n, op, timed = self.round(1), 0, 0
        for passes in range(1, 41):
            b = self.run(n, op)
            timed += b.elapsed
            op = max(b.elapsed // n, 1)
            guess = n * benchtime / b.elapsed
            more = self.round(int(min(max(guess, 1.2 * n + 1), 100 * n, 1e9)))
            if b.elapsed >= benchtime * 9 // 10 or more == n:
                return b, f"calibrated {passes} {timed} {self.batch}"
            n = more
        raise self.kit.Failed(f"no number of ops takes {benchtime} ns: tried up to {n}")


def every(op, clock):
    """Return k where one op in k is timed: so that it costs little."""
    cost = 10**9
    for _ in range(8):
        began = clock()
        for _ in range(16):
            clock()
        cost = min(cost, (clock() - began) // 17)
    k = 1
    while k < 1 << 16 and (op * k < 5000 or 2 * cost > max(25, op // 200) * k):
        k *= 2
    return k


def measure(args):
    workload, model, params = load(args["workload"]), args["model"], args["params"]
    m = Measurement(workload, model, params, int(args["cpus"]))
    note = None
    if int(args["n"]):
        op = int(args["op"].removesuffix("ns"))
        m.run(m.round(max(int(args["n"]) // 10, 1)), op)
        b = m.run(m.round(int(args["n"])), op)
    else:
        b, note = m.calibrate(int(args["benchtime"].removesuffix("ns")))
    values, histogram = b.values()
    case = workload.NAME + ("/" + params if params else "") + f"/model={model}-{m.cpus}"
    print(f"Benchmark{case}\t{b.n}\t" + "\t".join(f"{number(v)} {unit}" for unit, v in values))
    if note:
        print(note)
    if histogram:
        print("latency", histogram.encode())


def number(v):
    return str(v) if isinstance(v, int) else format(v, ".3f")


def attempt(model):
    """Try the cases on standard input, one a line: workload, params, n.

    Print what each has answered, or why not, for tests.
    """
    import kit

    for line in sys.stdin:
        name, params, n = line.rstrip("\n").split("\t")
        try:
            m = Measurement(load(name), model, params, len(os.sched_getaffinity(0)))
            b = m.run(m.round(int(n)))
            print(name, params, b.n, b.got, sep="\t")
        except kit.Void as e:
            print(name, params, 0, f"void: {e}", sep="\t")
        except Exception as e:
            print(name, params, 0, f"{type(e).__name__}: {e}", sep="\t")
        sys.stdout.flush()


def parse(words):
    """Return the flags by name; a word that is none is an error."""
    args = {"workload": "", "model": "", "params": "", "cpus": "1", "benchtime": "50000000ns", "n": "0", "op": "0ns"}
    while words:
        flag = words.pop(0).removeprefix("-").removeprefix("-")
        flag, equals, value = flag.partition("=")
        if flag not in args or not (equals or words):
            raise ValueError(f"bad argument {flag!r}")
        args[flag] = value if equals else words.pop(0)
    if args["workload"].lower() not in WORKLOADS or args["model"] not in MODELS:
        raise ValueError(f"no case {args['workload']} with {args['model']}")
    w = load(args["workload"])
    if args["workload"] != w.NAME or args["model"] not in w.MODELS:
        raise ValueError(f"{args['workload']} has no {args['model']}")
    for key, digits in ("cpus", ""), ("n", ""), ("op", "ns"), ("benchtime", "ns"):
        int(args[key].removesuffix(digits or " "))
    return args


def die_together():
    """See to it that no child outlives this process, however that ends."""
    import ctypes
    import signal

    prctl, parent = ctypes.CDLL(None, use_errno=True).prctl, os.getpid()

    def in_child():
        nonlocal parent
        prctl(1, signal.SIGKILL, 0, 0, 0)  # PR_SET_PDEATHSIG
        if os.getppid() != parent:
            os._exit(1)
        parent = os.getpid()

    os.register_at_fork(after_in_child=in_child)


def main(words):
    sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
    if words == ["-list"]:
        print_list()
        return OK
    if words[:1] == ["-try"]:
        die_together()
        attempt(words[1])
        return OK
    try:
        args = parse(list(words))
    except ValueError as e:
        print(f"runner: {e}\n{USAGE}", file=sys.stderr)
        return BAD_USAGE
    import kit

    die_together()
    try:
        measure(args)
    except kit.Void as e:
        print(e, file=sys.stderr)
        return VOID
    except kit.Failed as e:
        print(e, file=sys.stderr)
        return FAILED
    except OSError as e:
        import errno

        print(e, file=sys.stderr)
        limits = (errno.EMFILE, errno.ENFILE, errno.EAGAIN, errno.ENOMEM, errno.ENOSPC, errno.EADDRNOTAVAIL)
        return VOID if e.errno in limits else FAILED
    except Exception as e:
        print(f"{type(e).__name__}: {e}", file=sys.stderr)
        return FAILED
    return OK


if __name__ == "__main__":
    status = main(sys.argv[1:])
    sys.stdout.flush()
    sys.stderr.flush()
    # Threads and pools of a failed case may still wait for each other.
    os._exit(status)
