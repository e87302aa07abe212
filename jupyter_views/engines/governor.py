"""The worker's second thread: hears the server, watches the clock, stops the engine.

The main thread is deep inside the engine while a query runs; it holds no lock
there, so this thread can interrupt it, report progress, and notice that the
server has died.
"""

from __future__ import annotations

import contextlib
import os
import queue
import select
import socket
import threading
import time
from typing import Any, Literal

from ..core.errors import Canceled, TimedOut, ViewsError
from ..core.ports import Progress
from .protocol import (
    Cancel,
    Execute,
    Reply,
    Request,
    Tick,
    read_frame,
    to_frame,
    to_request,
)

_TICK_SECONDS = 0.2
_POLL_SECONDS = 0.05


class Governor:
    """Owns the socket: requests come out of ``requests``, replies go in by :meth:`send`.

    An interrupt that arrives before the query has begun is lost by the
    engine, so a wish to stop is kept as a flag and the interrupt repeated
    every 50 ms until the task ends.
    """

    def __init__(self, sock: socket.socket) -> None:
        self.requests: queue.SimpleQueue[Request] = queue.SimpleQueue()
        self.rows = 0
        self.stage: Literal["running", "writing"] = "running"
        self._sock = sock
        self._sending = threading.Lock()
        self._guard = threading.Lock()
        self._run_id: str | None = None
        self._seconds = 0.0
        self._deadline: float | None = None
        self._stopped_by: Literal["canceled", "timed_out"] | None = None
        self._cursor: Any = None
        self._next_tick = 0.0

    def start(self) -> None:
        """Begin to listen; the thread ends with the process."""
        threading.Thread(target=self._listen, name="governor", daemon=True).start()

    def send(self, reply: Reply) -> None:
        """Write one frame; exits the process when the server is gone."""
        with self._sending:
            try:
                self._sock.sendall(to_frame(reply))
            except OSError:
                os._exit(0)

    def watch(self, cursor: Any) -> None:
        """Name the cursor that a stop has to interrupt."""
        with self._guard:
            self._cursor = cursor

    def done(self) -> None:
        """End the task: no further ticks or interrupts belong to it."""
        with self._guard:
            self._cursor = self._run_id = self._deadline = self._stopped_by = None

    def why_stopped(self) -> ViewsError | None:
        """The reason when somebody or the clock has stopped this task."""
        if self._stopped_by == "canceled":
            return Canceled("The query was canceled.")
        if self._stopped_by == "timed_out":
            return TimedOut(
                f"The query ran into its limit of {self._seconds:g} s.",
                hint="Read less, or ask the administrator for a longer limit.",
                details={"limit_seconds": self._seconds},
            )
        return None

    def raise_if_stopped(self) -> None:
        """Raise Canceled or TimedOut when the task has been stopped."""
        if (reason := self.why_stopped()) is not None:
            raise reason

    def _listen(self) -> None:
        while True:
            waiting = _POLL_SECONDS if self._run_id is not None else None
            if select.select([self._sock], [], [], waiting)[0]:
                try:
                    self._take(to_request(read_frame(self._sock)))
                except (EOFError, OSError):
                    os._exit(0)
            self._look()

    def _take(self, request: Request) -> None:
        if isinstance(request, Cancel):
            with self._guard:
                if request.run_id == self._run_id:
                    self._stopped_by = self._stopped_by or "canceled"
            return
        if isinstance(request, Execute):
            with self._guard:
                now = time.monotonic()
                self.rows, self.stage = 0, "running"
                self._run_id, self._seconds = request.run.id, request.run.limits.seconds
                self._deadline, self._next_tick = now + self._seconds, now + _TICK_SECONDS
        self.requests.put(request)

    def _look(self) -> None:
        tick = None
        with self._guard:
            if self._deadline is None:
                return
            now = time.monotonic()
            if now >= self._deadline:
                self._stopped_by = self._stopped_by or "timed_out"
            if self._stopped_by is not None and self._cursor is not None:
                with contextlib.suppress(Exception):
                    self._cursor.interrupt()
            elif now >= self._next_tick:
                self._next_tick = now + _TICK_SECONDS
                tick = Tick(self._progress())
        if tick is not None:
            self.send(tick)

    def _progress(self) -> Progress:
        fraction = None
        with contextlib.suppress(Exception):
            percent = float(self._cursor.query_progress())
            fraction = min(percent / 100, 1.0) if percent >= 0 else None
        return Progress(stage=self.stage, fraction=fraction, rows=self.rows)
