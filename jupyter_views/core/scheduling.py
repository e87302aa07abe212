"""Views whose time has come: claimed in the store when the first is due, with no timer per view."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Protocol

from msgspec import Struct

from .errors import Invalid, ViewsError
from .freshness import back_off
from .model import SECOND, Instant, Rule
from .ports import Clock
from .schedules import parse

LONGEST_BACK_OFF: Instant = back_off(100)
_LONGEST_PAUSE = 30.0
_SHORTEST_PAUSE = 1.0
_AFTER_FAULT = 5.0
_JUMP_SECONDS = 5.0
_BATCH = 500
_UNREADABLE: Instant = 3600 * SECOND


def first_due(rule: Rule, now: Instant) -> Instant | None:
    """When a view whose rule is saved now is due; None without a schedule.

    Raises
    ------
    Invalid
        When the schedule or its time zone cannot be read.
    """
    return parse(rule.schedule, rule.timezone).next(now) if rule.schedule is not None else None


def due_after_claim(rule: Rule, now: Instant) -> Instant | None:
    """When a view is due next whose slot was claimed now: not for what was missed meanwhile."""
    try:
        return first_due(rule, now)
    except Invalid:
        # It was good when it was saved, so its zone has gone from the system since. It stays
        # due, so that the log says so, and works again when the zone is back.
        return now + _UNREADABLE


def due_after_success(
    rule: Rule, *, due_at: Instant | None, retry_at: Instant, now: Instant
) -> Instant | None:
    """When a view is due next that was refreshed now: its next try is off, its slots stay."""
    if rule.schedule is None:
        return None
    return due_after_claim(rule, now) if due_at in (None, retry_at) else due_at


def due_after_jump(rule: Rule, due_at: Instant, *, retry_at: Instant, now: Instant) -> Instant:
    """When a view is due next by a clock that has jumped to ``now``: never later than it was.

    Parameters
    ----------
    retry_at
        By that clock: no slot comes before it.
    """
    latest = now + LONGEST_BACK_OFF if rule.schedule is None else due_after_claim(rule, now)
    return due_at if latest is None else min(due_at, max(latest, retry_at))


class Claim(Struct, frozen=True, kw_only=True):
    """A due view that this server took.

    Attributes
    ----------
    slot
        When it was due.
    is_scheduled
        By its schedule; else to be tried again after a failure.
    """

    view_id: int
    slot: Instant
    is_scheduled: bool


class DueRows(Protocol):
    """What this needs of the store; every call is one transaction."""

    def earliest(self) -> Instant | None: ...
    def claim(self, now: Instant, limit: int) -> list[Claim]: ...
    def give_back(self, claims: list[Claim]) -> None: ...
    def realign(self, now: Instant, after: int, limit: int) -> int | None: ...


class Scheduler:
    """Calls back for each view whose schedule, or next try, has come.

    However many servers share a store, a slot is claimed by one of them. One
    whose claims wait to be worked off takes no more, and leaves the rest to
    the others.

    Parameters
    ----------
    on_due
        ``on_due(view_id, is_scheduled)``; returns when the view was dealt
        with. An error of it is logged and ends nothing else.
    concurrent
        How many views may be dealt with at once.
    """

    def __init__(
        self,
        *,
        rows: DueRows,
        on_due: Callable[[int, bool], Awaitable[None]],
        clock: Clock,
        log: logging.Logger,
        concurrent: int = 20,
    ) -> None:
        self._rows = rows
        self._on_due = on_due
        self._clock = clock
        self._log = log
        self._concurrent = concurrent
        self._woken = asyncio.Event()
        self._pending: dict[asyncio.Task[None], Claim] = {}
        self._loop: asyncio.Task[None] | None = None
        self._seen = (clock.now(), clock.monotonic())

    async def start(self) -> None:
        """Look for due views from now on."""
        self._loop = asyncio.create_task(self._run())

    def wake(self) -> None:
        """Look now: a view was saved, or is to be tried again."""
        self._woken.set()

    async def stop(self) -> None:
        """Begin nothing more, and leave to other servers what was not begun."""
        tasks = [*self._pending, *([self._loop] if self._loop else [])]
        claims = list(self._pending.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        if claims:
            try:
                await asyncio.to_thread(self._rows.give_back, claims)
            except ViewsError as error:
                self._log.warning("due views were not given back: %s", error.message)

    async def _run(self) -> None:
        # Clocks may have jumped while no server ran.
        is_aligned = False
        while True:
            self._woken.clear()
            try:
                if self._has_jumped() or not is_aligned:
                    is_aligned = False
                    await self._realign()
                    is_aligned = True
                pause = await self._tick()
            except ViewsError as error:
                self._log.warning("due views could not be looked for: %s", error.message)
                pause = _AFTER_FAULT
            except Exception:
                # A loop that ended here would silently disable every schedule.
                self._log.exception("due views could not be looked for")
                pause = _AFTER_FAULT
            await self._pause(pause)

    async def _pause(self, seconds: float) -> None:
        # Not wait_for: until Python 3.12 it can swallow a cancellation, and stop would not end.
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._woken.wait()

    def _has_jumped(self) -> bool:
        """Whether the wall clock went on otherwise than time did since the last look."""
        wall, monotonic = self._seen
        self._seen = now, ticked = self._clock.now(), self._clock.monotonic()
        jump = (now - wall) / SECOND - (ticked - monotonic)
        if abs(jump) <= _JUMP_SECONDS:
            return False
        self._log.warning("the clock jumped by %+.0f s; schedules are reckoned anew", jump)
        return True

    async def _realign(self) -> None:
        after: int | None = 0
        while after is not None:
            now = self._clock.now()
            after = await asyncio.to_thread(self._rows.realign, now, after, _BATCH)

    async def _tick(self) -> float:
        """Claim what is due, as far as there is room; returns the seconds until the next look."""
        room = self._concurrent - len(self._pending)
        if room <= 0:
            return _LONGEST_PAUSE  # the first to end wakes us
        due_at = await asyncio.to_thread(self._rows.earliest)
        now = self._clock.now()
        if due_at is not None and due_at <= now:
            for claim in await asyncio.to_thread(self._rows.claim, now, room):
                self._begin(claim)
            due_at = await asyncio.to_thread(self._rows.earliest)
        if due_at is None:
            return _LONGEST_PAUSE
        left = (due_at - self._clock.now()) / SECOND
        return min(max(left, _SHORTEST_PAUSE), _LONGEST_PAUSE)

    def _begin(self, claim: Claim) -> None:
        task = asyncio.create_task(self._deal_with(claim))
        self._pending[task] = claim
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[None]) -> None:
        was_full = len(self._pending) >= self._concurrent
        del self._pending[task]
        if was_full:
            self._woken.set()

    async def _deal_with(self, claim: Claim) -> None:
        try:
            await self._on_due(claim.view_id, claim.is_scheduled)
        except ViewsError as error:
            self._log.warning("view %s was due: %s", claim.view_id, error.message)
        except Exception:
            self._log.exception("view %s was due", claim.view_id)
