"""View rows with their versions, grants and doors."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace
from sqlalchemy import (
    Connection,
    and_,
    delete,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from ..core.activity import Activity
from ..core.doors import AnyDoor
from ..core.errors import StaleWrite
from ..core.model import Instant, Page, Rule, Version, View
from ..core.placing import Placed
from ..core.requests import ViewFilter
from .access import readable_by
from .activities import record
from .dashboards import leave, place
from .database import Database
from .door_rows import OF_DOOR, is_name_free, open_door
from .endpoint_tables import endpoints
from .known_views import KnownViews
from .reference_tables import query_references
from .rows import plain
from .tables import grants, insights, perspectives, statements, upstreams, versions, views
from .upstreams import replace_upstreams
from .view_filters import conditions
from .view_rows import ROW, loaded

_FIELDS = ("name", "description", "tags", "folder", "is_public", "auto_refresh", "notebook")
_OF_VERSION = ("query_object", "chart")


class ViewStore:
    """Views on disk."""

    def __init__(self, database: Database, known: KnownViews) -> None:
        self._database = database
        self._known = known

    def create(self, view: View, activity: Activity, placed: Placed | None = None) -> View:
        """Write a view with its first version, its grants and its doors, in one commit.

        Parameters
        ----------
        placed
            The dashboards that it is put on.

        Raises
        ------
        SlugTaken, NameTaken
            If the perspective's slug, the endpoint's name is another view's.
        """
        with self._database.write() as connection:
            view_id = connection.execute(
                insert(views).values(
                    short_id=view.short_id,
                    project_id=view.project_id,
                    **{name: getattr(view, name) for name in _FIELDS if name != "tags"},
                    tags=list(view.tags),
                    owner=view.owner,
                    revision=1,
                    current_version=view.version.n,
                    current_statement_id=view.current.id,
                    failures=0,
                    retry_at=0,
                    rule=plain(view.rule),
                    next_due_at=view.next_due_at,
                    refreshed_at=view.refreshed_at,
                    created_at=view.created_at,
                    created_by=view.created_by,
                    updated_at=view.updated_at,
                    updated_by=view.updated_by,
                )
            ).inserted_primary_key[0]
            for door in (view.perspective, view.insight, view.endpoint):
                if door is not None:
                    open_door(connection, replace(view, id=view_id), door)
            _insert_version(connection, view_id, view.version)
            _replace_grants(connection, view_id, view.allowed_user_ids)
            if placed is not None:
                place(connection, view_id, placed, view.created_at)
            record(connection, replace(activity, item_id=view_id))
            return loaded(connection, views.c.id == view_id)[0]

    def known_by_slug(self, slug: str) -> View | None:
        """The view behind a slug, if it is remembered and still true; takes microseconds."""
        return self._known.known("slug", slug)

    def find_by_slug(self, slug: str) -> View | None:
        """The view behind a perspective's slug."""
        return self._known.find("slug", slug)

    def known_by_short_id(self, short_id: str) -> View | None:
        """The same by its public key."""
        return self._known.known("short_id", short_id)

    def find_by_short_id(self, short_id: str) -> View | None:
        """The view with this public key."""
        return self._known.find("short_id", short_id)

    def known(self, view_id: int) -> View | None:
        """The same by its internal key."""
        return self._known.known("id", view_id)

    def find(self, view_id: int) -> View | None:
        """The view with this internal key."""
        return self._known.find("id", view_id)

    def look_at(self, view_id: int) -> None:
        """Remember a view for whoever asks for it next, where the store can remember."""
        self._known.look_at("id", view_id)

    def find_many(self, view_ids: Sequence[int]) -> list[View]:
        """The views with these internal keys; absent ones are left out."""
        with self._database.read() as connection:
            return loaded(connection, views.c.id.in_(view_ids))

    def is_slug_free(self, slug: str) -> bool:
        """Whether no view has this slug now."""
        with self._database.read() as connection:
            return not connection.execute(
                select(exists().where(perspectives.c.slug == slug))
            ).scalar()

    def is_name_free(self, project_id: int, name: str) -> bool:
        """Whether no endpoint of the project has this name now."""
        with self._database.read() as connection:
            return is_name_free(connection, project_id, name)

    def page(self, reader: str, wanted: ViewFilter, limit: int, offset: int) -> Page:
        """Views that this person may read, newest change first."""
        condition = and_(readable_by(reader), *conditions(wanted))
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(ROW).where(condition)
            ).scalar_one()
            found = loaded(connection, condition, limit=limit, offset=offset)
        return Page(tuple(found), total)

    def page_after(
        self, reader: str, wanted: ViewFilter, limit: int, after: tuple[int, int] | None
    ) -> Page:
        """The same by key: what follows (updated_at, id), at any depth in the same time."""
        readable = and_(readable_by(reader), *conditions(wanted))
        condition = readable
        if after is not None:
            at, view_id = after
            condition = and_(
                readable,
                or_(
                    views.c.updated_at < at,
                    and_(views.c.updated_at == at, views.c.id < view_id),
                ),
            )
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(ROW).where(readable)
            ).scalar_one()
            found = loaded(connection, condition, limit=limit + 1)
        more = len(found) > limit
        found = found[:limit]
        cursor = f"{found[-1].updated_at}-{found[-1].id}" if more else None
        return Page(tuple(found), total, cursor)

    def update(
        self,
        view: View,
        fields: dict[str, Any],
        *,
        by: str,
        at: Instant,
        activity: Activity | tuple[Activity, ...] | None,
        version: Version | None = None,
        opened: AnyDoor | None = None,
        placed: Placed | None = None,
    ) -> View:
        """Change a view that still is as the caller saw it.

        With a version its result is swapped too, if it has one: until a new
        definition has rows, those of the old one are served.

        Parameters
        ----------
        fields
            Values by column; ``insight`` and ``endpoint`` hold those of these
            doors, ``query_object`` and ``chart`` go to the current version.
        opened
            A door that was not there.
        placed
            The dashboards that it is put on and taken off. One whose insight
            door is deleted is on none.

        Raises
        ------
        SlugTaken, NameTaken
            If the slug or name of a door to be opened is another view's.
        StaleWrite
            If somebody changed it in between.
        """
        columns = {name: fields[name] for name in _FIELDS if name in fields}
        if "tags" in columns:
            columns["tags"] = list(columns["tags"])
        if "rule" in fields:
            columns["rule"] = plain(fields["rule"])
        if "next_due_at" in fields:
            # Who sets a schedule does not wait for what failed under the last one.
            columns |= {"next_due_at": fields["next_due_at"], "retry_at": 0}
        with self._database.write() as connection:
            if version is not None:
                columns |= _defined_by(connection, view, version, at)
            moved = connection.execute(
                update(views)
                .where(views.c.id == view.id, views.c.revision == view.revision)
                .values(**columns, revision=view.revision + 1, updated_at=at, updated_by=by)
            )
            if not moved.rowcount:
                raise StaleWrite("The view changed while you were changing it.")
            if version is not None and version.n != view.version.n:
                _insert_version(connection, view.id, version)
            elif rest := {name: plain(fields[name]) for name in _OF_VERSION if name in fields}:
                _reword_version(connection, view, rest)
            if "allowed_user_ids" in fields:
                _replace_grants(connection, view.id, fields["allowed_user_ids"])
            for table in (insights, endpoints):
                if fields.get(table.name[:-1]):
                    connection.execute(
                        update(table)
                        .where(table.c.view_id == view.id)
                        .values(**fields[table.name[:-1]])
                    )
            if placed is not None:
                place(connection, view.id, placed, at)
            if fields.get("insight", {}).get("deleted"):
                leave(connection, view.id, at)
            if opened is not None:
                open_door(connection, view, opened)
            for each in _each(activity):
                record(connection, each)
            return loaded(connection, views.c.id == view.id)[0]

    def note_changed(self, view_id: int, at: Instant | None) -> None:
        """Remember when the current rows were first seen to be out of date; None to forget."""
        with self._database.write() as connection:
            connection.execute(update(views).where(views.c.id == view_id).values(changed_at=at))

    def postpone(self, view_id: int, until: Instant) -> None:
        """Have the server look at a view again at this instant, and not before."""
        with self._database.write() as connection:
            connection.execute(update(views).where(views.c.id == view_id).values(next_due_at=until))

    def downstream(self, slug: str) -> frozenset[int]:
        """Keys of the views that read the one with this slug."""
        with self._database.read() as connection:
            return frozenset(
                connection.scalars(select(upstreams.c.view_id).where(upstreams.c.slug == slug))
            )

    def close(
        self, view: View, door: str, rule: Rule, *, by: str, at: Instant, activity: Activity
    ) -> View:
        """Close one door of a view that has another; ``rule`` is what it has from now on."""
        table = OF_DOOR[door]
        columns: dict[str, Any] = {"rule": plain(rule)}
        if rule.schedule is None and view.rule.schedule is not None:
            columns["next_due_at"] = None
        with self._database.write() as connection:
            moved = connection.execute(
                update(views)
                .where(views.c.id == view.id, views.c.revision == view.revision)
                .values(**columns, revision=view.revision + 1, updated_at=at, updated_by=by)
            )
            if not moved.rowcount:
                raise StaleWrite("The view changed while you were changing it.")
            connection.execute(delete(table).where(table.c.view_id == view.id))
            if door == "insight":
                leave(connection, view.id, at)
            record(connection, activity)
            return loaded(connection, views.c.id == view.id)[0]

    def delete(self, view: View, activity: Activity) -> None:
        """Remove a view with versions, grants and doors; its statements stay until they expire.

        A reference that followed it stays with its query, unless its owner
        may no longer read the view: that one goes with it.
        """
        left_out = and_(
            query_references.c.view_id == view.id,
            query_references.c.deleted_at.is_(None),
            query_references.c.owner.not_in({view.owner, *view.allowed_user_ids}),
        )
        with self._database.write() as connection:
            if not view.is_public:
                connection.execute(
                    update(query_references).where(left_out).values(deleted_at=activity.at)
                )
            moved = connection.execute(
                delete(views).where(views.c.id == view.id, views.c.revision == view.revision)
            )
            if not moved.rowcount and loaded(connection, views.c.id == view.id):
                raise StaleWrite("The view changed while you were deleting it.")
            if moved.rowcount:
                record(connection, activity)


