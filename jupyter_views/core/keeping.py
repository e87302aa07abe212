"""Keeping views fresh without anyone looking: what changed, what is due, what lies downstream."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from .announcing import Announcer
from .assessing import Assessor
from .errors import TooMany, UpstreamFailed, ViewsError
from .freshness import CHANGE_REASONS, Freshness
from .model import (
    NO_CHANGES,
    SECOND,
    Cause,
    CauseKind,
    Changes,
    Instant,
    Result,
    Statement,
    Status,
    View,
)
from .ports import Clock
from .refreshing import Refresher
from .running import Runner

_DISTANCE: Instant = 1 * SECOND
_POSTPONED: Instant = 5 * SECOND
_RUN_SECONDS = 3600.0

Compare = Callable[[Result, Result, tuple[str, ...] | None], Awaitable[Changes | None]]


class KeptRows(Protocol):
    """What this needs of the store."""

    def known(self, view_id: int) -> View | None: ...
    def find(self, view_id: int) -> View | None: ...
    def note_changed(self, view_id: int, at: Instant | None) -> None: ...
    def postpone(self, view_id: int, until: Instant) -> None: ...
    def downstream(self, slug: str) -> frozenset[int]: ...


class RefreshRows(Protocol):
    """Where it is kept what a refresh changed."""

    def note_changes(self, statement_id: str, changes: Changes) -> None: ...


class Decisions(Protocol):
    """Where each decision is written down."""

    def note(self, view_id: int, kind: str, text: str) -> None: ...


class Keeper:
    """Refreshes what changed, what is due and what lies downstream, and writes down why.

    Parameters
    ----------
    compare
        Counts what differs between two results; None where that is not known.
    concurrent
        How many refreshes that nobody asked for may run at once.
    """

    def __init__(
        self,
        *,
        rows: KeptRows,
        refreshes: RefreshRows,
        assessor: Assessor,
        refresher: Refresher,
        runner: Runner,
        announcer: Announcer,
        decisions: Decisions,
        compare: Compare,
        clock: Clock,
        concurrent: int,
        log: logging.Logger,
    ) -> None:
        self._rows = rows
        self._refreshes = refreshes
        self._assessor = assessor
        self._refresher = refresher
        self._runner = runner
        self._announcer = announcer
        self._decisions = decisions
        self._compare = compare
        self._clock = clock
        self._places = asyncio.Semaphore(concurrent)
        self._log = log
        self._tasks: set[asyncio.Task[None]] = set()
        runner.on_finished(self._after_statement)

    async def stop(self) -> None:
        """Begin nothing more."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def look_again(self, view_ids: frozenset[int]) -> None:
        """Sources of these views may have changed: verify, mark, refresh; returns when done."""
        await asyncio.gather(*(self._guarded(self._look, view_id) for view_id in view_ids))

    async def on_due(self, view_id: int, is_scheduled: bool) -> None:
        """The time has come that a view's schedule, or its back-off, set."""
        view = await asyncio.to_thread(self._rows.find, view_id)
        if view is None or view.refreshing is not None:
            return
        if not is_scheduled and not await self._wants_another_try(view):
            return
        kind: CauseKind = "schedule" if is_scheduled else "retry"
        await self._refresh(view, Cause(kind=kind), "due" if is_scheduled else "next try")

    async def _wants_another_try(self, view: View) -> bool:
        if not (view.auto_refresh or view.rule.schedule):
            return False
        return (await self._assessor.of_view(view, is_exact=True)).is_stale

    async def _guarded(self, work: Callable[..., Awaitable[None]], *arguments: Any) -> None:
        # Begun in here: a task that is cancelled before its first step never awaits anything.
        try:
            await work(*arguments)
        except ViewsError as error:
            self._log.warning("a view could not be looked at: %s", error.message)

    async def _look(self, view_id: int) -> None:
        view = await self._settled(view_id)
        if view is None:
            return
        freshness = await self._assessor.of_view(view, is_exact=True)
        if not freshness.is_stale:
            if view.changed_at is not None:  # what had changed was put back
                await asyncio.to_thread(self._rows.note_changed, view_id, None)
            return
        if freshness.reason not in CHANGE_REASONS:
            return
        what = _what_changed(freshness)
        if view.changed_at is None:
            await asyncio.to_thread(self._rows.note_changed, view_id, self._clock.now())
            facts = {"reason": freshness.reason, "sources": freshness.sources}
            self._announcer.tell("stale", view, **facts)
            if not view.auto_refresh:
                self._decisions.note(view_id, "changed", f"{what} → stale, auto-refresh is off")
        if view.auto_refresh and self._clock.now() >= view.retry_at:
            kind: CauseKind = (
                "upstream" if freshness.reason == "upstream_view" else "source_changed"
            )
            await self._refresh(view, Cause(kind=kind, sources=freshness.sources), what)

    async def _settled(self, view_id: int) -> View | None:
        """The view once no refresh of it is under way and the last is a moment old.

        A source that is written to without end must not be followed without
        a pause: a view rests for a second, or twice its query's time.
        """
        while True:
            view = await asyncio.to_thread(self._rows.find, view_id)
            if view is None:
                return None
            if view.refreshing is not None:
                await self._runner.wait(view.refreshing, _RUN_SECONDS)
                continue
            result = view.current.result
            rest = max(_DISTANCE, 2 * result.duration_us) if result else 0
            left = view.refreshed_at + rest - self._clock.now()
            if not 0 < left <= rest:
                return view
            await asyncio.sleep(left / SECOND)

    async def _refresh(self, view: View, cause: Cause, what: str) -> None:
        """Refresh a view once there is a place, unless somebody has done so since it was found."""
        async with self._places:
            found = await asyncio.to_thread(self._rows.find, view.id)
            if found is not None and _is_as_before(view, found):
                await self._refresh_now(found, cause, what)

    async def _refresh_now(self, view: View, cause: Cause, what: str) -> None:
        started = await self._refresher.behind(view, cause)
        if isinstance(started, Statement):
            if started.status is Status.FAILED:  # somebody has just tried, and in vain
                await asyncio.to_thread(self._rows.postpone, view.id, await self._next_try(view))
                return
            if started.status.is_final:
                return  # somebody was quicker
            if cause.kind != "retry":  # how it ends is told: a failure counts on its line
                self._decisions.note(view.id, "started", f"{what} → refresh started")
            await self._runner.wait(started, _RUN_SECONDS)
            return
        is_below = isinstance(started, UpstreamFailed)
        kind = "skipped" if is_below else "postponed"
        self._decisions.note(view.id, kind, f"{what} → not refreshed: {started.message}")
        if isinstance(started, TooMany | UpstreamFailed):
            until = self._clock.now() + _POSTPONED
            # What lies above is tried again at its own time: asking earlier is asking in vain.
            until = max(until, started.until) if is_below else until
            await asyncio.to_thread(self._rows.postpone, view.id, until)

    async def _next_try(self, view: View) -> Instant:
        found = await asyncio.to_thread(self._rows.find, view.id)
        return found.retry_at if found is not None else self._clock.now()

    def _after_statement(self, statement: Statement, view_ids: list[int]) -> None:
        if view_ids:
            task = asyncio.create_task(self._guarded(self._announce, statement, view_ids))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _announce(self, statement: Statement, view_ids: list[int]) -> None:
        before = self._refresher.replaced_by(statement.id)
        for view_id in view_ids:
            known = self._rows.known(view_id)
            view = known or await asyncio.to_thread(self._rows.find, view_id)
            if view is None:
                continue
            if statement.status is Status.SUCCESS:
                await self._succeeded(view, before)
            else:
                self._failed(view, statement)

    async def _succeeded(self, view: View, before: Result | None) -> None:
        after = view.current.result
        if after is None:
            return
        if before is None:
            changes = view.current.changes  # known where the store saw the same rows again
            has_changed = changes != NO_CHANGES
        else:
            changes = await self._compare(before, after, view.rule.key)
            has_changed = before.sha256 != after.sha256
            if changes not in {None, view.current.changes}:
                await asyncio.to_thread(self._refreshes.note_changes, view.current.id, changes)
        self._announcer.tell("refreshed", view, changes=changes)
        if has_changed and changes != NO_CHANGES:
            self._announcer.tell("changed", view, changes=changes)
        self._decisions.note(view.id, "refreshed", _told(after, changes))
        if has_changed and view.perspective is not None:
            ids = await asyncio.to_thread(self._rows.downstream, view.perspective.slug)
            await self.look_again(ids)

    def _failed(self, view: View, statement: Statement) -> None:
        message = (statement.error or {}).get("message", "unknown error")
        if statement.status is Status.CANCELED:
            self._decisions.note(view.id, "canceled", "refresh canceled")
        else:
            # Equal for each failure of one kind, so that a thousand of them are one line.
            again = " It will be tried again." if view.next_due_at is not None else ""
            self._decisions.note(view.id, "failed", f"refresh failed: {message}{again}")
        self._announcer.tell("failed", view, error=statement.error)


def _is_as_before(view: View, found: View) -> bool:
    """Whether no refresh of a view has begun or ended in between."""
    if found.refreshing is not None:
        return False
    return (found.current.id, found.failures, found.retry_at) == (
        view.current.id,
        view.failures,
        view.retry_at,
    )


def _what_changed(freshness: Freshness) -> str:
    if freshness.reason == "definition_changed":
        return "the query changed"
    shown = ", ".join(freshness.sources[:3])
    more = len(freshness.sources) - 3
    return f"{shown} and {more} more changed" if more > 0 else f"{shown} changed"


def _told(result: Result, changes: Changes | None) -> str:
    rows = f"{result.row_count} row{'' if result.row_count == 1 else 's'}"
    if changes is None:
        return rows
    parts = [
        f"{count} {word}"
        for word, count in (
            ("added", changes.added),
            ("removed", changes.removed),
            ("changed", changes.changed),
        )
        if count
    ]
    return f"{rows}, {', '.join(parts) or 'none changed'}"
