"""What BenchmarkPython compares with: a task queue and a result queue of a BaseManager, as in its documentation.

    python3 basemanager.py N INFLIGHT

The manager and a worker are processes of their own, on loopback. It prints the seconds that N tasks took, with so many
in flight.
"""

import multiprocessing as mp
import queue
import sys
import time
from multiprocessing.managers import BaseManager


class Queues(BaseManager):
    pass


def work(address, key):
    Queues.register("tasks")
    Queues.register("results")
    m = Queues(address, key)
    m.connect()
    tasks, results = m.tasks(), m.results()
    while (x := tasks.get()) is not None:
        results.put(x * x)


def main(n, inflight):
    mp.set_start_method("fork")  # the manager's callables are not pickled
    tasks, results = queue.Queue(), queue.Queue()
    Queues.register("tasks", callable=lambda: tasks)
    Queues.register("results", callable=lambda: results)
    m = Queues(("127.0.0.1", 0), b"a key")
    m.start()
    worker = mp.Process(target=work, args=(m.address, b"a key"))
    worker.start()
    tasks, results = m.tasks(), m.results()
    tasks.put(1)
    results.get()  # everybody is awake
    begin = time.perf_counter()
    total = 0
    for i in range(n):
        tasks.put(i)
        if i >= inflight - 1:
            total += results.get()
    for _ in range(min(n, inflight - 1)):
        total += results.get()
    print(time.perf_counter() - begin)
    assert total == sum(i * i for i in range(n))
    tasks.put(None)
    worker.join()
    m.shutdown()


main(int(sys.argv[1]), int(sys.argv[2]))
