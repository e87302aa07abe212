"""Endpoints: views with a name in an address, for programs to run."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, Protocol

from msgspec.structs import replace

from .access import can_read, require_owner
from .activity import Activity
from .announcing import Announcer
from .deeds import deed, of_endpoint
from .definitions import version_of
from .errors import (
    BadRequest,
    Cycle,
    EngineFailed,
    Invalid,
    InvalidParameters,
    MissingParameters,
    NotFound,
    ViewsError,
)
from .materializing import DEFAULT_SCHEDULE, at_once, require_eligible
from .model import SECOND, Actor, EndpointDoor, Instant, Page, Statement, View
from .names import checked_endpoint_name, new_short_id
from .parameters import Parameter
from .placing import Placed
from .ports import Clock
from .publishing import DoorService
from .requests import EndpointFilter, NewEndpoint, ViewChange
from .scheduling import first_due
from .statements import StatementService
from .submissions import Submission
from .views import ViewService

RUNS_KEPT: Instant = 183 * 86_400 * SECOND
"""For how long it is told when an endpoint ran last: six months."""


class EndpointRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def known(self, project_id: int, name: str) -> View | None: ...
    def find(self, project_id: int, name: str) -> View | None: ...
    def page(self, reader: str, wanted: EndpointFilter, limit: int, offset: int) -> Page: ...
    def people(self, project_id: int) -> list[str]: ...
    def named(self, reader: str, project_id: int, names: tuple[str, ...]) -> dict[int, str]: ...
    def last_run(self, view_ids: tuple[int, ...], since: Instant) -> dict[int, Instant]: ...


class NewRows(Protocol):
    """Where a new view is written."""

    def create(self, view: View, activity: Activity, placed: Placed | None = None) -> View: ...


class EndpointService:
    """Make, find, list, change and delete endpoints."""

    def __init__(
        self,
        *,
        rows: EndpointRows,
        created: NewRows,
        views: ViewService,
        doors: DoorService,
        statements: StatementService,
        announcer: Announcer,
        clock: Clock,
        folder: str,
    ) -> None:
        self._rows = rows
        self._created = created
        self._views = views
        self._doors = doors
        self._statements = statements
        self._announcer = announcer
        self._clock = clock
        self._folder = folder

    async def plan(
        self,
        actor: Actor,
        sql: str,
        params: dict[str, Any],
        declared: tuple[Parameter, ...] = (),
        spare: frozenset[str] = frozenset(),
    ) -> Statement:
        """A checked definition that nobody has run; file names start from the server's root.

        Parameters
        ----------
        spare
            Names among ``params`` that are left out where the SQL has no use for them.

        Raises
        ------
        Invalid
            Of the field ``query``, with the engine's own words, for whatever
            keeps the SQL from being run.
        """
        asked = Submission(sql=sql, base_dir=self._folder, params=params, declared=declared)
        try:
            return await self._statements.plan(actor, asked)
        except InvalidParameters as error:
            needless = spare & set(error.details.get("parameters", ()))
            if not needless:
                raise _invalid_query(error) from error
            rest = {name: value for name, value in params.items() if name not in needless}
            return await self.plan(actor, sql, rest, declared, spare - needless)
        except (BadRequest, Invalid, EngineFailed, NotFound) as error:
            raise _invalid_query(error) from error

    async def create(self, actor: Actor, project_id: int, new: NewEndpoint) -> View:
        """Save an endpoint with its first version; what is kept ready is built behind.

        Raises
        ------
        Invalid
            When the name has not the form of one, or the rows cannot be kept ready.
        NameTaken
            When another endpoint of the project has it.
        """
        name = checked_endpoint_name(new.name)
        now = self._clock.now()
        rule, due_at = new.rule, first_due(new.rule, now)
        if new.is_materialized:
            require_eligible(new.planned.query, new.planned.params)
            rule = replace(rule, schedule=rule.schedule or DEFAULT_SCHEDULE)
            due_at = at_once(now)
        door = EndpointDoor(
            id=str(uuid.uuid4()),
            name=name,
            is_active=new.is_active,
            is_materialized=new.is_materialized,
            derived_from_insight=new.derived_from_insight,
        )
        view = View(
            id=0,
            short_id=new_short_id(),
            project_id=project_id,
            name=name,
            description=new.description,
            tags=new.tags,
            owner=actor.name,
            is_public=False,
            auto_refresh=False,
            revision=1,
            version=version_of(1, new.planned, None, actor, now, new.query_object),
            current=new.planned,
            endpoint=door,
            rule=rule,
            next_due_at=due_at,
            refreshed_at=now,
            created_at=now,
            updated_at=now,
            created_by=actor.name,
            updated_by=actor.name,
        )
        made = of_endpoint(deed(view, actor.name, "created", now), door)
        saved = await asyncio.to_thread(self._created.create, view, made)
        self._announcer.tell("created", saved, by=actor.name)
        return saved

    async def find(self, actor: Actor, project_id: int, name: str) -> View:
        """The readable endpoint with this name, active or not.

        Raises
        ------
        NotFound
            When it is absent, of another project, or private alike.
        """
        known = self._rows.known(project_id, name)
        view = known or await asyncio.to_thread(self._rows.find, project_id, name)
        if view is None or not can_read(actor, view):
            raise NotFound("There is no such endpoint.")
        return view

    async def change(self, actor: Actor, view: View, change: ViewChange) -> View:
        """Change words, marks, freshness or query; another query is another version.

        Raises
        ------
        Invalid
            When rows are to be kept ready that cannot be.
        """
        require_owner(actor, view, "change")
        if change.endpoint.get("is_materialized"):
            defined = change.planned or view.version
            require_eligible(defined.query, defined.params)
        try:
            return await self._views.change(actor, view, change)
        except Cycle as error:
            raise _invalid_query(error) from error

    async def delete(self, actor: Actor, view: View) -> None:
        """Close the door; the view goes with its last one, and the name is free at once."""
        require_owner(actor, view, "delete")
        await self._doors.close(actor, view, "endpoint")

    async def list(self, actor: Actor, wanted: EndpointFilter, limit: int, offset: int) -> Page:
        """Readable endpoints of a project, newest first; items are views."""
        return await asyncio.to_thread(self._rows.page, actor.name, wanted, limit, offset)

    async def people(self, project_id: int) -> list[str]:
        """Everybody who made an endpoint of a project."""
        return await asyncio.to_thread(self._rows.people, project_id)

    async def last_run(self, views: tuple[View, ...]) -> dict[int, Instant]:
        """When each of these was run last in the past six months, by the view's key."""
        view_ids = tuple(view.id for view in views)
        since = self._clock.now() - RUNS_KEPT
        return await asyncio.to_thread(self._rows.last_run, view_ids, since)

    async def last_run_by_name(
        self, actor: Actor, project_id: int, names: tuple[str, ...]
    ) -> dict[str, Instant]:
        """The same by name; what never ran, is unknown or may not be read is left out."""
        known = await asyncio.to_thread(self._rows.named, actor.name, project_id, names)
        since = self._clock.now() - RUNS_KEPT
        found = await asyncio.to_thread(self._rows.last_run, tuple(known), since)
        return {known[view_id]: at for view_id, at in found.items()}


def _invalid_query(error: ViewsError) -> Invalid:
    message, hint = f"Invalid query: {error.message}", error.hint
    if isinstance(error, MissingParameters):
        names = ", ".join(sorted(error.details.get("parameters", ())))
        message = f"Query references undefined variable(s): {names}."
        hint = "Give each of them a value in the query's values."
    facts = {name: value for name, value in error.details.items() if name != "field"}
    return Invalid(
        message, field="query", hint=hint, line=error.line, column=error.column, details=facts
    )
