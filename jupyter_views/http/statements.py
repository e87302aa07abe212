"""Statements: submit, list, look, read, cancel."""

from __future__ import annotations

import asyncio
import os

from ..core.access import require_scope
from ..core.errors import Invalid
from ..core.freshness import Freshness
from ..core.model import Statement
from ..wire.fields import Pagination
from ..wire.statements import (
    StatementOut,
    StatementPage,
    StatementRequest,
    StatementsQuery,
    SubmitQuery,
    plan_out,
    statement_out,
    statuses,
    submission,
)
from .base import ViewsHandler
from .idempotency import Answer, answer_once
from .negotiate import wait_seconds
from .operations import route
from .rows import ResultOut, ResultQuery, Source, send_result, set_stale_headers


class _StatementHandler(ViewsHandler):
    @property
    def path(self) -> str:
        return f"{self.prefix}/api/v1/statements"

    async def freshness(self, statement: Statement) -> Freshness | None:
        if statement.result is None:
            return None
        return await self.services.statements.freshness(statement)

    async def shown(self, statement: Statement) -> StatementOut:
        """One of the caller's own statements in a list."""
        return statement_out(statement, self.path, await self.freshness(statement), is_mine=True)

    async def shown_alone(self, statement: Statement, *, is_mine: bool) -> StatementOut:
        """A whole answer, which says in a header too whether the rows are stale."""
        freshness = await self.freshness(statement)
        if freshness is not None:
            set_stale_headers(self, freshness, None)
        return statement_out(statement, self.path, freshness, is_mine=is_mine)

    def progress_headers(self, statement: Statement) -> dict[str, str]:
        headers = {"Location": f"{self.path}/{statement.id}"}
        if not statement.status.is_final:
            headers["Retry-After"] = "1"
        return headers

    def checked_base_dir(self, asked: str | None) -> str:
        root, *_ = self.services.folders
        folder = os.path.realpath(os.path.join(root, asked or ""))
        inside = any(
            folder == top or folder.startswith(top.rstrip(os.sep) + os.sep)
            for top in self.services.folders
        )
        if not inside or not os.path.isdir(folder):
            raise Invalid(
                "The folder of this notebook is outside the folders that this server may read.",
                hint="An administrator can add it to ViewsApp.data_dirs.",
                field="base_dir",
            )
        return folder


class StatementsHandler(_StatementHandler):
    """``/statements``."""

    @route(
        "execute",
        "statement:write",
        "Submit SQL",
        query=SubmitQuery,
        body=StatementRequest,
        answer=StatementOut,
        status=202,
    )
    async def post(self) -> None:
        """Submit SQL; ``Prefer: wait=N`` answers when it ends, if that is within N seconds."""
        body = self.body(StatementRequest)
        query = self.query(SubmitQuery)
        patience = wait_seconds(self.request.headers.get("Prefer"))
        base_dir = await self.services.run_in_thread(self.checked_base_dir, body.base_dir)
        asked = submission(body, query, base_dir)
        if query.dry_run:
            self.send(plan_out(body.sql, await self.services.statements.check(self.actor, asked)))
            return

        async def work() -> Answer:
            statement = await self.services.statements.submit(self.actor, asked)
            if patience and not statement.status.is_final:
                statement = await self.services.statements.wait(statement, patience)
            return Answer(
                status=200 if statement.status.is_final else 202,
                body=await self.shown_alone(statement, is_mine=True),
                headers=self.progress_headers(statement),
            )

        await answer_once(self, "statements", work)

    @route(
        "read",
        "statement:read",
        "List your statements",
        query=StatementsQuery,
        answer=StatementPage,
    )
    async def get(self) -> None:
        """The caller's statements, newest first."""
        query = self.query(StatementsQuery)
        page = await self.services.statements.list(
            self.actor, statuses(query.status), query.limit, query.offset
        )
        items = await asyncio.gather(*(self.shown(s) for s in page.items))
        self.set_paging(self.path, query.limit, query.offset, page.total)
        self.send(
            StatementPage(
                items=tuple(items),
                pagination=Pagination(
                    limit=query.limit,
                    offset=query.offset,
                    total=page.total,
                    has_more=query.offset + query.limit < page.total,
                    order_by="submitted_at",
                ),
            )
        )

    head = get


class StatementHandler(_StatementHandler):
    """``/statements/{id}``; the id may be a client_id of the caller's."""

    @route("read", "statement:read", "How a statement stands", answer=StatementOut)
    async def get(self, statement_id: str) -> None:
        """Status, always 200 even when the SQL failed; ``Prefer: wait=N`` waits for the end."""
        statement, is_mine = await self.services.statements.get(self.actor, statement_id)
        patience = wait_seconds(self.request.headers.get("Prefer"))
        if patience and not statement.status.is_final:
            statement = await self.services.statements.wait(statement, patience)
        if not statement.status.is_final:
            self.set_header("Retry-After", "1")
        self.send(await self.shown_alone(statement, is_mine=is_mine))

    head = get

    @route("execute", "statement:write", "Cancel a statement", status=204)
    async def delete(self, statement_id: str) -> None:
        """Cancel, with no body to read."""
        await self.services.statements.cancel(self.actor, statement_id)
        self.send_nothing(204)


class CancelHandler(_StatementHandler):
    """``/statements/{id}/cancel``."""

    @route("execute", "statement:write", "Cancel a statement", answer=StatementOut)
    async def post(self, statement_id: str) -> None:
        """Ask a statement to stop; the answer says how it stands after at most 2.5 s."""
        statement = await self.services.statements.cancel(self.actor, statement_id)
        self.send(await self.shown_alone(statement, is_mine=True))


class StatementResultHandler(_StatementHandler):
    """``/statements/{id}/result``."""

    @route("read", None, "The rows of a statement", query=ResultQuery, answer=ResultOut)
    async def get(self, statement_id: str) -> None:
        """Rows in any format and window."""
        if not self.actor.has_scope("statement:read"):
            require_scope(self.actor, "perspective:read")
        query = self.query(ResultQuery)
        statement, result = await self.services.statements.result(self.actor, statement_id)
        source = Source(
            result=result,
            freshness=await self.services.statements.freshness(statement),
            name=statement.id,
            path=f"{self.path}/{statement.id}/result",
        )
        await send_result(self, source, query)

    head = get
