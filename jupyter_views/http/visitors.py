"""Visitors of links: who they are to us, and the insight that a program of theirs may read."""

from __future__ import annotations

from abc import abstractmethod
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from ..core.dashboards import Dashboard, Tile
from ..core.errors import NotFound, Unauthenticated, ViewsError
from ..core.freshness import Mode
from ..core.insights import Beside
from ..core.links import LinkSettings, Share, Subject, subject_of, subject_of_dashboard
from ..core.model import Actor, View
from ..core.projects import DEFAULT_PROJECT
from ..core.reading import Reading
from ..core.values import Moment
from ..core.variants import Overrides
from ..wire.envelope import OffsetPage
from ..wire.insight_filters import InsightQuery
from ..wire.insights import InsightOut, insight_out
from ..wire.linked import PAGE_ROWS, visitors_insight
from ..wire.overrides import Surroundings, placed_in, surroundings_of
from ..wire.visitor_values import Given, chosen_values, given_values
from .insights import InsightHandler, InsightsBase, InsightsHandler

_NOBODY = Actor(name="", scopes=frozenset())


class Shown(Struct, frozen=True, kw_only=True):
    """A view that a visitor is shown.

    Attributes
    ----------
    dashboard
        Whose tile it is; None where the link is the view's own.
    is_chosen
        Under values that the visitor chose.
    """

    view: View
    place: Surroundings
    dashboard: Dashboard | None = None
    is_chosen: bool = False


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

    async def subject(self, share: Share) -> Subject:
        """What the link opens, as something that is shared."""
        if share.scope == "view":
            return subject_of(await self.services.visiting.view(share))
        dashboard, _ = await self.services.dashboards.behind_link(share.item_id)
        return subject_of_dashboard(dashboard)

    async def shown(self, share: Share, tile: int | None = None) -> Shown:
        """The view of a link, or that of a tile of its dashboard; NotFound where it has none."""
        if share.scope == "view":
            view = await self.services.visiting.view(share)
            return await self._chosen(share, view)
        dashboard, views = await self.services.dashboards.behind_link(share.item_id)
        for each in dashboard.tiles:
            if each.id == tile:
                return self.tile_of(dashboard, each, views[each.view_id])
        raise NotFound(
            "This dashboard has no such tile." if tile else "Which tile of this dashboard?",
            hint="Its page leads to each of them.",
        )

    @property
    def given(self) -> Given:
        """The values that the visitor chose, as the address says them."""
        return given_values(self.request.query)

    async def moment(self, view: View) -> Moment:
        """Now, with what the view's parameters offer."""
        return await self.services.valuer.moment_of(view)

    async def _chosen(self, share: Share, view: View) -> Shown:
        """The view with the visitor's values, as far as its owner lets him choose."""
        settings = share.settings or LinkSettings()
        values = chosen_values(view, settings, self.given, await self.moment(view))
        is_chosen = values != view.version.params
        if is_chosen:
            self.services.visiting.take_choice(share)
        return Shown(view=view, place=Surroundings(values=values), is_chosen=is_chosen)

    def tile_of(self, dashboard: Dashboard, tile: Tile, view: View) -> Shown:
        """A tile with the dashboard's values in the place of the view's own."""
        now = self.services.clock.now()
        place = surroundings_of(view, (dashboard, tile), Overrides(), now)
        return Shown(view=view, place=place, dashboard=dashboard)

    async def reading(self, shown: Shown, mode: Mode) -> Reading:
        """A view as its owner would meet it, so that a refresh is in the owner's name."""
        owner = Actor(name=shown.view.owner, scopes=frozenset())
        if shown.is_chosen and mode is Mode.LAZY_ASYNC:
            # Somebody has to be the first with these values, and came for their rows.
            mode = Mode.ASYNC_EXCEPT_ON_CACHE_MISS
        return await self.services.variants.read(owner, shown.view, shown.place.values, mode)

    async def tile_reading(self, shown: Shown, mode: Mode) -> Reading:
        """The same, without rows where the values of its dashboard do not fit its query."""
        try:
            return await self.reading(shown, mode)
        except ViewsError:
            # Its own rows would be those of other values.
            current = replace(shown.view.current, result=None)
            return await self.services.reading.look(replace(shown.view, current=current))

    async def visited(
        self, share: Share, shown: Shown, mode: Mode, *, rows: int | None = None
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
        is_one_of_many = rows is not None
        read = self.tile_reading if is_one_of_many else self.reading
        reading = await read(shown, mode)
        served = await self.with_rows(reading, Mode.LAZY_ASYNC, Beside(), rows=limit)
        answer = insight_out(placed_in(shown.place, served), _NOBODY)
        return visitors_insight(answer, settings), served.file


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

    async def named(self, share: Share, key: str | None) -> tuple[Shown, ...]:
        """What the link opens of that which the address names: an insight, or the list of them."""
        project = self.path_args[0]
        subject = await self.subject(share)
        number = DEFAULT_PROJECT if project == "@current" else int(project)
        if number != subject.project_id:
            return ()
        if share.scope == "view":
            opened: tuple[Shown, ...] = (await self.shown(share),)
        else:
            dashboard, views = await self.services.dashboards.behind_link(share.item_id)
            opened = tuple(
                self.tile_of(dashboard, tile, views[tile.view_id]) for tile in dashboard.tiles
            )
        return tuple(
            each for each in opened if key is None or key in {str(each.view.id), each.view.short_id}
        )

    @abstractmethod
    async def send_visited(self, share: Share, asked: str | None) -> None:
        """Answer with what the link opens."""


class VisitedInsightHandler(TokenVisitor, InsightHandler):
    """``projects/{project}/insights/{insight}``, also for those who hold its link."""

    async def send_visited(self, share: Share, asked: str | None) -> None:
        """The insight of the link, or one of its dashboard; every other is absent."""
        found = await self.named(share, self.path_args[1])
        if not found:
            raise NotFound("There is no such insight.")
        mode = self.services.visiting.mode(share, asked)
        answer, file = await self.visited(share, found[0], mode)
        if file is None:
            await self.answer(answer)
        else:
            await self.stream(answer, file, 200)


class VisitedInsightsHandler(TokenVisitor, InsightsHandler):
    """``projects/{project}/insights``, also for those who hold the link of one."""

    async def send_visited(self, share: Share, asked: str | None) -> None:
        """A list of what the link opens, and nothing else."""
        mode = self.services.visiting.mode(share, asked)
        results = [
            (await self.visited(share, each, mode, rows=PAGE_ROWS))[0]
            for each in await self.named(share, None)
        ]
        await self.answer(
            OffsetPage(count=len(results), next=None, previous=None, results=tuple(results))
        )
