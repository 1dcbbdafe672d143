"""A program that hands tasks to a pool of another program: see ExampleListenPython.

    python3 tasks.py ADDRESS KEY
"""

import json
import sys
from multiprocessing.connection import Client

address, key = sys.argv[1:]
with Client(address, authkey=key.encode()) as pool:
    tasks = [{"id": i, "text": text} for i, text in enumerate(["stressed", "level", ""])]
    for task in tasks:
        pool.send_bytes(json.dumps(task).encode())
    answers = [json.loads(pool.recv_bytes()) for _ in tasks]  # as they are ready
for a in sorted(answers, key=lambda a: a["id"]):
    print(a["id"], a.get("result", a.get("error")))
