"""Insights: views that may be made before their query, listed by project, remembered by reader."""

from __future__ import annotations

import asyncio
from typing import Protocol

from msgspec import Struct

from .access import can_read, require_owner
from .activity import Activity
from .announcing import Announcer
from .dashboards import Tile
from .deeds import deed
from .definitions import version_of
from .errors import NotFound
from .model import Actor, InsightDoor, Instant, Page, Statement, View
from .names import new_short_id
from .parameters import Parameter
from .placing import Placed, Placing
from .ports import Clock
from .requests import InsightFilter, NewInsight, ViewChange
from .statements import StatementService
from .submissions import Submission
from .views import ViewService

LAST_VIEWED = 5


class Beside(Struct, frozen=True, kw_only=True):
    """What the insight page tells of an insight and the view itself does not know.

    Attributes
    ----------
    viewed_at
        When anybody looked at it last.
    tiles
        Its places on dashboards that the reader may open.
    """

    viewed_at: Instant | None = None
    tiles: tuple[Tile, ...] = ()


class InsightRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def find(self, project_id: int, key: str) -> View | None: ...
    def page(self, reader: str, wanted: InsightFilter, limit: int, offset: int) -> Page: ...
    def view(
        self, reader: str, project_id: int, view_ids: tuple[int, ...], at: Instant
    ) -> None: ...
    def last_viewed(self, reader: str, project_id: int, limit: int) -> list[View]: ...
    def beside(self, reader: str, view_ids: tuple[int, ...]) -> dict[int, Beside]: ...
    def trending(
        self, reader: str, project_id: int, since: Instant, limit: int
    ) -> list[tuple[View, int, tuple[str, ...]]]: ...
    def people(self, project_id: int) -> list[str]: ...


class NewRows(Protocol):
    """Where a new view is written."""

    def create(self, view: View, activity: Activity, placed: Placed | None = None) -> View: ...


class InsightService:
    """Make, find, list and change insights."""

    def __init__(
        self,
        *,
        rows: InsightRows,
        created: NewRows,
        views: ViewService,
        statements: StatementService,
        announcer: Announcer,
        placing: Placing,
        clock: Clock,
        folder: str,
    ) -> None:
        self._rows = rows
        self._created = created
        self._views = views
        self._statements = statements
        self._announcer = announcer
        self._placing = placing
        self._clock = clock
        self._folder = folder

    async def plan(
        self,
        actor: Actor,
        sql: str,
        params: dict[str, object],
        declared: tuple[Parameter, ...] = (),
    ) -> Statement:
        """A checked definition that nobody has run; file names start from the server's root.

        Raises
        ------
        ViewsError
            What the gate says of SQL that does more than read, or of missing
            parameters.
        """
        asked = Submission(sql=sql, base_dir=self._folder, params=params, declared=declared)
        return await self._statements.plan(actor, asked)

    async def create(self, actor: Actor, project_id: int, new: NewInsight) -> View:
        """Save an insight, with its query or before it; nothing is run.

        Raises
        ------
        Invalid, Forbidden
            When a dashboard that it is to stand on is not the actor's to edit.
        """
        planned = new.planned or await self._statements.plan_nothing(actor)
        now = self._clock.now()
        view = View(
            id=0,
            short_id=new_short_id(),
            project_id=project_id,
            name=new.name or "",
            description=new.description,
            tags=new.tags,
            folder=new.folder,
            owner=actor.name,
            is_public=False,
            auto_refresh=False,
            revision=1,
            version=version_of(1, planned, None, actor, now, new.query_object),
            current=planned,
            insight=InsightDoor(
                derived_name=new.derived_name,
                order=new.order,
                favorited=new.favorited,
                saved=new.saved,
                last_modified_at=now,
                last_modified_by=actor.name,
            ),
            refreshed_at=now,
            created_at=now,
            updated_at=now,
            created_by=actor.name,
            updated_by=actor.name,
        )
        created = deed(view, actor.name, "created", now)
        placed = await asyncio.to_thread(
            self._placing.judge, actor, project_id, view.id, new.dashboards
        )
        saved = await asyncio.to_thread(self._created.create, view, created, placed)
        await asyncio.to_thread(self._rows.view, actor.name, project_id, (saved.id,), now)
        self._announcer.tell("created", saved, by=actor.name)
        return saved

    async def find(
        self, actor: Actor, project_id: int, key: str, *, even_deleted: bool = False
    ) -> View:
        """The readable insight behind a number or a short id.

        Raises
        ------
        NotFound
            When it is absent, of another project, private or deleted alike.
        """
        view = await asyncio.to_thread(self._rows.find, project_id, key)
        if view is None or view.insight is None or not can_read(actor, view):
            raise NotFound("There is no such insight.")
        if view.insight.deleted and not even_deleted:
            raise NotFound("There is no such insight.")
        return view

    async def change(self, actor: Actor, view: View, change: ViewChange) -> View:
        """Change words, marks or query; ``deleted`` closes the door, or opens it again."""
        require_owner(actor, view, "change")
        is_deleted = view.insight is not None and view.insight.deleted
        if is_deleted and change.insight.get("deleted") is not False:
            raise NotFound("There is no such insight.")
        return await self._views.change(actor, view, change)

    async def list(self, actor: Actor, wanted: InsightFilter, limit: int, offset: int) -> Page:
        """Readable insights of a project; items are views."""
        return await asyncio.to_thread(self._rows.page, actor.name, wanted, limit, offset)

    async def note_viewed(self, actor: Actor, project_id: int, view_ids: tuple[int, ...]) -> None:
        """Remember that the actor looked at these; what may not be read is passed over."""
        at = self._clock.now()
        await asyncio.to_thread(self._rows.view, actor.name, project_id, view_ids, at)

    async def last_viewed(self, actor: Actor, project_id: int) -> list[View]:
        """The five that the actor looked at last, newest first."""
        return await asyncio.to_thread(self._rows.last_viewed, actor.name, project_id, LAST_VIEWED)

    async def people(self, project_id: int) -> list[str]:
        """Everybody who made an insight of a project."""
        return await asyncio.to_thread(self._rows.people, project_id)

    async def beside(self, actor: Actor, views: tuple[View, ...]) -> dict[int, Beside]:
        """What stands beside each of these, by key."""
        view_ids = tuple(view.id for view in views)
        return await asyncio.to_thread(self._rows.beside, actor.name, view_ids)

    async def trending(
        self, actor: Actor, project_id: int, since: Instant, limit: int
    ) -> list[tuple[View, int, tuple[str, ...]]]:
        """Insights by how many people looked at them since: view, how many, the latest three."""
        return await asyncio.to_thread(self._rows.trending, actor.name, project_id, since, limit)
