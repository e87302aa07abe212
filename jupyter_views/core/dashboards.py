"""Dashboards: ordered tiles of insights, with values for the parameters of all of them."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, Protocol

from msgspec import Struct, field
from msgspec.structs import replace

from .access import can_open, is_owner, is_shown_to_visitors, require_dashboard_owner
from .activity import Activity, Change, changes_between, new_activity_id
from .dates import resolved_date
from .errors import Invalid, NotFound, StaleWrite
from .model import Actor, Instant, Page, View
from .ports import Clock

_WRITE_TRIES = 100
_WORDS = ("name", "description", "filters", "variables", "is_public")


class Tile(Struct, frozen=True, kw_only=True):
    """The place of one view on a dashboard.

    Attributes
    ----------
    position
        0 for the first.
    color, layouts
        How a reader's page shows it; kept and given back.
    """

    id: int
    dashboard_id: int
    view_id: int
    position: int
    color: str | None
    layouts: dict[str, Any]


class Dashboard(Struct, frozen=True, kw_only=True):
    """Tiles in order, with parameter overrides.

    Attributes
    ----------
    filters
        ``date_from`` and ``date_to``, as they were given.
    variables
        Values by the name of a parameter.
    revision
        Counts changes, for conditional writes.
    tiles
        Those whose view the person who found the dashboard may read.
    """

    id: int
    project_id: int
    name: str
    owner: str
    is_public: bool
    deleted: bool
    revision: int
    created_at: Instant
    updated_at: Instant
    description: str | None = None
    filters: dict[str, str | None] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)
    tiles: tuple[Tile, ...] = ()

    @property
    def view_ids(self) -> tuple[int, ...]:
        """Keys of the views on it, in order."""
        return tuple(tile.view_id for tile in self.tiles)


class DashboardChange(Struct, frozen=True, kw_only=True):
    """What a person says about a dashboard; what is absent stays.

    Attributes
    ----------
    fields
        New values of name, description, filters, variables, is_public and
        deleted.
    view_ids
        The views on it from now on, in order; None leaves the tiles. Tiles
        that the person cannot see stay as they are.
    tiles
        New color and layouts by the key of a tile.
    """

    fields: dict[str, Any] = field(default_factory=dict)
    view_ids: tuple[int, ...] | None = None
    tiles: dict[int, dict[str, Any]] = field(default_factory=dict)


class DashboardRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def create(
        self, dashboard: Dashboard, view_ids: Sequence[int], activity: Activity
    ) -> Dashboard: ...
    def find(self, reader: str, project_id: int, dashboard_id: int) -> Dashboard | None: ...
    def page(self, reader: str, project_id: int, limit: int, offset: int) -> Page: ...
    def find_for_link(self, dashboard_id: int) -> Dashboard | None: ...
    def update(
        self, before: Dashboard, after: Dashboard, change: DashboardChange, activity: Activity
    ) -> Dashboard: ...


class ViewRows(Protocol):
    """The views on a dashboard."""

    def find_many(self, view_ids: Sequence[int]) -> list[View]: ...


class DashboardService:
    """Make, find, change and delete dashboards; the only place that decides about that."""

    def __init__(self, *, rows: DashboardRows, views: ViewRows, clock: Clock) -> None:
        self._rows = rows
        self._views = views
        self._clock = clock

    async def create(self, actor: Actor, project_id: int, new: DashboardChange) -> Dashboard:
        """A new dashboard of the actor's, with tiles for the views that were named.

        Raises
        ------
        Invalid
            When a named view is absent, foreign, deleted or private, or a
            date is none.
        """
        now = self._clock.now()
        self._check_dates(new)
        made = Dashboard(
            id=0,
            project_id=project_id,
            owner=actor.name,
            deleted=False,
            revision=1,
            created_at=now,
            updated_at=now,
            **{"is_public": False, **new.fields},
        )
        deed = _deed(made, actor, "created", now, None)
        return await asyncio.to_thread(self._rows.create, made, new.view_ids or (), deed)

    async def get(
        self, actor: Actor, project_id: int, dashboard_id: int, *, even_deleted: bool = False
    ) -> Dashboard:
        """A dashboard with the tiles that the actor may see.

        Parameters
        ----------
        even_deleted
            Find the actor's own deleted one too, to bring it back.

        Raises
        ------
        NotFound
            When it is absent, of another project, private or deleted: all alike.
        """
        found = await asyncio.to_thread(self._rows.find, actor.name, project_id, dashboard_id)
        if found is None or not can_open(actor, found):
            raise NotFound("No such dashboard.")
        if found.deleted and not (even_deleted and is_owner(actor, found)):
            raise NotFound("No such dashboard.")
        return found

    async def list(self, actor: Actor, project_id: int, limit: int, offset: int) -> Page:
        """The dashboards that the actor may open, by name."""
        return await asyncio.to_thread(self._rows.page, actor.name, project_id, limit, offset)

    async def views(self, dashboard: Dashboard) -> tuple[View, ...]:
        """The views on a dashboard; one that was deleted since is left out."""
        return tuple(await asyncio.to_thread(self._views.find_many, dashboard.view_ids))

    async def behind_link(self, dashboard_id: int) -> tuple[Dashboard, dict[int, View]]:
        """A dashboard as visitors of its link meet it, and its views by their keys.

        It has the tiles that they are shown, and no others.

        Raises
        ------
        NotFound
            When it was deleted a moment ago.
        """
        found = await asyncio.to_thread(self._rows.find_for_link, dashboard_id)
        if found is None:
            raise NotFound("This link does not exist or is no longer shared.")
        views = {
            view.id: view for view in await self.views(found) if is_shown_to_visitors(view, found)
        }
        shown = tuple(tile for tile in found.tiles if tile.view_id in views)
        return replace(found, tiles=shown), views

    async def beneath(
        self, actor: Actor, view: View, dashboard_id: int
    ) -> tuple[Dashboard, Tile] | None:
        """The dashboard that a view is read from, and its tile; None where nothing links them."""
        try:
            found = await self.get(actor, view.project_id, dashboard_id)
        except NotFound:
            return None
        placed = [tile for tile in found.tiles if tile.view_id == view.id]
        return (found, placed[0]) if placed else None

    def require_owner(self, actor: Actor, dashboard: Dashboard) -> None:
        """Raise Forbidden unless it is the actor's own; asked before a body is looked at."""
        require_dashboard_owner(actor, dashboard, "change")

    async def change(
        self,
        actor: Actor,
        dashboard: Dashboard,
        change: DashboardChange,
        *,
        if_match: int | None = None,
    ) -> Dashboard:
        """Change words, access or tiles; who named no state is not refused for a race.

        Raises
        ------
        Forbidden
            When it is not the actor's own.
        Invalid
            When a named view is absent, foreign, deleted or private, a date
            is none, or a tile is not on the dashboard.
        StaleWrite
            When ``if_match`` is not its revision, or somebody was quicker.
        """
        self._check_dates(change)
        before = dashboard
        strange = change.tiles.keys() - {tile.id for tile in dashboard.tiles}
        if strange:
            raise Invalid(f"This dashboard has no tile {min(strange)}.", field="tiles")
        for _ in range(_WRITE_TRIES):
            require_dashboard_owner(actor, before, "change")
            if if_match not in {None, before.revision}:
                raise StaleWrite(
                    "The dashboard has changed since you read it.", hint="Read it again."
                )
            try:
                return await self._write(actor, before, change)
            except StaleWrite:
                if if_match is not None:
                    raise
            brings_back = change.fields.get("deleted") is False
            before = await self.get(actor, before.project_id, before.id, even_deleted=brings_back)
        raise StaleWrite("The dashboard is being changed by many at once.", hint="Try again.")

    async def _write(self, actor: Actor, before: Dashboard, change: DashboardChange) -> Dashboard:
        now = self._clock.now()
        after = replace(before, **change.fields, updated_at=now, revision=before.revision + 1)
        changes = _changes(before, after, change)
        if not changes and before.deleted == after.deleted:
            return before
        deed = _deed(after, actor, _word(before, after), now, changes or None)
        return await asyncio.to_thread(self._rows.update, before, after, change, deed)

    def _check_dates(self, change: DashboardChange) -> None:
        for name, text in change.fields.get("filters", {}).items():
            if text is not None:
                resolved_date(text, self._clock.now(), field=f"filters.{name}")


