"""The past of views: their refreshes, their versions, the log of decisions."""

from __future__ import annotations

from itertools import groupby
from operator import attrgetter
from typing import Any

import msgspec
from msgspec.structs import replace
from sqlalchemy import (
    ColumnElement,
    Connection,
    RowMapping,
    Select,
    and_,
    delete,
    insert,
    or_,
    select,
    update,
)

from ..core.history import Mark, Refresh
from ..core.model import (
    Cause,
    Changes,
    Decision,
    Instant,
    Statement,
    Status,
    Version,
)
from .database import Database
from .rows import plain, statements_where
from .statement_steps import note_changes
from .tables import decisions, queries, results, statements, versions, views
from .view_rows import version_from

_KEPT_LINES = 200
_NEWEST_FIRST = (statements.c.submitted_at.desc(), statements.c.id.desc())
_REFRESHES = select(
    statements.c.id,
    statements.c.status,
    statements.c.cause,
    statements.c.changes,
    statements.c.error,
    statements.c.query_id,
    statements.c.params,
    statements.c.submitted_by,
    statements.c.submitted_at,
    statements.c.started_at,
    statements.c.completed_at,
    results.c.sha256,
    results.c.row_count,
    results.c.size_bytes,
    results.c.method,
).select_from(statements.outerjoin(results, statements.c.result_id == results.c.id))


class HistoryStore:
    """What the store remembers of a view beside how it stands now."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def refreshes(self, view_id: int, after: Mark | None, limit: int) -> list[Refresh]:
        """Statements that refreshed a view or that it was saved with, newest first.

        Parameters
        ----------
        after
            Only those before this one.
        """
        with self._database.read() as connection:
            definitions = _definitions(connection, view_id)
            found = [
                _refresh(row, definitions, is_saved=is_saved)
                for condition, is_saved in ((_refreshed(view_id), False), (_saved(view_id), True))
                for row in connection.execute(
                    _page(_REFRESHES.where(condition), after).limit(limit)
                ).mappings()
            ]
        return sorted(found, key=attrgetter("submitted_at", "id"), reverse=True)[:limit]

    def statement(self, view_id: int, statement_id: str) -> Statement | None:
        """A statement of this view's past; None for one of another view."""
        with self._database.read() as connection:
            found = statements_where(
                connection, and_(statements.c.id == statement_id, _belongs(view_id))
            )
        return found[0] if found else None

    def other_rows(self, view_id: int, sha256: str, after: Mark | None) -> Statement | None:
        """The newest success of a view whose stored rows have another hash.

        Parameters
        ----------
        after
            Only those before this one.
        """
        succeeded = and_(statements.c.status == Status.SUCCESS, results.c.sha256 != sha256)
        asked = select(statements.c.id, statements.c.submitted_at).join(
            results, statements.c.result_id == results.c.id
        )
        with self._database.read() as connection:
            found = [
                row
                for condition in (_refreshed(view_id), _saved(view_id))
                if (
                    row := connection.execute(
                        _page(asked.where(condition, succeeded), after).limit(1)
                    ).first()
                )
            ]
            if not found:
                return None
            newest = max(found, key=attrgetter("submitted_at", "id"))
            return statements_where(connection, statements.c.id == newest.id)[0]

    def note_changes(self, statement_id: str, changes: Changes) -> None:
        """Keep what a refresh changed in the rows that it replaced."""
        with self._database.write(is_forced=False) as connection:
            note_changes(connection, statement_id, changes)

    def versions(self, view_id: int, below: int | None, limit: int) -> list[Version]:
        """Definitions of a view, newest first, below a number."""
        condition = versions.c.view_id == view_id
        if below is not None:
            condition = and_(condition, versions.c.n < below)
        with self._database.read() as connection:
            found = connection.execute(
                select(versions, queries)
                .join(queries, queries.c.id == versions.c.query_id)
                .where(condition)
                .order_by(versions.c.n.desc())
                .limit(limit)
            ).mappings()
            return [version_from(row) for row in found]

    def version(self, view_id: int, n: int) -> Version | None:
        """One numbered definition of a view."""
        found = self.versions(view_id, n + 1, 1)
        return found[0] if found and found[0].n == n else None

    def write_decisions(self, lines: tuple[Decision, ...]) -> None:
        """Add lines to the logs of their views, in one commit.

        Lines of views that are gone are dropped; an equal line that is the
        newest of its view's log is counted on; of each view the newest 200
        are kept.
        """
        with self._database.write(is_forced=False) as connection:
            by_view = attrgetter("view_id")
            for view_id, mine in groupby(sorted(lines, key=by_view), key=by_view):
                # Locked, so that nobody deletes it before the lines are in.
                is_there = select(views.c.id).where(views.c.id == view_id)
                if connection.execute(is_there.with_for_update(read=True)).first():
                    _append(connection, view_id, list(mine))

    def decisions(self, view_id: int) -> tuple[Decision, ...]:
        """The lines that are kept of a view, newest first."""
        with self._database.read() as connection:
            found = connection.execute(_lines(view_id).limit(_KEPT_LINES)).mappings()
            return tuple(_decision(row) for row in found)


