"""A view read with other values for its parameters than its own: rows and freshness of their own.

Nothing of the view moves: a variant is a statement of the view's query with
these values, kept and found by its fingerprint, run in the owner's name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import Struct, field
from msgspec.structs import replace

from .access import is_owner, require_read
from .assessing import Assessor
from .dates import resolved_date
from .errors import BadRequest, Forbidden, Invalid
from .freshness import Action, Mode, act
from .model import Actor, Cause, Instant, LastRefresh, Statement, Status, View
from .ports import Clock, Read
from .reading import COMPUTE_SECONDS, FORCED, Reading, ReadingService
from .refreshing import Refresher, variant_of
from .statements import StatementService
from .valuing import Valuer
from .warming import Choice

_RUNS_SQL = ("statement:write", "query:write", "endpoint:write", "insight:write")
_MOST_BYTES = 64 * 1024


class Overrides(Struct, frozen=True, kw_only=True):
    """Values that a reader, or a dashboard, puts in the place of a view's own.

    Attributes
    ----------
    filters
        ``date_from`` and ``date_to``, for parameters of these names; None for none.
    variables
        Values by the name of a parameter.
    """

    filters: dict[str, str | None] = field(default_factory=dict)
    variables: dict[str, Any] = field(default_factory=dict)


def overridden(view: View, layers: Iterable[Overrides], now: Instant) -> dict[str, Any]:
    """The values of a view's parameters under these layers; a later one wins.

    Names that the query does not use are passed over: the same layer lies
    over queries with different parameters.
    """
    values = dict(view.version.params)
    for layer in layers:
        values |= _dates(layer, now) | layer.variables
    return {name: values[name] for name in view.version.query.inputs if name in values}


def date_range(
    view: View, layers: Iterable[Overrides], now: Instant
) -> dict[str, str | None] | None:
    """The dates that these layers bring, where the query uses any; None where it does not."""
    brought = {name: text for layer in layers for name, text in _dates(layer, now).items()}
    if not brought.keys() & set(view.version.query.inputs):
        return None
    return {name: brought.get(name) for name in ("date_from", "date_to")}


def _dates(layer: Overrides, now: Instant) -> dict[str, str]:
    return {
        name: resolved_date(text, now, field=f"filters.{name}")
        for name, text in layer.filters.items()
        if text is not None
    }


class Variants:
    """Reads views with other values, as the modes say."""

    def __init__(
        self,
        *,
        reading: ReadingService,
        statements: StatementService,
        assessor: Assessor,
        refresher: Refresher,
        valuer: Valuer,
        noted: Callable[[Choice], None],
        clock: Clock,
    ) -> None:
        self._valuer = valuer
        self._noted = noted
        self._clock = clock
        self._reading = reading
        self._statements = statements
        self._assessor = assessor
        self._refresher = refresher
        self._starting: dict[tuple[int, bytes], asyncio.Task[Statement]] = {}

    async def read(
        self,
        actor: Actor,
        view: View,
        values: dict[str, Any],
        mode: Mode | None,
        *,
        wait: float = 0.0,
        is_limited: bool = True,
        is_pinned: bool = False,
    ) -> Reading:
        """A view with these values, for one reader; with its own values the view itself.

        What failed in the last five minutes is not tried again, unless the
        mode forces it.

        Parameters
        ----------
        mode
            None for what the owner chose: ``async`` with ``auto_refresh``,
            else ``lazy_async``, for somebody has to be the first.
        wait, is_limited
            See :meth:`ReadingService.read`.
        is_pinned
            The view's version is an earlier one, put in the place of its own:
            rows of its own values are not those that the view serves.

        Raises
        ------
        MissingParameters, InvalidParameters
            When a value is not what the query declares.
        """
        if not view.has_query or (not is_pinned and await self.are_own(view, values)):
            return await self._reading.read(
                actor, view, mode=mode, wait=wait, is_limited=is_limited
            )
        reading = await self._read(actor, view, values, mode, wait=wait, is_limited=is_limited)
        query_id, at = view.version.query.id, self._clock.now()
        self._noted(Choice(view_id=view.id, query_id=query_id, params=values, at=at))
        return reading

    async def recompute(self, view: View, values: dict[str, Any]) -> None:
        """Compute a view with these values again where its rows for them are stale."""
        owner = Actor(name=view.owner)
        await self._read(owner, view, values, Mode.BLOCKING, wait=0.0, is_limited=False)

    async def _read(
        self,
        actor: Actor,
        view: View,
        values: dict[str, Any],
        mode: Mode | None,
        *,
        wait: float,
        is_limited: bool,
    ) -> Reading:
        mode = mode or (Mode.ASYNC if view.auto_refresh else Mode.LAZY_ASYNC)
        is_exact = mode is Mode.BLOCKING
        looked = await self._look(view, values, is_exact=is_exact)
        _require_same_files(actor, view, looked)
        action = act(mode, looked.reading.freshness.state)
        is_forced = mode in FORCED
        if action is Action.CACHED or (looked.reading.refresh is not None and not is_forced):
            started = looked.reading.refresh
        elif looked.failure is not None and not is_forced:
            waits = action is Action.COMPUTE
            return replace(looked.reading, awaited=looked.failure if waits else None)
        else:
            seen = None if is_forced else looked.reading.view.current.id
            started = await self._started(actor, view, values, seen, is_limited=is_limited)
        is_exceeded = looked.reading.freshness.is_exceeded
        seconds = COMPUTE_SECONDS if action is Action.COMPUTE else wait * is_exceeded
        if started is None or not seconds:
            is_going = started is not None and not started.status.is_final
            return replace(looked.reading, refresh=started if is_going else None)
        awaited = await self._statements.wait(started, seconds)
        looked = await self._look(view, values, is_exact=False)
        return replace(looked.reading, awaited=awaited)

    async def refresh(self, actor: Actor, view: View, values: dict[str, Any]) -> Statement:
        """Run a view's query with these values now, in its owner's name."""
        if await self.are_own(view, values):
            return await self._reading.refresh(actor, view)
        require_read(actor, view)
        _require_same_files(actor, view, await self._look(view, values, is_exact=False))
        return await self._started(actor, view, values, None, is_limited=True)

    async def are_own(self, view: View, values: dict[str, Any]) -> bool:
        """Whether these values mean what the view's own do."""
        if view.reference_id is not None:
            return False  # nobody's view has rows of its own for it
        own, declared = view.version.params, view.version.query.declared
        if values == own or not declared:
            return values == own
        bound = await self._valuer.bound(declared, values, view.owner)
        try:
            return bound == await self._valuer.bound(declared, own, view.owner)
        except BadRequest:
            return False  # the view has no values of its own to be run with

    async def _started(
        self,
        actor: Actor,
        view: View,
        values: dict[str, Any],
        seen: str | None,
        *,
        is_limited: bool,
    ) -> Statement:
        """One run for all who look at once; none where a newer one than was seen has ended.

        Parameters
        ----------
        seen
            The statement whose rows the reader was to get; None to run anew
            in any case.
        """
        told = [view.version.query.id, values]
        key = (view.id, msgspec.json.encode(told, order="sorted"))
        starting = self._starting.get(key)
        if starting is None:
            starting = asyncio.create_task(
                self._start(actor, view, values, seen, is_limited=is_limited)
            )
            self._starting[key] = starting
            starting.add_done_callback(lambda _: self._starting.pop(key, None))
        return await asyncio.shield(starting)

    async def _start(
        self,
        actor: Actor,
        view: View,
        values: dict[str, Any],
        seen: str | None,
        *,
        is_limited: bool,
    ) -> Statement:
        if seen is not None:
            looked = await self._look(view, values, is_exact=False)
            current = looked.reading.view.current
            if current.result is not None and current.id != seen:
                return current
            if looked.reading.refresh is not None:
                return looked.reading.refresh
        cause = Cause(kind="asked" if seen is None else "read", by=actor.name)
        # Between that look and the run an equal one may end: then there is nothing to run.
        return await self._refresher.variant(
            actor, view, values, cause, is_limited=is_limited, replaces=seen
        )

    async def _look(self, view: View, values: dict[str, Any], *, is_exact: bool) -> _Looked:
        _require_short(view, values)
        asked = variant_of(view, values)
        drafted, outlook = await self._statements.foresee(Actor(name=view.owner), asked)
        found = outlook.success or replace(drafted, status=Status.PLANNED)
        # Others may have written the same values in another way.
        current = replace(found, params=values, bound=drafted.bound)
        failure = outlook.failure
        if failure is not None and _ended(failure) < _ended(outlook.success):
            failure = None
        variant = replace(
            view,
            version=replace(view.version, query=current.query, params=values),
            current=current,
            refreshing=None,
            last_refresh=None if failure is None else _last(failure),
            failures=0 if failure is None else 1,
            changed_at=None,
        )
        freshness = await self._assessor.of_view(variant, is_exact=is_exact)
        running = outlook.in_flight
        # Of another's statement a reader learns nothing, not even that it runs.
        is_ours = running is not None and (running.variant_of, running.reference_id) == (
            asked.variant_of,
            asked.reference_id,
        )
        return _Looked(
            reading=Reading(
                view=variant, freshness=freshness, refresh=running if is_ours else None
            ),
            failure=failure,
            reads=drafted.query.reads,
        )


