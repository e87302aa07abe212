"""Insights: the routes of their page, but for sharing."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from ..core.errors import Gone, ViewsError
from ..core.freshness import Mode
from ..core.insights import Beside
from ..core.model import View
from ..core.reading import Reading
from ..core.results import Window
from ..wire.envelope import OffsetPage
from ..wire.flat import flat_csv
from ..wire.insight_filters import (
    InsightQuery,
    InsightReadQuery,
    InsightsQuery,
    insight_filter,
    is_unknown_kind,
    refresh_mode,
    truth,
    unasked_mode,
)
from ..wire.insights import (
    LIST_ROWS,
    InsightBasic,
    InsightOut,
    InsightUpdate,
    Served,
    basic_out,
    fault_of,
    insight_change,
    insight_out,
    new_insight,
)
from ..wire.overrides import (
    Surroundings,
    overrides_from,
    own_values,
    placed_in,
)
from ..wire.query_objects import Definition, definition_from
from .doors import surroundings
from .operations import route
from .projects import EnvelopeHandler

# What an insight begins with, wherever it stands; its rows go behind it.
_NO_ROWS = b'{"result":['
_CSV = "text/csv; charset=utf-8; header=present"


class InsightsBase(EnvelopeHandler):
    """What all addresses of insights have in common."""

    async def view(self, project: str, key: str) -> View:
        """The readable insight that the address names."""
        number = await self.project(project)
        return await self.services.insights.find(self.actor, number, key)

    def wants_csv(self) -> bool:
        """Whether the address says ``format=csv``."""
        return self.get_query_argument("format", "json") == "csv"

    async def answer(self, answer: Struct | list[Any], *, status: int = 200) -> None:
        """Answer with JSON, or with the same as CSV where the address says so."""
        self.set_status(status)
        if self.wants_csv():
            text = await self.services.run_in_thread(flat_csv, answer)
            self.finish(text, set_content_type=_CSV)
        else:
            self.finish(await self.services.run_in_thread(msgspec.json.encode, answer))

    async def defined(self, body: InsightUpdate) -> tuple[Definition | None, Any]:
        """What a body's query object asks for, checked and kept; None where it has none."""
        if body.query is UNSET or body.query is None:
            return None, None
        definition = definition_from(body.query)
        planned = await self.services.insights.plan(
            self.actor, definition.sql, definition.params, definition.declared
        )
        return definition, planned

    async def read(self, view: View, mode: Mode, place: Surroundings) -> Reading:
        """An insight with the values of its surroundings, read as the mode says."""
        reading = await self.services.variants.read(self.actor, view, place.values, mode)
        if (fault := fault_of(reading)) is not None:
            raise fault
        return reading

    async def with_rows(
        self,
        reading: Reading,
        mode: Mode,
        beside: Beside,
        *,
        job_id: str | None = None,
        rows: int | None,
    ) -> Served:
        """A reading with its rows; a forced calculation behind gives none."""
        if job_id is not None and (job := reading.refresh or reading.awaited) is not None:
            self.services.calculations.name(self.actor, job_id, job)
        served = Served(reading=reading, mode=mode, job_id=job_id, beside=beside)
        result = reading.view.current.result
        if result is None or mode is Mode.FORCE_ASYNC:
            return served
        try:
            rendered = await self.services.results.render(result, Window(limit=rows))
            content, file = rendered.content, None
            if not isinstance(content, bytes) and rows is None:
                content, file = b"", content
            elif not isinstance(content, bytes):
                content = await self.services.run_in_thread(content.read_bytes)
        except (Gone, FileNotFoundError):
            return served
        is_cut = rendered.row_count < result.row_count
        rows_text = b"[" + content + b"]"
        return msgspec.structs.replace(served, rows=rows_text, is_cut=is_cut, file=file)

    def page(self, limit: int, offset: int, items: tuple[Any, ...], total: int) -> OffsetPage:
        """A page with the whole addresses of its neighbours."""
        after, before = offset + limit, max(0, offset - limit)
        return OffsetPage(
            count=total,
            next=self.page_address(limit, after) if after < total else None,
            previous=self.page_address(limit, before) if offset else None,
            results=items,
        )

    async def basics(self, views: tuple[View, ...]) -> list[InsightBasic]:
        """Insights without their rows."""
        beside = await self.services.insights.beside(self.actor, views)
        readings = await asyncio.gather(*(self.services.reading.look(view) for view in views))
        return [basic_out(each, self.actor, beside[each.view.id]) for each in readings]

    async def send_changed(self, view: View, body: InsightUpdate, status: int) -> None:
        """Answer with an insight that was made or changed, after the work that was asked for."""
        query = self.query(InsightQuery)
        mode = refresh_mode(query.refresh, None if body.refresh is UNSET else body.refresh)
        job_id = query.client_query_id or body.client_query_id or None
        await self.send_insight(view, mode, job_id, own_values(view), status=status)

    async def send_insight(
        self, view: View, mode: Mode, job_id: str | None, place: Surroundings, *, status: int = 200
    ) -> None:
        """Answer with one insight whole, with all rows that are stored."""
        reading = await self.read(view, mode, place)
        beside = await self.services.insights.beside(self.actor, (view,))
        served = await self.with_rows(reading, mode, beside[view.id], job_id=job_id, rows=None)
        answer = insight_out(placed_in(place, served), self.actor)
        if served.file is None or self.wants_csv():
            await self.answer(answer, status=status)
        else:
            await self.stream(answer, served.file, status)

    async def stream(self, answer: Struct, file: Path, status: int) -> None:
        """Send an insight whose rows are many: they go from their file into the empty list."""
        text = msgspec.json.encode(answer)
        at = text.index(_NO_ROWS) + len(_NO_ROWS)
        opened = await self.services.run_in_thread(file.open, "rb")
        size = (await self.services.run_in_thread(file.stat)).st_size
        self.set_status(status)
        self.set_header("Content-Type", "application/json")
        await self.send_file(opened, size, before=text[:at], after=text[at:])


