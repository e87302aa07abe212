"""What is asked of endpoints, in the core's words."""

from __future__ import annotations

from typing import Annotated, Any, Literal

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.errors import Invalid
from ..core.model import EndpointDoor, Rule, Statement, View
from ..core.names import checked_endpoint_name
from ..core.requests import EndpointFilter, NewEndpoint, ViewChange
from .changes import given
from .fields import Tags, Text
from .insight_filters import people_named, truth
from .materialization import SCHEDULES
from .query_objects import Definition

Frequency = Literal["5min", "30min", "1hour", "6hour", "12hour", "24hour", "7day", "30day"]
_AGES = (300, 86_400)


class EndpointRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a create or an update: what is absent, or null, stays.

    A null ``cache_age_seconds`` goes back to the default. ``name`` and
    ``derived_from_insight`` are for a create; an update passes them over.
    """

    name: str | UnsetType | None = UNSET
    query: Any = UNSET
    description: Text | UnsetType | None = UNSET
    is_active: bool | UnsetType | None = UNSET
    cache_age_seconds: float | UnsetType | None = UNSET
    is_materialized: bool | UnsetType | None = UNSET
    sync_frequency: Frequency | UnsetType | None = UNSET
    derived_from_insight: Annotated[str, Meta(max_length=12)] | UnsetType | None = UNSET
    tags: Tags | UnsetType | None = UNSET


class EndpointsQuery(Struct, frozen=True, kw_only=True):
    """Query string of a list."""

    limit: Annotated[int, Meta(ge=1, le=1000, description="Items on a page.")] = 100
    offset: Annotated[int, Meta(ge=0, le=2**53, description="Items to skip.")] = 0
    is_active: str | None = None
    created_by: str | None = None


class EndpointQuery(Struct, frozen=True, kw_only=True):
    """Query string of one endpoint."""

    version: str | None = None


class ExecutionTimesRequest(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Body of a question when endpoints ran last."""

    names: Annotated[tuple[str, ...], Meta(max_length=2500)]


def required_name(body: EndpointRequest) -> str:
    """The name that a create must give, in the form of one."""
    if not isinstance(body.name, str) or not body.name:
        raise _required("name")
    return checked_endpoint_name(body.name)


def required_query(body: EndpointRequest) -> Any:
    """The query object that a create must give."""
    if body.query is UNSET or body.query is None:
        raise _required("query")
    return body.query


def _required(field: str) -> Invalid:
    return Invalid("This field is required.", field=field, details={"code": "required"})


def new_endpoint(body: EndpointRequest, definition: Definition, planned: Statement) -> NewEndpoint:
    """A create in the core's words."""
    said = _said(body)
    marks, rule = _marks(body, EndpointDoor(id="", name=""))
    return NewEndpoint(
        name=said["name"],
        planned=planned,
        query_object=definition.query_object,
        description=said.get("description") or None,
        tags=said.get("tags", ()),
        derived_from_insight=said.get("derived_from_insight"),
        rule=msgspec.structs.replace(Rule(), **rule),
        **marks,
    )


def endpoint_change(
    body: EndpointRequest, view: View, definition: Definition | None, planned: Statement | None
) -> ViewChange:
    """An update in the core's words."""
    assert view.endpoint is not None
    said = _said(body)
    marks, rule = _marks(body, view.endpoint)
    return ViewChange(
        fields={name: said[name] for name in ("description", "tags") if name in said},
        rule=rule,
        endpoint=marks,
        planned=planned,
        query_object=definition.query_object if definition else None,
        through="endpoint",
    )


def check_marks(body: EndpointRequest, view: View | None = None) -> None:
    """Raise Invalid where what a body says of serving cannot be; it names the field."""
    door = view.endpoint if view is not None else None
    _marks(body, door or EndpointDoor(id="", name=""))


def _said(body: EndpointRequest) -> dict[str, Any]:
    return {name: value for name, value in given(body).items() if value is not None}


def _marks(body: EndpointRequest, door: EndpointDoor) -> tuple[dict[str, Any], dict[str, Any]]:
    """What a body changes of the door, and of the rule of its view."""
    said = _said(body)
    frequency, is_materialized = said.get("sync_frequency"), said.get("is_materialized")
    if is_materialized is False and frequency is not None:
        raise Invalid(
            "Cannot set sync_frequency when is_materialized is false.",
            hint="Leave out one of them.",
            field="sync_frequency",
        )
    if not said.get("is_active", door.is_active):
        for name, wanted in (("is_materialized", is_materialized), ("sync_frequency", frequency)):
            if wanted:
                raise Invalid(
                    f"Cannot set {name} on an inactive endpoint.",
                    hint="Send is_active: true with it.",
                    field=name,
                )
    marks = {name: said[name] for name in ("is_active", "is_materialized") if name in said}
    changed: dict[str, Any] = {}
    if body.cache_age_seconds is not UNSET:
        changed["age_seconds"] = _age(body.cache_age_seconds)
    if frequency is not None:
        changed["schedule"] = SCHEDULES[frequency]
    return marks, changed


def _age(seconds: float | UnsetType | None) -> int | None:
    if seconds is None or seconds is UNSET:
        return None
    least, most = _AGES
    if not least <= seconds <= most:
        raise Invalid(
            f"Cache age must be between {least} and {most} seconds.", field="cache_age_seconds"
        )
    return int(seconds)


def endpoint_filter(query: EndpointsQuery, project_id: int, people: list[str]) -> EndpointFilter:
    """A list's query string in the core's words; ``people`` made endpoints, by number."""
    return EndpointFilter(
        project_id=project_id,
        is_active=truth(query.is_active, "is_active"),
        created_by=people_named(query.created_by, people),
    )
