"""Insights as JSON: the second door's dialect."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.access import is_owner
from ..core.dashboards import Tile
from ..core.errors import EngineFailed, Invalid, from_dict
from ..core.freshness import Freshness, Mode
from ..core.insights import Beside
from ..core.model import SECOND, Actor, Instant, Statement, Status, Version, View
from ..core.reading import Reading
from ..core.requests import NewInsight, ViewChange
from .changes import given
from .fields import Tags, iso
from .people import PersonOut, person_out
from .query_objects import Definition, query_object_of
from .query_status import QueryStatus, query_status

_EDIT, _VIEW = 37, 21
_CLIENT_REFRESH: Instant = 60 * SECOND
LIST_ROWS = 100
"""Rows of each insight in a list; one alone carries all that are stored."""

Words = Annotated[str, Meta(max_length=400)]
DashboardIds = Annotated[tuple[Annotated[int, Meta(ge=1, lt=2**31)], ...], Meta(max_length=500)]
_DOOR_FIELDS = ("derived_name", "order", "favorited", "saved", "deleted")


class InsightUpdate(Struct, frozen=True, kw_only=True):
    """Body of a create or an update: what is absent stays, null clears."""

    name: Words | UnsetType | None = UNSET
    derived_name: Words | UnsetType | None = UNSET
    query: Any = UNSET
    order: Annotated[int, Meta(ge=-(2**31), le=2**31)] | UnsetType | None = UNSET
    deleted: bool | UnsetType = UNSET
    description: Words | UnsetType | None = UNSET
    tags: Tags | UnsetType = UNSET
    favorited: bool | UnsetType = UNSET
    saved: bool | UnsetType = UNSET
    dashboards: DashboardIds | UnsetType = UNSET
    create_in_folder: Words | UnsetType | None = msgspec.field(
        default=UNSET, name="_create_in_folder"
    )
    refresh: bool | str | UnsetType | None = UNSET
    client_query_id: Annotated[str, Meta(max_length=200)] | UnsetType | None = UNSET


class ViewedRequest(Struct, frozen=True, kw_only=True):
    """Body of ``viewed``."""

    insight_ids: Annotated[tuple[int, ...], Meta(min_length=1, max_length=2500)]


class CancelRequest(Struct, frozen=True, kw_only=True):
    """Body of ``cancel``."""

    client_query_id: Annotated[str, Meta(min_length=1, max_length=200)]


class TilePlace(Struct, frozen=True, kw_only=True):
    """Where an insight stands on a dashboard."""

    id: int
    dashboard_id: int
    deleted: bool


class InsightBasic(Struct, frozen=True, kw_only=True):
    """An insight in a list with ``basic=true``: nothing of its rows."""

    id: int
    short_id: str
    name: str | None
    derived_name: str | None
    favorited: bool
    filters: dict[str, Any]
    query: dict[str, Any] | None
    dashboards: tuple[int, ...]
    dashboard_tiles: tuple[TilePlace, ...]
    description: str | None
    last_refresh: str | None
    refreshing: bool
    saved: bool
    updated_at: str
    created_by: PersonOut
    created_at: str
    last_modified_at: str
    tags: tuple[str, ...]
    user_access_level: str
    last_viewed_at: str | None
    is_stale: bool


class InsightOut(Struct, frozen=True, kw_only=True):
    """An insight whole. ``result`` comes first, so that rows can be streamed into their place.

    Visitors of a link are not told who made it, unless its owner wants it.
    ``color`` and ``layouts`` are there where it is read from a dashboard.
    """

    result: msgspec.Raw | None
    id: int
    short_id: str
    name: str | None
    derived_name: str | None
    description: str | None
    query: dict[str, Any] | None
    filters: dict[str, Any]
    order: int | None
    deleted: bool
    dashboards: tuple[int, ...]
    dashboard_tiles: tuple[TilePlace, ...]
    tags: tuple[str, ...]
    favorited: bool
    saved: bool
    created_at: str | None
    created_by: PersonOut | None
    updated_at: str
    last_modified_at: str | None
    last_modified_by: PersonOut | None
    is_sample: bool
    last_refresh: str | None
    cache_target_age: str | None
    next_allowed_client_refresh: str | None
    is_cached: bool
    columns: tuple[str, ...] | None
    types: tuple[tuple[str, str], ...] | None
    has_more: bool | None = msgspec.field(name="hasMore")
    hogql: str | None
    resolved_date_range: dict[str, str | None] | None
    query_status: QueryStatus | None
    timezone: str | None
    filters_hash: str | None
    effective_restriction_level: int
    effective_privilege_level: int
    user_access_level: str
    alerts: tuple[Any, ...]
    last_viewed_at: str | None
    is_stale: bool
    stale_reason: str | None
    stale_sources: tuple[str, ...]
    computed_at: str | None
    max_staleness_exceeded: bool
    version: int
    folder: str | None
    color: str | UnsetType | None = UNSET
    layouts: dict[str, Any] | UnsetType = UNSET


class TrendingInsight(InsightBasic, frozen=True, kw_only=True):
    """An insight that people look at."""

    view_count: int
    viewers: tuple[PersonOut, ...]
    last_modified_by: PersonOut


class Served(Struct, frozen=True, kw_only=True):
    """What one reader gets of an insight.

    Attributes
    ----------
    rows
        JSON of the rows with their brackets; None where nothing is served.
    is_cut
        Not all stored rows are in ``rows``.
    file
        Holds the rows themselves where they are many: ``rows`` is then an
        empty list, for them to be streamed into.
    job_id
        The reader's own name for the calculation.
    tile
        The place on the dashboard that it is read from.
    dates
        The date range that was put in place of its own; None for none.
    """

    reading: Reading
    mode: Mode
    rows: bytes | None = None
    is_cut: bool = False
    file: Path | None = None
    job_id: str | None = None
    beside: Beside = Beside()
    tile: Tile | None = None
    dates: dict[str, str | None] | None = None


def new_insight(body: InsightUpdate, definition: Definition | None, planned: Any) -> NewInsight:
    """A create in the core's words."""
    said = given(body)
    if said.get("deleted"):
        raise Invalid("An insight cannot be made deleted.", field="deleted")
    words = ("name", "description", "derived_name", "order", "favorited", "saved", "tags")
    return NewInsight(
        **{name: said[name] for name in words if name in said},
        folder=said.get("create_in_folder"),
        planned=planned,
        query_object=definition.query_object if definition else None,
        dashboards=_once(said.get("dashboards", ())),
    )


