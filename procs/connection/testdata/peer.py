"""The other side of the tests of DialPython and ListenPython.

    python3 peer.py client ADDRESS KEY     sends messages, wants each back
    python3 peer.py server ADDRESS KEY     prints its address, sends back what it gets until the other side goes
    python3 peer.py long ADDRESS KEY       sends a message with the frame of very long ones

An empty KEY is none. The last line is "ok", or the name of the error.
"""

import os
import struct
import sys
from multiprocessing.connection import Client, Listener

SIZES = [0, 1, 255, 16384, 16385, 1 << 20, 5_000_000]


def addressed(text):
    """The address as Python wants it: @name is an abstract socket, host:port is TCP."""
    if text.startswith("@"):
        return "\0" + text[1:]
    host, colon, port = text.rpartition(":")
    if colon and not text.startswith("/"):
        return (host, int(port))
    return text


def client(address, key):
    with Client(address, authkey=key) as c:
        for n in SIZES:
            sent = os.urandom(n)
            c.send_bytes(sent)
            assert c.recv_bytes() == sent, n


def server(address, key):
    with Listener(address, authkey=key) as l:
        print(l.address[1] if isinstance(l.address, tuple) else "", flush=True)
        with l.accept() as c:
            try:
                while True:
                    c.send_bytes(c.recv_bytes())
            except EOFError:
                pass


def long(address, key):
    with Client(address, authkey=key) as c:
        os.write(c.fileno(), struct.pack("!iQ", -1, 5) + b"hello")
        assert c.recv_bytes() == b"hello"


do, address, key = sys.argv[1:]
try:
    {"client": client, "server": server, "long": long}[do](addressed(address), key.encode() or None)
    print("ok")
except Exception as e:
    print(type(e).__name__)
