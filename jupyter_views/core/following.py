"""What a reference points to, as its readers meet it: rows with values of theirs, and freshness."""

from __future__ import annotations

import asyncio
from typing import Any, Protocol

from msgspec.structs import replace

from .access import shows_target
from .errors import Conflict, NotFound, TooMany, Unavailable, ViewsError
from .freshness import Mode
from .model import Actor, Result, Statement, Status, Version, View
from .parameters import Parameter, bound_names
from .reading import FORCED, Reading
from .references import Reference, ReferenceService, declared_with
from .statements import StatementService
from .values import choosable
from .variants import Variants


class FollowedRows(Protocol):
    """What this needs of the store."""

    def note_statement(self, reference_id: int, statement_id: str) -> None: ...


class Following:
    """Reads what references point to.

    A query that no view has is read like a view of the reference's owner, and
    an earlier version like one of the view's owner: by the run of it that is
    newest, which is found by its fingerprint.
    """

    def __init__(
        self,
        *,
        rows: FollowedRows,
        references: ReferenceService,
        statements: StatementService,
        variants: Variants,
    ) -> None:
        self._rows = rows
        self._references = references
        self._statements = statements
        self._variants = variants

    async def target(self, actor: Actor, reference: Reference, version: int | None = None) -> View:
        """What is read: the view itself, or what stands for a query or an earlier version.

        Parameters
        ----------
        version
            Another one than the reference is pinned to.

        Raises
        ------
        NotFound
            When it has no such version, or shows the actor nothing any more.
        """
        if not shows_target(actor, reference):
            raise NotFound("What this reference points to is no longer shown to you.")
        target = await self._defined(reference, version)
        declared = reference.declared or ()
        if reference.follows_another:
            # Its owner may have come to declare them after the reference did.
            kept = {each.name for each in target.version.query.declared}
            declared = tuple(each for each in declared if each.name not in kept)
        if not declared:
            return target
        if target.reference_id is None:
            target = _pinned_to(reference, target, target.version)
        return _declaring(target, declared)

    async def _defined(self, reference: Reference, version: int | None) -> View:
        view = reference.view
        if view is None:
            if version not in {None, 1}:
                raise NotFound(f"The query has no version {version}.", hint="It has version 1.")
            return _standing_for(reference)
        n = version or reference.version
        if n is None or n == view.version.n:
            return view
        known = reference.pinned if n == reference.version else None
        pinned = known or await self._references.version(view, n)
        return _pinned_to(reference, view, pinned)

    async def read(
        self,
        actor: Actor,
        reference: Reference,
        target: View,
        values: dict[str, Any],
        mode: Mode | None = None,
        *,
        wait: float = 0.0,
    ) -> Reading:
        """Rows for one reader, computed first where there are none.

        Parameters
        ----------
        target, values
            What is read, and with which values; the target's own by default.
        mode
            None for what is there, and new rows behind where they are stale.
        wait
            Seconds to wait for the run of an optimistic reference, or for
            newer rows where the view's bound on staleness is exceeded.

        Raises
        ------
        MissingParameters, InvalidParameters
            When a value does not fit; names the parameter.
        Conflict
            When the query of the reference has failed.
        """
        is_own = values == target.version.params
        if reference.is_optimistic and is_own and mode not in FORCED:
            waited = await self._awaited(actor, reference, target, wait)
            if waited is not None:
                return waited
        reading = await self._read(actor, target, values, mode, wait)
        if reference.view is None and is_own:
            await self._note(reference, reading.view.current)
        return reading

    async def _awaited(
        self, actor: Actor, reference: Reference, target: View, wait: float
    ) -> Reading | None:
        """How an optimistic reference stands while there are no rows; None where there are."""
        run = reference.statement
        assert run is not None
        if not run.status.is_final:
            run = await self._statements.wait(run, wait)
        looked = await self._variants.read(actor, target, target.version.params, Mode.FORCE_CACHE)
        if looked.view.current.result is not None or run.status is Status.SUCCESS:
            return None
        if not run.status.is_final:
            return replace(looked, refresh=run)
        if run.status is Status.PLANNED:
            return None
        raise _failed(run)

    async def _read(
        self, actor: Actor, target: View, values: dict[str, Any], mode: Mode | None, wait: float
    ) -> Reading:
        is_current = target.reference_id is None and values == target.version.params
        if mode is None and not (is_current and target.current.result is not None):
            # Somebody has to be the first with these values, and came for their rows.
            mode = Mode.ASYNC_EXCEPT_ON_CACHE_MISS
        try:
            return await self._variants.read(actor, target, values, mode, wait=wait)
        except TooMany:
            if mode in FORCED:
                raise
            # Rows that are there are shown, however often somebody looks.
            looked = await self._variants.read(actor, target, values, Mode.FORCE_CACHE)
            if looked.view.current.result is None:
                raise
            return looked

    async def _note(self, reference: Reference, current: Statement) -> None:
        """Keep the newest rows of a reference as long as itself."""
        known = reference.statement
        is_newer = known is None or known.id != current.id
        is_its_own = current.reference_id == reference.id or current.submitted_by == reference.owner
        if current.result is not None and is_its_own and is_newer:
            await asyncio.to_thread(self._rows.note_statement, reference.id, current.id)

    async def look(self, actor: Actor, reference: Reference) -> Reading | None:
        """How fresh a reference is with its first values; starts nothing.

        None where that cannot be said: it shows the actor nothing, its
        parameters have no first values, or its query can no longer be run.
        """
        try:
            target = await self.target(actor, reference)
            values = target.version.params
            return await self._variants.read(actor, target, values, Mode.FORCE_CACHE)
        except ViewsError:
            return None


