"""Views: created from a finished statement, changed, restored and deleted by their owner."""

from __future__ import annotations

import asyncio
import secrets
from datetime import UTC, datetime
from typing import Any, Protocol

from msgspec.structs import replace

from .access import require_owner
from .announcing import Announcer
from .deeds import after_change, deed, of_endpoint, through_endpoint, update_deed
from .definitions import is_same, version_of
from .doors import (
    door_of,
    free_endpoint_name,
    opened_endpoint,
    opened_insight,
)
from .errors import (
    BadSlug,
    Invalid,
    NotFound,
    SlugTaken,
    StatementNoResult,
    StatementNotSuccess,
)
from .materializing import consequences
from .model import (
    SECOND,
    Actor,
    Cause,
    PerspectiveDoor,
    Statement,
    Status,
    Version,
    View,
)
from .names import (
    checked_slug,
    new_id,
    new_short_id,
    slug_from,
    suggest_slugs,
)
from .placing import Placing
from .ports import Clock
from .refreshing import Refresher
from .requests import Door, NewView, ViewChange
from .scheduling import first_due
from .statements import StatementService
from .writing import ViewRows, ViewWriter

_SLUG_TRIES = 10
_MATERIAL = frozenset({"name", "description", "query_object", "chart"})


class VersionRows(Protocol):
    """Earlier definitions of a view."""

    def version(self, view_id: int, n: int) -> Version | None: ...


class ViewService:
    """Create, change, restore and delete views; the only place that decides about that."""

    def __init__(
        self,
        *,
        rows: ViewRows,
        writer: ViewWriter,
        versions: VersionRows,
        statements: StatementService,
        refresher: Refresher,
        announcer: Announcer,
        placing: Placing,
        clock: Clock,
    ) -> None:
        self._rows = rows
        self._writer = writer
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
        if "endpoint" in new.doors:
            name = await asyncio.to_thread(free_endpoint_name, self._rows, view)
            view = replace(view, endpoint=opened_endpoint(name))
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
        saved = await self._writer.write(
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
            marks, fields = consequences(found, version, {}, {}, now)
            after = after_change(found, fields, {}, version, marks)
            changed = update_deed(found, after, actor.name, now) or deed(
                found, actor.name, "updated", now
            )
            return self._rows.update(
                found,
                {**fields, "endpoint": marks},
                by=actor.name,
                at=now,
                activity=changed,
                version=version,
            )

        saved = await self._writer.write(actor, view, None, write)
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
        _require_door(view, "insight", insight)
        _require_door(view, "endpoint", change.endpoint)
        version = self._next_version(actor, view, change, statement)
        if change.query_object is not None and version is None:
            fields["query_object"] = change.query_object
        defined = version or view.version
        marks, rest = consequences(view, defined, change.endpoint, change.rule, now)
        fields |= rest
        if view.insight is not None and (version is not None or _MATERIAL & fields.keys()):
            insight |= {"last_modified_at": now, "last_modified_by": actor.name}
        placed = None
        if change.dashboards is not None:
            placed = self._placing.judge(actor, view.project_id, view.id, change.dashboards)
        after = after_change(view, fields, insight, version, marks)
        moved = placed.change if placed else None
        told = update_deed(view, after, actor.name, now, moved)
        return self._rows.update(
            view,
            {**fields, "insight": insight, "endpoint": marks},
            by=actor.name,
            at=now,
            activity=(
                through_endpoint(told, view, version) if change.through == "endpoint" else told
            ),
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

    async def delete(
        self,
        actor: Actor,
        view: View,
        *,
        if_match: int | None = None,
        through: Door | None = None,
    ) -> None:
        """Delete a view for good; only its owner may. Its slug is free at once.

        Parameters
        ----------
        through
            The door that was closed as its last one.
        """
        require_owner(actor, view, "delete")
        gone = deed(view, actor.name, "deleted", self._clock.now())
        if through == "endpoint" and view.endpoint is not None:
            gone = of_endpoint(gone, view.endpoint)

        def write(found: View) -> None:
            self._rows.delete(found, gone)

        await self._writer.write(actor, view, if_match, write)
        self._announcer.tell("deleted", view, by=actor.name)


def _require_door(view: View, door: Door, said: dict[str, Any]) -> None:
    if said and door_of(view, door) is None:
        field = next(iter(said))
        hint = f"Open that door first: POST …/doors/{door}."
        raise Invalid(f"Only an {door} has {field}.", hint=hint, field=field)
