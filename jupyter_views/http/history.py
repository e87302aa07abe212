"""The past of a view: its refreshes, its versions, what differs, what was decided."""

from __future__ import annotations

from ..core.model import View
from ..wire.history import (
    DecisionPage,
    DiffQuery,
    HistoryPage,
    HistoryQuery,
    RestoreRequest,
    RowDiff,
    SqlDiff,
    SqlDiffQuery,
    VersionOut,
    VersionPage,
    VersionsQuery,
    history_page,
    key_names,
    log_page,
    mark_of,
    row_diff,
    sql_diff,
    version_out,
)
from ..wire.views import ViewDetail, view_detail
from .base import ViewsHandler
from .idempotency import Answer, answer_once
from .operations import route


class _PastHandler(ViewsHandler):
    async def view(self, short_id: str) -> View:
        """The view, if the caller may read it."""
        return await self.services.reading.by_short_id(self.actor, short_id)


class HistoryHandler(_PastHandler):
    """``api/views/{short_id}/history``."""

    @route(
        "read",
        "perspective:read",
        "The refreshes of a view",
        query=HistoryQuery,
        answer=HistoryPage,
    )
    async def get(self, short_id: str) -> None:
        """Newest first, equal ones in a row as one entry."""
        query = self.query(HistoryQuery)
        view = await self.view(short_id)
        entries, next_mark = await self.services.history.page(
            view, query.limit, mark_of(query.cursor)
        )
        self.send(history_page(entries, next_mark))

    head = get


class VersionsHandler(_PastHandler):
    """``api/views/{short_id}/versions``."""

    @route(
        "read",
        "perspective:read",
        "The versions of a view",
        query=VersionsQuery,
        answer=VersionPage,
    )
    async def get(self, short_id: str) -> None:
        """Definitions, newest first."""
        query = self.query(VersionsQuery)
        view = await self.view(short_id)
        page = await self.services.history.versions(view, query.limit, query.cursor)
        items = tuple(version_out(version, view) for version in page.items)
        self.send(VersionPage(items=items, total=page.total, next_cursor=page.next_cursor))

    head = get


class VersionHandler(_PastHandler):
    """``api/views/{short_id}/versions/{n}``."""

    @route("read", "perspective:read", "One version of a view", answer=VersionOut)
    async def get(self, short_id: str, n: str) -> None:
        """A definition; its rows are those of its statement."""
        view = await self.view(short_id)
        self.send(version_out(await self.services.history.version(view, int(n)), view))

    head = get


class VersionDiffHandler(_PastHandler):
    """``api/views/{short_id}/versions/{n}/diff``."""

    @route(
        "read",
        "perspective:read",
        "What changed in the SQL",
        query=SqlDiffQuery,
        answer=SqlDiff,
    )
    async def get(self, short_id: str, n: str) -> None:
        """From version n to another one, the current one when none is named."""
        query = self.query(SqlDiffQuery)
        view = await self.view(short_id)
        history = self.services.history
        before = await history.version(view, int(n))
        after = view.version if query.to is None else await history.version(view, query.to)
        self.send(await self.services.run_in_thread(sql_diff, before, after, view))

    head = get


class RestoreHandler(_PastHandler):
    """``api/views/{short_id}/restore``."""

    @route(
        "write",
        "perspective:write",
        "Restore a version",
        body=RestoreRequest,
        answer=ViewDetail,
        status=201,
    )
    async def post(self, short_id: str) -> None:
        """Bring an earlier definition back as a new version; the owner only."""
        services = self.services
        view = await self.view(short_id)
        services.views.require_owner(self.actor, view)
        body = self.body(RestoreRequest)

        async def restore() -> Answer:
            restored = await services.views.restore(self.actor, view, body.version, body.note)
            reading = await services.reading.look(restored)
            return Answer(status=201, body=view_detail(reading, self.actor, f"{self.prefix}/api"))

        await answer_once(self, f"restore {short_id}", restore)


class DiffHandler(_PastHandler):
    """``api/views/{short_id}/diff``."""

    @route("read", "perspective:read", "What changed in the rows", query=DiffQuery, answer=RowDiff)
    async def get(self, short_id: str) -> None:
        """Rows added, removed and changed between two refreshes, by key."""
        query = self.query(DiffQuery)
        view = await self.view(short_id)
        compared = await self.services.history.diff(
            view,
            before=query.before,
            after=query.after,
            key=key_names(query.key),
            limit=query.limit,
            offset=query.offset,
            big=query.big,
        )
        self.send(row_diff(compared, query.offset))

    head = get


class LogHandler(_PastHandler):
    """``api/views/{short_id}/log``."""

    @route("read", "perspective:read", "The decision log of a view", answer=DecisionPage)
    async def get(self, short_id: str) -> None:
        """What was noticed, and what was done about it; the newest 200 lines."""
        view = await self.view(short_id)
        self.send(log_page(await self.services.decisions.page(view.id)))

    head = get