def offered(reference: Reference, target: View) -> tuple[Parameter, ...]:
    """What readers of a reference may choose.

    That is what it declares; where it says nothing, what its query declares,
    and what that was run with.
    """
    if reference.declared is None:
        return choosable(target.version)
    standing = {each.name: each for each in target.version.query.declared}
    return tuple(standing.get(each.name, each) for each in reference.declared)


def rows_or_reason(reading: Reading) -> Result:
    """The rows of a reading, or why there are none.

    Raises
    ------
    Unavailable
        While they are being computed.
    Conflict
        When the query failed.
    BadRequest
        When it failed with values that the reader chose.
    """
    view = reading.view
    if view.current.result is not None:
        return view.current.result
    if reading.refresh is not None:
        raise Unavailable(
            "The rows are being computed.",
            hint="Ask again in a moment, or send Prefer: wait=55.",
            retry_after_seconds=2,
        )
    if reading.awaited is not None and reading.awaited.status.is_final:
        raise _failed(reading.awaited)
    raise NotFound("No rows were ever computed.", hint="Send refresh=true, and ask again.")


def _failed(run: Statement) -> Conflict:
    reason = (run.error or {}).get("message", f"It is {run.status}.")
    return Conflict(
        f"The query of this reference has no rows: {reason}",
        hint=(run.error or {}).get("hint"),
        details={"statement_id": run.id, "status": run.status},
    )


def _standing_for(reference: Reference) -> View:
    """A query as a view of the reference's owner, which nobody saved."""
    run = reference.statement
    assert run is not None
    return View(
        # No view has a number below 1, so nothing that is counted by view is mixed up.
        id=-reference.id,
        reference_id=reference.id,
        short_id=reference.short_id,
        name=reference.title,
        description=reference.description,
        owner=reference.owner,
        is_public=reference.is_public,
        allowed_user_ids=reference.allowed_user_ids,
        auto_refresh=False,
        revision=reference.revision,
        version=Version(
            n=1,
            query=reference.own,
            params=reference.params,
            statement_id=run.id,
            note=None,
            author=reference.owner,
            created_at=reference.created_at,
        ),
        current=run,
        created_at=reference.created_at,
        created_by=reference.owner,
        updated_at=reference.updated_at,
        updated_by=reference.owner,
        refreshed_at=run.completed_at or run.submitted_at,
    )


def _pinned_to(reference: Reference, view: View, pinned: Version) -> View:
    """A view as it was defined once; its current rows are another definition's."""
    return replace(
        view,
        id=-reference.id,
        reference_id=reference.id,
        version=pinned,
        refreshing=None,
        last_refresh=None,
        failures=0,
        retry_at=0,
        changed_at=None,
    )


def _declaring(target: View, declared: tuple[Parameter, ...]) -> View:
    """The same with parameters of the reference's own; their first values are their defaults."""
    version = target.version
    taken = {each.name for each in declared} | set(bound_names(declared))
    query = replace(version.query, declared=declared_with(declared, version.query))
    params = {name: value for name, value in version.params.items() if name not in taken}
    return replace(target, version=replace(version, query=query, params=params))
