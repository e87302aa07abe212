"""The load: a process that asks over kept-open raw sockets and counts or times the answers.

Run as ``python -m benchmarks.load``; takes jobs from :class:`benchmarks.server.Helper`.
Only what must be read of an answer is read (status and length), so that one
core of load is enough for any Python server.
"""

from __future__ import annotations

import re
import selectors
import socket
import time
from typing import Any

from .server import serve_jobs

_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
_BUFFER_BYTES = 1 << 18


def request_text(path: str, headers: dict[str, str]) -> bytes:
    """A GET as it goes over the wire."""
    lines = [f"GET {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


class Connection:
    """One kept-open connection with one request under way at a time."""

    def __init__(self, port: int, request: bytes) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._request = request
        self._head = b""
        self._left: int | None = None
        self.status = 0

    def ask(self) -> None:
        """Send the request."""
        self._head, self._left = b"", None
        self.socket.sendall(self._request)

    def is_answered(self) -> bool:
        """Read what has come; True once the answer is complete."""
        piece = self.socket.recv(_BUFFER_BYTES)
        if not piece:
            raise ConnectionError("The server closed a connection.")
        if self._left is not None:
            self._left -= len(piece)
            return self._left <= 0
        self._head += piece
        end = self._head.find(b"\r\n\r\n")
        if end < 0:
            return False
        self.status = int(self._head[9:12])
        found = _LENGTH.search(self._head, 0, end)
        length = int(found[1]) if found and self.status != 304 else 0
        self._left = length - (len(self._head) - end - 4)
        return self._left <= 0

    def header(self, name: str) -> str:
        """A header of the last answer; empty where it has none."""
        head = self._head.partition(b"\r\n\r\n")[0].decode("latin-1")
        lines = (line.partition(":") for line in head.split("\r\n")[1:])
        return next((text.strip() for word, _, text in lines if word.lower() == name.lower()), "")

    def close(self) -> None:
        """Close the socket."""
        self.socket.close()


def rate(port: int, path: str, headers: dict[str, str], connections: int, seconds: float) -> Any:
    """Requests per second over several connections at once; every answer's status must agree."""
    request = request_text(path, headers)
    selector = selectors.DefaultSelector()
    opened = [Connection(port, request) for _ in range(connections)]
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
        connection.ask()
    count, statuses = 0, set()
    begun = time.perf_counter()
    until = begun + seconds
    while (now := time.perf_counter()) < until:
        for key, _ in selector.select(1.0):
            if key.data.is_answered():
                count += 1
                statuses.add(key.data.status)
                key.data.ask()
    for connection in opened:
        connection.close()
    return {"count": count, "per_second": count / (now - begun), "statuses": sorted(statuses)}


def latency(port: int, path: str, headers: dict[str, str], seconds: float, pause: float) -> Any:
    """Milliseconds of each request, asked one after the other with a pause between them."""
    connection = Connection(port, request_text(path, headers))
    found, statuses = [], set()
    until = time.perf_counter() + seconds
    while (begun := time.perf_counter()) < until:
        connection.ask()
        while not connection.is_answered():
            pass
        found.append((time.perf_counter() - begun) * 1000)
        statuses.add(connection.status)
        time.sleep(pause)
    connection.close()
    return {"milliseconds": found, "statuses": sorted(statuses)}


def crowd(port: int, path: str, headers: dict[str, str], readers: int, header: str) -> Any:
    """Milliseconds until each of many readers who ask at once has its answer, and one header."""
    request = request_text(path, headers)
    selector = selectors.DefaultSelector()
    opened = [Connection(port, request) for _ in range(readers)]
    for connection in opened:
        selector.register(connection.socket, selectors.EVENT_READ, connection)
    begun = time.perf_counter()
    for connection in opened:
        connection.ask()
    found, statuses, values = [], set(), set()
    while len(found) < readers:
        for key, _ in selector.select():
            if key.data.is_answered():
                found.append((time.perf_counter() - begun) * 1000)
                statuses.add(key.data.status)
                values.add(key.data.header(header))
                selector.unregister(key.fileobj)
    for connection in opened:
        connection.close()
    return {"milliseconds": found, "statuses": sorted(statuses), "values": sorted(values)}


def do(kind: str, **job: Any) -> Any:
    """A job by the name of its function."""
    return {"rate": rate, "latency": latency, "crowd": crowd}[kind](**job)


if __name__ == "__main__":
    serve_jobs(do)
