"""The past of a view: its refreshes, its versions, and what differs between two results."""

from __future__ import annotations

import asyncio
import hashlib
import logging
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from .errors import Gone, NotFound, StatementNotSuccess, ViewsError
from .model import (
    NO_CHANGES,
    Cause,
    Changes,
    Instant,
    Page,
    Result,
    Statement,
    Status,
    Version,
    View,
)
from .ports import Big, Comparing, Difference, Engine, Stored
from .results import Cache

_COMPARED_ROWS = 2_000_000
_CACHED_BYTES = 256 * 1024
_CHUNK = 256

Mark = tuple[Instant, str]
"""Where a statement stands in a history: when it was submitted, and its id."""


class Refresh(Struct, frozen=True, kw_only=True):
    """One statement of a view's past, as the store knows it.

    Attributes
    ----------
    version
        The definition that ran; None where that is not known.
    sha256, row_count, size_bytes, method
        Of its rows; None where they are no longer stored.
    """

    id: str
    status: Status
    cause: Cause | None
    version: int | None
    submitted_at: Instant
    started_at: Instant | None
    completed_at: Instant | None
    error: dict[str, Any] | None
    changes: Changes | None
    sha256: str | None
    row_count: int | None
    size_bytes: int | None
    method: str | None

    @property
    def duration_us(self) -> int | None:
        """From its start to its end."""
        if self.started_at is None or self.completed_at is None:
            return None
        return max(0, self.completed_at - self.started_at)


class Entry(Struct, frozen=True, kw_only=True):
    """A line of a history: the newest of a run of equal refreshes, and how many they are.

    Attributes
    ----------
    is_unchanged
        The rows are those of the success before it; None where that is not
        known, or nothing succeeded.
    first
        The oldest refresh of the run; the newest is ``refresh``.
    """

    refresh: Refresh
    is_unchanged: bool | None
    count: int
    first: Mark


class Compared(Struct, frozen=True, kw_only=True):
    """Two results of a view and what differs between them."""

    before: Statement
    after: Statement
    difference: Difference


class HistoryRows(Protocol):
    """What this needs of the store."""

    def refreshes(self, view_id: int, after: Mark | None, limit: int) -> list[Refresh]: ...
    def versions(self, view_id: int, below: int | None, limit: int) -> list[Version]: ...
    def version(self, view_id: int, n: int) -> Version | None: ...
    def statement(self, view_id: int, statement_id: str) -> Statement | None: ...
    def other_rows(self, view_id: int, sha256: str, after: Mark | None) -> Statement | None: ...


class Files(Protocol):
    """Where results lie."""

    def result(self, sha256: str) -> Path: ...


