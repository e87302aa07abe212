"""Views: created from a finished statement, served at once, refreshed behind the reader."""

from __future__ import annotations

import asyncio
import logging
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Literal, Protocol, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from .access import can_read, require_owner, require_read
from .errors import (
    BadSlug,
    Gone,
    NotFound,
    SlugTaken,
    StaleWrite,
    StatementNoResult,
    StatementNotSuccess,
)
from .freshness import Freshness
from .model import (
    SECOND,
    Actor,
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
from .statements import StatementService

Action = Literal["created", "refreshing", "refreshed", "changed", "failed", "deleted"]
T = TypeVar("T")
_LOOKED_AT = 1000
_SLUG_TRIES = 10
_WRITE_TRIES = 100
Changed = Callable[[Action, View], None]


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


class ViewService:
    """Create, read, change, refresh and delete views; the only place that decides about them."""

    def __init__(
        self,
        *,
        rows: ViewRows,
        statements: StatementService,
        runner: Runner,
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._rows = rows
        self._statements = statements
        self._clock = clock
        self._runner = runner
        self._announcing: set[asyncio.Task[None]] = set()
        self._refresher = Refresher(
            statements=statements,
            find=rows.find,
            clock=clock,
            on_start=lambda view: self._tell("refreshing", view),
            log=log,
        )
        self._listeners: list[Changed] = []
        runner.on_finished(self._after_statement)

    def on_change(self, listener: Changed) -> None:
        """Call ``listener(action, view)`` after each change made or seen here."""
        self._listeners.append(listener)

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
        self._tell("created", saved)
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

    async def read(self, actor: Actor, view: View, *, force: bool = False) -> Reading:
        """A view for one reader; starts a refresh behind the read where one is due.

        Due is: forced, or stale with ``auto_refresh`` on and its back-off
        over. However many read at once, one statement runs.
        """
        freshness = await self._statements.freshness(view.current)
        refresh = view.refreshing
        is_due = freshness.is_stale and view.auto_refresh and self._clock.now() >= view.retry_at
        if force:
            refresh = await self._refresher.asked(actor, view)
        elif refresh is not None:
            refresh, _ = await self._statements.get(Actor(name=view.owner), refresh.id)
        elif is_due:
            refresh = await self._refresher.behind(view)
        if refresh is not None and refresh.status.is_final:
            refresh = None
        return Reading(view=view, freshness=freshness, refresh=refresh)

    async def look(self, view: View) -> Reading:
        """A view as it stands, for lists: nothing is started."""
        freshness = await self._statements.freshness(view.current)
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
        self._tell("changed", saved)
        return saved

    def _update(
        self, actor: Actor, view: View, change: ViewChange, statement: Statement | None
    ) -> View:
        now = self._clock.now()
        version = None
        if statement is not None:
            n = view.version.n if _is_same(statement, view) else view.version.n + 1
            version = _version(n, statement, change.note, actor, now)
        return self._rows.update(view, change.fields, by=actor.name, at=now, version=version)

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
        self._tell("deleted", view)

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

    def _after_statement(self, statement: Statement, view_ids: list[int]) -> None:
        announcing = asyncio.create_task(self._announce(statement, view_ids))
        self._announcing.add(announcing)
        announcing.add_done_callback(self._announcing.discard)

    async def _announce(self, statement: Statement, view_ids: list[int]) -> None:
        action: Action = "refreshed" if statement.status is Status.SUCCESS else "failed"
        for view_id in view_ids:
            view = await asyncio.to_thread(self._rows.find, view_id)
            if view is not None:
                self._tell(action, view)

    def _tell(self, action: Action, view: View) -> None:
        for listener in self._listeners:
            listener(action, view)


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
