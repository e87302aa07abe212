"""What a list of views is narrowed to, as conditions on rows."""

from __future__ import annotations

import json
from typing import Any

from sqlalchemy import String, cast, func, or_

from ..core.requests import ViewFilter, ViewStatus
from .endpoint_tables import endpoints
from .tables import insights, perspectives, statements, views
from .view_rows import DEFINED


def conditions(wanted: ViewFilter) -> list[Any]:
    """Every condition of a filter; only views behind an open door are in a list."""
    found: list[Any] = []
    if wanted.search:
        fields = (
            views.c.name,
            views.c.description,
            perspectives.c.slug,
            endpoints.c.name,
            DEFINED.c.sql,
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
    if wanted.folder is not None:
        found.append(views.c.folder == wanted.folder)
    if wanted.is_favorited is not None:
        is_favorite = func.coalesce(insights.c.favorited, False)
        found.append(is_favorite.is_(wanted.is_favorited))
    found.extend(_with_status(wanted.status))
    has_perspective = perspectives.c.id.is_not(None)
    has_insight = insights.c.deleted.is_(False)
    has_endpoint = endpoints.c.id.is_not(None)
    doors = {"perspective": has_perspective, "insight": has_insight, "endpoint": has_endpoint}
    found.append(doors.get(wanted.door or "", or_(*doors.values())))
    return found


def _with_status(status: ViewStatus | None) -> list[Any]:
    """Conditions of a status; whether rows are fresh or stale, no column tells."""
    is_refreshing = views.c.refreshing_statement_id.is_not(None)
    has_failed = views.c.failures > 0
    has_rows = statements.c.result_id.is_not(None)
    match status:
        case "refreshing":
            return [is_refreshing]
        case "failed":
            return [~is_refreshing, has_failed]
        case "never_run":
            return [~is_refreshing, ~has_failed, ~has_rows]
        case "fresh" | "stale":
            return [~is_refreshing, ~has_failed, has_rows]
    return []
