"""View rows with their versions, grants and doors."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import (
    Connection,
    RowMapping,
    String,
    and_,
    cast,
    delete,
    exc,
    exists,
    func,
    insert,
    or_,
    select,
    update,
)

from ..core.errors import SlugTaken, StaleWrite
from ..core.model import (
    Instant,
    LastRefresh,
    Page,
    PerspectiveDoor,
    Rule,
    Statement,
    Version,
    View,
    ViewFilter,
)
from .access import readable_by
from .database import Database, Memo
from .rows import plain, query_from, statement_from, statements_by_id
from .tables import (
    grants,
    perspectives,
    queries,
    results,
    statements,
    upstreams,
    versions,
    views,
)
from .upstreams import replace_upstreams

# What the view is defined as; the current rows may be of an earlier definition.
_defined = queries.alias("defined")
_ROW = (
    views.join(
        versions, and_(versions.c.view_id == views.c.id, versions.c.n == views.c.current_version)
    )
    .join(_defined, _defined.c.id == versions.c.query_id)
    .join(statements, statements.c.id == views.c.current_statement_id)
    .join(queries, queries.c.id == statements.c.query_id)
    .outerjoin(results, results.c.id == statements.c.result_id)
    .outerjoin(perspectives, perspectives.c.view_id == views.c.id)
)
_FIELDS = ("name", "description", "tags", "is_public", "auto_refresh", "notebook")


class ViewStore:
    """Views on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._by_slug: Memo[View] = Memo(database)

    def create(self, view: View) -> View:
        """Write a view with its first version, its grants and its door, in one commit.

        Raises
        ------
        SlugTaken
            If the perspective's slug names another view.
        """
        with self._database.write() as connection:
            view_id = connection.execute(
                insert(views).values(
                    short_id=view.short_id,
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
            if view.perspective is not None:
                _open_perspective(connection, view_id, view.perspective)
            _insert_version(connection, view_id, view.version)
            _replace_grants(connection, view_id, view.allowed_user_ids)
            return _loaded(connection, views.c.id == view_id)[0]

    def known_by_slug(self, slug: str) -> View | None:
        """The view behind a slug, if it is remembered and still true; takes microseconds."""
        return self._by_slug.get(slug)

    def find_by_slug(self, slug: str) -> View | None:
        """The view behind a perspective's slug."""
        version = self._database.version()
        found = self._find(perspectives.c.slug == slug)
        if found is not None:
            self._by_slug.put(slug, found, version)
        return found

    def find_by_short_id(self, short_id: str) -> View | None:
        """The view with this public key."""
        return self._find(views.c.short_id == short_id)

    def find(self, view_id: int) -> View | None:
        """The view with this internal key."""
        return self._find(views.c.id == view_id)

    def find_many(self, view_ids: Sequence[int]) -> list[View]:
        """The views with these internal keys; absent ones are left out."""
        with self._database.read() as connection:
            return _loaded(connection, views.c.id.in_(view_ids))

    def _find(self, condition: Any) -> View | None:
        with self._database.read() as connection:
            found = _loaded(connection, condition)
        return found[0] if found else None

    def is_slug_free(self, slug: str) -> bool:
        """Whether no view has this slug now."""
        with self._database.read() as connection:
            return not connection.execute(
                select(exists().where(perspectives.c.slug == slug))
            ).scalar()

    def readable_statement(self, reader: str, statement_id: str) -> bool:
        """Whether a view that this person may read serves this statement's rows, or is about to."""
        with self._database.read() as connection:
            return bool(
                connection.execute(
                    select(
                        exists().where(
                            or_(
                                views.c.current_statement_id == statement_id,
                                views.c.refreshing_statement_id == statement_id,
                                views.c.last_refresh_statement_id == statement_id,
                                exists().where(
                                    versions.c.view_id == views.c.id,
                                    versions.c.statement_id == statement_id,
                                ),
                            ),
                            readable_by(reader),
                        )
                    )
                ).scalar()
            )

    def page(self, reader: str, wanted: ViewFilter, limit: int, offset: int) -> Page:
        """Views that this person may read, newest change first."""
        condition = and_(readable_by(reader), *_conditions(wanted))
        with self._database.read() as connection:
            total = connection.execute(
                select(func.count()).select_from(_ROW).where(condition)
            ).scalar_one()
            found = _loaded(connection, condition, limit=limit, offset=offset)
        return Page(tuple(found), total)

    def page_after(
        self, reader: str, wanted: ViewFilter, limit: int, after: tuple[int, int] | None
    ) -> Page:
        """The same by key: what follows (updated_at, id), at any depth in the same time."""
        readable = and_(readable_by(reader), *_conditions(wanted))
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
                select(func.count()).select_from(_ROW).where(readable)
            ).scalar_one()
            found = _loaded(connection, condition, limit=limit + 1)
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
        version: Version | None = None,
    ) -> View:
        """Change a view that still is as the caller saw it; with a version, swap its result too.

        Raises
        ------
        StaleWrite
            If somebody changed it in between.
        """
        columns = {name: fields[name] for name in _FIELDS if name in fields}
        if "tags" in columns:
            columns["tags"] = list(columns["tags"])
        if "rule" in fields:
            columns["rule"] = plain(fields["rule"])
        if "next_due_at" in fields:
            columns["next_due_at"] = fields["next_due_at"]
        if version is not None:
            columns |= {
                "current_version": version.n,
                "current_statement_id": version.statement_id,
                "refreshing_statement_id": None,
                "refreshed_at": at,
                "failures": 0,
                "retry_at": 0,
                "changed_at": None,
            }
        with self._database.write() as connection:
            moved = connection.execute(
                update(views)
                .where(views.c.id == view.id, views.c.revision == view.revision)
                .values(**columns, revision=view.revision + 1, updated_at=at, updated_by=by)
            )
            if not moved.rowcount:
                raise StaleWrite("The view changed while you were changing it.")
            if version is not None and version.n != view.version.n:
                _insert_version(connection, view.id, version)
            if "allowed_user_ids" in fields:
                _replace_grants(connection, view.id, fields["allowed_user_ids"])
            return _loaded(connection, views.c.id == view.id)[0]

    def note_changed(self, view_id: int, at: Instant | None) -> None:
        """Remember when the current rows were first seen to be out of date; None to forget."""
        with self._database.write() as connection:
            connection.execute(update(views).where(views.c.id == view_id).values(changed_at=at))

    def postpone(self, view_id: int, until: Instant) -> None:
        """Have the server look at a view again at this instant, if not before."""
        due = views.c.next_due_at
        with self._database.write() as connection:
            connection.execute(
                update(views)
                .where(views.c.id == view_id, or_(due.is_(None), due > until))
                .values(next_due_at=until)
            )

    def downstream(self, slug: str) -> frozenset[int]:
        """Keys of the views that read the one with this slug."""
        with self._database.read() as connection:
            return frozenset(
                connection.scalars(select(upstreams.c.view_id).where(upstreams.c.slug == slug))
            )

    def delete(self, view: View) -> None:
        """Remove a view with versions, grants and doors; its statements stay until they expire."""
        with self._database.write() as connection:
            moved = connection.execute(
                delete(views).where(views.c.id == view.id, views.c.revision == view.revision)
            )
            if not moved.rowcount and _loaded(connection, views.c.id == view.id):
                raise StaleWrite("The view changed while you were deleting it.")


