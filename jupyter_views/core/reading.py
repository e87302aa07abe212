"""Views as their readers meet them: found, listed, served at once, refreshed behind."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from msgspec import Struct

from .access import can_read, is_owner, require_read
from .announcing import Announcer
from .aside import aside
from .assessing import Assessor
from .errors import Gone, NotFound, Unavailable, ViewsError, from_dict
from .freshness import CHANGE_REASONS, Action, Freshness, Mode, act
from .model import Actor, Cause, Instant, Page, Statement, Status, View
from .ports import Clock
from .refreshing import Refresher
from .requests import ViewFilter
from .running import Runner
from .statements import StatementService

_LOOKED_AT = 1000
COMPUTE_SECONDS = 55.0
_NOTED = 10_000
FORCED = frozenset({Mode.FORCE_BLOCKING, Mode.FORCE_ASYNC})


class Reading(Struct, frozen=True, kw_only=True):
    """A view as one reader meets it.

    Attributes
    ----------
    refresh
        The statement that will replace the current result, because of this
        read or an earlier one.
    awaited
        The refresh that this reader waited for, as it stood afterwards.
    refused
        Why the refresh that this read wanted could not be started.
    """

    view: View
    freshness: Freshness
    refresh: Statement | None = None
    awaited: Statement | None = None
    refused: ViewsError | None = None

    @property
    def status(self) -> str:
        """One of the five words that people see: fresh, stale, refreshing, failed, never_run."""
        if self.refresh is not None:
            return "refreshing"
        last = self.view.last_refresh
        if last is not None and last.status is Status.FAILED and self.view.failures:
            return "failed"
        if self.freshness.reason == "never_run":
            return "never_run"
        return "stale" if self.freshness.is_stale else "fresh"


class ReadRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def known(self, view_id: int) -> View | None: ...
    def find(self, view_id: int) -> View | None: ...
    def known_by_slug(self, slug: str) -> View | None: ...
    def find_by_slug(self, slug: str) -> View | None: ...
    def known_by_short_id(self, short_id: str) -> View | None: ...
    def find_by_short_id(self, short_id: str) -> View | None: ...
    def note_changed(self, view_id: int, at: Instant | None) -> None: ...
    def page(self, reader: str, wanted: ViewFilter, limit: int, offset: int) -> Page: ...
    def page_after(
        self, reader: str, wanted: ViewFilter, limit: int, after: tuple[int, int] | None
    ) -> Page: ...


class ReadingService:
    """Finds, lists and reads views, and refreshes them for their readers."""

    def __init__(
        self,
        *,
        rows: ReadRows,
        statements: StatementService,
        assessor: Assessor,
        refresher: Refresher,
        runner: Runner,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._statements = statements
        self._assessor = assessor
        self._refresher = refresher
        self._runner = runner
        self._announcer = announcer
        self._clock = clock
        self._noted: set[str] = set()

    async def by_slug(self, actor: Actor, slug: str) -> View:
        """The readable view behind a slug; NotFound when absent, Forbidden when private."""
        view = await self.find_by_slug(slug)
        if view is None:
            raise NotFound(f"No perspective has the slug {slug}.")
        require_read(actor, view)
        return view

    async def find_by_slug(self, slug: str) -> View | None:
        """The view behind a slug, whoever asks: for availability only."""
        known = self._rows.known_by_slug(slug)
        return known or await asyncio.to_thread(self._rows.find_by_slug, slug)

    async def by_short_id(self, actor: Actor, short_id: str) -> View:
        """The readable view with this key; NotFound when absent or private alike."""
        known = self._rows.known_by_short_id(short_id)
        view = known or await asyncio.to_thread(self._rows.find_by_short_id, short_id)
        if view is None or not view.is_open or not can_read(actor, view):
            raise NotFound("No such view.")
        return view

    async def read(
        self,
        actor: Actor,
        view: View,
        *,
        mode: Mode | None = None,
        wait: float = 0.0,
        is_limited: bool = True,
    ) -> Reading:
        """A view for one reader; starts or awaits a refresh as the mode says.

        However many read at once, one statement runs; a view that keeps
        failing is not tried again before its back-off is over, unless the
        mode forces it.

        Parameters
        ----------
        mode
            None for what the owner chose: ``async`` with ``auto_refresh``,
            else ``force_cache``.
        wait
            Seconds to wait for newer rows where the view's bound on
            staleness is exceeded.
        is_limited
            Whether readers who are not the owner may start six refreshes a
            minute only; False where the caller has counted them already.
        """
        chosen = mode or (Mode.ASYNC if view.auto_refresh else Mode.FORCE_CACHE)
        view, refresh = await self._as_of_now(view)
        freshness = await self._assessor.of_view(view, is_exact=chosen is Mode.BLOCKING)
        await self._note_change(view, freshness)
        action = act(chosen, freshness.state) if view.has_query else Action.CACHED
        is_due = action is not Action.CACHED and refresh is None
        refused = None
        # Who names a mode for another's view asks, and is limited as one who asks.
        is_asking = mode is not None and is_limited and not is_owner(actor, view)
        if (chosen in FORCED and view.has_query) or (is_due and is_asking):
            refresh = await self._refresher.asked(actor, view, is_limited=is_limited)
        elif is_due:
            started = await self._started(view, freshness)
            if isinstance(started, View):
                return await self.read(actor, started, mode=mode, wait=wait, is_limited=is_limited)
            refresh, refused = started
        seconds = COMPUTE_SECONDS if action is Action.COMPUTE else wait * freshness.is_exceeded
        awaited = None
        if refresh is not None and seconds:
            awaited = await self._statements.wait(refresh, seconds)
            view, refresh = await self._as_of_now(await self._anew(view))
            freshness = await self._assessor.of_view(view)
        if refresh is not None and refresh.status.is_final:
            refresh = None
        return Reading(
            view=view, freshness=freshness, refresh=refresh, awaited=awaited, refused=refused
        )

    async def _note_change(self, view: View, freshness: Freshness) -> None:
        """Remember since when the rows are out of date, where a reader is the first to see it."""
        if freshness.reason not in CHANGE_REASONS or view.changed_at is not None:
            return
        if view.current.id in self._noted:
            return
        if len(self._noted) >= _NOTED:
            self._noted.clear()
        self._noted.add(view.current.id)
        await aside(self._write_change(view, freshness))

    async def _write_change(self, view: View, freshness: Freshness) -> None:
        try:
            await asyncio.to_thread(self._rows.note_changed, view.id, freshness.since)
        except Unavailable:
            self._noted.discard(view.current.id)  # the next reader tries again
            raise
        facts = {"reason": freshness.reason, "sources": freshness.sources}
        self._announcer.tell("stale", view, **facts)

    async def _started(
        self, view: View, freshness: Freshness
    ) -> View | tuple[Statement | None, ViewsError | None]:
        """The refresh, or why there is none; the view anew where it has other rows meanwhile."""
        if self._clock.now() < view.retry_at:
            return None, _last_error(view)
        found = await asyncio.to_thread(self._rows.find, view.id)
        if found is None:
            return None, None
        if found.current.id != view.current.id:
            return found  # a refresh has ended since this reader found the view
        if self._clock.now() < found.retry_at:
            return None, _last_error(found)  # the same, and it failed
        started = await self._refresher.behind(view, Cause(kind="read", sources=freshness.sources))
        return (started, None) if isinstance(started, Statement) else (None, started)

    async def _as_of_now(self, view: View) -> tuple[View, Statement | None]:
        """A view and the refresh under way: one that has ended has left its rows in the view."""
        refresh = await self._under_way(view)
        if view.refreshing is None or refresh is not None:
            return view, refresh
        found = await self._anew(view)
        return found, await self._under_way(found)

    async def _anew(self, view: View) -> View:
        """The view as it is stored now; as it was where it is gone."""
        known = self._rows.known(view.id)
        return known or await asyncio.to_thread(self._rows.find, view.id) or view

    async def _under_way(self, view: View) -> Statement | None:
        if view.refreshing is None:
            return None
        refresh, _ = await self._statements.get(Actor(name=view.owner), view.refreshing.id)
        return None if refresh.status.is_final else refresh

    async def look(self, view: View) -> Reading:
        """A view as it stands, for lists: nothing is started."""
        freshness = await self._assessor.of_view(view)
        refresh = view.refreshing and self._runner.overlaid(view.refreshing)
        return Reading(view=view, freshness=freshness, refresh=refresh)

    async def refresh(self, actor: Actor, view: View) -> Statement:
        """Run a view's query now, in its owner's name; joins a refresh under way."""
        require_read(actor, view)
        return await self._refresher.asked(actor, view)

    async def list(
        self,
        actor: Actor,
        wanted: ViewFilter,
        limit: int,
        offset: int,
        *,
        is_stale: bool | None = None,
    ) -> Page:
        """Readable views by offset, newest change first; items are readings.

        Staleness is no column: it is found by looking at the sources, so a
        list narrowed to it looks at the newest thousand views.
        """
        if is_stale is not None:
            page = await asyncio.to_thread(self._rows.page, actor.name, wanted, _LOOKED_AT, 0)
            looked = await self._looked_at(page)
            found = [r for r in looked.items if r.freshness.is_stale is is_stale]
            return Page(tuple(found[offset : offset + limit]), len(found))
        page = await asyncio.to_thread(self._rows.page, actor.name, wanted, limit, offset)
        return await self._looked_at(page)

    async def list_after(
        self, actor: Actor, wanted: ViewFilter, limit: int, after: tuple[int, int] | None
    ) -> Page:
        """Readable views by cursor, newest change first; items are readings.

        Fresh and stale ones are found among the newest thousand, see :meth:`list`.
        """
        if wanted.status in {"fresh", "stale"}:
            page = await asyncio.to_thread(self._rows.page, actor.name, wanted, _LOOKED_AT, 0)
            looked = await self._looked_at(page)
            found = [each for each in looked.items if each.status == wanted.status]
            left = [each for each in found if after is None or _mark(each.view) < after]
            shown = left[:limit]
            cursor = "{}-{}".format(*_mark(shown[-1].view)) if len(left) > limit else None
            return Page(tuple(shown), len(found), cursor)
        page = await asyncio.to_thread(self._rows.page_after, actor.name, wanted, limit, after)
        return await self._looked_at(page)

    async def _looked_at(self, page: Page) -> Page:
        items = await asyncio.gather(*(self.look(view) for view in page.items))
        return Page(tuple(items), page.total, page.next_cursor)


def _last_error(view: View) -> ViewsError | None:
    last = view.last_refresh
    return from_dict(last.error) if last is not None and last.error else None


def _mark(view: View) -> tuple[int, int]:
    return view.updated_at, view.id


def rows_of(view: View) -> Any:
    """The result that a view serves now, or Gone."""
    if view.current.result is None:
        raise Gone(
            "The rows of this view are gone.",
            hint="Refresh it.",
            details={"rerun": "POST …/refresh"},
        )
    return view.current.result
