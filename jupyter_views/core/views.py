"""Views: created from a finished statement, changed, restored and deleted by their owner."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, Protocol, TypeVar

from msgspec.structs import replace

from .access import require_owner
from .activity import Activity, Change
from .announcing import Announcer
from .deeds import after_change, deed, update_deed
from .definitions import is_same, version_of
from .errors import (
    BadSlug,
    Invalid,
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
    InsightDoor,
    Instant,
    PerspectiveDoor,
    Rule,
    Statement,
    Status,
    Version,
    View,
)
from .names import checked_slug, new_id, new_short_id, slug_from, suggest_slugs
from .placing import Placed, Placing
from .ports import Clock
from .refreshing import Refresher
from .requests import DOORS, Door, NewView, ViewChange
from .scheduling import first_due
from .statements import StatementService

T = TypeVar("T")
_SLUG_TRIES = 10
_WRITE_TRIES = 100
_MATERIAL = frozenset({"name", "description", "query_object", "chart"})


class ViewRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def create(self, view: View, activity: Activity, placed: Placed | None = None) -> View: ...
    def find(self, view_id: int) -> View | None: ...
    def is_slug_free(self, slug: str) -> bool: ...
    def update(
        self,
        view: View,
        fields: dict[str, Any],
        *,
        by: str,
        at: Instant,
        activity: Activity | None,
        version: Version | None = None,
        opened: PerspectiveDoor | InsightDoor | None = None,
        placed: Placed | None = None,
    ) -> View: ...
    def close(self, view: View, door: str, *, by: str, at: Instant, activity: Activity) -> View: ...
    def delete(self, view: View, activity: Activity) -> None: ...


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
        placing: Placing,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._versions = versions
        self._statements = statements
        self._refresher = refresher
        self._announcer = announcer
        self._placing = placing
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
            folder=new.folder,
            rule=new.rule,
            next_due_at=first_due(new.rule, now),
            revision=1,
            version=version_of(1, statement, new.note, actor, now),
            current=statement,
            refreshed_at=now,
            created_at=now,
            updated_at=now,
            created_by=actor.name,
            updated_by=actor.name,
        )
        if "insight" in new.doors:
            view = replace(view, insight=opened_insight(actor, now))
        saved = await self._created(view, slug, suffix_if_taken=suffix_if_taken)
        self._announcer.tell("created", saved, by=actor.name)
        return saved

    async def _created(self, view: View, slug: str, *, suffix_if_taken: bool) -> View:
        wanted = slug
        for _ in range(_SLUG_TRIES):
            door = PerspectiveDoor(id=new_id("persp"), slug=wanted)
            try:
                named = replace(view, perspective=door)
                created = deed(named, view.owner, "created", view.created_at)
                return await asyncio.to_thread(self._rows.create, named, created)
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
        statement = change.planned
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
            after = replace(found, version=version)
            changed = update_deed(found, after, actor.name, now) or deed(
                found, actor.name, "updated", now
            )
            return self._rows.update(
                found, {}, by=actor.name, at=now, activity=changed, version=version
            )

        saved = await self._write(actor, view, None, write)
        self._announcer.tell("edited", saved, by=actor.name)
        if not saved.auto_refresh:
            return saved
        await self._refresher.behind(saved, Cause(kind="restored", by=actor.name))
        # By now it names its refresh, under way or already ended.
        return await asyncio.to_thread(self._rows.find, saved.id) or saved

    def _update(
        self, actor: Actor, view: View, change: ViewChange, statement: Statement | None
    ) -> View:
        now = self._clock.now()
        fields = dict(change.fields)
        insight = dict(change.insight)
        if insight and view.insight is None:
            field = next(iter(insight))
            hint = "Open that door first: POST …/doors/insight."
            raise Invalid(f"Only an insight has {field}.", hint=hint, field=field)
        version = self._next_version(actor, view, change, statement)
        if change.query_object is not None and version is None:
            fields["query_object"] = change.query_object
        if change.rule:
            fields["rule"] = replace(view.rule, **change.rule)
            fields |= _due(view.rule, fields["rule"], now)
        if view.insight is not None and (version is not None or _MATERIAL & fields.keys()):
            insight |= {"last_modified_at": now, "last_modified_by": actor.name}
        placed = None
        if change.dashboards is not None:
            placed = self._placing.judge(actor, view.project_id, view.id, change.dashboards)
        after = after_change(view, fields, insight, version)
        moved = placed.change if placed else None
        return self._rows.update(
            view,
            {**fields, "insight": insight},
            by=actor.name,
            at=now,
            activity=update_deed(view, after, actor.name, now, moved),
            version=version,
            placed=placed,
        )

    def _next_version(
        self, actor: Actor, view: View, change: ViewChange, statement: Statement | None
    ) -> Version | None:
        """What the view is defined as from now on; None where that stays as it is."""
        if statement is None:
            return None
        same = is_same(statement, view)
        if same and change.planned is not None:
            return None
        n = view.version.n if same else view.version.n + 1
        now = self._clock.now()
        return version_of(
            n, statement, change.note, actor, now, change.query_object, view.version.chart
        )

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
        gone = deed(view, actor.name, "deleted", self._clock.now())
        await self._write(actor, view, if_match, lambda found: self._rows.delete(found, gone))
        self._announcer.tell("deleted", view, by=actor.name)

    async def open_door(self, actor: Actor, view: View, door: Door, slug: str | None) -> View:
        """Publish a view through one more door; nothing happens where it is open.

        Raises
        ------
        SlugTaken
            When another view has the slug.
        """
        require_owner(actor, view, "publish")
        wanted = slug_from(view.title) if slug is None else checked_slug(slug)

        def write(found: View) -> View:
            if _door_of(found, door) is not None:
                return found
            now = self._clock.now()
            made = (
                PerspectiveDoor(id=new_id("persp"), slug=wanted)
                if door == "perspective"
                else opened_insight(actor, now)
            )
            opened = deed(found, actor.name, "updated", now, (_door_change(door, opens=True),))
            return self._rows.update(found, {}, by=actor.name, at=now, activity=opened, opened=made)

        return await self._doors_changed(actor, view, write)

    async def close_door(self, actor: Actor, view: View, door: Door) -> View | None:
        """Close one door; a view whose last door closes is deleted, and None comes back."""
        require_owner(actor, view, "close")
        if _door_of(view, door) is None:
            raise NotFound(f"The view has no {door} door.")
        if all(_door_of(view, other) is None for other in DOORS if other != door):
            await self.delete(actor, view)
            return None

        def write(found: View) -> View:
            now = self._clock.now()
            closed = deed(found, actor.name, "updated", now, (_door_change(door, opens=False),))
            return self._rows.close(found, door, by=actor.name, at=now, activity=closed)

        return await self._doors_changed(actor, view, write)

    async def _doors_changed(self, actor: Actor, view: View, write: Callable[[View], View]) -> View:
        saved = await self._write(actor, view, None, write)
        self._announcer.tell("edited", saved, by=actor.name)
        return saved


def opened_insight(actor: Actor, at: Instant) -> InsightDoor:
    """The insight door of a view that is published through it now."""
    return InsightDoor(last_modified_at=at, last_modified_by=actor.name)


def _door_of(view: View, door: Door) -> PerspectiveDoor | InsightDoor | None:
    return view.perspective if door == "perspective" else view.insight


def _door_change(door: Door, *, opens: bool) -> Change:
    if opens:
        return Change(field="doors", action="created", after=door)
    return Change(field="doors", action="deleted", before=door)


def _due(before: Rule, after: Rule, now: Instant) -> dict[str, Any]:
    """When a view with another schedule is due next."""
    if (before.schedule, before.timezone) == (after.schedule, after.timezone):
        return {}
    return {"next_due_at": first_due(after, now)}
