"""Views: created from a finished statement, changed, restored and deleted by their owner."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from .access import require_owner
from .announcing import Announcer
from .errors import (
    BadSlug,
    NotFound,
    SlugTaken,
    StaleWrite,
    StatementNoResult,
    StatementNotSuccess,
)
from .model import (
    SECOND,
    Actor,
    Cause,
    Instant,
    NewView,
    PerspectiveDoor,
    Query,
    Statement,
    Status,
    Version,
    View,
    ViewChange,
)
from .names import checked_slug, new_id, new_short_id, slug_from, suggest_slugs
from .ports import Clock
from .refreshing import Refresher
from .scheduling import first_due
from .statements import StatementService

T = TypeVar("T")
_SLUG_TRIES = 10
_WRITE_TRIES = 100


class ViewRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def create(self, view: View) -> View: ...
    def find(self, view_id: int) -> View | None: ...
    def is_slug_free(self, slug: str) -> bool: ...
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


class VersionRows(Protocol):
    """Earlier definitions of a view."""

    def version(self, view_id: int, n: int) -> Version | None: ...


class ViewService:
    """Create, change, restore and delete views; the only place that decides about that."""

    def __init__(
        self,
        *,
        rows: ViewRows,
        versions: VersionRows,
        statements: StatementService,
        refresher: Refresher,
        announcer: Announcer,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._versions = versions
        self._statements = statements
        self._refresher = refresher
        self._announcer = announcer
        self._clock = clock

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
