"""Rows of the doors of views: one table each, and what must be unique in it."""

from __future__ import annotations

from sqlalchemy import Connection, Table, exc, exists, insert, select

from ..core.doors import AnyDoor
from ..core.errors import NameTaken, SlugTaken
from ..core.model import EndpointDoor, InsightDoor, View
from ..core.names import suggest_endpoint_names
from .endpoint_tables import endpoints
from .rows import plain
from .tables import insights, perspectives

OF_DOOR: dict[str, Table] = {
    "perspective": perspectives,
    "insight": insights,
    "endpoint": endpoints,
}


def open_door(connection: Connection, view: View, door: AnyDoor) -> None:
    """Write a door of a view, in the transaction that opens it.

    Raises
    ------
    SlugTaken, NameTaken
        If another view has the slug, another endpoint of the project the name.
    """
    match door:
        case InsightDoor():
            connection.execute(insert(insights).values(view_id=view.id, **plain(door)))
        case EndpointDoor():
            _open_endpoint(connection, view, door)
        case _:
            try:
                connection.execute(insert(perspectives).values(view_id=view.id, **plain(door)))
            except exc.IntegrityError as error:
                raise SlugTaken(f"The slug {door.slug} is taken.") from error


def _open_endpoint(connection: Connection, view: View, door: EndpointDoor) -> None:
    # Asked before, as after a refused row PostgreSQL answers nothing in this transaction.
    if not is_name_free(connection, view.project_id, door.name):
        free = suggest_endpoint_names(
            door.name, lambda name: is_name_free(connection, view.project_id, name)
        )
        raise _taken(free)
    row = {"view_id": view.id, "project_id": view.project_id, **plain(door)}
    try:
        connection.execute(insert(endpoints).values(row))
    except exc.IntegrityError as error:
        raise _taken(()) from error


def _taken(free: tuple[str, ...]) -> NameTaken:
    return NameTaken(
        "An endpoint with this name already exists for this team.",
        hint=f"Free now: {', '.join(free)}." if free else "Choose another one.",
        suggestions=free,
    )


def is_name_free(connection: Connection, project_id: int, name: str) -> bool:
    """Whether no endpoint of the project has this name now."""
    has_it = exists().where(endpoints.c.project_id == project_id, endpoints.c.name == name)
    return not connection.execute(select(has_it)).scalar()
