"""Views: created from a finished statement, served at once, refreshed behind the reader."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from .access import can_read, require_owner, require_read
from .announcing import Announcer
from .assessing import Assessor
from .errors import (
    BadSlug,
    Gone,
    NotFound,
    SlugTaken,
    StaleWrite,
    StatementNoResult,
    StatementNotSuccess,
)
from .freshness import CHANGE_REASONS, Action, Freshness, Mode, act
from .model import (
    SECOND,
    Actor,
    Cause,
    Instant,
    NewView,
    Page,
    PerspectiveDoor,
    Query,
    Statement,
    Status,
    Version,
    View,
    ViewChange,
    ViewFilter,
)
from .names import checked_slug, new_id, new_short_id, slug_from, suggest_slugs
from .ports import Clock
from .refreshing import Refresher
from .running import Runner
from .scheduling import first_due
from .statements import StatementService

T = TypeVar("T")
_LOOKED_AT = 1000
_SLUG_TRIES = 10
_WRITE_TRIES = 100
_COMPUTE_SECONDS = 55.0
_NOTED = 10_000
_FORCED = frozenset({Mode.FORCE_BLOCKING, Mode.FORCE_ASYNC})


class Reading(Struct, frozen=True, kw_only=True):
    """A view as one reader meets it.

    Attributes
    ----------
    refresh
        The statement that will replace the current result, because of this
        read or an earlier one.
    """

    view: View
    freshness: Freshness
    refresh: Statement | None = None

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


class ViewRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def create(self, view: View) -> View: ...
    def find(self, view_id: int) -> View | None: ...
    def known_by_slug(self, slug: str) -> View | None: ...
    def find_by_slug(self, slug: str) -> View | None: ...
    def find_by_short_id(self, short_id: str) -> View | None: ...
    def is_slug_free(self, slug: str) -> bool: ...
    def page(self, reader: str, wanted: ViewFilter, limit: int, offset: int) -> Page: ...
    def page_after(
        self, reader: str, wanted: ViewFilter, limit: int, after: tuple[int, int] | None
    ) -> Page: ...
    def update(
        self,
        view: View,
        fields: dict[str, Any],
        *,
        by: str,
        at: Instant,
        version: Version | None = None,
    ) -> View: ...
    def delete(self, view: View) -> None: ...
    def note_changed(self, view_id: int, at: Instant | None) -> None: ...


class VersionRows(Protocol):
    """Earlier definitions of a view."""

    def version(self, view_id: int, n: int) -> Version | None: ...


class ViewService:
    """Create, read, change, refresh and delete views; the only place that decides about them."""

    def __init__(
        self,
        *,
        rows: ViewRows,
        versions: VersionRows,
        statements: StatementService,
        assessor: Assessor,
        refresher: Refresher,
        runner: Runner,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._versions = versions
        self._statements = statements
        self._assessor = assessor
        self._refresher = refresher
        self._runner = runner
        self._announcer = announcer
        self._clock = clock
        self._noted: set[str] = set()

    async def create(self, actor: Actor, new: NewView, *, suffix_if_taken: bool = False) -> View:
        """Save the result of a finished statement as a view with a perspective door.

        Slug and row are written in one transaction; nothing is run.

        Raises
        ------
        NotFound
            When the statement is absent or not the actor's to read.
        StatementNotSuccess, StatementNoResult
            When there are no rows to serve.
        SlugTaken
            With free alternatives, unless ``suffix_if_taken``.
        """
        slug = await self._wanted_slug(actor, new)
        statement = await self._finished(actor, new.statement_id)
        now = self._clock.now()
        view = View(
            id=0,
            short_id=new_short_id(),
            name=new.name,
            description=new.description,
            tags=new.tags,
            owner=actor.name,
            is_public=new.is_public,
            auto_refresh=new.auto_refresh,
            allowed_user_ids=new.allowed_user_ids,
            notebook=new.notebook,
            rule=new.rule,
            next_due_at=first_due(new.rule, now),
            revision=1,
            version=_version(1, statement, new.note, actor, now),
            current=statement,
            refreshed_at=now,
            created_at=now,
            updated_at=now,
            created_by=actor.name,
            updated_by=actor.name,
        )
        saved = await self._created(view, slug, suffix_if_taken=suffix_if_taken)
        self._announcer.tell("created", saved, by=actor.name)
        return saved

    async def _created(self, view: View, slug: str, *, suffix_if_taken: bool) -> View:
        wanted = slug
        for _ in range(_SLUG_TRIES):
            door = PerspectiveDoor(id=new_id("persp"), slug=wanted)
            try:
                return await asyncio.to_thread(self._rows.create, replace(view, perspective=door))
            except SlugTaken as error:
                taken = error
            free = await asyncio.to_thread(self._free_slugs, slug, view.owner)
            if not suffix_if_taken or not free:
                break
            # Rivals for one slug all see the same first suggestion; after a lost race, by chance.
            wanted = free[0] if wanted == slug else f"{slug[:90]}-{secrets.token_hex(3)}"
        raise SlugTaken(taken.message, hint=f"Free now: {', '.join(free)}.", suggestions=free)

    async def _wanted_slug(self, actor: Actor, new: NewView) -> str:
        if new.slug is None:
            return slug_from(new.name)
        try:
            return checked_slug(new.slug)
        except BadSlug as bad:
            near = [
                slug
                for slug in bad.suggestions
                if not await asyncio.to_thread(self._rows.is_slug_free, slug)
            ]
            if near:
                bad.suggestions = await asyncio.to_thread(self._free_slugs, near[0], actor.name)
                bad.hint = f"Free now: {', '.join(bad.suggestions)}."
            raise

    def _free_slugs(self, slug: str, owner: str) -> tuple[str, ...]:
        month = datetime.fromtimestamp(self._clock.now() / SECOND, UTC).strftime("%Y-%m")
        return suggest_slugs(slug, owner, month, self._rows.is_slug_free)

    async def _finished(self, actor: Actor, statement_id: str) -> Statement:
        statement, _ = await self._statements.get(actor, statement_id)
        if statement.status is not Status.SUCCESS:
            raise StatementNotSuccess(
                f"The statement is {statement.status}; only a SUCCESS one can be saved.",
                details={"status": statement.status},
            )
        if statement.result is None:
            raise StatementNoResult(
                "The rows of this statement are gone.", hint="Submit it again, then save that one."
            )
        return statement

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
        view = await asyncio.to_thread(self._rows.find_by_short_id, short_id)
        if view is None or not can_read(actor, view):
            raise NotFound("No such view.")
        return view

    async def read(
        self, actor: Actor, view: View, *, mode: Mode | None = None, wait: float = 0.0
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
        """
        mode = mode or (Mode.ASYNC if view.auto_refresh else Mode.FORCE_CACHE)
        freshness = await self._assessor.of_view(view, is_exact=mode is Mode.BLOCKING)
        await self._note_change(view, freshness)
        action = act(mode, freshness.state)
        refresh = await self._under_way(view)
        if mode in _FORCED:
            refresh = await self._refresher.asked(actor, view)
        elif action is not Action.CACHED and refresh is None:
            refresh = await self._started(view, freshness)
        seconds = _COMPUTE_SECONDS if action is Action.COMPUTE else wait * freshness.is_exceeded
        if refresh is not None and seconds:
            await self._statements.wait(refresh, seconds)
            view = await asyncio.to_thread(self._rows.find, view.id) or view
            freshness = await self._assessor.of_view(view)
            refresh = await self._under_way(view)
        if refresh is not None and refresh.status.is_final:
            refresh = None
        return Reading(view=view, freshness=freshness, refresh=refresh)

    async def _note_change(self, view: View, freshness: Freshness) -> None:
        """Remember since when the rows are out of date, where a reader is the first to see it."""
        if freshness.reason not in CHANGE_REASONS or view.changed_at is not None:
            return
        if view.current.id in self._noted:
            return
        if len(self._noted) >= _NOTED:
            self._noted.clear()
        self._noted.add(view.current.id)
        await asyncio.to_thread(self._rows.note_changed, view.id, freshness.since)
        facts = {"reason": freshness.reason, "sources": freshness.sources}
        self._announcer.tell("stale", view, **facts)

    async def _started(self, view: View, freshness: Freshness) -> Statement | None:
        if self._clock.now() < view.retry_at:
            return None
        found = await asyncio.to_thread(self._rows.find, view.id)
        if found is None or found.current.id != view.current.id:
            return None  # a refresh has ended since this reader found the view
        started = await self._refresher.behind(view, Cause(kind="read", sources=freshness.sources))
        return started if isinstance(started, Statement) else None

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

    def require_owner(self, actor: Actor, view: View) -> None:
        """Raise Forbidden unless the actor owns the view; asked before a body is looked at."""
        require_owner(actor, view, "change")

    async def change(
        self, actor: Actor, view: View, change: ViewChange, *, if_match: int | None = None
    ) -> View:
        """Change words, access or definition of a view; only its owner may.

        The version number moves only when the definition does: a statement
        of the same query and parameters brings new rows, not a new version.

        Raises
        ------
        StaleWrite
            When ``if_match`` is not the view's revision, or somebody was quicker.
        """
        require_owner(actor, view, "change")
        statement = None
        if change.statement_id is not None:
            statement = await self._finished(actor, change.statement_id)
        saved = await self._write(
            actor, view, if_match, lambda found: self._update(actor, found, change, statement)
        )
        self._announcer.tell("edited", saved, by=actor.name)
        return saved

    async def restore(self, actor: Actor, view: View, n: int, note: str | None) -> View:
        """Bring back an earlier definition, with the rows it was saved with, as a new version.

        Nothing that came after it is lost; freshness then says how old those
        rows are, and a view with ``auto_refresh`` is refreshed behind.

        Raises
        ------
        NotFound
            When the view has no version ``n``.
        """
        require_owner(actor, view, "restore")
        old = await asyncio.to_thread(self._versions.version, view.id, n)
        if old is None:
            raise NotFound(f"The view has no version {n}.", hint=f"It has 1 to {view.version.n}.")

        def write(found: View) -> View:
            now = self._clock.now()
            version = replace(
                old,
                n=found.version.n + 1,
                note=note or f"Restored from version {n}",
                author=actor.name,
                created_at=now,
            )
            return self._rows.update(found, {}, by=actor.name, at=now, version=version)

        saved = await self._write(actor, view, None, write)
        self._announcer.tell("edited", saved, by=actor.name)
        if saved.auto_refresh:
            await self._refresher.behind(saved, Cause(kind="restored", by=actor.name))
        return saved

    def _update(
        self, actor: Actor, view: View, change: ViewChange, statement: Statement | None
    ) -> View:
        now = self._clock.now()
        version = None
        if statement is not None:
            n = view.version.n if _is_same(statement, view) else view.version.n + 1
            version = _version(n, statement, change.note, actor, now)
        fields = change.fields
        if change.rule:
            rule = replace(view.rule, **change.rule)
            fields = {**fields, "rule": rule}
            if (rule.schedule, rule.timezone) != (view.rule.schedule, view.rule.timezone):
                fields["next_due_at"] = first_due(rule, now)
        return self._rows.update(view, fields, by=actor.name, at=now, version=version)

    async def _write(
        self, actor: Actor, view: View, if_match: int | None, write: Callable[[View], T]
    ) -> T:
        """Write to the view as it is; who named no state is not refused for a race."""
        if if_match is not None and if_match != view.revision:
            raise StaleWrite("The view has changed since you read it.", hint="Read it again.")
        for _ in range(_WRITE_TRIES):
            try:
                return await asyncio.to_thread(write, view)
            except StaleWrite:
                if if_match is not None:
                    raise
            found = await asyncio.to_thread(self._rows.find, view.id)
            if found is None:
                raise NotFound("The view was deleted.")
            require_owner(actor, found, "change")
            view = found
        raise StaleWrite("The view is being changed by many at once.", hint="Try again.")

    async def delete(self, actor: Actor, view: View, *, if_match: int | None = None) -> None:
        """Delete a view for good; only its owner may. Its slug is free at once."""
        require_owner(actor, view, "delete")
        await self._write(actor, view, if_match, self._rows.delete)
        self._announcer.tell("deleted", view, by=actor.name)

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
        """Readable views by cursor, newest change first; items are readings."""
        page = await asyncio.to_thread(self._rows.page_after, actor.name, wanted, limit, after)
        return await self._looked_at(page)

    async def _looked_at(self, page: Page) -> Page:
        items = await asyncio.gather(*(self.look(view) for view in page.items))
        return Page(tuple(items), page.total, page.next_cursor)


def rows_of(view: View) -> Any:
    """The result that a view serves now, or Gone."""
    if view.current.result is None:
        raise Gone(
            "The rows of this view are gone.",
            hint="Refresh it.",
            details={"rerun": "POST …/refresh"},
        )
    return view.current.result


def _is_same(statement: Statement, view: View) -> bool:
    """Whether a statement runs the view's definition; new rows of a frame are no new definition."""

    def definition(query: Query, params: dict[str, Any]) -> tuple[Any, ...]:
        reads = [(r.kind, r.name, None if r.kind == "frame" else r.path) for r in query.reads]
        return query.connection, query.normalized_sql, reads, params

    mine = definition(view.version.query, view.version.params)
    return definition(statement.query, statement.params) == mine


def _version(n: int, statement: Statement, note: str | None, actor: Actor, now: Instant) -> Version:
    return Version(
        n=n,
        query=statement.query,
        params=statement.params,
        statement_id=statement.id,
        note=note,
        author=actor.name,
        created_at=now,
    )
