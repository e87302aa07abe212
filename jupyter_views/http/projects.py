"""Projects, and what every address below one has in common: its number and its dialect."""

from __future__ import annotations

from urllib.parse import urlencode

from msgspec import Struct

from ..core.errors import ViewsError
from ..core.projects import DEFAULT_PROJECT
from ..wire.envelope import error_out, status_of
from ..wire.projects import ProjectCreate, ProjectList, ProjectOut, project_out
from .base import ViewsHandler
from .operations import route


class EnvelopeHandler(ViewsHandler):
    """Base of the addresses that answer as the insight and endpoint pages do."""

    def error_status(self, error: ViewsError) -> int:
        """400 for what cannot be taken."""
        return status_of(error)

    def error_out(self, error: ViewsError) -> Struct:
        """The ``{type, code, detail, attr}`` of these pages."""
        return error_out(error)

    def page_address(self, limit: int, start: int, name: str = "offset") -> str:
        """The whole address of another page of this list.

        Parameters
        ----------
        name
            What the start of a page is called here.
        """
        request = self.request
        given = {
            key: values[-1].decode("utf-8", "replace")
            for key, values in request.query_arguments.items()
            if key not in {"limit", name, "token"}
        }
        query = urlencode(given | {"limit": str(limit), name: str(start)})
        return f"{request.protocol}://{request.host}{request.path}?{query}"

    async def project(self, named: str) -> int:
        """The number of the project in the address; ``@current`` is the first one."""
        number = DEFAULT_PROJECT if named == "@current" else int(named)
        return await self.services.projects.require(self.actor, number)


class ProjectsHandler(EnvelopeHandler):
    """``api/projects``."""

    @route("read", "insight:read", "List projects", answer=ProjectList)
    async def get(self) -> None:
        """The projects that the caller may name."""
        found = tuple(project_out(each) for each in await self.services.projects.list(self.actor))
        self.send(ProjectList(count=len(found), next=None, previous=None, results=found))

    head = get

    @route(
        "write",
        "insight:write",
        "Make a project",
        body=ProjectCreate,
        answer=ProjectOut,
        status=201,
    )
    async def post(self) -> None:
        """A new, empty namespace."""
        made = await self.services.projects.create(self.actor, self.body(ProjectCreate).name)
        self.send(project_out(made), status=201)
