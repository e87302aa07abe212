"""Query references: the five routes of their page, and the rows and versions behind them."""

from __future__ import annotations

from msgspec.structs import replace

from ..core.following import offered, rows_or_reason
from ..core.freshness import Mode
from ..core.references import Reference
from ..wire.queries import cursor_of
from ..wire.references import (
    ReferenceCreate,
    ReferenceOut,
    ReferencePage,
    ReferencesQuery,
    ReferenceUpdate,
    ReferenceVersions,
    Tombstone,
    VersionNumber,
    item_out,
    new_reference,
    place_of,
    reference_change,
    reference_out,
    tombstone,
    values_asked,
    version_in,
    version_out,
    wire_id,
)
from .doors import object_tag
from .idempotency import Answer, answer_once
from .negotiate import suffixed_format, wait_seconds
from .operations import route
from .queries import QueryDialect
from .rows import PerspectiveResultQuery, ResultOut, Source, mode_of, send_result


class ReferenceResultQuery(PerspectiveResultQuery, frozen=True, kw_only=True):
    """Query string of a reference's result; values of parameters are ``param.name=…`` beside."""

    version: VersionNumber | None = None


class _ReferenceHandler(QueryDialect):
    @property
    def path(self) -> str:
        """Of the references."""
        return f"{self.prefix}/api/queries/refs"

    async def reference(self, short_id: str) -> Reference:
        return await self.services.references.get(self.actor, short_id)

    async def told(self, reference: Reference) -> ReferenceOut:
        reading = await self.services.following.look(self.actor, reference)
        return reference_out(reference, self.actor, self.prefix, reading)

    async def send_reference(self, reference: Reference) -> None:
        told = await self.told(reference)
        self.send(told, etag=object_tag(reference.short_id, reference, told))

    def if_match(self, reference: Reference) -> int | None:
        return self.required_revision(reference.short_id, reference.revision)


class ReferencesHandler(_ReferenceHandler):
    """``api/queries/refs``."""

    @route(
        "read",
        "query:read",
        "List query references",
        query=ReferencesQuery,
        answer=ReferencePage,
    )
    async def get(self) -> None:
        """Own ones and those that are shown to the caller, newest first, by cursor."""
        query = self.query(ReferencesQuery)
        found, last = await self.services.references.page(
            self.actor, query.limit, place_of(query.cursor)
        )
        cursor = cursor_of(None if last is None else wire_id(last))
        self.link_next(self.path, query.limit, cursor)
        items = tuple(item_out(each, self.actor, self.prefix) for each in found)
        self.send(ReferencePage(items=items, next_cursor=cursor))

    head = get

    @route(
        "write",
        "query:write",
        "Create a query reference",
        body=ReferenceCreate,
        answer=ReferenceOut,
        status=201,
    )
    async def post(self) -> None:
        """Bookmark a query, or follow a view; nothing is run."""
        new = new_reference(self.body(ReferenceCreate))

        async def work() -> Answer:
            made = await self.services.references.create(self.actor, new)
            told = await self.told(made)
            headers = {
                "Location": f"{self.path}/{made.short_id}",
                "Etag": f'"{object_tag(made.short_id, made, told)}"',
            }
            return Answer(status=201, body=told, headers=headers)

        await answer_once(self, "references", work)


class ReferenceHandler(_ReferenceHandler):
    """``api/queries/refs/{short_id}``."""

    @route("read", "query:read", "Retrieve a query reference", answer=ReferenceOut)
    async def get(self, short_id: str) -> None:
        """The whole reference with the query that it points to now."""
        await self.send_reference(await self.reference(short_id))

    head = get

    @route(
        "write",
        "query:write",
        "Update a query reference",
        body=ReferenceUpdate,
        answer=ReferenceOut,
    )
    async def put(self, short_id: str) -> None:
        """Change any subset of the words; the owner only."""
        reference = await self.reference(short_id)
        services = self.services
        services.references.require_owner(self.actor, reference)
        if_match = self.if_match(reference)
        words = reference_change(self.body(ReferenceUpdate))
        await self.send_reference(
            await services.references.change(self.actor, reference, words, if_match=if_match)
        )

    @route("write", "query:write", "Delete a query reference", answer=Tombstone)
    async def delete(self, short_id: str) -> None:
        """The permalink ends; the query and its rows stay. The owner only."""
        reference = await self.reference(short_id)
        references = self.services.references
        references.require_owner(self.actor, reference)
        if_match = self.if_match(reference)
        gone = await references.delete(self.actor, reference, if_match=if_match)
        self.send(tombstone(gone))


class ReferenceResultHandler(_ReferenceHandler):
    """``api/queries/refs/{short_id}/result``, and the same with a format behind a dot."""

    @route(
        "read",
        "query:read",
        "The rows of a query reference",
        query=ReferenceResultQuery,
        answer=ResultOut,
    )
    async def get(self, short_id: str, suffix: str | None = None) -> None:
        """Rows with the values that ``param.name=…`` says, computed first where there are none."""
        query = self.query(ReferenceResultQuery)
        query = replace(query, format=suffixed_format(suffix, query.format))
        reference = await self.reference(short_id)
        following = self.services.following
        target = await following.target(self.actor, reference, query.version)
        moment = await self.services.valuer.moment_of(target)
        values = values_asked(self.request.query, offered(reference, target), target, moment)
        mode = mode_of(is_refresh=query.refresh)
        patience = wait_seconds(self.request.headers.get("Prefer"))
        reading = await following.read(self.actor, reference, target, values, mode, wait=patience)
        tail = "" if suffix is None else f".{suffix}"
        source = Source(
            result=rows_or_reason(reading),
            freshness=reading.freshness,
            name=short_id,
            path=f"{self.path}/{short_id}/result{tail}",
            is_public=reading.view.is_public,
            is_forced=mode is Mode.FORCE_ASYNC,
            is_file=suffix is not None,
            max_staleness_seconds=reading.view.rule.max_staleness_seconds,
            refresh=reading.refresh,
        )
        await send_result(self, source, query)

    head = get


class ReferenceVersionsHandler(_ReferenceHandler):
    """``api/queries/refs/{short_id}/versions``."""

    @route(
        "read",
        "query:read",
        "The versions behind a query reference",
        query=ReferencesQuery,
        answer=ReferenceVersions,
    )
    async def get(self, short_id: str) -> None:
        """Definitions of the view that it follows, newest first; of a query the one that it is."""
        query = self.query(ReferencesQuery)
        reference = await self.reference(short_id)
        target = await self.services.following.target(self.actor, reference)
        view = reference.view
        if view is None:
            self.send(ReferenceVersions(items=(version_out(target.version, 1),)))
            return
        page = await self.services.history.versions(view, query.limit, version_in(query.cursor))
        cursor = cursor_of(page.next_cursor)
        self.link_next(f"{self.path}/{short_id}/versions", query.limit, cursor)
        items = tuple(version_out(each, target.version.n) for each in page.items)
        self.send(ReferenceVersions(items=items, next_cursor=cursor))

    head = get