def _defined_by(
    connection: Connection, view: View, version: Version, at: Instant
) -> dict[str, Any]:
    """What a new definition does to a view: its rows are served, where it has any."""
    result_id = connection.execute(
        select(statements.c.result_id).where(statements.c.id == version.statement_id)
    ).scalar()
    columns = {
        "current_version": version.n,
        "refreshing_statement_id": None,
        "failures": 0,
        "retry_at": 0,
        "changed_at": None,
    }
    if result_id is not None or view.current.result is None:
        columns |= {"current_statement_id": version.statement_id, "refreshed_at": at}
    return columns


def _each(activity: Activity | tuple[Activity, ...] | None) -> tuple[Activity, ...]:
    if isinstance(activity, Activity):
        return (activity,)
    return activity or ()


def _reword_version(connection: Connection, view: View, words: dict[str, Any]) -> None:
    connection.execute(
        update(versions)
        .where(versions.c.view_id == view.id, versions.c.n == view.version.n)
        .values(words)
    )


def _insert_version(connection: Connection, view_id: int, version: Version) -> None:
    connection.execute(
        insert(versions).values(
            view_id=view_id,
            n=version.n,
            query_id=version.query.id,
            params=version.params,
            statement_id=version.statement_id,
            note=version.note,
            query_object=version.query_object,
            chart=plain(version.chart),
            author=version.author,
            created_at=version.created_at,
        )
    )
    slugs = {read.name for read in version.query.reads if read.kind == "view"}
    replace_upstreams(connection, view_id, slugs)


def _replace_grants(connection: Connection, view_id: int, users: Sequence[str]) -> None:
    connection.execute(delete(grants).where(grants.c.view_id == view_id))
    if users:
        connection.execute(
            insert(grants), [{"view_id": view_id, "user": user} for user in dict.fromkeys(users)]
        )
