"""Endpoints as JSON: the third door's dialect."""

from __future__ import annotations

import uuid
from typing import Any

from msgspec import UNSET, Struct, UnsetType
from msgspec.structs import replace

from ..core.model import EndpointDoor, Instant, Result, Version, View
from ..core.parameters import ParameterType
from ..core.reading import Reading
from .fields import iso
from .materialization import MaterializationOut, frequency_of, materialization_out
from .parameters import ParameterBody, parameters_out
from .people import PersonOut, person_out
from .query_objects import query_object_of
from .query_status import QueryStatus

_VALUE_TYPES: dict[type, ParameterType] = {bool: "boolean", int: "integer", float: "number"}
_TYPES = {
    "integer": "integer",
    "decimal": "float",
    "double": "float",
    "boolean": "boolean",
    "string": "string",
    "time": "string",
    "duration": "string",
    "date": "date",
    "timestamp": "datetime",
    "timestamptz": "datetime",
    "list": "array",
    "json": "json",
    "struct": "json",
    "map": "json",
}


class ColumnOut(Struct, frozen=True, kw_only=True):
    """A column of the current rows, with one of the page's words for its type."""

    name: str
    type: str


class EndpointOut(Struct, frozen=True, kw_only=True):
    """An endpoint. The fields from ``version`` on are there where a version was asked for."""

    id: str
    name: str
    short_id: str
    description: str
    query: dict[str, Any] | None
    parameters: dict[str, ParameterBody]
    is_active: bool
    cache_age_seconds: int | None
    sync_frequency: str | None
    endpoint_path: str
    url: str
    ui_url: str | None
    created_at: str
    updated_at: str
    created_by: PersonOut
    is_materialized: bool
    current_version: int
    versions_count: int
    derived_from_insight: str | None
    last_executed_at: str | None
    columns: tuple[ColumnOut, ...]
    tags: tuple[str, ...]
    materialization: MaterializationOut
    is_stale: bool
    stale_reason: str | None
    stale_sources: tuple[str, ...]
    computed_at: str | None
    max_staleness_exceeded: bool
    version: int | UnsetType = UNSET
    version_id: str | UnsetType = UNSET
    version_created_at: str | UnsetType = UNSET
    version_created_by: PersonOut | UnsetType = UNSET


class EndpointVersionOut(Struct, frozen=True, kw_only=True):
    """A numbered query of an endpoint."""

    id: str
    version: int
    query: dict[str, Any] | None
    created_at: str
    created_by: PersonOut
    is_active: bool


def endpoint_path(view: View) -> str:
    """Where an endpoint is run, from the product's base address on."""
    assert view.endpoint is not None
    return f"/api/environments/{view.project_id}/endpoints/{view.endpoint.name}/run"


def endpoint_out(reading: Reading, base: str, last_run: Instant | None) -> EndpointOut:
    """An endpoint with the freshness of its rows.

    Parameters
    ----------
    base
        Whole address of the product, without a slash at its end.
    last_run
        When somebody ran it last.
    """
    view, freshness = reading.view, reading.freshness
    door, result = view.endpoint, view.current.result
    assert door is not None
    path = endpoint_path(view)
    return EndpointOut(
        id=door.id,
        name=door.name,
        short_id=view.short_id,
        description=view.description or "",
        query=query_object_of(view.version),
        parameters=_parameters(view.version),
        is_active=door.is_active,
        cache_age_seconds=view.rule.age_seconds,
        sync_frequency=frequency_of(view),
        endpoint_path=path,
        url=f"{base}{path}",
        # People have a page where the view has a slug.
        ui_url=f"{base}/p/{view.perspective.slug}" if view.perspective else None,
        created_at=_at(view.created_at),
        updated_at=_at(view.updated_at),
        created_by=person_out(view.created_by),
        is_materialized=door.is_materialized,
        current_version=view.version.n,
        versions_count=view.version.n,
        derived_from_insight=door.derived_from_insight,
        last_executed_at=iso(last_run),
        columns=_columns(result),
        tags=view.tags,
        materialization=materialization_out(view),
        is_stale=freshness.is_stale,
        stale_reason=freshness.reason,
        stale_sources=freshness.sources,
        computed_at=iso(result.computed_at) if result else None,
        max_staleness_exceeded=freshness.is_exceeded,
    )


def at_version(told: EndpointOut, version: Version) -> EndpointOut:
    """An endpoint as one of its versions is: its query, and the address that runs that."""
    return replace(
        told,
        query=query_object_of(version),
        parameters=_parameters(version),
        url=f"{told.url}?version={version.n}",
        version=version.n,
        version_id=_version_id(told.id, version.n),
        version_created_at=_at(version.created_at),
        version_created_by=person_out(version.author),
    )


def version_out(version: Version, door: EndpointDoor) -> EndpointVersionOut:
    """One version of an endpoint."""
    return EndpointVersionOut(
        id=_version_id(door.id, version.n),
        version=version.n,
        query=query_object_of(version),
        created_at=_at(version.created_at),
        created_by=person_out(version.author),
        is_active=door.is_active,
    )


def execution_times(
    project_id: int, names: tuple[str, ...], found: dict[str, Instant]
) -> QueryStatus:
    """When endpoints ran last, as the page wraps it: a calculation that is complete."""
    times = [[name, iso(found[name])] for name in dict.fromkeys(names) if name in found]
    return QueryStatus(
        id="",
        team_id=project_id,
        insight_id=None,
        dashboard_id=None,
        query_async=True,
        complete=True,
        error=False,
        error_message=None,
        results=times if names else None,
        start_time=None,
        pickup_time=None,
        end_time=None,
        expiration_time=None,
        task_id=None,
        labels=None,
        query_progress=None,
    )


def _parameters(version: Version) -> dict[str, ParameterBody]:
    """What a run may give values for, by name, with the value that it has otherwise."""
    declared = {each.name: each for each in parameters_out(version.query)}
    found = {}
    for name in version.query.inputs:
        body = declared.get(name) or ParameterBody(name=name, required=True)
        if name in version.params:
            value = version.params[name]
            kind = body.type if name in declared else _VALUE_TYPES.get(type(value), "text")
            body = replace(body, type=kind, default_value=value, required=False)
        found[name] = body
    return found


def _version_id(endpoint_id: str, n: int) -> str:
    return str(uuid.uuid5(uuid.UUID(endpoint_id), str(n)))


def _at(at: Instant) -> str:
    return iso(at) or ""


def _columns(result: Result | None) -> tuple[ColumnOut, ...]:
    found = result.columns if result else ()
    return tuple(
        ColumnOut(name=column.name, type=_TYPES.get(column.type, "unknown")) for column in found
    )
