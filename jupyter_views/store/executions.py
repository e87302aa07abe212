"""Rows of the log of endpoint runs."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Select, and_, delete, exists, func, insert, or_, select

from ..core.endpoints import RUNS_KEPT
from ..core.executions import LOG_KEPT, LOG_LINES, Execution, LogFilter
from ..core.model import Instant, Page
from .database import Database
from .endpoint_tables import executions
from .rows import plain
from .tables import views

_NEWEST_FIRST = (executions.c.at.desc(), executions.c.id.desc())


class ExecutionStore:
    """The log on disk."""

    def __init__(self, database: Database, kept: int = LOG_LINES) -> None:
        self._database = database
        self._kept = kept
        self._grown: set[int] = set()

    def write(self, lines: tuple[Execution, ...]) -> None:
        """Add lines in one commit; those of views that are gone are dropped."""
        view_ids = {line.view_id for line in lines}
        with self._database.write(is_forced=False) as connection:
            # Locked, so that nobody deletes one before its lines are in.
            is_there = select(views.c.id).where(views.c.id.in_(view_ids))
            there = set(connection.scalars(is_there.with_for_update(read=True)))
            found = [plain(line) for line in lines if line.view_id in there]
            if found:
                connection.execute(insert(executions), found)
        self._grown |= there

    def page(self, view_id: int, wanted: LogFilter, limit: int, offset: int) -> Page:
        """Lines of an endpoint, newest first; ``search`` is not looked at."""
        condition = and_(executions.c.view_id == view_id, *_conditions(wanted))
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(executions).where(condition)
            ).scalar_one()
            found = connection.execute(
                select(executions)
                .where(condition)
                .order_by(*_NEWEST_FIRST)
                .limit(limit)
                .offset(offset)
            ).mappings()
            return Page(tuple(Execution(**row) for row in found), total)

    def since(self, view_id: int, at: Instant) -> list[Execution]:
        """Every line of an endpoint since then, oldest first."""
        with self._database.read() as connection:
            found = connection.execute(
                select(executions)
                .where(executions.c.view_id == view_id, executions.c.at >= at)
                .order_by(executions.c.at, executions.c.id)
            ).mappings()
            return [Execution(**row) for row in found]

    def trim(self, now: Instant) -> None:
        """Forget old lines, and of each endpoint all but the newest.

        When an endpoint ran last is told for longer than the log is kept, so
        that line stays.
        """
        grown, self._grown = self._grown, set()
        newer = executions.alias()
        has_newer = exists().where(
            newer.c.view_id == executions.c.view_id,
            newer.c.at > executions.c.at,
            newer.c.status != "refused",
        )
        is_needless = or_(executions.c.status == "refused", has_newer)
        is_old = and_(executions.c.at < now - LOG_KEPT, is_needless)
        with self._database.write(is_forced=False) as connection:
            connection.execute(
                delete(executions).where(or_(executions.c.at < now - RUNS_KEPT, is_old))
            )
            for view_id in grown:
                oldest = connection.execute(_surplus(view_id, self._kept)).scalar()
                if oldest is not None:
                    connection.execute(
                        delete(executions).where(
                            executions.c.view_id == view_id, executions.c.at <= oldest
                        )
                    )


def _surplus(view_id: int, kept: int) -> Select[Any]:
    """When the newest line came that is one too many."""
    return (
        select(executions.c.at)
        .where(executions.c.view_id == view_id)
        .order_by(executions.c.at.desc())
        .limit(1)
        .offset(kept)
    )


def _conditions(wanted: LogFilter) -> list[Any]:
    own = executions.c
    found: list[Any] = []
    if wanted.after is not None:
        found.append(own.at > wanted.after)
    if wanted.before is not None:
        found.append(own.at < wanted.before)
    if wanted.statuses is not None:
        found.append(own.status.in_(wanted.statuses))
    if wanted.instance_id is not None:
        found.append(own.id == wanted.instance_id)
    return found
