"""How often somebody may do something."""

from __future__ import annotations

from collections import deque

from .errors import TooMany
from .ports import Clock

_KEYS = 10_000


class RateLimit:
    """At most ``count`` times in any ``seconds`` seconds, per key.

    Kept in memory: a restart forgives, which is harmless for a limit that
    protects a machine and no secret.
    """

    def __init__(self, clock: Clock, *, count: int, seconds: float) -> None:
        self._clock = clock
        self._count = count
        self._seconds = seconds
        self._times: dict[str, deque[float]] = {}

    def note(self, key: str) -> None:
        """Count one time."""
        if len(self._times) > _KEYS:
            self._times.clear()
        self._times.setdefault(key, deque(maxlen=self._count)).append(self._clock.monotonic())

    def check(self, key: str, message: str) -> None:
        """Raise TooMany, with the wait, when the limit is reached."""
        times = self._times.get(key, ())
        if len(times) < self._count:
            return
        left = self._seconds - (self._clock.monotonic() - times[0])
        if left > 0:
            wait = int(left) + 1
            raise TooMany(message, hint=f"Try again in {wait} s.", retry_after_seconds=wait)

    def take(self, key: str, message: str) -> None:
        """Count one time, or raise TooMany when the limit is reached."""
        self.check(key, message)
        self.note(key)
