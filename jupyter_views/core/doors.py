"""The doors of a view: which are open, how one is made, and what its opening is told as."""

from __future__ import annotations

import uuid
from typing import Protocol

from .activity import Activity, Change
from .deeds import deed, of_endpoint
from .model import Actor, EndpointDoor, InsightDoor, Instant, PerspectiveDoor, View
from .names import endpoint_name_from, suggest_endpoint_names
from .requests import DOORS, Door

AnyDoor = PerspectiveDoor | InsightDoor | EndpointDoor


class EndpointNames(Protocol):
    """Which names endpoints have now."""

    def is_name_free(self, project_id: int, name: str) -> bool:
        """Whether no endpoint of the project is called so."""
        ...


def free_endpoint_name(rows: EndpointNames, view: View) -> str:
    """What an endpoint of this view is called whose maker named nothing."""
    wanted = endpoint_name_from(view.title)

    def is_free(name: str) -> bool:
        return rows.is_name_free(view.project_id, name)

    return wanted if is_free(wanted) else suggest_endpoint_names(wanted, is_free)[0]


def door_of(view: View, door: Door) -> AnyDoor | None:
    """One door of a view; None where it is not open. A deleted insight is one still."""
    return getattr(view, door)


def is_only_door(view: View, door: Door) -> bool:
    """Whether nothing is left of a view once this door closes."""
    return all(door_of(view, other) is None for other in DOORS if other != door)


def opened_insight(actor: Actor, at: Instant) -> InsightDoor:
    """The insight door of a view that is published through it now."""
    return InsightDoor(last_modified_at=at, last_modified_by=actor.name)


def opened_endpoint(name: str) -> EndpointDoor:
    """The endpoint door of a view that is published under this name."""
    return EndpointDoor(id=str(uuid.uuid4()), name=name)


def opening(view: View, door: Door, made: AnyDoor, person: str, at: Instant) -> Activity:
    """What the opening of a door is told as; that of an endpoint is its creation."""
    if isinstance(made, EndpointDoor):
        return of_endpoint(deed(view, person, "created", at), made)
    change = Change(field="doors", action="created", after=door)
    return deed(view, person, "updated", at, (change,))


def closing(view: View, door: Door, person: str, at: Instant) -> Activity:
    """What the closing of a door is told as; that of an endpoint is its deletion."""
    if door == "endpoint" and view.endpoint is not None:
        return of_endpoint(deed(view, person, "deleted", at), view.endpoint)
    change = Change(field="doors", action="deleted", before=door)
    return deed(view, person, "updated", at, (change,))
