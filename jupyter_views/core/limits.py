"""How often somebody may do something."""

from __future__ import annotations

from collections import deque

from .errors import TooMany
from .ports import Clock

_KEYS = 10_000


class RateLimit:
    """At most ``count`` times in any ``seconds`` seconds, per key.

    Kept in memory: a restart forgives, which is harmless for a limit that
    protects the owner's machine and no secret.
    """

    def __init__(self, clock: Clock, *, count: int, seconds: float) -> None:
        self._clock = clock
        self._count = count
        self._seconds = seconds
        self._taken: dict[str, deque[float]] = {}

    def take(self, key: str) -> None:
        """Count one time; TooMany, with the wait, when the limit is reached."""
        now = self._clock.monotonic()
        if len(self._taken) > _KEYS:
            self._taken.clear()
        taken = self._taken.setdefault(key, deque())
        while taken and now - taken[0] >= self._seconds:
            taken.popleft()
        if len(taken) >= self._count:
            wait = int(self._seconds - (now - taken[0])) + 1
            raise TooMany(
                "You asked for this too often.",
                hint=f"Try again in {wait} s.",
                retry_after_seconds=wait,
            )
        taken.append(now)
