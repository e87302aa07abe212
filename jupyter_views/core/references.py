"""Query references: bookmarks with a short id, on a query for ever, or on whatever a view is."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from .access import (
    can_follow,
    can_read,
    require_options_scope,
    require_reference_owner,
    require_scope,
)
from .activity import Activity, changes_between, new_activity_id
from .declarations import checked
from .errors import BadRequest, Conflict, Invalid, NotFound, StaleWrite
from .model import Actor, Instant, Query, Statement, Status, Version, View
from .names import new_short_id
from .parameters import Parameter
from .ports import Clock
from .projects import DEFAULT_PROJECT
from .queries import QueryService
from .reading import ReadingService
from .valuing import Valuer

UNTITLED = "Untitled Query Reference"
_SHORT_ID_TRIES = 10
_WRITE_TRIES = 100
_LOOKED_AT = 20
_TOLD = ("title", "description", "visualization", "is_public")


class Reference(Struct, frozen=True, kw_only=True):
    """A bookmark.

    Attributes
    ----------
    own, params
        The query that it was made with, and the values of its parameters.
    statement
        The run that stands for that query: the one that it was made with, or
        a newer one with rows. None of a deleted reference alone.
    view, version, pinned
        The view that it follows, and the number and definition that it is
        pinned to; None where it points to a query.
    visualization
        As it was given; None where nothing was.
    declared
        What readers may choose, in the place of what the query declares;
        None where that stands.
    is_public, allowed_user_ids
        Who else may read it where it points to a query; the view's own
        readers may where it follows a view.
    revision
        Counts changes, for conditional writes.
    """

    id: int
    short_id: str
    owner: str
    title: str
    own: Query
    params: dict[str, Any]
    created_at: Instant
    updated_at: Instant
    statement: Statement | None = None
    view: View | None = None
    version: int | None = None
    pinned: Version | None = None
    description: str | None = None
    visualization: dict[str, Any] | None = None
    declared: tuple[Parameter, ...] | None = None
    is_public: bool = False
    allowed_user_ids: tuple[str, ...] = ()
    revision: int = 1
    deleted_at: Instant | None = None

    @property
    def query(self) -> Query:
        """What it points to now."""
        return self.own if self.view is None else (self.pinned or self.view.version).query

    @property
    def follows_another(self) -> bool:
        """Whether it follows a view that belongs to somebody else."""
        return self.view is not None and self.view.owner != self.owner

    @property
    def is_optimistic(self) -> bool:
        """Whether the run of the query that it was made with has not succeeded."""
        run = self.statement
        return self.view is None and run is not None and run.status is not Status.SUCCESS


class NewReference(Struct, frozen=True, kw_only=True):
    """What a person says when making a reference.

    Attributes
    ----------
    target
        The UUID of a query or the id of a statement; None where a view is named.
    view, version
        The slug or short id of the view to follow, and the number to pin.
    words
        The rest by field name.
    """

    target: str | None = None
    view: str | None = None
    version: int | None = None
    words: dict[str, Any] = field(default_factory=dict)


class ReferenceRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def create(self, reference: Reference, activity: Activity) -> Reference | None: ...
    def find(self, short_id: str) -> Reference | None: ...
    def of_view(self, view_id: int, limit: int) -> list[Reference]: ...
    def page(self, reader: str, limit: int, after: int | None) -> list[Reference] | None: ...
    def update(
        self, before: Reference, after: Reference, activity: Activity | None
    ) -> Reference: ...


class VersionRows(Protocol):
    """Earlier definitions of a view."""

    def version(self, view_id: int, n: int) -> Version | None: ...


class ReferenceService:
    """Make, find, change and delete references; the only place that decides about that.

    Parameters
    ----------
    make_short_id
        Where short ids come from; one that is taken is thrown away.
    """

    def __init__(
        self,
        *,
        rows: ReferenceRows,
        versions: VersionRows,
        queries: QueryService,
        reading: ReadingService,
        valuer: Valuer,
        clock: Clock,
        make_short_id: Callable[[], str] = new_short_id,
    ) -> None:
        self._rows = rows
        self._versions = versions
        self._queries = queries
        self._reading = reading
        self._valuer = valuer
        self._clock = clock
        self._make_short_id = make_short_id

    async def create(self, actor: Actor, new: NewReference) -> Reference:
        """A new reference of the actor's, on a query or a view that they may read.

        Raises
        ------
        NotFound
            When what it is to point to is absent or not the actor's to see.
        """
        now = self._clock.now()
        pointed = await self._pointed(actor, new)
        made = Reference(
            id=0,
            short_id="",
            owner=actor.name,
            created_at=now,
            updated_at=now,
            **{"title": UNTITLED, **new.words},
            **pointed,
        )
        require_options_scope(actor, made.declared or ())
        self._check(made)
        for _ in range(_SHORT_ID_TRIES):
            named = replace(made, short_id=self._make_short_id())
            created = _deed(named, actor, "created", now)
            saved = await asyncio.to_thread(self._rows.create, named, created)
            if saved is not None:
                return saved
        raise Conflict("No short id was free.", hint="Try again.")

    async def _pointed(self, actor: Actor, new: NewReference) -> dict[str, Any]:
        """What a new reference points to, found with the rights of its owner."""
        if new.view is None:
            assert new.target is not None
            run = await self._queries.best_run(actor, new.target)
            return {"statement": run, "own": run.query, "params": run.params}
        view = await self._view(actor, new.view)
        pinned = None
        if new.version is not None:
            pinned = await self.version(view, new.version)
        version = pinned or view.version
        return {
            "view": view,
            "version": new.version,
            "pinned": pinned,
            "statement": await self._queries.run_named(version.statement_id),
            "own": version.query,
            "params": version.params,
        }

    def _check(self, reference: Reference) -> None:
        """Raise Invalid where the parameters that a reference declares cannot be."""
        if reference.declared:
            _require_declarable(reference)
            checked(declared_with(reference.declared, reference.query), self._valuer.moment())

    async def _view(self, actor: Actor, name: str) -> View:
        """The readable view with this slug or short id; absent and private look alike."""
        require_scope(actor, "perspective:read")
        found = await self._reading.find_by_slug(name)
        if found is not None and found.is_open and can_read(actor, found):
            return found
        try:
            return await self._reading.by_short_id(actor, name)
        except NotFound:
            hint = "Name it by its slug or its short id."
            raise NotFound("There is no such view.", hint=hint) from None

    async def version(self, view: View, n: int) -> Version:
        """One definition of a view; NotFound when it has no such number."""
        if n == view.version.n:
            return view.version
        found = await asyncio.to_thread(self._versions.version, view.id, n)
        if found is None:
            raise NotFound(f"The view has no version {n}.", hint=f"It has 1 to {view.version.n}.")
        return found

    async def get(self, actor: Actor, short_id: str) -> Reference:
        """The reference with this key; NotFound for absent, deleted and hidden ones alike."""
        found = await asyncio.to_thread(self._rows.find, short_id)
        if found is None or not can_follow(actor, found):
            raise NotFound("No such query reference.")
        return found

    async def page(
        self, actor: Actor, limit: int, after: int | None
    ) -> tuple[list[Reference], int | None]:
        """References that the actor may see, newest first, and where the next page begins.

        Raises
        ------
        BadRequest
            When no reference ever had the number ``after``.
        """
        found = await asyncio.to_thread(self._rows.page, actor.name, limit + 1, after)
        if found is None:
            raise BadRequest("This cursor was not made here.")
        return found[:limit], found[limit - 1].id if len(found) > limit else None

    async def newest_of(self, actor: Actor, view: View) -> Reference | None:
        """The newest reference that follows a view, as far as the actor may see one."""
        found = await asyncio.to_thread(self._rows.of_view, view.id, _LOOKED_AT)
        return next((each for each in found if can_follow(actor, each)), None)

    def require_owner(self, actor: Actor, reference: Reference) -> None:
        """Raise Forbidden unless the actor owns it; asked before a body is looked at."""
        require_reference_owner(actor, reference, "change")

    async def change(
        self,
        actor: Actor,
        reference: Reference,
        words: dict[str, Any],
        *,
        if_match: int | None = None,
    ) -> Reference:
        """New values by field name; what is absent stays.

        Raises
        ------
        StaleWrite
            When ``if_match`` is not the revision, or somebody was quicker.
        """
        require_access_fits(reference.view is not None, words)
        require_options_scope(actor, words.get("declared") or ())
        return await self._write(actor, reference, words, "updated", if_match)

    async def delete(
        self, actor: Actor, reference: Reference, *, if_match: int | None = None
    ) -> Reference:
        """Delete a reference; its query and all rows stay. The tombstone comes back."""
        gone = {"deleted_at": self._clock.now()}
        return await self._write(actor, reference, gone, "deleted", if_match)

    async def _write(
        self,
        actor: Actor,
        reference: Reference,
        words: dict[str, Any],
        word: str,
        if_match: int | None,
    ) -> Reference:
        """Write to the reference as it is; who named no state is not refused for a race."""
        if if_match is not None and if_match != reference.revision:
            raise StaleWrite("The reference has changed since you read it.", hint="Read it again.")
        for _ in range(_WRITE_TRIES):
            require_reference_owner(actor, reference, "change")
            now = self._clock.now()
            after = replace(reference, **words, updated_at=now, revision=reference.revision + 1)
            if "declared" in words:
                self._check(after)
            changes = changes_between(_told(reference), _told(after))
            deed = _deed(reference, actor, word, now)
            if word == "updated":
                deed = replace(deed, changes=changes)
            told = None if word == "updated" and not changes else deed
            try:
                return await asyncio.to_thread(self._rows.update, reference, after, told)
            except StaleWrite:
                if if_match is not None:
                    raise
            reference = await self.get(actor, reference.short_id)
        raise StaleWrite("The reference is being changed by many at once.", hint="Try again.")


def _require_declarable(reference: Reference) -> None:
    """Raise Invalid where a reference would loosen what somebody else's view declares.

    That view runs in its owner's name: a value that its owner does not allow, or
    options out of a view that only its owner may read, are not the reader's to take.
    """
    if not reference.follows_another:
        return
    kept = {each.name for each in reference.query.declared}
    for each in reference.declared or ():
        if each.name in kept or each.options_from is not None:
            raise Invalid(
                f"{each.name} is for the owner of the view to declare.",
                hint="Leave it out: what the view declares is offered in any case.",
                field=f"parameters.{each.name}",
            )


def declared_with(declared: tuple[Parameter, ...], query: Query) -> tuple[Parameter, ...]:
    """What a reference declares, and what its query declares beside that."""
    named = {each.name for each in declared}
    return (*declared, *(each for each in query.declared if each.name not in named))


def require_access_fits(follows_view: bool, words: dict[str, Any]) -> None:
    """Raise Invalid where a reference to a view is to say for itself who may read it."""
    named = next((name for name in ("is_public", "allowed_user_ids") if words.get(name)), None)
    if follows_view and named is not None:
        raise Invalid(
            "A reference to a view is shown to whoever may read the view.",
            hint="Change the access of the view instead.",
            field="isPublic" if named == "is_public" else "allowedUserIds",
        )


def _told(reference: Reference) -> dict[str, Any]:
    told = {name: getattr(reference, name) for name in _TOLD}
    return told | {
        "parameters": msgspec.to_builtins(reference.declared),
        "allowed_user_ids": list(reference.allowed_user_ids),
    }


def _deed(reference: Reference, actor: Actor, word: str, at: Instant) -> Activity:
    view = reference.view
    return Activity(
        id=new_activity_id(),
        project_id=view.project_id if view else DEFAULT_PROJECT,
        scope="reference",
        item_id=reference.id,
        short_id=reference.short_id,
        name=reference.title,
        person=actor.name,
        activity=word,
        at=at,
    )
