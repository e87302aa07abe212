"""Endpoints: made, listed, read, changed and deleted, with their versions."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import UNSET

from ..core.errors import Invalid, NotFound
from ..core.model import Statement, Version, View
from ..core.names import ENDPOINT_PATTERN
from ..wire.endpoint_bodies import (
    EndpointQuery,
    EndpointRequest,
    EndpointsQuery,
    ExecutionTimesRequest,
    check_marks,
    endpoint_change,
    endpoint_filter,
    new_endpoint,
    required_name,
    required_query,
)
from ..wire.endpoint_openapi import endpoint_document
from ..wire.endpoints import EndpointOut, at_version, endpoint_out, execution_times, version_out
from ..wire.envelope import BareError, OffsetPage
from ..wire.materialization import MaterializationStatus, materialization_status
from ..wire.query_objects import Definition, definition_from
from ..wire.query_status import QueryStatusOut
from .operations import route
from .projects import EnvelopeHandler

_VERSIONS_AT_ONCE = 100


class EndpointsBase(EnvelopeHandler):
    """What all addresses of endpoints have in common."""

    async def view(self, project: str, name: str) -> View:
        """The readable endpoint that the address names."""
        number = await self.project(project)
        return await self.services.endpoints.find(self.actor, number, name)

    def send_bare(self, status: int, error: str) -> None:
        """Answer with the one sentence that some of these routes give."""
        self.send(BareError(error=error), status=status)

    async def version(self, view: View, wanted: str | None) -> Version | None:
        """The version that the address names, or the current one; None once it is refused."""
        if wanted is None:
            return view.version
        if not (wanted.isascii() and wanted.isdigit() and len(wanted) <= 9):
            self.send_bare(400, f"Invalid version parameter: {wanted[:100]}")
            return None
        try:
            return await self.services.history.version(view, int(wanted))
        except NotFound:
            self.send_bare(404, f"Version {int(wanted)} not found")
            return None

    @property
    def base(self) -> str:
        """Whole address of the product on this server."""
        return f"{self.request.protocol}://{self.request.host}{self.prefix}"

    async def defined(self, query: Any) -> tuple[Definition, Statement]:
        """What a query object asks for, checked and kept."""
        definition = definition_from(query)
        planned = await self.services.endpoints.plan(
            self.actor,
            definition.sql,
            definition.params,
            definition.declared,
            definition.variables,
        )
        return definition, planned

    async def told(self, *views: View) -> tuple[EndpointOut, ...]:
        """Endpoints as this reader gets them."""
        services = self.services
        ran = await services.endpoints.last_run(views)
        readings = [await services.reading.look(view) for view in views]
        return tuple(endpoint_out(each, self.base, ran.get(each.view.id)) for each in readings)

    async def send_endpoint(self, view: View, *, status: int = 200) -> None:
        """Answer with one endpoint whole."""
        (told,) = await self.told(view)
        self.send(told, status=status)


class EndpointsHandler(EndpointsBase):
    """``projects/{project}/endpoints``."""

    @route("read", "endpoint:read", "List endpoints", query=EndpointsQuery, answer=OffsetPage)
    async def get(self, project: str) -> None:
        """Endpoints of a project that the caller may read, newest first, inactive ones too."""
        number = await self.project(project)
        query = self.query(EndpointsQuery)
        endpoints = self.services.endpoints
        wanted = endpoint_filter(query, number, await endpoints.people(number))
        found = await endpoints.list(self.actor, wanted, query.limit, query.offset)
        after, before = query.offset + query.limit, max(0, query.offset - query.limit)
        page = OffsetPage(
            count=found.total,
            next=self.page_address(query.limit, after) if after < found.total else None,
            previous=self.page_address(query.limit, before) if query.offset else None,
            results=await self.told(*found.items),
        )
        self.finish(await self.services.run_in_thread(msgspec.json.encode, page))

    head = get

    @route(
        "write",
        "endpoint:write",
        "Create an endpoint",
        body=EndpointRequest,
        answer=EndpointOut,
        status=201,
    )
    async def post(self, project: str) -> None:
        """Save a query under a name; its first version is made with it, and nothing is run."""
        number = await self.project(project)
        body = self.body(EndpointRequest)
        required_name(body)
        query = required_query(body)
        check_marks(body)
        new = new_endpoint(body, *await self.defined(query))
        view = await self.services.endpoints.create(self.actor, number, new)
        await self.send_endpoint(view, status=201)


class EndpointHandler(EndpointsBase):
    """``projects/{project}/endpoints/{name}``."""

    @route("read", "endpoint:read", "Get an endpoint", query=EndpointQuery, answer=EndpointOut)
    async def get(self, project: str, name: str) -> None:
        """One endpoint, active or not; ``version`` shows it as it was defined then."""
        view = await self.view(project, name)
        wanted = self.query(EndpointQuery).version
        version = await self.version(view, wanted)
        if wanted is None:
            await self.send_endpoint(view)
        elif version is not None:
            (told,) = await self.told(view)
            self.send(at_version(told, version))

    head = get

    @route(
        "write", "endpoint:write", "Update an endpoint", body=EndpointRequest, answer=EndpointOut
    )
    async def patch(self, project: str, name: str) -> None:
        """Change any subset of the fields; another query is another version."""
        view = await self.view(project, name)
        services = self.services
        services.views.require_owner(self.actor, view)
        body = self.body(EndpointRequest)
        check_marks(body, view)
        definition = planned = None
        if body.query is not UNSET and body.query is not None:
            definition, planned = await self.defined(body.query)
        change = endpoint_change(body, view, definition, planned)
        await self.send_endpoint(await services.endpoints.change(self.actor, view, change))

    put = patch

    @route("write", "endpoint:write", "Delete an endpoint", status=204)
    async def delete(self, project: str, name: str) -> None:
        """Take it away; the other doors of its view stay, and its name is free at once."""
        view = await self.view(project, name)
        await self.services.endpoints.delete(self.actor, view)
        self.send_nothing(204)


class EndpointVersionsHandler(EndpointsBase):
    """``projects/{project}/endpoints/{name}/versions``."""

    @route("read", "endpoint:read", "The versions of an endpoint")
    async def get(self, project: str, name: str) -> None:
        """A list of all, newest first."""
        view = await self.view(project, name)
        assert view.endpoint is not None
        found, below = [], None
        while True:
            page = await self.services.history.versions(view, _VERSIONS_AT_ONCE, below)
            found += page.items
            if page.next_cursor is None:
                break
            below = int(page.next_cursor)
        told = [version_out(version, view.endpoint) for version in found]
        self.finish(await self.services.run_in_thread(msgspec.json.encode, told))

    head = get


class EndpointVersionHandler(EndpointsBase):
    """``projects/{project}/endpoints/{name}/versions/{number}``."""

    @route("read", "endpoint:read", "One version of an endpoint")
    async def get(self, project: str, name: str, number: str) -> None:
        """A query that never changes."""
        view = await self.view(project, name)
        assert view.endpoint is not None
        try:
            version = await self.services.history.version(view, int(number))
        except NotFound:
            self.send_bare(404, f"Version {int(number)} not found")
            return
        self.send(version_out(version, view.endpoint))

    head = get


class MaterializationHandler(EndpointsBase):
    """``projects/{project}/endpoints/{name}/materialization_status``."""

    @route(
        "read",
        "endpoint:read",
        "How the rows of an endpoint are kept ready",
        answer=MaterializationStatus,
    )
    async def get(self, project: str, name: str) -> None:
        """How the newest build stands, when the last good one began, and what it ran into."""
        self.send(materialization_status(await self.view(project, name)))

    head = get


class EndpointOpenApiHandler(EndpointsBase):
    """``projects/{project}/endpoints/{name}/openapi.json``."""

    @route("read", "endpoint:read", "One endpoint as OpenAPI 3.1", query=EndpointQuery)
    async def get(self, project: str, name: str) -> None:
        """What client generators read; with ``version`` they make a client of that one."""
        view = await self.view(project, name)
        wanted = self.query(EndpointQuery).version
        version = await self.version(view, wanted)
        if version is None:
            return
        is_of_it = view.current.query.id == version.query.id
        document = endpoint_document(
            view,
            version,
            view.current.result if is_of_it else None,
            self.base,
            is_pinned=wanted is not None,
        )
        self.finish(await self.services.run_in_thread(msgspec.json.encode, document))

    head = get


class ExecutionTimesHandler(EndpointsBase):
    """``projects/{project}/endpoints/last_execution_times``."""

    @route(
        "execute",
        "endpoint:read",
        "When endpoints ran last",
        body=ExecutionTimesRequest,
        answer=QueryStatusOut,
    )
    async def post(self, project: str) -> None:
        """Name and time of each that somebody ran in the past six months."""
        number = await self.project(project)
        names = self.body(ExecutionTimesRequest).names
        for name in names:
            if not ENDPOINT_PATTERN.fullmatch(name):
                raise Invalid(f"Invalid endpoint name: {name[:130]}", field="names")
        found = await self.services.endpoints.last_run_by_name(self.actor, number, names)
        status = execution_times(number, names, found)
        self.send(QueryStatusOut(query_status=status))