def insight_change(
    body: InsightUpdate, definition: Definition | None, planned: Statement | None
) -> ViewChange:
    """An update in the core's words."""
    said = given(body)
    fields = {name: said[name] for name in ("description", "tags") if name in said}
    if "name" in said:
        fields["name"] = said["name"] or ""
    if "create_in_folder" in said:
        fields["folder"] = said["create_in_folder"]
    door = {name: said[name] for name in _DOOR_FIELDS if name in said}
    return ViewChange(
        fields=fields,
        # Who changes a draft keeps it, unless the body says otherwise.
        insight={"saved": True, **door},
        planned=planned,
        query_object=definition.query_object if definition else None,
        dashboards=_once(said["dashboards"]) if "dashboards" in said else None,
    )


def _once(numbers: tuple[int, ...]) -> tuple[int, ...]:
    return tuple(dict.fromkeys(numbers))


def _common(view: View, actor: Actor, beside: Beside) -> dict[str, Any]:
    door = view.insight
    assert door is not None
    return {
        "id": view.id,
        "short_id": view.short_id,
        "name": view.name or None,
        "derived_name": door.derived_name,
        "description": view.description,
        "query": query_object_of(view.version),
        "filters": {},
        "dashboards": tuple(tile.dashboard_id for tile in beside.tiles),
        "dashboard_tiles": tuple(
            TilePlace(id=tile.id, dashboard_id=tile.dashboard_id, deleted=False)
            for tile in beside.tiles
        ),
        "tags": view.tags,
        "favorited": door.favorited,
        "saved": door.saved,
        "created_at": iso(view.created_at),
        "created_by": person_out(view.created_by),
        "updated_at": iso(view.updated_at),
        "last_modified_at": iso(door.last_modified_at),
        "user_access_level": "editor" if is_owner(actor, view) else "viewer",
        "last_viewed_at": iso(beside.viewed_at),
    }


def basic_out(reading: Reading, actor: Actor, beside: Beside) -> InsightBasic:
    """An insight without anything of its rows."""
    return InsightBasic(**_basic(reading, actor, beside))


