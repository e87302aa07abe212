"""Rows of the insight door: found and listed by project, with who looked at them."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import (
    ColumnElement,
    String,
    and_,
    cast,
    delete,
    exists,
    false,
    func,
    insert,
    nulls_first,
    nulls_last,
    or_,
    select,
)

from ..core.errors import Invalid
from ..core.insights import Beside
from ..core.model import Instant, Page, View
from ..core.requests import InsightFilter
from .access import readable_by
from .dashboards import LIVE, open_to, tiles_of
from .database import Database, Memo
from .tables import dashboards, insights, queries, tiles, versions, viewings, views
from .view_rows import loaded

_VIEWED = (
    select(func.max(viewings.c.at))
    .where(viewings.c.view_id == views.c.id)
    .correlate(views)
    .scalar_subquery()
)
_ORDERS: dict[str, ColumnElement[Any]] = {
    "id": views.c.id,
    "short_id": views.c.short_id,
    "name": views.c.name,
    "description": views.c.description,
    "created_at": views.c.created_at,
    "created_by": views.c.created_by,
    "updated_at": views.c.updated_at,
    "derived_name": insights.c.derived_name,
    "order": insights.c.order,
    "favorited": insights.c.favorited,
    "saved": insights.c.saved,
    "last_modified_at": insights.c.last_modified_at,
    "last_modified_by": insights.c.last_modified_by,
    "last_viewed_at": _VIEWED,
}
_NEWEST_VERSION = and_(versions.c.view_id == views.c.id, versions.c.n == views.c.current_version)
_OPEN = insights.c.deleted == false()


class InsightStore:
    """Insights on disk."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._counts: Memo[int] = Memo(database)

    def find(self, project_id: int, key: str) -> View | None:
        """The view behind a number or a short id, deleted or not."""
        is_number = key.isascii() and key.isdigit() and len(key) <= 18
        candidates = [views.c.id == int(key)] if is_number else []
        candidates.append(views.c.short_id == key)
        with self._database.read() as connection:
            for candidate in candidates:
                found = loaded(connection, and_(candidate, views.c.project_id == project_id))
                if found:
                    return found[0]
        return None

    def page(self, reader: str, wanted: InsightFilter, limit: int, offset: int) -> Page:
        """Readable insights that were not deleted, in the wanted order.

        Keys are sorted first and only those of the page are read whole, so
        that a page costs the same however many insights there are.
        """
        source = views.join(insights, insights.c.view_id == views.c.id)
        condition = and_(_OPEN, readable_by(reader), *_conditions(wanted))
        memo = f"{reader}\n{wanted}"
        version = self._database.version()
        with self._database.read() as connection:
            total = self._counts.get(memo)
            if total is None:
                total = connection.execute(
                    select(func.count()).select_from(source).where(condition)
                ).scalar_one()
                self._counts.put(memo, total, version)
            ids = connection.scalars(
                select(views.c.id)
                .select_from(source)
                .where(condition)
                .order_by(*_order(wanted))
                .limit(limit)
                .offset(offset)
            ).all()
            found = {view.id: view for view in loaded(connection, views.c.id.in_(ids))}
        return Page(tuple(found[view_id] for view_id in ids), total)

    def view(self, reader: str, project_id: int, view_ids: tuple[int, ...], at: Instant) -> None:
        """Note that somebody looked at these; what may not be read is passed over."""
        with self._database.write() as connection:
            seen = connection.scalars(
                select(views.c.id)
                .join(insights, insights.c.view_id == views.c.id)
                .where(
                    views.c.id.in_(view_ids),
                    views.c.project_id == project_id,
                    _OPEN,
                    readable_by(reader),
                )
            ).all()
            if not seen:
                return
            connection.execute(
                delete(viewings).where(viewings.c.person == reader, viewings.c.view_id.in_(seen))
            )
            connection.execute(
                insert(viewings), [{"view_id": each, "person": reader, "at": at} for each in seen]
            )

    def last_viewed(self, reader: str, project_id: int, limit: int) -> list[View]:
        """What somebody looked at last, newest first."""
        with self._database.read() as connection:
            ids = connection.scalars(
                select(views.c.id)
                .join(insights, insights.c.view_id == views.c.id)
                .join(viewings, viewings.c.view_id == views.c.id)
                .where(
                    viewings.c.person == reader,
                    views.c.project_id == project_id,
                    _OPEN,
                    readable_by(reader),
                )
                .order_by(viewings.c.at.desc(), views.c.id.desc())
                .limit(limit)
            ).all()
            found = {view.id: view for view in loaded(connection, views.c.id.in_(ids))}
        return [found[view_id] for view_id in ids]

    def beside(self, reader: str, view_ids: tuple[int, ...]) -> dict[int, Beside]:
        """When anybody looked at each of these last, and where on dashboards it stands."""
        with self._database.read() as connection:
            found = connection.execute(
                select(viewings.c.view_id, func.max(viewings.c.at))
                .where(viewings.c.view_id.in_(view_ids))
                .group_by(viewings.c.view_id)
            ).all()
            placed = tiles_of(connection, reader, view_ids)
        viewed = dict(map(tuple, found))
        return {
            each: Beside(viewed_at=viewed.get(each), tiles=placed.get(each, ()))
            for each in view_ids
        }

    def trending(
        self, reader: str, project_id: int, since: Instant, limit: int
    ) -> list[tuple[View, int, tuple[str, ...]]]:
        """Insights by how many people looked at them since, with the latest three of those."""
        count = func.count()
        with self._database.read() as connection:
            counted = connection.execute(
                select(views.c.id, count)
                .join(insights, insights.c.view_id == views.c.id)
                .join(viewings, viewings.c.view_id == views.c.id)
                .where(
                    viewings.c.at >= since,
                    viewings.c.person != "",
                    views.c.project_id == project_id,
                    _OPEN,
                    readable_by(reader),
                )
                .group_by(views.c.id)
                .order_by(count.desc(), func.max(insights.c.last_modified_at).desc())
                .limit(limit)
            ).all()
            ids = [view_id for view_id, _ in counted]
            found = {view.id: view for view in loaded(connection, views.c.id.in_(ids))}
            people: dict[int, list[str]] = {}
            for view_id, person in connection.execute(
                select(viewings.c.view_id, viewings.c.person)
                .where(viewings.c.view_id.in_(ids), viewings.c.at >= since, viewings.c.person != "")
                .order_by(viewings.c.at.desc())
            ):
                people.setdefault(view_id, []).append(person)
        return [(found[each], n, tuple(people[each][:3])) for each, n in counted]

    def people(self, project_id: int) -> list[str]:
        """Everybody who made an insight of a project."""
        with self._database.read() as connection:
            return list(
                connection.scalars(
                    select(views.c.created_by)
                    .distinct()
                    .where(views.c.project_id == project_id)
                    .order_by(views.c.created_by)
                )
            )