def _conditions(wanted: ViewFilter) -> list[Any]:
    found: list[Any] = []
    if wanted.search:
        fields = (
            views.c.name,
            views.c.description,
            perspectives.c.slug,
            _defined.c.sql,
            cast(views.c.tags, String),
        )
        found.append(or_(*(c.icontains(wanted.search, autoescape=True) for c in fields)))
    if wanted.is_public is not None:
        found.append(views.c.is_public == wanted.is_public)
    if wanted.owner is not None:
        found.append(views.c.owner == wanted.owner)
    if wanted.tag is not None:
        quoted = json.dumps(wanted.tag)
        found.append(cast(views.c.tags, String).contains(quoted, autoescape=True))
    if wanted.door == "perspective":
        found.append(perspectives.c.id.is_not(None))
    return found


def _open_perspective(connection: Connection, view_id: int, door: PerspectiveDoor) -> None:
    try:
        connection.execute(insert(perspectives).values(view_id=view_id, id=door.id, slug=door.slug))
    except exc.IntegrityError as error:
        raise SlugTaken(f"The slug {door.slug} is taken.") from error


def _insert_version(connection: Connection, view_id: int, version: Version) -> None:
    connection.execute(
        insert(versions).values(
            view_id=view_id,
            n=version.n,
            query_id=version.query.id,
            params=version.params,
            statement_id=version.statement_id,
            note=version.note,
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


def _loaded(
    connection: Connection, condition: Any, *, limit: int | None = None, offset: int = 0
) -> list[View]:
    found = (
        connection.execute(
            select(views, versions, _defined, statements, queries, results, perspectives)
            .select_from(_ROW)
            .where(condition)
            .order_by(views.c.updated_at.desc(), views.c.id.desc())
            .limit(limit)
            .offset(offset)
        )
        .mappings()
        .all()
    )
    view_ids = [row[views.c.id] for row in found]
    granted: dict[int, list[str]] = {}
    for view_id, user in connection.execute(
        select(grants.c.view_id, grants.c.user)
        .where(grants.c.view_id.in_(view_ids))
        .order_by(grants.c.user)
    ):
        granted.setdefault(view_id, []).append(user)
    named = {
        row[column]
        for row in found
        for column in (views.c.refreshing_statement_id, views.c.last_refresh_statement_id)
    } - {None}
    others = statements_by_id(connection, named)
    return [_view_from(row, granted.get(row[views.c.id], []), others) for row in found]


def _version_from(row: RowMapping) -> Version:
    return Version(
        n=row[versions.c.n],
        query=query_from(row, _defined),
        params=row[versions.c.params],
        statement_id=row[versions.c.statement_id],
        note=row[versions.c.note],
        author=row[versions.c.author],
        created_at=row[versions.c.created_at],
    )


def _view_from(row: RowMapping, granted: Sequence[str], others: Any) -> View:
    current: Statement = statement_from(row)
    last = others.get(row[views.c.last_refresh_statement_id])
    return View(
        id=row[views.c.id],
        short_id=row[views.c.short_id],
        name=row[views.c.name],
        description=row[views.c.description],
        tags=tuple(row[views.c.tags]),
        owner=row[views.c.owner],
        is_public=row[views.c.is_public],
        auto_refresh=row[views.c.auto_refresh],
        notebook=row[views.c.notebook],
        allowed_user_ids=tuple(granted),
        revision=row[views.c.revision],
        version=_version_from(row),
        current=current,
        refreshing=others.get(row[views.c.refreshing_statement_id]),
        last_refresh=LastRefresh(
            statement_id=last.id, status=last.status, error=last.error, at=last.completed_at
        )
        if last
        else None,
        failures=row[views.c.failures],
        retry_at=row[views.c.retry_at],
        rule=msgspec.convert(row[views.c.rule], Rule),
        changed_at=row[views.c.changed_at],
        next_due_at=row[views.c.next_due_at],
        refreshed_at=row[views.c.refreshed_at],
        perspective=PerspectiveDoor(id=row[perspectives.c.id], slug=row[perspectives.c.slug])
        if row[perspectives.c.id]
        else None,
        created_at=row[views.c.created_at],
        created_by=row[views.c.created_by],
        updated_at=row[views.c.updated_at],
        updated_by=row[views.c.updated_by],
    )
