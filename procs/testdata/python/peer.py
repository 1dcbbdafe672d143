"""What BenchmarkPython compares with: one operation of the standard library's multiprocessing or concurrent.futures, N times.

    python3 peer.py NAME N

prints the seconds that the N operations took, without what comes before and after them. Answers are checked.
"""

import multiprocessing as mp
import sys
import time
from concurrent.futures import ProcessPoolExecutor


def square(x):
    return x * x


def nothing():
    pass


def produce(queue, n):
    for i in range(n + 1):
        queue.put(i)


def echo_queue(inbox, outbox):
    while (v := inbox.get()) is not None:
        outbox.put(v)


def echo_pipe(conn):
    while True:
        try:
            conn.send_bytes(conn.recv_bytes())
        except EOFError:
            return


def hammer(lock, n, ready, go):
    ready.release()
    go.wait()
    for _ in range(n):  # and nothing inside, in favour of this side
        lock.acquire()
        lock.release()


def check(ok):
    if not ok:
        sys.exit("wrong answer")


def timed(op):
    begin = time.perf_counter()
    op()
    return time.perf_counter() - begin


def start(n):
    def op():
        for _ in range(n):
            p = mp.Process(target=nothing)  # fork, the default of Python 3.11 on Linux
            p.start()
            p.join()
            check(p.exitcode == 0)

    return timed(op)


def with_pool(n, op):
    with mp.Pool(2) as pool:
        pool.map(square, range(100))
        return timed(lambda: op(pool, n))


def apply(n):
    def op(pool, n):
        for i in range(n):
            check(pool.apply(square, (i,)) == i * i)

    return with_pool(n, op)


def apply_async(n):
    def op(pool, n):
        for first in range(0, n, 20_000):
            results = [pool.apply_async(square, (i,)) for i in range(first, min(n, first + 20_000))]
            for i, r in enumerate(results, first):
                check(r.get() == i * i)

    return with_pool(n, op)


def map_one(n):
    return with_pool(n, lambda pool, n: check(pool.map(square, range(n), chunksize=1)[-1] == (n - 1) ** 2))


def map_auto(n):
    return with_pool(n, lambda pool, n: check(pool.map(square, range(n))[-1] == (n - 1) ** 2))


def submit(n):
    with ProcessPoolExecutor(2) as executor:
        check(executor.submit(square, 3).result() == 9)

        def op():
            for first in range(0, n, 10_000):
                futures = [executor.submit(square, i) for i in range(first, min(n, first + 10_000))]
                for i, f in enumerate(futures, first):
                    check(f.result() == i * i)

        return timed(op)


def queue_throughput(n):
    queue = mp.Queue()
    p = mp.Process(target=produce, args=(queue, n))
    p.start()
    check(queue.get() == 0)

    def op():
        for i in range(1, n + 1):
            check(queue.get() == i)

    took = timed(op)
    p.join()
    return took


def queue_roundtrip(n):
    there, back = mp.Queue(), mp.Queue()
    p = mp.Process(target=echo_queue, args=(there, back))
    p.start()
    there.put(1)
    back.get()

    def op():
        for i in range(n):
            there.put(i)
            check(back.get() == i)

    took = timed(op)
    there.put(None)
    p.join()
    return took


def pipe(n):
    ours, theirs = mp.Pipe()
    p = mp.Process(target=echo_pipe, args=(theirs,))
    p.start()
    theirs.close()
    message = b"x" * 64

    def op():
        for _ in range(n):
            ours.send_bytes(message)
            check(ours.recv_bytes() == message)

    took = timed(op)
    p.terminate()
    p.join()
    return took


def lock_uncontended(n):
    lock = mp.Lock()

    def op():
        for _ in range(n):
            lock.acquire()
            lock.release()

    return timed(op)


def lock_contended(n):
    lock, ready, go = mp.Lock(), mp.Semaphore(0), mp.Event()
    ps = [mp.Process(target=hammer, args=(lock, n // 2, ready, go)) for _ in range(2)]
    for p in ps:
        p.start()
    for _ in ps:
        ready.acquire()

    def op():
        go.set()
        for p in ps:
            p.join()

    return timed(op)


def manager_dict(n):
    with mp.Manager() as manager:
        d = manager.dict()
        d[0] = 0

        def op():
            for i in range(n):
                d[i % 100] = i

        took = timed(op)
        check(d[(n - 1) % 100] == n - 1)
        return took


if __name__ == "__main__":
    print(globals()[sys.argv[1]](int(sys.argv[2])))
