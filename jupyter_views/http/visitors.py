"""Visitors of links: who they are to us, and the insight that a program of theirs may read."""

from __future__ import annotations

from pathlib import Path

from ..core.errors import NotFound, Unauthenticated
from ..core.freshness import Mode
from ..core.links import LinkSettings, Share
from ..core.model import Actor
from ..core.projects import DEFAULT_PROJECT
from ..core.reading import Reading
from ..wire.envelope import OffsetPage
from ..wire.insight_filters import InsightQuery
from ..wire.insights import InsightOut, insight_out
from ..wire.linked import PAGE_ROWS, visitors_insight
from .insights import InsightHandler, InsightsBase, InsightsHandler

_NOBODY = Actor(name="", scopes=frozenset())


class VisitorBase(InsightsBase):
    """Base of what links open; whoever holds one is nobody, until he is asked who he is."""

    actor = _NOBODY

    @property
    def address(self) -> str:
        """Where the visitor calls from, as far as the host knows."""
        return self.request.remote_ip or ""

    def bearer(self) -> str | None:
        """The ticket in the Authorization header."""
        scheme, _, given = self.request.headers.get("Authorization", "").partition(" ")
        return given.strip() if scheme.lower() == "bearer" else None

    async def reading(self, share: Share, asked: str | None) -> Reading:
        """The view as its owner would meet it, so that a refresh is in the owner's name."""
        view = await self.services.visiting.view(share)
        owner = Actor(name=view.owner, scopes=frozenset())
        mode = self.services.visiting.mode(share, asked)
        return await self.services.reading.read(owner, view, mode=mode)

    async def visited(
        self, share: Share, asked: str | None, *, rows: int | None = None
    ) -> tuple[InsightOut, Path | None]:
        """The insight behind a link, and the file that holds its rows where they are many.

        Parameters
        ----------
        rows
            At most so many; as many as the page shows, where the owner
            offers no downloads.
        """
        settings = share.settings or LinkSettings()
        limit = rows if settings.downloads is True else PAGE_ROWS
        reading = await self.reading(share, asked)
        served = await self.with_rows(reading, Mode.LAZY_ASYNC, None, rows=limit)
        return visitors_insight(insight_out(served, _NOBODY), settings), served.file


class TokenVisitor(VisitorBase):
    """Lets ``sharing_access_token`` in, before anybody asks who is signed in."""

    async def prepare(self) -> None:
        """Answer whoever brings a link's token; everybody else is asked who they are."""
        token = self.get_query_argument("sharing_access_token", None)
        if token is None or self.request.method == "OPTIONS" or not self.check_host():
            await super().prepare()
            return
        self.current_user = self._jupyter_current_user = None
        self.set_header("Cache-Control", "private, no-store")
        share = await self._opened(token)
        await self.send_visited(share, self.query(InsightQuery).refresh)
        self.services.visiting.note(share, "api", self.address)

    async def _opened(self, token: str) -> Share:
        refused = Unauthenticated("Sharing access token is invalid.")
        if self.request.method not in {"GET", "HEAD"}:
            raise refused
        try:
            share = await self.services.visiting.open(token, self.address)
        except NotFound:
            raise refused from None
        ticket = self.bearer()
        if not self.services.visiting.is_unlocked(share, (ticket,) if ticket else ()):
            raise refused
        return share

    async def is_of(self, share: Share) -> bool:
        """Whether the address names what the link opens, or the list that it is in."""
        project, *key = self.path_args
        view = await self.services.visiting.view(share)
        number = DEFAULT_PROJECT if project == "@current" else int(project)
        keys = {str(view.id), view.short_id}
        return number == view.project_id and (not key or key[0] in keys)

    async def send_visited(self, share: Share, asked: str | None) -> None:
        """Answer with what the link opens."""
        raise NotImplementedError


class VisitedInsightHandler(TokenVisitor, InsightHandler):
    """``projects/{project}/insights/{insight}``, also for those who hold its link."""

    async def send_visited(self, share: Share, asked: str | None) -> None:
        """The insight of the link; every other is absent."""
        if not await self.is_of(share):
            raise NotFound("There is no such insight.")
        answer, file = await self.visited(share, asked)
        if file is None:
            await self.answer(answer)
        else:
            await self.stream(answer, file, 200)


class VisitedInsightsHandler(TokenVisitor, InsightsHandler):
    """``projects/{project}/insights``, also for those who hold the link of one."""

    async def send_visited(self, share: Share, asked: str | None) -> None:
        """A list of the insight of the link alone."""
        results: tuple[InsightOut, ...] = ()
        if await self.is_of(share):
            results = ((await self.visited(share, asked, rows=PAGE_ROWS))[0],)
        await self.answer(OffsetPage(count=len(results), next=None, previous=None, results=results))
