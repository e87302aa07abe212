"""Queries under keys of their own: listed, looked at, run again."""

from __future__ import annotations

import os
from urllib.parse import urlencode

from msgspec import UNSET, Struct
from msgspec.structs import replace

from ..core.errors import ViewsError
from ..core.model import Statement
from ..core.names import query_id_of, uuid_of
from ..wire.queries import (
    QueriesQuery,
    QueryCreate,
    QueryOut,
    QueryPage,
    QueryRun,
    bad_cursor,
    cursor_of,
    new_submission,
    place_in,
    query_error,
    query_out,
)
from .base import ViewsHandler
from .idempotency import Answer, answer_once
from .negotiate import wait_seconds
from .operations import route


class QueryDialect(ViewsHandler):
    """Base of the addresses that answer as the query-reference page does."""

    @property
    def path(self) -> str:
        """Of the queries."""
        return f"{self.prefix}/api/queries"

    def error_out(self, error: ViewsError) -> Struct:
        """The ``{type, message, documentation_url, code}`` of this page."""
        request = self.request
        docs = f"{request.protocol}://{request.host}{self.prefix}/api/docs"
        return query_error(error, docs)

    def link_next(self, path: str, limit: int, cursor: object) -> None:
        """RFC 8288: where the next page is."""
        if cursor is not UNSET:
            query = urlencode({"limit": limit, "cursor": cursor})
            self.set_header("Link", f'<{path}?{query}>; rel="next"')


class _QueryHandler(QueryDialect):
    async def answered(self, statement: Statement, headers: dict[str, str]) -> Answer:
        """A run that was asked for, as its query; ``Prefer: wait=N`` waits for its end."""
        patience = wait_seconds(self.request.headers.get("Prefer"))
        if patience and not statement.status.is_final:
            statement = await self.services.statements.wait(statement, patience)
        if not statement.status.is_final:
            headers = headers | {"Retry-After": "1"}
        known = await self.services.queries.get(self.actor, uuid_of(statement.query.id))
        body = query_out(replace(known, latest=statement), self.actor)
        return Answer(status=200 if statement.status.is_final else 202, body=body, headers=headers)


class QueriesHandler(_QueryHandler):
    """``api/queries``."""

    @route("read", "query:read", "List queries", query=QueriesQuery, answer=QueryPage)
    async def get(self) -> None:
        """Queries that the caller ran, or that views and references show to them, newest first."""
        query = self.query(QueriesQuery)
        place = place_in(query.cursor)
        if place is not None and query_id_of(place) is None:
            raise bad_cursor()
        found, last = await self.services.queries.page(self.actor, query.limit, place)
        cursor = cursor_of(last)
        self.link_next(self.path, query.limit, cursor)
        items = tuple(query_out(each, self.actor) for each in found)
        self.send(QueryPage(items=items, next_cursor=cursor))

    head = get

    @route(
        "execute",
        "query:write",
        "Make a query",
        body=QueryCreate,
        answer=QueryOut,
        status=201,
    )
    async def post(self) -> None:
        """Run SQL; the query has a key from then on. ``Prefer: wait=N`` waits for the run."""
        root = await self.services.run_in_thread(os.path.realpath, self.services.folders[0])
        asked = new_submission(self.body(QueryCreate), root)

        async def work() -> Answer:
            statement = await self.services.queries.create(self.actor, asked)
            place = {"Location": f"{self.path}/{uuid_of(statement.query.id)}"}
            return replace(await self.answered(statement, place), status=201)

        await answer_once(self, "queries", work)


class OneQueryHandler(_QueryHandler):
    """``api/queries/{id}``; the id may be that of a statement."""

    @route("read", "query:read", "Get a query", answer=QueryOut)
    async def get(self, key: str) -> None:
        """The SQL and the newest run of it that the caller may see."""
        self.send(query_out(await self.services.queries.get(self.actor, key), self.actor))

    head = get


class _RunHandler(_QueryHandler):
    is_forced: bool

    @route("execute", "query:write", "Run a query", body=QueryRun, answer=QueryOut, status=202)
    async def post(self, key: str) -> None:
        """Run it in the caller's name, with the values of the latest run unless others are sent."""
        queries = self.services.queries
        known = await queries.get(self.actor, key)
        params = self.body(QueryRun).params

        async def work() -> Answer:
            run = await queries.run(self.actor, known, params, is_forced=self.is_forced)
            place = f"{self.prefix}/api/v1/statements/{run.id}"
            return await self.answered(run, {"Location": place})

        await answer_once(self, f"queries {known.id} {self.is_forced}", work)


class ExecuteQueryHandler(_RunHandler):
    """``api/queries/{id}/execute``: rows that are still fresh serve."""

    is_forced = False


class RefreshQueryHandler(_RunHandler):
    """``api/queries/{id}/refresh``: run in any case."""

    is_forced = True