class HistoryService:
    """Reads the past of views; whoever may read a view may read its past."""

    def __init__(
        self, *, rows: HistoryRows, engine: Engine, files: Files, cache: Cache, log: logging.Logger
    ) -> None:
        self._rows = rows
        self._engine = engine
        self._files = files
        self._cache = cache
        self._log = log
        self._comparing: dict[str, asyncio.Task[Difference]] = {}

    async def page(
        self, view: View, limit: int, after: Mark | None
    ) -> tuple[tuple[Entry, ...], Mark | None]:
        """Refreshes of a view, newest first, and where the next page begins.

        Equal ones in a row are one entry, so that a view which is refreshed
        every minute shows what happened and not that the minutes passed.
        """
        return await asyncio.to_thread(self._page, view.id, limit, after)

    def _page(
        self, view_id: int, limit: int, after: Mark | None
    ) -> tuple[tuple[Entry, ...], Mark | None]:
        entries = tuple(islice(collapsed(self._refreshes(view_id, after)), limit))
        last = entries[-1].first if len(entries) == limit else None
        more = last is not None and self._rows.refreshes(view_id, last, 1)
        return entries, last if more else None

    def _refreshes(self, view_id: int, after: Mark | None) -> Iterator[Refresh]:
        while chunk := self._rows.refreshes(view_id, after, _CHUNK):
            yield from chunk
            after = (chunk[-1].submitted_at, chunk[-1].id)

    async def versions(self, view: View, limit: int, below: int | None) -> Page:
        """Definitions of a view, newest first, below a number."""
        found = await asyncio.to_thread(self._rows.versions, view.id, below, limit + 1)
        more = len(found) > limit
        found = found[:limit]
        return Page(tuple(found), view.version.n, str(found[-1].n) if more else None)

    async def version(self, view: View, n: int) -> Version:
        """One definition; NotFound when the view has no such number."""
        found = await asyncio.to_thread(self._rows.version, view.id, n)
        if found is None:
            raise NotFound(f"The view has no version {n}.", hint=f"It has 1 to {view.version.n}.")
        return found

    async def diff(
        self,
        view: View,
        *,
        before: str | None,
        after: str | None,
        key: tuple[str, ...] | None,
        limit: int,
        offset: int,
        big: Big = "number",
    ) -> Compared:
        """Compare the rows of two statements of a view.

        Parameters
        ----------
        before, after
            Statement ids. ``after`` is the current one when absent, ``before``
            the last success before it that brought other rows.
        key
            Columns that identify a row; those of the view's rule when absent.
        limit, offset
            Window of the differing rows.
        big
            Whether numbers that a double cannot hold are written as numbers or as text.

        Raises
        ------
        NotFound
            When a statement is none of this view, or no other rows came before.
        StatementNotSuccess, Gone
            When one has no rows.
        Invalid
            When the key does not identify a row.
        """
        newer = view.current if after is None else await self._statement(view, after)
        new_rows = _rows_of(newer)
        if before is None:
            older = await self._before(view, newer, new_rows)
        else:
            older = await self._statement(view, before)
        comparing = self._comparison(
            _rows_of(older), new_rows, key or view.rule.key, limit=limit, offset=offset, big=big
        )
        return Compared(before=older, after=newer, difference=await self._difference(comparing))

    async def _statement(self, view: View, statement_id: str) -> Statement:
        found = await asyncio.to_thread(self._rows.statement, view.id, statement_id)
        if found is None:
            raise NotFound(
                "This view has no such statement.", hint="Its history lists those it has."
            )
        return found

    async def _before(self, view: View, newer: Statement, rows: Result) -> Statement:
        # Current rows may be older than those they replaced: a version that was restored.
        is_current = newer.id == view.current.id
        mark = None if is_current else (newer.submitted_at, newer.id)
        found = await asyncio.to_thread(self._rows.other_rows, view.id, rows.sha256, mark)
        if found is None:
            raise NotFound(
                "No earlier rows of this view are kept that differ from these.",
                hint="Compare again after a refresh that brings other rows.",
            )
        return found

    async def changes_between(
        self, before: Result, after: Result, key: tuple[str, ...] | None
    ) -> Changes | None:
        """How many rows a refresh added, removed and changed; None where that is not known.

        A row that gained, lost or retyped a column has changed.
        """
        if before.sha256 == after.sha256:
            return NO_CHANGES
        if max(before.row_count, after.row_count) > _COMPARED_ROWS:
            return None
        try:
            found = await self._engine.diff(self._comparison(before, after, key, limit=0, offset=0))
        except ViewsError as error:
            self._log.info("two results were not compared: %s", error.message)
            return None
        is_reshaped = found.columns_added or found.columns_removed or found.columns_changed
        return Changes(
            added=found.added,
            removed=found.removed,
            changed=after.row_count - found.added if is_reshaped else found.changed,
        )

    def _comparison(
        self,
        before: Result,
        after: Result,
        key: tuple[str, ...] | None,
        *,
        limit: int,
        offset: int,
        big: Big = "number",
    ) -> Comparing:
        return Comparing(
            before=self._stored(before),
            after=self._stored(after),
            key=key,
            limit=limit,
            offset=offset,
            big=big,
        )

    def _stored(self, result: Result) -> Stored:
        path = str(self._files.result(result.sha256))
        return Stored(path=path, sha256=result.sha256, columns=result.columns)

    async def _difference(self, comparing: Comparing) -> Difference:
        """The difference, from the cache where it is; equal requests at once share one."""
        tag = "d-" + hashlib.sha256(msgspec.msgpack.encode(comparing)).hexdigest()
        kept = self._cache.get(tag)
        if kept is not None and isinstance(kept[1], bytes):
            return msgspec.msgpack.decode(kept[1], type=Difference)
        task = self._comparing.get(tag)
        if task is None:
            task = asyncio.create_task(self._compare(comparing, tag))
            self._comparing[tag] = task
            task.add_done_callback(lambda _: self._comparing.pop(tag, None))
        return await asyncio.shield(task)

    async def _compare(self, comparing: Comparing, tag: str) -> Difference:
        found = await self._engine.diff(comparing)
        content = msgspec.msgpack.encode(found) if len(found.rows) <= _CACHED_BYTES else None
        if content is not None:
            self._cache.put(tag, 0, content, len(content))
        return found


