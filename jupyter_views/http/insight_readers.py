"""What people looked at last and look at most, what they did, and calculations behind."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct

from ..core.calculations import KEPT
from ..core.errors import NotFound
from ..core.model import SECOND, Statement, Status
from ..core.results import Window
from ..wire.activity import ActivityPage, ActivityQuery, activity_out
from ..wire.envelope import OffsetPage
from ..wire.insights import CancelRequest, ViewedRequest, trending_out
from ..wire.query_status import (
    QueryCancelQuery,
    QueryMessage,
    QueryStatusOut,
    QueryStatusQuery,
    query_status,
)
from .insights import InsightsBase
from .operations import route

_DAY = 86_400 * SECOND
_JOB_ROWS = 10_000


class FormatQuery(Struct, frozen=True, kw_only=True):
    """Query string where only the format can be chosen."""

    format: str | None = None


class TrendingQuery(FormatQuery, frozen=True, kw_only=True):
    """Query string of the insights that people look at most."""

    days: Annotated[int, Meta(ge=1, le=365)] = 7
    limit: Annotated[int, Meta(ge=1, le=100)] = 10


class _ActivityHandler(InsightsBase):
    async def send_activity(self, number: int, item: Any) -> None:
        query = self.query(ActivityQuery)
        start = (query.page - 1) * query.limit
        page = await self.services.activity.page(
            self.actor.name, number, query.limit, start, item=item
        )
        has_next = start + query.limit < page.total
        await self.answer(
            ActivityPage(
                results=tuple(activity_out(each) for each in page.items),
                next=self.page_address(query.limit, query.page + 1, "page") if has_next else None,
                previous=(
                    self.page_address(query.limit, query.page - 1, "page")
                    if query.page > 1
                    else None
                ),
                total_count=page.total,
            )
        )


class InsightsActivityHandler(_ActivityHandler):
    """``projects/{project}/insights/activity``."""

    @route(
        "read",
        "activity_log:read",
        "What was done with all insights",
        query=ActivityQuery,
        answer=ActivityPage,
    )
    async def get(self, project: str) -> None:
        """Deeds of a project on what the caller may read, newest first."""
        await self.send_activity(await self.project(project), None)

    head = get


class InsightActivityHandler(_ActivityHandler):
    """``projects/{project}/insights/{insight}/activity``."""

    @route(
        "read",
        "activity_log:read",
        "What was done with an insight",
        query=ActivityQuery,
        answer=ActivityPage,
    )
    async def get(self, project: str, key: str) -> None:
        """Deeds on one insight, newest first."""
        view = await self.view(project, key)
        await self.send_activity(view.project_id, ("view", view.id))

    head = get


class ViewActivityHandler(_ActivityHandler):
    """``api/views/{short_id}/activity``."""

    @route(
        "read",
        "activity_log:read",
        "What was done with a view",
        query=ActivityQuery,
        answer=ActivityPage,
    )
    async def get(self, short_id: str) -> None:
        """Deeds on one view, whatever its doors, newest first."""
        view = await self.services.reading.by_short_id(self.actor, short_id)
        await self.send_activity(view.project_id, ("view", view.id))

    head = get


class ViewedHandler(InsightsBase):
    """``projects/{project}/insights/viewed``."""

    @route(
        "write",
        "insight:read",
        "Note that insights were looked at",
        query=FormatQuery,
        body=ViewedRequest,
        status=201,
    )
    async def post(self, project: str) -> None:
        """Remember when the caller looked at these; unknown ones are passed over."""
        number = await self.project(project)
        body = self.body(ViewedRequest)
        await self.services.insights.note_viewed(self.actor, number, body.insight_ids)
        self.send_nothing(201)


class LastViewedHandler(InsightsBase):
    """``projects/{project}/insights/my_last_viewed``."""

    @route("read", "insight:read", "The last five that you looked at", query=FormatQuery)
    async def get(self, project: str) -> None:
        """A list of at most five, the last one first."""
        found = await self.services.insights.last_viewed(self.actor, await self.project(project))
        await self.answer(await self.basics(tuple(found)))

    head = get


class TrendingHandler(InsightsBase):
    """``projects/{project}/insights/trending``."""

    @route(
        "read",
        "insight:read",
        "The insights that people look at most",
        query=TrendingQuery,
        answer=OffsetPage,
    )
    async def get(self, project: str) -> None:
        """By how many people looked at them in the last days."""
        number = await self.project(project)
        query = self.query(TrendingQuery)
        services = self.services
        since = services.clock.now() - query.days * _DAY
        found = await services.insights.trending(self.actor, number, since, query.limit)
        beside = await services.insights.beside(self.actor, tuple(view for view, *_ in found))
        items = tuple(
            [
                trending_out(
                    await services.reading.look(view), self.actor, beside[view.id], n, people
                )
                for view, n, people in found
            ]
        )
        await self.answer(OffsetPage(count=len(items), next=None, previous=None, results=items))

    head = get


class CancelInsightHandler(InsightsBase):
    """``projects/{project}/insights/cancel``."""

    @route(
        "execute",
        "insight:write",
        "Cancel a calculation",
        query=FormatQuery,
        body=CancelRequest,
    )
    async def post(self, project: str) -> None:
        """Stop what the caller started under this name; 200 for an unknown one too."""
        await self.project(project)
        job_id = self.body(CancelRequest).client_query_id
        try:
            await self.services.calculations.cancel(self.actor, job_id)
        except NotFound:
            self.services.calculations.forget(self.actor, job_id)
        self.send_nothing(200)


class QueryHandler(InsightsBase):
    """``projects/{project}/query/{id}``."""

    @route(
        "read",
        "query:read",
        "How a calculation stands",
        query=QueryStatusQuery,
        answer=QueryStatusOut,
    )
    async def get(self, project: str, job_id: str) -> None:
        """202 while it runs, 200 with its rows, 400 or 500 where it failed.

        A key's questions are counted with its runs of endpoints.
        """
        number = await self.project(project)
        self.services.runs.limits.take(self.actor, "inline")
        statement = await self.services.calculations.find(self.actor, job_id)
        ended = statement.completed_at
        elapsed = (self.services.clock.now() - statement.submitted_at) / SECOND
        answer = query_status(
            statement,
            job_id,
            project_id=number,
            results=await self._results(statement),
            expires_at=ended + KEPT if ended else None,
            elapsed=elapsed if self.query(QueryStatusQuery).show_progress else None,
        )
        status = 200 if answer.complete else 202
        if answer.error:
            status = 400 if answer.error_message else 500
        await self.answer(QueryStatusOut(query_status=answer), status=status)

    head = get

    async def _results(self, statement: Statement) -> Any:
        result = statement.result
        if statement.status is not Status.SUCCESS or result is None:
            return None
        rendered = await self.services.results.render(result, Window(limit=_JOB_ROWS))
        rows = rendered.content
        if not isinstance(rows, bytes):
            rows = await self.services.run_in_thread(rows.read_bytes)
        return {
            "columns": [column.name for column in result.columns],
            "types": [(column.name, column.engine_type) for column in result.columns],
            "results": msgspec.Raw(b"[" + rows + b"]"),
            "hasMore": rendered.row_count < result.row_count or bool(result.truncated),
            "hogql": statement.query.normalized_sql,
        }

    @route(
        "execute",
        "query:read",
        "Cancel a calculation",
        query=QueryCancelQuery,
        answer=QueryMessage,
    )
    async def delete(self, project: str, job_id: str) -> None:
        """Stop it; ``dequeue_only`` leaves alone what already runs."""
        await self.project(project)
        calculations = self.services.calculations
        if self.query(QueryCancelQuery).dequeue_only:
            found = await calculations.find(self.actor, job_id)
            if found.status is not Status.QUEUED:
                self.send(QueryMessage(message="Query already left the queue"))
                return
        _, was_going = await calculations.cancel(self.actor, job_id)
        calculations.forget(self.actor, job_id)
        said = "Cancelled query" if was_going else "Query already complete"
        self.send(QueryMessage(message=said))
