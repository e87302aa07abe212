"""Views as the store's rows make them: one join, read whole."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, Select, and_, bindparam, select

from ..core.charts import Chart
from ..core.model import (
    EndpointDoor,
    InsightDoor,
    LastRefresh,
    PerspectiveDoor,
    Rule,
    Statement,
    Version,
    View,
)
from .endpoint_tables import endpoints
from .rows import query_from, statement_from, statements_by_id
from .tables import grants, insights, perspectives, queries, results, statements, versions, views

# What the view is defined as; the current rows may be of an earlier definition.
DEFINED = queries.alias("defined")
ROW = (
    views.join(
        versions, and_(versions.c.view_id == views.c.id, versions.c.n == views.c.current_version)
    )
    .join(DEFINED, DEFINED.c.id == versions.c.query_id)
    .join(statements, statements.c.id == views.c.current_statement_id)
    .join(queries, queries.c.id == statements.c.query_id)
    .outerjoin(results, results.c.id == statements.c.result_id)
    .outerjoin(perspectives, perspectives.c.view_id == views.c.id)
    .outerjoin(insights, insights.c.view_id == views.c.id)
    .outerjoin(endpoints, endpoints.c.view_id == views.c.id)
)
_TABLES = (
    views, versions, DEFINED, statements, queries, results, perspectives, insights, endpoints,
)  # fmt: skip
# Made once: to name two hundred columns takes longer than to fetch them.
_WHOLE = select(*_TABLES).select_from(ROW)
_NEWEST_FIRST = (views.c.updated_at.desc(), views.c.id.desc())


_GRANTED = (
    select(grants.c.view_id, grants.c.user)
    .where(grants.c.view_id.in_(bindparam("view_ids", expanding=True)))
    .order_by(grants.c.user)
)


def whole(condition: Any, order: Sequence[Any] = _NEWEST_FIRST) -> Select[Any]:
    """The select of the views that meet a condition; made once where much is asked by it."""
    return _WHOLE.where(condition).order_by(*order)


def loaded(
    connection: Connection,
    condition: Any,
    *,
    limit: int | None = None,
    offset: int = 0,
    order: Sequence[Any] = _NEWEST_FIRST,
) -> list[View]:
    """The views that meet a condition, whole; newest change first."""
    return views_of(connection, whole(condition, order).limit(limit).offset(offset))


def views_of(
    connection: Connection, made: Select[Any], values: dict[str, Any] | None = None
) -> list[View]:
    """What a select that :func:`whole` made finds, with these values for its parameters."""
    found = connection.execute(made, values).mappings().all()
    if not found:
        return []
    view_ids = [row[views.c.id] for row in found]
    granted: dict[int, list[str]] = {}
    for view_id, user in connection.execute(_GRANTED, {"view_ids": view_ids}):
        granted.setdefault(view_id, []).append(user)
    others = {row[statements.c.id]: statement_from(row) for row in found}
    named = {
        row[column]
        for row in found
        for column in (views.c.refreshing_statement_id, views.c.last_refresh_statement_id)
    }
    others |= statements_by_id(connection, named - {None} - others.keys())
    return [_view_from(row, granted.get(row[views.c.id], []), others) for row in found]


def version_from(row: RowMapping, defining: Any = queries) -> Version:
    """A version of a view; ``defining`` is the table that its query's columns come from."""
    return Version(
        n=row[versions.c.n],
        query=query_from(row, defining),
        params=row[versions.c.params],
        statement_id=row[versions.c.statement_id],
        note=row[versions.c.note],
        author=row[versions.c.author],
        created_at=row[versions.c.created_at],
        query_object=row[versions.c.query_object],
        chart=msgspec.convert(row[versions.c.chart], Chart | None),
    )


def _view_from(row: RowMapping, granted: Sequence[str], others: Mapping[str, Statement]) -> View:
    last = others.get(row[views.c.last_refresh_statement_id])
    return View(
        id=row[views.c.id],
        short_id=row[views.c.short_id],
        project_id=row[views.c.project_id],
        folder=row[views.c.folder],
        name=row[views.c.name],
        description=row[views.c.description],
        tags=tuple(row[views.c.tags]),
        owner=row[views.c.owner],
        is_public=row[views.c.is_public],
        auto_refresh=row[views.c.auto_refresh],
        notebook=row[views.c.notebook],
        allowed_user_ids=tuple(granted),
        revision=row[views.c.revision],
        version=version_from(row, DEFINED),
        current=others[row[statements.c.id]],
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
        insight=_insight_from(row),
        endpoint=_endpoint_from(row),
        created_at=row[views.c.created_at],
        created_by=row[views.c.created_by],
        updated_at=row[views.c.updated_at],
        updated_by=row[views.c.updated_by],
    )


def _insight_from(row: RowMapping) -> InsightDoor | None:
    if row[insights.c.view_id] is None:
        return None
    return InsightDoor(**{name: row[insights.c[name]] for name in InsightDoor.__struct_fields__})


def _endpoint_from(row: RowMapping) -> EndpointDoor | None:
    if row[endpoints.c.view_id] is None:
        return None
    return EndpointDoor(**{name: row[endpoints.c[name]] for name in EndpointDoor.__struct_fields__})