def _refreshed(view_id: int) -> ColumnElement[bool]:
    return statements.c.view_id == view_id


def _saved(view_id: int) -> ColumnElement[bool]:
    """What people ran and then saved; few, so they are not asked for together with refreshes."""
    named = select(versions.c.statement_id).where(versions.c.view_id == view_id)
    current = select(views.c.current_statement_id).where(views.c.id == view_id)
    return and_(
        statements.c.id.in_(named.union(current)),
        statements.c.status != Status.PLANNED,
        or_(statements.c.view_id.is_(None), statements.c.view_id != view_id),
    )


def _belongs(view_id: int) -> ColumnElement[bool]:
    return or_(_refreshed(view_id), _saved(view_id))


def _page(asked: Any, after: Mark | None) -> Any:
    asked = asked.order_by(*_NEWEST_FIRST)
    if after is None:
        return asked
    at, statement_id = after
    # The first half lets the index find the place, the second keeps it exact.
    return asked.where(
        statements.c.submitted_at <= at,
        or_(statements.c.submitted_at < at, statements.c.id < statement_id),
    )


_Definition = tuple[int, str, dict[str, Any], Instant]


def _definitions(connection: Connection, view_id: int) -> list[_Definition]:
    """(number, query, parameters, since) of a view's versions, newest first."""
    found = connection.execute(
        select(versions.c.n, versions.c.query_id, versions.c.params, versions.c.created_at)
        .where(versions.c.view_id == view_id)
        .order_by(versions.c.n.desc())
    )
    return [(row.n, row.query_id, row.params, row.created_at) for row in found]


def _number(row: RowMapping, definitions: list[_Definition]) -> int | None:
    """The version that a statement ran: the newest equal one of its time, else the oldest."""
    alike = [
        (n, since)
        for n, query_id, params, since in definitions
        if (query_id, params) == (row["query_id"], row["params"])
    ]
    in_time = (n for n, since in alike if since <= row["submitted_at"])
    return next(in_time, alike[-1][0] if alike else None)


def _refresh(row: RowMapping, definitions: list[_Definition], *, is_saved: bool) -> Refresh:
    cells = dict(row)
    submitted_by = cells.pop("submitted_by")
    del cells["query_id"], cells["params"]
    cause = msgspec.convert(cells["cause"], Cause | None)
    return Refresh(
        **cells
        | {
            "status": Status(cells["status"]),
            "version": _number(row, definitions),
            "cause": Cause(kind="saved", by=submitted_by) if is_saved else cause,
            "changes": msgspec.convert(cells["changes"], Changes | None),
        }
    )


def _lines(view_id: int) -> Select[Any]:
    return select(decisions).where(decisions.c.view_id == view_id).order_by(decisions.c.id.desc())


def _append(connection: Connection, view_id: int, lines: list[Decision]) -> None:
    lines = _joined(lines)
    newest = connection.execute(_lines(view_id).limit(1)).mappings().first()
    if newest is not None and _is_same(_decision(newest), lines[0]):
        merged = _merged(_decision(newest), lines[0])
        connection.execute(
            update(decisions)
            .where(decisions.c.id == newest["id"])
            .values(count=merged.count, last_at=merged.last_at)
        )
        lines = lines[1:]
    if lines:
        connection.execute(insert(decisions), [plain(line) for line in lines])
        oldest = select(decisions.c.id).where(decisions.c.view_id == view_id)
        oldest = oldest.order_by(decisions.c.id.desc()).limit(1).offset(_KEPT_LINES)
        connection.execute(
            delete(decisions).where(
                decisions.c.view_id == view_id, decisions.c.id <= oldest.scalar_subquery()
            )
        )


def _joined(lines: list[Decision]) -> list[Decision]:
    joined = lines[:1]
    for line in lines[1:]:
        if _is_same(joined[-1], line):
            joined[-1] = _merged(joined[-1], line)
        else:
            joined.append(line)
    return joined


def _is_same(older: Decision, newer: Decision) -> bool:
    return (older.kind, older.text) == (newer.kind, newer.text)


def _merged(older: Decision, newer: Decision) -> Decision:
    return replace(older, count=older.count + newer.count, last_at=newer.last_at)


def _decision(row: RowMapping) -> Decision:
    cells = {name: row[name] for name in Decision.__struct_fields__}
    return Decision(**cells)