def collapsed(refreshes: Iterable[Refresh]) -> Iterator[Entry]:
    """Refreshes, newest first, with equal ones in a row as one entry.

    Equal are ends of one kind for one cause under one definition: successes
    whose rows are unchanged, failures with one message, cancels.
    """
    run: Entry | None = None
    for refresh, is_unchanged in _judged(refreshes):
        mark = (refresh.submitted_at, refresh.id)
        if run is not None and _continues(run, refresh, is_unchanged):
            run = replace(run, count=run.count + 1, first=mark)
            continue
        if run is not None:
            yield run
        run = Entry(refresh=refresh, is_unchanged=is_unchanged, count=1, first=mark)
    if run is not None:
        yield run


def _continues(run: Entry, older: Refresh, is_unchanged: bool | None) -> bool:
    newer = run.refresh
    if not newer.status.is_final or _likeness(newer) != _likeness(older):
        return False
    return newer.status is not Status.SUCCESS or bool(run.is_unchanged and is_unchanged)


def _likeness(refresh: Refresh) -> tuple[Any, ...]:
    kind = refresh.cause.kind if refresh.cause else None
    error = refresh.error or {}
    return refresh.status, kind, refresh.version, error.get("code"), error.get("message")


def _judged(refreshes: Iterable[Refresh]) -> Iterator[tuple[Refresh, bool | None]]:
    """Each refresh with whether its rows are unchanged, which the success before it tells."""
    held: list[Refresh] = []  # a success, and what did not succeed before it
    for refresh in refreshes:
        is_success = refresh.status is Status.SUCCESS
        if held and is_success:
            yield held[0], _is_unchanged(held[0], refresh)
            yield from ((other, None) for other in held[1:])
            held = []
        if is_success or held:
            held.append(refresh)
        else:
            yield refresh, None
    if held:
        yield held[0], _is_unchanged(held[0], None)
        yield from ((other, None) for other in held[1:])


def _is_unchanged(refresh: Refresh, before: Refresh | None) -> bool | None:
    if refresh.changes is not None:
        return refresh.changes == NO_CHANGES
    if before is None or before.sha256 is None or refresh.sha256 is None:
        return None
    return refresh.sha256 == before.sha256


def _rows_of(statement: Statement) -> Result:
    if statement.status is not Status.SUCCESS:
        raise StatementNotSuccess(
            f"The statement is {statement.status}, so it has no rows to compare.",
            hint="Choose one of the history with has_rows.",
            details={"status": statement.status},
        )
    if statement.result is None:
        raise Gone(
            "The rows of this refresh were kept for their time and are gone.",
            hint="Choose one of the history with has_rows, or refresh the view.",
            details={"rerun": "POST …/refresh", "statement_id": statement.id},
        )
    return statement.result
