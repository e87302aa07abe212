"""How often somebody may run endpoints: by the minute, and by the hour."""

from __future__ import annotations

from .access import is_owner
from .limits import RateLimit
from .model import Actor, View
from .ports import Clock
from .run_paths import Path

MINUTE, HOUR = 60, 3600
LIMITS: dict[Path, tuple[tuple[int, int], tuple[int, int]]] = {
    "inline": ((240, MINUTE), (2_400, HOUR)),
    "materialized": ((1_200, MINUTE), (12_000, HOUR)),
}
"""How many runs in how many seconds."""


class RunLimits:
    """Counts runs of each API key, and of each person who does not own the endpoint.

    Signed-in owners and the server's own token are not counted: the machine
    is theirs.
    """

    def __init__(self, clock: Clock) -> None:
        self._limits = {
            path: [RateLimit(clock, count=count, seconds=seconds) for count, seconds in pairs]
            for path, pairs in LIMITS.items()
        }

    def take(self, actor: Actor, path: Path, view: View | None = None) -> None:
        """Count one run, or raise TooMany with the seconds to wait.

        Parameters
        ----------
        view
            The endpoint; None for what belongs to nobody else.
        """
        if actor.key_id is None and (view is None or is_owner(actor, view)):
            return
        who = actor.key_id or f"person\n{actor.name}"
        limits = self._limits[path]
        for limit in limits:
            limit.check(who, "Request was throttled.")
        for limit in limits:
            limit.note(who)
