"""What has to be watched for which view."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import msgspec
from sqlalchemy import RowMapping, and_, select

from ..core.model import Rule
from ..core.ports import Read
from ..core.watching import Watched
from .database import Database
from .tables import queries, versions, views

_AT_ONCE = 500
_ROWS = select(
    views.c.id, views.c.revision, views.c.rule, queries.c.reads, queries.c.base_dir
).select_from(
    views.join(
        versions, and_(versions.c.view_id == views.c.id, versions.c.n == views.c.current_version)
    ).join(queries, queries.c.id == versions.c.query_id)
)


class WatchedStore:
    """The sources of views, in pages."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def state(self) -> int | None:
        """A number that differs once anybody wrote; None where none is cheap to have."""
        return self._database.version()

    def revisions(self) -> dict[int, int]:
        """The revision of every view, by its key."""
        with self._database.read() as connection:
            rows = connection.execute(select(views.c.id, views.c.revision))
            return {row.id: row.revision for row in rows}

    def page(self, after_view_id: int, limit: int) -> tuple[Watched, ...]:
        """Views with greater keys, in their order."""
        return self._found(views.c.id > after_view_id, limit)

    def find(self, view_ids: Collection[int]) -> tuple[Watched, ...]:
        """The views with these keys; those that are gone are left out."""
        wanted = sorted(view_ids)
        found: list[Watched] = []
        for start in range(0, len(wanted), _AT_ONCE):
            found += self._found(views.c.id.in_(wanted[start : start + _AT_ONCE]), _AT_ONCE)
        return tuple(found)

    def _found(self, condition: Any, limit: int) -> tuple[Watched, ...]:
        with self._database.read() as connection:
            rows = connection.execute(_ROWS.where(condition).order_by(views.c.id).limit(limit))
            return tuple(_watched(row) for row in rows.mappings())


def _watched(row: RowMapping) -> Watched:
    reads = msgspec.convert(row[queries.c.reads], tuple[Read, ...])
    rule = msgspec.convert(row[views.c.rule], Rule)
    if rule.changed_when is not None:
        reads += (
            Read(
                kind="probe",
                name="changed_when",
                path=row[queries.c.base_dir],
                sql=rule.changed_when,
            ),
        )
    return Watched(view_id=row[views.c.id], revision=row[views.c.revision], reads=reads)
