"""Rows of query references; a deleted one stays, so that its short id is never given again."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import Connection, RowMapping, and_, delete, exc, insert, select, tuple_, update

from ..core.activity import Activity
from ..core.errors import StaleWrite
from ..core.model import Version
from ..core.references import Reference
from .access import reference_readable_by
from .activities import record
from .database import Database
from .reference_tables import query_references, reference_grants
from .rows import query_from, statements_by_id
from .tables import queries, versions, views
from .view_rows import loaded, version_from

_WORDS = (
    "title", "description", "visualization", "declared", "is_public", "updated_at", "deleted_at",
)  # fmt: skip
_LIVE = query_references.c.deleted_at.is_(None)
_AGE = (query_references.c.created_at, query_references.c.id)


class ReferenceStore:
    """References on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def create(self, reference: Reference, activity: Activity) -> Reference | None:
        """Write a reference; None where its short id is taken."""
        assert reference.statement is not None
        try:
            with self._database.write() as connection:
                made = connection.execute(
                    insert(query_references).values(
                        short_id=reference.short_id,
                        owner=reference.owner,
                        query_id=reference.own.id,
                        params=reference.params,
                        statement_id=reference.statement.id,
                        view_id=reference.view.id if reference.view else None,
                        version=reference.version,
                        revision=reference.revision,
                        created_at=reference.created_at,
                        **{name: getattr(reference, name) for name in _WORDS},
                    )
                ).inserted_primary_key[0]
                _grant(connection, made, reference.allowed_user_ids)
                record(connection, replace(activity, item_id=made))
                return replace(reference, id=made)
        except exc.IntegrityError:
            if self._is_taken(reference.short_id):
                return None
            raise

    def _is_taken(self, short_id: str) -> bool:
        same = select(query_references.c.id).where(query_references.c.short_id == short_id)
        with self._database.read() as connection:
            return connection.execute(same).first() is not None

    def find(self, short_id: str) -> Reference | None:
        """The reference with this key; None where there is none, or it was deleted."""
        with self._database.read() as connection:
            found = _loaded(connection, and_(query_references.c.short_id == short_id, _LIVE), 1)
        return found[0] if found else None

    def of_view(self, view_id: int, limit: int) -> list[Reference]:
        """References that follow a view, newest first."""
        with self._database.read() as connection:
            return _loaded(connection, and_(query_references.c.view_id == view_id, _LIVE), limit)

    def page(self, reader: str, limit: int, after: int | None) -> list[Reference] | None:
        """References that this person may read, newest first.

        Parameters
        ----------
        after
            Only those older than this one, which may be deleted by now; None
            comes back where it never was.
        """
        condition = reference_readable_by(reader)
        with self._database.read() as connection:
            if after is not None:
                place = connection.execute(
                    select(*_AGE).where(query_references.c.id == after)
                ).first()
                if place is None:
                    return None
                condition = and_(condition, tuple_(*_AGE) < tuple(place))
            return _loaded(connection, condition, limit)

    def update(self, before: Reference, after: Reference, activity: Activity | None) -> Reference:
        """Change a reference that still is as the caller saw it.

        Raises
        ------
        StaleWrite
            If somebody changed or deleted it in between.
        """
        as_seen = and_(
            query_references.c.id == before.id,
            query_references.c.revision == before.revision,
            _LIVE,
        )
        with self._database.write() as connection:
            moved = connection.execute(
                update(query_references)
                .where(as_seen)
                .values(revision=after.revision, **{name: getattr(after, name) for name in _WORDS})
            )
            if not moved.rowcount:
                raise StaleWrite("The reference changed while you were changing it.")
            if before.allowed_user_ids != after.allowed_user_ids:
                _grant(connection, before.id, after.allowed_user_ids)
            if activity is not None:
                record(connection, activity)
            return after

    def note_statement(self, reference_id: int, statement_id: str) -> None:
        """Have a reference stand on newer rows of its query; theirs are kept from now on."""
        with self._database.write() as connection:
            connection.execute(
                update(query_references)
                .where(query_references.c.id == reference_id)
                .values(statement_id=statement_id)
            )


def _grant(connection: Connection, reference_id: int, users: Sequence[str]) -> None:
    mine = reference_grants.c.reference_id == reference_id
    connection.execute(delete(reference_grants).where(mine))
    rows = [{"reference_id": reference_id, "user": user} for user in dict.fromkeys(users)]
    if rows:
        connection.execute(insert(reference_grants), rows)


def _loaded(connection: Connection, condition: Any, limit: int) -> list[Reference]:
    """References that meet a condition, newest first, each with what it points to."""
    found = (
        connection.execute(
            select(query_references)
            .where(condition)
            .order_by(*(column.desc() for column in _AGE))
            .limit(limit)
        )
        .mappings()
        .all()
    )
    statements = statements_by_id(connection, {row["statement_id"] for row in found} - {None})
    defining = select(queries).where(queries.c.id.in_({row["query_id"] for row in found}))
    own = {row["id"]: query_from(row) for row in connection.execute(defining).mappings()}
    followed = {row["view_id"] for row in found} - {None}
    shown = {view.id: view for view in loaded(connection, views.c.id.in_(followed))}
    pinned = _pinned(connection, found)
    granted: dict[int, tuple[str, ...]] = {}
    for reference_id, user in connection.execute(
        select(reference_grants)
        .where(reference_grants.c.reference_id.in_([row["id"] for row in found]))
        .order_by(reference_grants.c.user)
    ):
        granted[reference_id] = (*granted.get(reference_id, ()), user)
    columns = Reference.__struct_fields__
    return [
        Reference(
            **{name: row[name] for name in columns if name in row},
            own=own[row["query_id"]],
            statement=statements.get(row["statement_id"]),
            view=shown.get(row["view_id"]),
            pinned=pinned.get((row["view_id"], row["version"])),
            allowed_user_ids=granted.get(row["id"], ()),
        )
        for row in found
    ]


def _pinned(
    connection: Connection, found: Sequence[RowMapping]
) -> dict[tuple[int | None, int | None], Version]:
    named = [(row["view_id"], row["version"]) for row in found if row["version"] is not None]
    if not named:
        return {}
    asked = (
        select(versions, queries)
        .join(queries, queries.c.id == versions.c.query_id)
        .where(tuple_(versions.c.view_id, versions.c.n).in_(named))
    )
    return {
        (row[versions.c.view_id], row[versions.c.n]): version_from(row)
        for row in connection.execute(asked).mappings()
    }