def _changes(before: Dashboard, after: Dashboard, change: DashboardChange) -> tuple[Change, ...]:
    was = {name: getattr(before, name) for name in _WORDS}
    now = {name: getattr(after, name) for name in _WORDS}
    if change.view_ids is not None:
        was["insights"], now["insights"] = list(before.view_ids), list(change.view_ids)
    looks = {tile.id: {"color": tile.color, "layouts": tile.layouts} for tile in before.tiles}
    new_looks = {key: looks[key] | look for key, look in change.tiles.items() if key in looks}
    was["tiles"] = [{"id": key, **looks[key]} for key in new_looks]
    now["tiles"] = [{"id": key, **look} for key, look in new_looks.items()]
    return changes_between(was, now)


def _word(before: Dashboard, after: Dashboard) -> str:
    if before.deleted == after.deleted:
        return "updated"
    return "deleted" if after.deleted else "restored"


def _deed(
    dashboard: Dashboard,
    actor: Actor,
    word: str,
    at: Instant,
    changes: tuple[Change, ...] | None,
) -> Activity:
    return Activity(
        id=new_activity_id(),
        project_id=dashboard.project_id,
        scope="dashboard",
        item_id=dashboard.id,
        short_id=None,
        name=dashboard.name,
        person=actor.name,
        activity=word,
        at=at,
        changes=changes,
    )