class _Looked(Struct, frozen=True, kw_only=True):
    reading: Reading
    failure: Statement | None
    reads: tuple[Read, ...]


def _require_short(view: View, values: dict[str, Any]) -> None:
    """Raise Invalid for values that would fill the store: each set is kept, however many come."""
    own = view.version.params
    chosen = {name: value for name, value in values.items() if own.get(name) != value}
    if len(msgspec.json.encode(chosen)) > _MOST_BYTES:
        raise Invalid(
            f"The values of one run hold {_MOST_BYTES:,} bytes at most.",
            hint="Put long lists into a file or a view, and read that.",
            field="variables",
        )


def _require_same_files(actor: Actor, view: View, looked: _Looked) -> None:
    """Raise Forbidden where a value chooses what is read, and the owner did not send it.

    The query runs with the owner's rights: a reader who could name its files
    would read whatever the owner may. So would who holds a key of the owner's
    that runs no SQL of its own, and a visitor of a link, who has no scopes.
    """
    if looked.reads == view.version.query.reads:
        return
    if not is_owner(actor, view) or not actor.scopes:
        hint = "Ask the owner to save a view with them."
    elif any(map(actor.has_scope, _RUNS_SQL)):
        return
    else:
        hint = f"Save a view with them, or use a key with {_RUNS_SQL[0]}."
    raise Forbidden(
        "With these values the query reads other files than its owner chose.", hint=hint
    )


def _last(failure: Statement) -> LastRefresh:
    return LastRefresh(
        statement_id=failure.id,
        status=failure.status,
        error=failure.error,
        at=failure.completed_at,
    )


def _ended(statement: Statement | None) -> Instant:
    return (statement.completed_at or 0) if statement else 0
