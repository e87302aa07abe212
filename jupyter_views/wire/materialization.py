"""How rows of an endpoint are kept ready, as JSON."""

from __future__ import annotations

from msgspec import UNSET, Struct, UnsetType

from ..core.materializing import materialization_of
from ..core.model import View
from ..core.schedules import parse
from .fields import iso

SCHEDULES: dict[str, str] = {
    "5min": "5m",
    "30min": "30m",
    "1hour": "1h",
    "6hour": "6h",
    "12hour": "12h",
    "24hour": "24h",
    "7day": "7d",
    "30day": "30d",
}
"""The page's words for schedules."""
_SPANS = {parse(schedule).age(0): word for word, schedule in SCHEDULES.items()}
_CRON_FIELDS = 5


class MaterializationOut(Struct, frozen=True, kw_only=True):
    """Whether rows are kept ready, or why they cannot be; all fields where they are kept."""

    can_materialize: bool
    reason: str | None
    status: str | UnsetType = UNSET
    last_materialized_at: str | UnsetType | None = UNSET
    error: str | UnsetType | None = UNSET
    sync_frequency: str | UnsetType | None = UNSET


class MaterializationStatus(MaterializationOut, frozen=True, kw_only=True):
    """The same of an endpoint that is asked for this alone."""

    name: str


def frequency_of(view: View) -> str | None:
    """The page's word for how often rows are made anew; None for none, or one without a word."""
    paused = view.endpoint.paused_schedule if view.endpoint else None
    return frequency_word(view.rule.schedule or paused)


def frequency_word(schedule: str | None) -> str | None:
    """The page's word for a schedule; None for one that it has no word for."""
    if schedule is None or len(schedule.split()) == _CRON_FIELDS:
        return None
    return _SPANS.get(parse(schedule).age(0))


def materialization_out(view: View) -> MaterializationOut:
    """How an endpoint's rows are kept ready."""
    found = materialization_of(view)
    if found.status is None:
        return MaterializationOut(can_materialize=found.can_materialize, reason=found.reason)
    return MaterializationOut(
        can_materialize=found.can_materialize,
        reason=found.reason,
        status=found.status,
        last_materialized_at=iso(found.last_materialized_at),
        error=found.error,
        sync_frequency=frequency_of(view),
    )


def materialization_status(view: View) -> MaterializationStatus:
    """The same with the endpoint's name."""
    assert view.endpoint is not None
    told = materialization_out(view)
    fields = {name: getattr(told, name) for name in MaterializationOut.__struct_fields__}
    return MaterializationStatus(name=view.endpoint.name, **fields)
