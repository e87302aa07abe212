"""Doors of a view opened and closed by its owner; what a view is stays what it was."""

from __future__ import annotations

from collections.abc import Callable

from msgspec.structs import replace

from .access import require_owner
from .announcing import Announcer
from .doors import (
    AnyDoor,
    closing,
    door_of,
    free_endpoint_name,
    is_only_door,
    opened_endpoint,
    opened_insight,
    opening,
)
from .errors import NotFound
from .model import Actor, PerspectiveDoor, View
from .names import checked_endpoint_name, checked_slug, new_id, slug_from
from .ports import Clock
from .requests import Door
from .views import ViewService
from .writing import ViewRows, ViewWriter


class DoorService:
    """Publish a view through one more dialect, or through one less."""

    def __init__(
        self,
        *,
        rows: ViewRows,
        writer: ViewWriter,
        views: ViewService,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._writer = writer
        self._views = views
        self._announcer = announcer
        self._clock = clock

    async def open(self, actor: Actor, view: View, door: Door, name: str | None) -> View:
        """Publish a view through one more door; nothing happens where it is open.

        Parameters
        ----------
        name
            The slug of a perspective, the name of an endpoint; None for one
            made from the view's title.

        Raises
        ------
        SlugTaken
            When another view has the slug.
        NameTaken
            When another endpoint of the project has the name; one that is
            made from the title gets a number instead.
        """
        require_owner(actor, view, "publish")
        if name is not None:
            name = checked_endpoint_name(name) if door == "endpoint" else checked_slug(name)

        def write(found: View) -> View:
            if door_of(found, door) is not None:
                return found
            now = self._clock.now()
            made: AnyDoor
            if door == "perspective":
                made = PerspectiveDoor(id=new_id("persp"), slug=name or slug_from(view.title))
            elif door == "insight":
                made = opened_insight(actor, now)
            else:
                made = opened_endpoint(name or free_endpoint_name(self._rows, found))
            told = opening(found, door, made, actor.name, now)
            return self._rows.update(found, {}, by=actor.name, at=now, activity=told, opened=made)

        return await self._write(actor, view, write)

    async def close(self, actor: Actor, view: View, door: Door) -> View | None:
        """Close one door; a view whose last door closes is deleted, and None comes back.

        The schedule that kept the rows of an endpoint ready goes with it.
        """
        require_owner(actor, view, "close")
        if door_of(view, door) is None:
            raise NotFound(f"The view has no {door} door.")
        if is_only_door(view, door):
            await self._views.delete(actor, view, through=door)
            return None

        def write(found: View) -> View:
            now = self._clock.now()
            told = closing(found, door, actor.name, now)
            rule = found.rule
            if door == "endpoint" and found.endpoint is not None and found.endpoint.is_materialized:
                rule = replace(rule, schedule=None)
            return self._rows.close(found, door, rule, by=actor.name, at=now, activity=told)

        return await self._write(actor, view, write)

    async def _write(self, actor: Actor, view: View, write: Callable[[View], View]) -> View:
        saved = await self._writer.write(actor, view, None, write)
        self._announcer.tell("edited", saved, by=actor.name)
        return saved
