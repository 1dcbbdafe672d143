"""Many downloads over HTTP, so many at once, from a server that thinks for 1 ms.

The server is a process of its own, the same for every model. A download is what
the tutorials have: urlopen, and all of the answer read.
"""

import array
import socket

from kit import Failed, Ledger, clock, coroutines, few_processes, gevents, processes, race, threads

NAME = "Fetch"

THINKING = 0.001


def body(b):
    """Return the words that download 0 has; the first of number i is larger by i."""
    return array.array("Q", range(1, b.int("payload") + 1, 8))


def want(b):
    return b.n * sum(body(b)) + b.n * (b.n - 1) // 2


def ledger(b):
    tasks = b.int("tasks")
    return Ledger(units=tasks, ops=b.n, bytes=b.n * b.int("payload"), elapsed=b.n // tasks * 1_000_000)


def limit(b):
    if b.model == "py-process":
        few_processes(b.int("tasks"))


class Server:
    """The server, forked from this process; use it with "with"."""

    def __init__(self, b):
        from multiprocessing import get_context

        self._listener = socket.create_server(("127.0.0.1", 0), backlog=4 * b.int("tasks"))
        self.port = self._listener.getsockname()[1]
        self._process = get_context("fork").Process(target=self._serve, args=(body(b),), daemon=True)

    def _serve(self, words):
        import asyncio

        async def answer(reader, writer):
            request = await reader.readuntil(b"\r\n\r\n")
            i = int(request.split(b" ", 2)[1][1:])
            await asyncio.sleep(THINKING)
            first = array.array("Q", [words[0] + i]).tobytes()
            writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n" % len(content))
            writer.write(first)
            writer.write(content[8:])
            await writer.drain()
            writer.close()

        content = words.tobytes()

        async def serve():
            async with await asyncio.start_server(answer, sock=self._listener) as server:
                await server.serve_forever()

        asyncio.run(serve())

    def __enter__(self):
        self._process.start()
        self._listener.close()
        return self.port

    def __exit__(self, *failure):
        self._process.kill()
        self._process.join()


def entered(u, content):
    """Enter a download."""
    u.bytes += len(content)
    u.answer += sum(memoryview(content).cast("Q"))
    u.ops += 1


def downloads(b, way):
    tasks = b.int("tasks")
    with Server(b) as port:
        if b.model == "py-gevent":
            from gevent import monkey

            monkey.patch_socket()  # then urlopen switches to others while it waits
        from urllib.request import urlopen

        def work(first, u):
            note, mask = u.samples.append, u.mask
            for i in range(first, b.n, tasks):
                t = 0 if u.ops & mask else clock()
                with urlopen(f"http://127.0.0.1:{port}/{i}") as answer:
                    content = answer.read()
                if t:
                    note(clock() - t)
                entered(u, content)

        return way.race(b, tasks, work)


async def tasks(b):
    """Download without urlopen: asyncio has no client for HTTP."""
    import asyncio

    n = b.int("tasks")
    with Server(b) as port:

        async def work(first, u):
            note, mask = u.samples.append, u.mask
            for i in range(first, b.n, n):
                t = 0 if u.ops & mask else clock()
                reader, writer = await asyncio.open_connection("127.0.0.1", port)
                writer.write(b"GET /%d HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n" % i)
                head = await reader.readuntil(b"\r\n\r\n")
                if not head.startswith(b"HTTP/1.1 200 OK\r\n"):
                    raise Failed(f"answered by {head!r}")
                content = await reader.read(-1)
                writer.close()
                if t:
                    note(clock() - t)
                entered(u, content)

        return await race(b, n, work)


MODELS = {
    "py-gevent": gevents(downloads),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(downloads),
    "py-process": processes(downloads),
}
NA = {
    "py-greenlet": "plain greenlets cannot wait for a socket without stopping all others; those of gevent can",
    "py-executor": "a pool of as many processes as there are downloads at once is py-process",
}
