"""Projects: namespaces of insights, endpoints and dashboards."""

from __future__ import annotations

import asyncio
from typing import Protocol

from msgspec import Struct

from .errors import Forbidden, NotFound
from .model import Actor, Instant
from .ports import Clock

DEFAULT_PROJECT = 1
"""The project that always exists, and that ``@current`` means."""


class Project(Struct, frozen=True, kw_only=True):
    """A namespace; number 1, "Default", always exists."""

    id: int
    name: str
    created_at: Instant
    created_by: str


class ProjectRows(Protocol):
    """What this service needs of the store."""

    def create(self, name: str, at: Instant, by: str) -> Project: ...
    def find(self, project_id: int) -> Project | None: ...
    def list(self) -> list[Project]: ...


class ProjectService:
    """Make, list and find projects."""

    def __init__(self, *, rows: ProjectRows, clock: Clock) -> None:
        self._rows = rows
        self._clock = clock
        self._known: set[int] = {DEFAULT_PROJECT}

    async def create(self, actor: Actor, name: str) -> Project:
        """A new, empty project; a key that is bound to one makes no other."""
        require_project(actor, None)
        return await asyncio.to_thread(self._rows.create, name, self._clock.now(), actor.name)

    async def list(self, actor: Actor) -> list[Project]:
        """The projects that the actor may name, oldest first."""
        found = await asyncio.to_thread(self._rows.list)
        return [each for each in found if actor.project_id in {None, each.id}]

    async def require(self, actor: Actor, project_id: int) -> int:
        """The number itself, where the actor may use that project.

        Raises
        ------
        Forbidden
            When the actor's key is bound to another project.
        NotFound
            When there is no such project.
        """
        require_project(actor, project_id)
        # Projects are never deleted, so one that was seen once is there.
        if project_id not in self._known:
            if await asyncio.to_thread(self._rows.find, project_id) is None:
                raise NotFound("There is no such project.")
            self._known.add(project_id)
        return project_id


def require_project(actor: Actor, project_id: int | None) -> None:
    """Raise Forbidden where the actor's key is bound to another project; None for a new one."""
    if actor.project_id not in {None, project_id}:
        named = "a new project" if project_id is None else f"project {project_id}"
        raise Forbidden(
            f"API key does not have access to {named}.",
            details={"project_id": actor.project_id},
        )


def require_unbound(actor: Actor) -> None:
    """Raise Forbidden where the actor's key is bound to a project: what it asks for is of none."""
    if actor.project_id is not None:
        here = f"api/projects/{actor.project_id}/"
        raise Forbidden(
            f"This API key is good for addresses below {here} only.",
            hint="Ask there, or make a key that is bound to no project.",
            details={"project_id": actor.project_id},
        )
