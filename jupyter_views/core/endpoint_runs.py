"""Running endpoints: which version, with which values, from where, and what is waited for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from msgspec import Struct, field
from msgspec.structs import replace

from .assessing import age_of
from .errors import (
    Invalid,
    InvalidParameters,
    MissingParameters,
    NotFound,
    Unavailable,
    ViewsError,
    from_dict,
)
from .executions import Line
from .freshness import Action, Evidence, Mode, State, act, decide
from .history import HistoryService
from .materializing import failure_of, is_kept_ready
from .model import Actor, Instant, Status, Version, View
from .reading import Reading
from .run_limits import RunLimits
from .run_paths import Asked, PathTaken, Table, path_of
from .values import Moment, missing_of
from .valuing import Valuer
from .variants import Overrides, Variants, date_range, overridden


class RunAsk(Struct, frozen=True, kw_only=True):
    """What somebody wants of an endpoint.

    Attributes
    ----------
    given
        Values by the name of a variable.
    dates
        ``date_from`` and ``date_to`` in the place of its own.
    version
        None for the current one.
    is_direct
        From the query itself, even where a table is kept.
    is_lost
        See :class:`~.run_paths.Asked`: the rows are then calculated anew.
    """

    mode: Mode = Mode.BLOCKING
    given: dict[str, Any] = field(default_factory=dict)
    dates: Overrides = Overrides()
    version: int | None = None
    is_direct: bool = False
    is_lost: bool = False


class Ran(Struct, frozen=True, kw_only=True):
    """What a run found.

    Attributes
    ----------
    has_rows
        Whether stored rows are to be served: those that a caller wanted to
        wait for, and that are not there in time, are not replaced by old ones.
    is_cached
        The rows were there before the run.
    is_pending
        What the caller asked for is still being calculated.
    zone
        IANA name of the time zone in which ``today`` was read.
    dates
        The date range that was put in the place of its own; None for none.
    """

    reading: Reading
    mode: Mode
    taken: PathTaken
    has_rows: bool
    is_cached: bool
    is_pending: bool
    zone: str
    dates: dict[str, str | None] | None = None


class EndpointRuns:
    """Runs endpoints for those who may read them."""

    def __init__(
        self, *, variants: Variants, history: HistoryService, valuer: Valuer, limits: RunLimits
    ) -> None:
        self._variants = variants
        self._history = history
        self._valuer = valuer
        self.limits = limits

    def admit(self, actor: Actor, view: View) -> None:
        """Count a run before anything of it is looked at; TooMany beyond the limits.

        One of an endpoint whose rows are kept ready counts as served from
        those; where it was not, :meth:`run` counts it as calculated too.
        """
        self.limits.take(actor, "materialized" if is_kept_ready(view) else "inline", view)

    async def pinned(self, view: View, number: int | None) -> View:
        """The view with this version in the place of its own; None for its own.

        Raises
        ------
        NotFound
            When it has no such version; ``details.current_version`` is its newest.
        """
        if number is None or number == view.version.n:
            return view
        try:
            version: Version = await self._history.version(view, number)
        except NotFound:
            name = view.endpoint.name if view.endpoint else view.short_id
            raise NotFound(
                f"Version {number} not found for endpoint '{name}'",
                details={"current_version": view.version.n},
            ) from None
        return replace(view, version=version)

    async def run(self, actor: Actor, view: View, ask: RunAsk, line: Line, *, of: View) -> Ran:
        """Serve or calculate the rows of an endpoint.

        Parameters
        ----------
        view
            As :meth:`pinned` gave it.
        of
            The endpoint as it is.

        Raises
        ------
        Invalid
            When a variable is unknown, missing or of the wrong type.
        ViewsError
            Why the calculation that the caller waited for failed.
        """
        moment = self._valuer.moment()
        now = moment.now
        line.n, line.has_values = view.version.n, bool(ask.given)
        values = values_of(view, ask, now)
        if view.version.query.declared:
            await self._check(view, values)
        table = self._table(of)
        asked = Asked(
            mode=ask.mode,
            has_own_values=table is not None and not await self._variants.are_own(view, values),
            has_filters=bool(ask.dates.filters),
            is_pinned=view.version.n != of.version.n,
            is_direct=ask.is_direct,
            is_lost=ask.is_lost,
        )
        taken = path_of(asked, table, now)
        line.path = taken.path
        if table is not None and taken.path == "materialized":
            return _from_table(of, table, ask, taken, moment)
        if table is not None:
            self.limits.take(actor, "inline", of)
        if taken.reason == "table_missing":
            ask = replace(ask, mode=Mode.FORCE_BLOCKING)
        reading = await self._variants.read(
            actor, view, values, ask.mode, is_limited=False, is_pinned=asked.is_pinned
        )
        dates = date_range(view, (ask.dates,), now) if ask.dates.filters else None
        return _judged(reading, ask, taken, moment.zone, dates)

    def _table(self, view: View) -> Table | None:
        """The table that is kept of an endpoint; None where none is."""
        if not is_kept_ready(view):
            return None
        result = view.current.result if view.has_current_rows else None
        at = result.computed_at if result else 0
        return Table(
            built_at=result.computed_at if result else None,
            frequency=age_of(view.rule, view.current.ttl_minutes, at) or 0,
            failure=failure_of(view),
            has_moved=result is not None and bool(self._valuer.moved(view)),
        )

    async def _check(self, view: View, values: dict[str, Any]) -> None:
        """Raise Invalid where a value is not what the query declares."""
        try:
            await self._valuer.bound(view.version.query.declared, values, view.owner)
        except (InvalidParameters, MissingParameters) as error:
            raise Invalid(error.message, field="variables") from error


def require_active(view: View) -> None:
    """Raise NotFound where an endpoint may not be run now: it looks like one that is not there."""
    if view.endpoint is None or not view.endpoint.is_active:
        raise NotFound("There is no such endpoint.")


def _from_table(view: View, table: Table, ask: RunAsk, taken: PathTaken, moment: Moment) -> Ran:
    """The rows that are kept, without a look at the sources: what is known of those is told."""
    seen = Evidence(moved=(), changed_at=view.changed_at)
    freshness = decide(view.current.result, seen, now=moment.now, age=table.frequency)
    if view.changed_at is not None:
        freshness = replace(
            freshness, state=State.STALE, reason="source_changed", since=view.changed_at
        )
    return Ran(
        reading=Reading(view=view, freshness=freshness),
        mode=ask.mode,
        taken=taken,
        has_rows=True,
        is_cached=True,
        is_pending=False,
        zone=moment.zone,
    )


def _judged(
    reading: Reading,
    ask: RunAsk,
    taken: PathTaken,
    zone: str,
    dates: dict[str, str | None] | None,
) -> Ran:
    """What a reading means for the caller; raises what kept new rows from being made."""
    awaited, freshness = reading.awaited, reading.freshness
    is_new = awaited is not None and awaited.status is Status.SUCCESS
    is_late = awaited is not None and not awaited.status.is_final
    if awaited is not None and not is_new and not is_late:
        raise from_dict(awaited.error or {})
    if awaited is None and act(ask.mode, freshness.state) is Action.COMPUTE:
        raise reading.refused or Unavailable("The calculation could not be started.")
    has_rows = (
        reading.view.current.result is not None and ask.mode is not Mode.FORCE_ASYNC and not is_late
    )
    is_going = is_late or reading.refresh is not None
    return Ran(
        reading=reading,
        mode=ask.mode,
        taken=taken,
        has_rows=has_rows,
        is_cached=has_rows and not is_new,
        is_pending=(
            is_going and ask.mode is not Mode.FORCE_CACHE and (not has_rows or freshness.is_stale)
        ),
        zone=zone,
        dates=dates,
    )


def values_of(view: View, ask: RunAsk, now: Instant) -> dict[str, Any]:
    """The values of a run: the version's own, over those the date range, over those what is given.

    Raises
    ------
    Invalid
        When a name is unknown, a value missing or of another type than the
        version's own.
    """
    query, own = view.version.query, view.version.params
    dates = ask.dates
    is_plain = not (ask.given or dates.filters or query.declared)
    if is_plain and own.keys() == set(query.parameters):
        return own
    unknown = sorted(ask.given.keys() - set(query.inputs))
    if unknown:
        raise _invalid(f"Unknown variable(s): {', '.join(unknown)}", query.inputs)
    if dates.filters and not dates.filters.keys() & set(query.inputs):
        raise Invalid(
            "This query has no variable date_from or date_to that filters_override could set.",
            field="filters_override",
        )
    values = overridden(view, (dates, Overrides(variables=ask.given)), now)
    missing = {
        *missing_of(query.declared, values),
        *(name for name in query.undeclared if name not in values),
    }
    if missing:
        named = ", ".join(f"'{name}'" for name in query.inputs if name in missing)
        raise _invalid(f"Required variable(s) {named} not provided", query.inputs)
    for name in query.undeclared:
        _check_kind(name, values[name], own.get(name))
    return values


def _invalid(message: str, names: Iterable[str]) -> Invalid:
    known = ", ".join(names)
    hint = f"It takes {known}." if known else "It takes none."
    return Invalid(f"{message}.", hint=hint, field="variables", details={"code": "invalid_input"})


_KINDS: tuple[tuple[type | tuple[type, ...], str], ...] = (
    (bool, "true or false"),
    ((int, float), "a number"),
    (str, "a text"),
    (list, "a list"),
    (dict, "an object"),
)


def _kind(value: Any) -> str | None:
    return next((word for kind, word in _KINDS if isinstance(value, kind)), None)


def _check_kind(name: str, value: Any, own: Any) -> None:
    wanted = _kind(own)
    if value is not None and wanted is not None and _kind(value) != wanted:
        raise Invalid(f"Variable '{name}' is {wanted}.", field="variables")


def error_of(reading: Reading) -> ViewsError | None:
    """Why newer rows than these are not there, where the newest attempt at them failed."""
    last = reading.view.last_refresh
    if not reading.view.failures or last is None or not last.error:
        return None
    return from_dict(last.error)
