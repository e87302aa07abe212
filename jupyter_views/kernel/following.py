"""Looking again and again for as long as somebody watches, and no more often than that is worth."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from ..core.errors import ViewsError

LEASE_SECONDS = 45.0
LONGEST_PAUSE_SECONDS = 60.0


class Follower:
    """Calls ``look`` in a thread of its own while a lease holds.

    The page renews the lease while it is visible. So nothing looks any more
    soon after the page was closed or hidden, or while the kernel is too busy
    to hear from it. A server that does not answer is asked after 2, 4, 8 s
    and so on, a minute at most, however often the lease is renewed.

    Parameters
    ----------
    look
        Looks once; returns the seconds until the next time. A ViewsError or
        ConnectionError of it counts as no answer.
    """

    def __init__(self, look: Callable[[], float]) -> None:
        self._look = look
        self._lock = threading.Lock()
        self._rested = threading.Event()
        self._thread: threading.Thread | None = None
        self._until = 0.0
        self._next_at = 0.0
        self._failures = 0

    @property
    def is_following(self) -> bool:
        """Whether the lease holds."""
        return time.monotonic() < self._until

    def watch(self) -> None:
        """Somebody looks: go on for another lease."""
        with self._lock:
            self._until = time.monotonic() + LEASE_SECONDS
            self._rested.clear()
            if self._thread is None:
                self._thread = threading.Thread(target=self._run, daemon=True)
                self._thread.start()

    def rest(self) -> None:
        """Nobody looks any more."""
        with self._lock:
            self._until = 0.0
            self._rested.set()

    def _run(self) -> None:
        while self._goes_on():
            pause = self._next_at - time.monotonic()
            if pause > 0:
                self._rested.wait(min(pause, LEASE_SECONDS))
                continue
            self._next_at = time.monotonic() + self._looked()

    def _goes_on(self) -> bool:
        with self._lock:
            if not self.is_following:
                self._thread = None
            return self._thread is not None

    def _looked(self) -> float:
        try:
            pause = self._look()
        except (ViewsError, ConnectionError):
            self._failures += 1
            return min(LONGEST_PAUSE_SECONDS, 2.0 ** min(self._failures, 6))
        self._failures = 0
        return pause