class InsightsHandler(InsightsBase):
    """``projects/{project}/insights``."""

    @route("read", "insight:read", "List insights", query=InsightsQuery, answer=OffsetPage)
    async def get(self, project: str) -> None:
        """Insights of a project that the caller may read; ``basic=true`` without their rows."""
        number = await self.project(project)
        query = self.query(InsightsQuery)
        services = self.services
        people = await services.insights.people(number)
        now = services.clock.now()
        wanted = insight_filter(query, number, self.actor.name, now, people)
        if is_unknown_kind(query.insight):
            await self.answer(self.page(query.limit, query.offset, (), 0))
            return
        found = await services.insights.list(self.actor, wanted, query.limit, query.offset)
        if truth(query.basic, "basic"):
            items = await self.basics(found.items)
        else:
            mode = refresh_mode(query.refresh)
            beside = await services.insights.beside(self.actor, found.items)
            items = await asyncio.gather(
                *(self._item(view, mode, beside[view.id]) for view in found.items)
            )
        await self.answer(self.page(query.limit, query.offset, tuple(items), found.total))

    head = get

    async def _item(self, view: View, mode: Mode, beside: Beside) -> InsightOut:
        """One insight of a list: a broken one does not break the others."""
        try:
            reading = await self.read(view, mode, own_values(view))
        except ViewsError:
            reading = await self.services.reading.look(view)
        served = await self.with_rows(reading, mode, beside, rows=LIST_ROWS)
        return insight_out(served, self.actor)

    @route(
        "write",
        "insight:write",
        "Create an insight",
        query=InsightQuery,
        body=InsightUpdate,
        answer=InsightOut,
        status=201,
    )
    async def post(self, project: str) -> None:
        """Save an insight, with its query or before it; nothing is run unless ``refresh`` asks."""
        number = await self.project(project)
        body = self.body(InsightUpdate)
        definition, planned = await self.defined(body)
        new = new_insight(body, definition, planned)
        view = await self.services.insights.create(self.actor, number, new)
        await self.send_changed(view, body, 201)


class InsightHandler(InsightsBase):
    """``projects/{project}/insights/{insight}``."""

    @route("read", "insight:read", "Get an insight", query=InsightReadQuery, answer=InsightOut)
    async def get(self, project: str, key: str) -> None:
        """One insight with its rows, as ``refresh`` says; ``format=csv`` is its rows alone."""
        view = await self.view(project, key)
        query = self.query(InsightReadQuery)
        now = self.services.clock.now()
        own = overrides_from(query.filters_override, query.variables_override, now)
        place = await surroundings(self, view, query.from_dashboard, own)
        mode = refresh_mode(query.refresh, unasked_mode(query))
        if truth(query.basic, "basic"):
            (basic,) = await self.basics((view,))
            await self.answer(basic)
        elif self.wants_csv():
            await self._send_rows(await self.read(view, mode, place))
        else:
            await self.send_insight(view, mode, query.client_query_id, place)

    head = get

    async def _send_rows(self, reading: Reading) -> None:
        result = reading.view.current.result
        if result is None:
            self.finish(b"", set_content_type=_CSV)
            return
        rendered = await self.services.results.render(result, Window(format="csv", guard=True))
        self.set_header("Content-Type", _CSV)
        if isinstance(rendered.content, bytes):
            self.finish(rendered.content, set_content_type=_CSV)
            return
        opened = await self.services.run_in_thread(rendered.content.open, "rb")
        await self.send_file(opened, rendered.size, before=b"", after=b"")

    @route(
        "write",
        "insight:write",
        "Update an insight",
        query=InsightQuery,
        body=InsightUpdate,
        answer=InsightOut,
    )
    async def patch(self, project: str, key: str) -> None:
        """Change any subset of the fields; ``deleted`` takes it away, or brings it back."""
        number = await self.project(project)
        body = self.body(InsightUpdate)
        services = self.services
        view = await services.insights.find(
            self.actor, number, key, even_deleted=body.deleted is False
        )
        services.views.require_owner(self.actor, view)
        definition, planned = await self.defined(body)
        change = insight_change(body, definition, planned)
        await self.send_changed(await services.insights.change(self.actor, view, change), body, 200)

    put = patch

    @route("write", "insight:write", "Insights are not deleted for good", status=405)
    async def delete(self, project: str, key: str) -> None:
        """405, always: PATCH ``{"deleted": true}`` instead."""
        await self.project(project)
        self.set_header("Allow", "GET, HEAD, PATCH, PUT, OPTIONS")
        self.send_nothing(405)
