"""What a reader puts in the place of an insight's own values, as an address says it."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from ..core.dashboards import Dashboard, Tile
from ..core.dates import resolved_date
from ..core.errors import Invalid
from ..core.model import Instant, View
from ..core.variants import Overrides, date_range, overridden
from .changes import given
from .insights import Served

DateText = Annotated[str, Meta(min_length=1, max_length=40)]
Variables = Annotated[
    dict[Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$")], Any], Meta(max_length=100)
]


class DateRange(Struct, frozen=True, kw_only=True):
    """From when to when; other keys are dropped."""

    date_from: DateText | UnsetType | None = UNSET
    date_to: DateText | UnsetType | None = UNSET


class Surroundings(Struct, frozen=True, kw_only=True):
    """In what an insight is read.

    Attributes
    ----------
    values
        Of its parameters, by name.
    tile
        Its place on the dashboard that it is read from; None without one.
    dates
        The date range that was put in place of its own, as ISO text; None for none.
    """

    values: dict[str, Any]
    tile: Tile | None = None
    dates: dict[str, str | None] | None = None


def own_values(view: View) -> Surroundings:
    """An insight for itself."""
    return Surroundings(values=view.version.params)


def surroundings_of(
    view: View, found: tuple[Dashboard, Tile] | None, own: Overrides, now: Instant
) -> Surroundings:
    """An insight under what a dashboard says, and over that under what its reader says."""
    layers = [own]
    if found is not None:
        dashboard, _ = found
        layers.insert(0, Overrides(filters=dashboard.filters, variables=dashboard.variables))
    return Surroundings(
        values=overridden(view, layers, now),
        tile=found[1] if found else None,
        dates=date_range(view, layers, now),
    )


def placed_in(place: Surroundings, served: Served) -> Served:
    """What was served, with where it stands."""
    return msgspec.structs.replace(served, tile=place.tile, dates=place.dates)


def overrides_from(filters: str | None, variables: str | None, now: Instant) -> Overrides:
    """The ``filters_override`` and ``variables_override`` of an address.

    Raises
    ------
    Invalid
        When one is not JSON of its shape, or a date is none; it names the
        parameter.
    """
    span = _decoded(filters, DateRange, "filters_override", '{"date_from": "-7d"}')
    named = _decoded(variables, Variables, "variables_override", '{"region": "EU"}')
    dates = given(span) if span else {}
    for text in filter(None, dates.values()):
        resolved_date(text, now, field="filters_override")
    return Overrides(filters=dates, variables=named or {})


def _decoded(text: str | None, kind: Any, name: str, example: str) -> Any:
    if not text:
        return None
    try:
        return msgspec.json.decode(text, type=kind)
    except (msgspec.DecodeError, RecursionError):
        raise Invalid(f"{name} is a JSON object such as {example}.", field=name) from None