def _basic(reading: Reading, actor: Actor, beside: Beside) -> dict[str, Any]:
    result = reading.view.current.result
    return {
        **_common(reading.view, actor, beside),
        "last_refresh": iso(result.computed_at) if result else None,
        "refreshing": reading.refresh is not None,
        "is_stale": reading.freshness.is_stale,
    }


def trending_out(
    reading: Reading, actor: Actor, beside: Beside, count: int, viewers: tuple[str, ...]
) -> TrendingInsight:
    """An insight with who looked at it."""
    assert reading.view.insight is not None
    return TrendingInsight(
        **_basic(reading, actor, beside),
        view_count=count,
        viewers=tuple(map(person_out, viewers)),
        last_modified_by=person_out(reading.view.insight.last_modified_by),
    )


def insight_out(served: Served, actor: Actor) -> InsightOut:
    """An insight whole, as this actor sees it."""
    view, freshness = served.reading.view, served.reading.freshness
    door = view.insight
    assert door is not None
    can_edit = _EDIT if is_owner(actor, view) else _VIEW
    return InsightOut(
        **_common(view, actor, served.beside),
        **_result_words(served),
        **_place(served.tile),
        order=door.order,
        deleted=door.deleted,
        last_modified_by=person_out(door.last_modified_by),
        is_sample=False,
        resolved_date_range=served.dates,
        query_status=_status(served),
        timezone="UTC" if served.rows is not None else None,
        filters_hash=_filters_hash(view.version),
        effective_restriction_level=_VIEW,
        effective_privilege_level=can_edit,
        alerts=(),
        is_stale=freshness.is_stale,
        stale_reason=freshness.reason,
        stale_sources=freshness.sources,
        max_staleness_exceeded=freshness.is_exceeded,
        version=view.version.n,
        folder=view.folder,
    )


def _place(tile: Tile | None) -> dict[str, Any]:
    return {} if tile is None else {"color": tile.color, "layouts": tile.layouts}


def _filters_hash(version: Version) -> str:
    """What tells apart definitions with different values."""
    told = [version.query.definition_hash, version.params]
    return hashlib.sha256(msgspec.json.encode(told, order="sorted")).hexdigest()


def _result_words(served: Served) -> dict[str, Any]:
    view = served.reading.view
    result = view.current.result
    if served.rows is None or result is None:
        empty = (
            "result", "last_refresh", "cache_target_age", "next_allowed_client_refresh",
            "columns", "types", "has_more", "hogql", "computed_at",
        )  # fmt: skip
        return {**dict.fromkeys(empty), "is_cached": False}
    awaited = served.reading.awaited
    is_new = awaited is not None and awaited.status is Status.SUCCESS
    return {
        "result": msgspec.Raw(served.rows),
        "last_refresh": iso(result.computed_at),
        "cache_target_age": iso(_target_age(served.reading.freshness)),
        "next_allowed_client_refresh": iso(result.computed_at + _CLIENT_REFRESH),
        "is_cached": not is_new,
        "columns": tuple(column.name for column in result.columns),
        "types": tuple((column.name, column.engine_type) for column in result.columns),
        "has_more": served.is_cut or bool(result.truncated),
        "hogql": view.current.query.normalized_sql,
        "computed_at": iso(result.computed_at),
    }


def _target_age(freshness: Freshness) -> Instant | None:
    """When an age will make the rows stale; null where their sources are verified."""
    return freshness.expires_at


def _status(served: Served) -> QueryStatus | None:
    """How the calculation stands that this read started, waited for, or found under way."""
    reading = served.reading
    if reading.refresh is not None:
        return query_status(reading.refresh, served.job_id)
    awaited = reading.awaited
    if awaited is not None and awaited.status is not Status.SUCCESS:
        return query_status(awaited, served.job_id)
    return None


def fault_of(reading: Reading) -> EngineFailed | None:
    """The caller's own fault in the SQL, where a reader waited for a run that ended in one."""
    awaited = reading.awaited
    if awaited is None or awaited.status is not Status.FAILED or not awaited.error:
        return None
    error = from_dict(awaited.error)
    # What the engine itself says; kinds of it tell of limits and crashes.
    return error if type(error) is EngineFailed else None
