"""A TCP server on the loopback interface answers lines of 64 bytes in upper case.

The clients are one process, which waits for all of its connections at once and
is the same for every model: were they in the server's process, they would share
its interpreter.
"""

import os
import select
import socket

from kit import Failed, Ledger, Team, clock, coroutines, gevents, processes, threads

NAME = "Echo"

SIZE = 64  # of a request and of its answer


def batch(b):
    return b.int("conns")


def want(b):
    return b.n


def ledger(b):
    return Ledger(units=b.int("conns"), ops=b.n, bytes=SIZE * b.n)


def question(i):
    """Return question i; its number is in bytes that have no case."""
    return bytes(i >> 7 * k & 0x7F | 0x80 for k in range(8)) + b"q" * (SIZE - 9) + b"\n"


class Clients:
    """Connections that ask b.n questions between them, in a process of their own."""

    def __init__(self, b, address):
        import multiprocessing

        self._b = b
        self._address = address
        self.team = Team(multiprocessing.get_context("fork"), b, 1, self._ask, ready=self._connect, wait=False)

    def _connect(self):
        """Connect, and have every connection answered once."""
        self._conns = []
        for _ in range(self._b.int("conns")):
            conn = socket.create_connection(self._address)
            conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self._conns.append(conn)
        for conn in self._conns:
            conn.sendall(question(0))
            if receive(conn) != question(0).upper():
                raise Failed("a greeting was not answered")

    def _ask(self, _, u):
        n = len(self._conns)
        left = [self._b.share(i, n) for i in range(n)]
        asked, began = [0] * n, [0] * n
        poll = select.epoll()
        at = {}

        def ask(i):
            began[i] = 0 if asked[i] & u.mask else clock()
            self._conns[i].sendall(question(asked[i]))

        for i, conn in enumerate(self._conns):
            at[conn.fileno()] = i
            poll.register(conn.fileno(), select.EPOLLIN)
            if left[i]:
                ask(i)
        busy = sum(map(bool, left))
        while busy:
            for fd, _ in poll.poll():
                i = at[fd]
                answer = receive(self._conns[i])
                if began[i]:
                    u.samples.append(clock() - began[i])
                u.bytes += len(answer)
                u.ops += 1
                u.answer += answer == question(asked[i]).upper()
                asked[i] += 1
                left[i] -= 1
                if left[i]:
                    ask(i)
                else:
                    busy -= 1
                    poll.unregister(fd)
        self._conns.clear()  # which closes them, and so ends the server

    def run(self, wait):
        """Time the clients; wait returns when the other end of a pipe is closed."""
        wait(self.team.arrived)
        self._b.units(self._b.int("conns"))
        self._b.start()
        self.team.open()
        wait(self.team.worked)
        self._b.stop()
        self.team.dismiss()
        return self._b.answer()


def receive(conn):
    """Receive a whole line, or nothing at the end."""
    line = conn.recv(SIZE)
    while line and len(line) < SIZE:
        more = conn.recv(SIZE - len(line))
        if not more:
            raise Failed("half a line came")
        line += more
    return line


def serve(conn):
    """Answer one connection until its client closes it."""
    conn.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with conn:
        while line := receive(conn):
            conn.sendall(upper(line))


def upper(line):
    return line.upper()


def listen(b):
    return socket.create_server(("127.0.0.1", 0), backlog=b.int("conns"))


def read_end(fd):
    os.read(fd, 1)


def hub(b, way):
    from gevent.server import StreamServer
    from gevent.socket import wait_read

    server = StreamServer(("127.0.0.1", 0), lambda conn, _: serve(conn), backlog=max(b.int("conns"), 100))
    server.start()
    clients = Clients(b, server.address)
    with clients.team:
        answer = clients.run(wait_read)
    server.stop()
    return answer


def thread(b, way):
    listener = listen(b)
    clients = Clients(b, listener.getsockname())

    def accept():
        serve(listener.accept()[0])

    units = [way.spawn(accept) for _ in range(b.int("conns"))]
    with clients.team:
        answer = clients.run(read_end)
    for t in units:
        t.join()
    listener.close()
    return answer


def process(b, way):
    """Serve each connection in a process of its own, as the tutorials do."""
    from multiprocessing import Process

    def accept():
        clients.team.let_go()
        serve(listener.accept()[0])

    listener = listen(b)
    clients = Clients(b, listener.getsockname())
    units = [Process(target=accept, daemon=True) for _ in range(b.int("conns"))]
    for p in units:
        p.start()
    try:
        with clients.team:
            answer = clients.run(read_end)
    except BaseException:
        for p in units:
            p.kill()
        raise
    for p in units:
        p.join()
    listener.close()
    return answer


async def tasks(b):
    import asyncio

    listener = listen(b)
    clients = Clients(b, listener.getsockname())

    async def answer(reader, writer):
        try:
            while True:
                writer.write(upper(await reader.readexactly(SIZE)))
                await writer.drain()
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(answer, sock=listener)
    loop = asyncio.get_running_loop()

    async def wait(fd):
        ended = loop.create_future()
        loop.add_reader(fd, ended.set_result, None)
        await ended
        loop.remove_reader(fd)

    with clients.team:
        await wait(clients.team.arrived)
        b.units(b.int("conns"))
        b.start()
        clients.team.open()
        await wait(clients.team.worked)
        b.stop()
        clients.team.dismiss()
    server.close()
    await asyncio.sleep(0)
    return b.answer()


MODELS = {
    "py-gevent": gevents(hub),
    "py-asyncio": coroutines(tasks),
    "py-thread": threads(thread),
    "py-process": processes(process),
}
NA = {
    "py-greenlet": "plain greenlets cannot wait for a socket without stopping all others; those of gevent can",
    "py-executor": "a pool has as many tasks at once as processes: py-process has one per connection",
}
