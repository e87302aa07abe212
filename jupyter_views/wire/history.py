"""The past of a view as JSON: refreshes, versions, differences, decisions."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from ..core.errors import Invalid
from ..core.history import Compared, Entry, Mark
from ..core.model import Cause, Changes, Decision, Statement, Version, View
from ..core.ports import Big
from ..core.sql_diff import Line, diff_lines
from .fields import Limit, iso
from .statements import StatementError

_LARGEST = 2**63
StatementId = Annotated[str, Meta(pattern="^[A-Za-z0-9_-]{1,100}$")]
Number = Annotated[int, Meta(ge=1, lt=2**31)]


class HistoryQuery(Struct, frozen=True, kw_only=True):
    """Query string of a history."""

    limit: Limit = 50
    cursor: Annotated[str, Meta(pattern=r"^\d{1,20}-[A-Za-z0-9_-]{1,100}$")] | None = None


class HistoryEntry(Struct, frozen=True, kw_only=True):
    """A refresh, or a run of equal ones of which it is the newest."""

    id: str
    status: str
    cause: Cause | None
    version: int | None
    submitted_at: str
    started_at: str | None
    completed_at: str | None
    duration_us: int | None
    row_count: int | None
    size_bytes: int | None
    method: str | None
    error: StatementError | None
    is_unchanged: bool | None
    changes: Changes | None
    has_rows: bool
    count: int
    first_at: str
    last_at: str


class HistoryPage(Struct, frozen=True, kw_only=True):
    """A page of a history, newest first; ``next_cursor`` null is the only end signal."""

    items: tuple[HistoryEntry, ...]
    next_cursor: str | None


class VersionsQuery(Struct, frozen=True, kw_only=True):
    """Query string of the versions."""

    limit: Limit = 50
    cursor: Number | None = None


class VersionOut(Struct, frozen=True, kw_only=True):
    """A numbered definition of a view."""

    n: int
    sql: str
    params: dict[str, Any]
    note: str | None
    author: str
    created_at: str
    statement_id: str
    is_current: bool


class VersionPage(Struct, frozen=True, kw_only=True):
    """A page of versions, newest first; ``next_cursor`` null is the only end signal."""

    items: tuple[VersionOut, ...]
    total: int
    next_cursor: str | None


class SqlDiffQuery(Struct, frozen=True, kw_only=True):
    """Query string of a comparison of two versions."""

    to: Number | None = None


class SqlDiff(Struct, frozen=True, kw_only=True):
    """What changed from one version's SQL to another's: a unified diff, line by line."""

    before: VersionOut
    after: VersionOut
    added: int
    removed: int
    lines: tuple[Line, ...]


class RestoreRequest(Struct, frozen=True, kw_only=True):
    """Body of a restore."""

    version: Number
    note: Annotated[str, Meta(max_length=10_000)] | None = None


class DiffQuery(Struct, frozen=True, kw_only=True):
    """Query string of a comparison of two results."""

    before: StatementId | None = None
    after: StatementId | None = None
    key: Annotated[str, Meta(max_length=10_000)] | None = None
    limit: Annotated[int, Meta(ge=0, le=1000, description="Differing rows on a page.")] = 100
    offset: Annotated[int, Meta(ge=0, le=2**53)] = 0
    big: Big = "number"


class ComparedResult(Struct, frozen=True, kw_only=True):
    """One of two compared results."""

    statement_id: str
    computed_at: str
    row_count: int
    truncated: bool


class RowChange(Struct, frozen=True, kw_only=True):
    """A row that differs; values in the order of ``columns`` and ``types``."""

    change: Literal["added", "removed", "changed"]
    before: tuple[msgspec.Raw, ...] | None
    after: tuple[msgspec.Raw, ...] | None


class RowDiff(Struct, frozen=True, kw_only=True):
    """What differs between two results: numbers of all rows, and a page of them."""

    before: ComparedResult
    after: ComparedResult
    key: tuple[str, ...]
    is_key_guessed: bool
    added: int
    removed: int
    changed: int
    columns: tuple[str, ...]
    types: tuple[str, ...]
    columns_added: tuple[str, ...]
    columns_removed: tuple[str, ...]
    columns_changed: tuple[str, ...]
    rows: tuple[RowChange, ...]
    offset: int
    next_offset: int | None


class DecisionOut(Struct, frozen=True, kw_only=True):
    """A line of the decision log."""

    at: str
    last_at: str
    count: int
    kind: str
    text: str


class DecisionPage(Struct, frozen=True, kw_only=True):
    """The decision log that is kept of a view, newest first."""

    items: tuple[DecisionOut, ...]


def mark_of(cursor: str | None) -> Mark | None:
    """The place in a history that a cursor names."""
    if cursor is None:
        return None
    at, _, statement_id = cursor.partition("-")
    if int(at) >= _LARGEST:
        raise Invalid("This cursor was not made here.", field="cursor")
    return int(at), statement_id


def history_page(entries: tuple[Entry, ...], next_mark: Mark | None) -> HistoryPage:
    """A page of a history."""
    cursor = f"{next_mark[0]}-{next_mark[1]}" if next_mark is not None else None
    return HistoryPage(items=tuple(map(_entry_out, entries)), next_cursor=cursor)


def _entry_out(entry: Entry) -> HistoryEntry:
    refresh = entry.refresh
    return HistoryEntry(
        id=refresh.id,
        status=refresh.status,
        cause=refresh.cause,
        version=refresh.version,
        submitted_at=iso(refresh.submitted_at) or "",
        started_at=iso(refresh.started_at),
        completed_at=iso(refresh.completed_at),
        duration_us=refresh.duration_us,
        row_count=refresh.row_count,
        size_bytes=refresh.size_bytes,
        method=refresh.method,
        error=msgspec.convert(refresh.error, StatementError) if refresh.error else None,
        is_unchanged=entry.is_unchanged,
        changes=refresh.changes,
        has_rows=refresh.sha256 is not None,
        count=entry.count,
        first_at=iso(entry.first[0]) or "",
        last_at=iso(refresh.submitted_at) or "",
    )


def version_out(version: Version, view: View) -> VersionOut:
    """A definition, as anybody sees it who may read the view."""
    return VersionOut(
        n=version.n,
        sql=version.query.sql,
        params=version.params,
        note=version.note,
        author=version.author,
        created_at=iso(version.created_at) or "",
        statement_id=version.statement_id,
        is_current=version.n == view.version.n,
    )


def sql_diff(before: Version, after: Version, view: View) -> SqlDiff:
    """What changed between two definitions."""
    lines = diff_lines(before.query.sql, after.query.sql)
    kinds = [line.kind for line in lines]
    return SqlDiff(
        before=version_out(before, view),
        after=version_out(after, view),
        added=kinds.count("added"),
        removed=kinds.count("removed"),
        lines=lines,
    )


def key_names(text: str | None) -> tuple[str, ...] | None:
    """The columns of a key: ``day,region`` or ``["day","region"]``; None for none named."""
    if not text:
        return None
    if not text.startswith("["):
        return tuple(name.strip() for name in text.split(","))
    try:
        return tuple(msgspec.json.decode(text, type=list[str]))
    except msgspec.DecodeError:
        raise Invalid("key is a JSON list of names.", field="key") from None


def row_diff(compared: Compared, offset: int) -> RowDiff:
    """What differs between two results; the text of each row is taken over as it is."""
    found = compared.difference
    rows = msgspec.json.decode(found.rows, type=tuple[RowChange, ...])
    end = offset + len(rows)
    total = found.added + found.removed + found.changed
    return RowDiff(
        before=_compared_result(compared.before),
        after=_compared_result(compared.after),
        key=found.key,
        is_key_guessed=found.is_key_guessed,
        added=found.added,
        removed=found.removed,
        changed=found.changed,
        columns=found.columns,
        types=found.types,
        columns_added=found.columns_added,
        columns_removed=found.columns_removed,
        columns_changed=found.columns_changed,
        rows=rows,
        offset=offset,
        next_offset=end if rows and end < total else None,
    )


def _compared_result(statement: Statement) -> ComparedResult:
    result = statement.result
    assert result is not None
    return ComparedResult(
        statement_id=statement.id,
        computed_at=iso(result.computed_at) or "",
        row_count=result.row_count,
        truncated=result.truncated is not None,
    )


def log_page(lines: tuple[Decision, ...]) -> DecisionPage:
    """The decision log."""
    return DecisionPage(
        items=tuple(
            DecisionOut(
                at=iso(line.at) or "",
                last_at=iso(line.last_at) or "",
                count=line.count,
                kind=line.kind,
                text=line.text,
            )
            for line in lines
        )
    )