def _conditions(wanted: InsightFilter) -> list[Any]:
    found: list[Any] = [views.c.project_id == wanted.project_id]
    if wanted.short_id is not None:
        found.append(views.c.short_id == wanted.short_id)
    if wanted.search:
        fields = (
            views.c.name,
            insights.c.derived_name,
            views.c.description,
            cast(views.c.tags, String),
        )
        found.append(or_(*(c.icontains(wanted.search, autoescape=True) for c in fields)))
    if wanted.created_by is not None:
        found.append(views.c.created_by.in_(wanted.created_by))
    if wanted.is_favorited:
        found.append(insights.c.favorited)
    if wanted.is_saved is not None:
        is_kept = or_(insights.c.saved, _on(wanted.reader))
        found.append(is_kept if wanted.is_saved else ~is_kept)
    found.extend(
        _on(wanted.reader, dashboards.c.id == dashboard_id) for dashboard_id in wanted.dashboards
    )
    if wanted.tags:
        # As JSON writes them, with their quotes, so that no tag is found within another.
        quoted = (json.dumps(tag) for tag in wanted.tags)
        column = cast(views.c.tags, String)
        found.append(or_(*(column.contains(tag, autoescape=True) for tag in quoted)))
    if wanted.wrapped is not None:
        found.append(_wraps(wanted.wrapped))
    for column, (after, before) in (
        (insights.c.last_modified_at, wanted.modified),
        (views.c.created_at, wanted.created),
        (_VIEWED, wanted.viewed),
    ):
        if after is not None:
            found.append(column > after)
        if before is not None:
            found.append(column < before)
    return found


def _on(reader: str, *which: Any) -> Any:
    """Whether a view stands on a dashboard that this person may open."""
    return exists().where(
        tiles.c.view_id == views.c.id,
        tiles.c.dashboard_id == dashboards.c.id,
        ~tiles.c.deleted,
        LIVE,
        open_to(reader),
        *which,
    )


def _wraps(wrapped: bool) -> Any:
    kind = versions.c.query_object["kind"].as_string()
    bare = kind.in_(("HogQLQuery", "SQLQuery"))
    is_wanted = or_(kind.is_(None), ~bare) if wrapped else bare
    has_sql = and_(queries.c.id == versions.c.query_id, queries.c.normalized_sql != "")
    return exists().where(_NEWEST_VERSION, has_sql, is_wanted)


def _order(wanted: InsightFilter) -> list[Any]:
    name, is_descending = wanted.order
    column = _ORDERS.get(name)
    if column is None:
        raise Invalid(
            f"Insights cannot be ordered by {name[:40]!r}.",
            hint=f"By {', '.join(_ORDERS)}.",
            field="order",
        )
    if is_descending:
        return [nulls_last(column.desc()), views.c.id.desc()]
    return [nulls_first(column.asc()), views.c.id.desc()]
