"""Who may run a statement, and how others find out that its holder is gone.

A statement that waits or runs is held by one server, under a number that
grows whenever it changes hands. The holder raises a counter now and then. Who
sees the counter stand still for the length of a lease, by its *own* monotonic
clock, may take the statement over: the idea of Kubernetes' leader election.
No instant of one machine is ever compared with an instant of another, so
clocks may differ, jump or go back.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any, Protocol

from msgspec import Struct

from .errors import Interrupted, ViewsError
from .model import Instant, Statement
from .ports import Clock

_BEATS = 3


class LeaseLost(Exception):
    """The statement was taken over, or canceled, while it ran here: what it brings is late."""


def interrupted() -> Interrupted:
    """Why a statement failed whose server went away."""
    return Interrupted("The server stopped while this ran.", hint="Run it again.")


class Lease(Struct, frozen=True, kw_only=True):
    """A statement in flight as another server sees it.

    Attributes
    ----------
    server_id
        The holder; empty when it let go.
    fence
        The number of the lease; what is written under an older one is refused.
    beat
        The counter that a living holder raises.
    is_abandoned
        The holder is known to be dead, or it let go: nobody need wait.
    """

    statement_id: str
    server_id: str
    fence: int
    beat: int
    is_abandoned: bool = False


class Sightings:
    """Since when each lease has looked as it does, by this server's own clock.

    Parameters
    ----------
    seconds
        For so long a lease may look the same before it counts as expired.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._since: dict[Lease, float] = {}

    def expired(self, leases: Iterable[Lease], now: float) -> list[Lease]:
        """Those among all leases of others that nobody holds any more.

        Parameters
        ----------
        now
            Seconds of a monotonic clock.
        """
        self._since = {lease: self._since.get(lease, now) for lease in leases}
        return [
            lease
            for lease, since in self._since.items()
            if lease.is_abandoned or now - since >= self._seconds
        ]


class LeaseRows(Protocol):
    """What this needs of the store; every call is one transaction."""

    def leases(self) -> list[Lease]:
        """Every lease of a statement that waits or runs."""
        ...

    def beat(self, held: Mapping[str, int]) -> set[str]:
        """Raise the counters of these statements (id: fence); returns those that were lost."""
        ...

    def take_over(
        self, lease: Lease, error: dict[str, Any], at: Instant
    ) -> tuple[Statement, list[int]] | None:
        """Make an unheld lease this server's, if it still is as it was seen.

        What waited is returned to be run; what ran has failed with ``error``,
        and is returned with the views whose refresh it was.
        """
        ...

    def let_go(self) -> None:
        """Leave what waits here to any other server."""
        ...


class LeaseKeeper:
    """Keeps this server's leases alive and takes over those that nobody holds.

    Parameters
    ----------
    held
        Gives the fence of each statement that this server holds, by id.
    on_lost
        Called with the id of a statement that is held here no more.
    on_taken
        Called with what was taken over; see :meth:`LeaseRows.take_over`.
    seconds
        Length of a lease. Counters are raised three times as often.
    """

    def __init__(
        self,
        *,
        rows: LeaseRows,
        held: Callable[[], dict[str, int]],
        on_lost: Callable[[str], Awaitable[None]],
        on_taken: Callable[[Statement, list[int]], None],
        clock: Clock,
        seconds: float,
        log: logging.Logger,
    ) -> None:
        self._rows = rows
        self._held = held
        self._on_lost = on_lost
        self._on_taken = on_taken
        self._clock = clock
        self._pause = seconds / _BEATS
        self._log = log
        self._sightings = Sightings(seconds)
        self._is_curious = False
        self._busy = asyncio.Event()
        self._loop: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Take over what is free, then look after leases for as long as there are any."""
        self._loop = asyncio.create_task(self._keep())
        await self.look()

    async def stop(self) -> None:
        """Look after nothing more."""
        if self._loop is not None:
            self._loop.cancel()
            await asyncio.gather(self._loop, return_exceptions=True)

    def note_held(self) -> None:
        """This server has just begun to hold a statement."""
        self._busy.set()

    def note_others(self) -> None:
        """Somebody here waits for a statement that another server holds."""
        self._is_curious = True
        self._busy.set()

    async def look(self) -> None:
        """Take over what nobody holds; raises Unavailable while the store cannot be read."""
        leases = await asyncio.to_thread(self._rows.leases)
        held = self._held()
        others = [lease for lease in leases if lease.statement_id not in held]
        free = self._sightings.expired(others, self._clock.monotonic())
        self._is_curious = bool(others)
        if others:
            self._busy.set()
        for lease in free:
            await self._take_over(lease)

    async def _take_over(self, lease: Lease) -> None:
        taken = await asyncio.to_thread(
            self._rows.take_over, lease, interrupted().to_dict(), self._clock.now()
        )
        if taken is not None:
            self._log.warning(
                "statement %s: taken over from server %s", lease.statement_id, lease.server_id
            )
            self._on_taken(*taken)

    async def _keep(self) -> None:
        while True:
            await self._busy.wait()
            await asyncio.sleep(self._pause)
            try:
                await self._round()
            except ViewsError as error:
                self._log.warning("leases could not be looked after: %s", error.message)
            except Exception:
                # A loop that ended here would cost this server every lease that it holds.
                self._log.exception("leases could not be looked after")

    async def _round(self) -> None:
        if held := self._held():
            for statement_id in await asyncio.to_thread(self._rows.beat, held):
                self._log.warning("statement %s: its lease was lost", statement_id)
                await self._on_lost(statement_id)
        if self._is_curious:
            await self.look()
        if not self._held() and not self._is_curious:
            self._busy.clear()
