"""Rows of endpoints that are kept ready: of which, by what schedule, and how that stands.

There is no table beside the rows of the view: its current result *is* the
table. It is immutable, a refresh that succeeds replaces it in one commit, and
one that fails leaves it. What an endpoint adds is the schedule that refreshes
it though nobody asks, a first build at once, and runs that are served from it
without a look at the sources.
"""

from __future__ import annotations

from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from .doors import is_only_door
from .errors import Invalid
from .model import EndpointDoor, Instant, Query, Status, Version, View
from .scheduling import first_due
from .values import missing_of

DEFAULT_SCHEDULE = "24h"


class Materialization(Struct, frozen=True, kw_only=True):
    """Whether rows of an endpoint are kept ready, or why they cannot be.

    Attributes
    ----------
    status
        Running, Completed, Failed, Cancelled, or Unknown where the first build
        has not begun; None where nothing is materialized.
    reason
        Why it cannot be; None where it can.
    last_materialized_at
        When the last good build of this version began.
    error
        Why the newest build failed.
    """

    can_materialize: bool
    reason: str | None = None
    status: str | None = None
    last_materialized_at: Instant | None = None
    error: str | None = None


def obstacle(query: Query, params: dict[str, Any]) -> str | None:
    """Why nobody could keep the rows of a query ready; None where the server can.

    A volatile query may be kept: its schedule says how old ``now()`` may be.

    Parameters
    ----------
    params
        Its own values, over the defaults of what it declares.
    """
    if not query.sql:
        return "Query is empty or invalid."
    if frames := sorted(query.frames):
        return (
            f"The query reads {', '.join(frames)} from the memory of a kernel, "
            "which no schedule can read anew."
        )
    missing = missing_of(query.declared, params)
    missing += [name for name in query.undeclared if name not in params]
    if missing:
        return f"No default value for {', '.join(missing)}."
    return None


def require_eligible(query: Query, params: dict[str, Any]) -> None:
    """Raise Invalid where the rows of an endpoint cannot be kept ready."""
    reason = obstacle(query, params)
    if reason is not None:
        raise Invalid(f"Cannot materialize endpoint: {reason}", field="is_materialized")


def materialization_of(view: View) -> Materialization:
    """How an endpoint's rows are kept ready."""
    reason = obstacle(view.version.query, view.version.params)
    if view.endpoint is None or not view.endpoint.is_materialized:
        return Materialization(can_materialize=reason is None, reason=reason)
    status, error = "Unknown", failure_of(view)
    if view.refreshing is not None:
        status = "Running"
    elif error is not None:
        status = "Failed"
    elif view.has_current_rows:
        status = "Completed"
    elif view.last_refresh is not None and view.last_refresh.status is Status.CANCELED:
        status = "Cancelled"
    rows = view.current.result if view.has_current_rows else None
    return Materialization(
        can_materialize=reason is None,
        reason=reason,
        status=status,
        error=error,
        last_materialized_at=rows.computed_at if rows else None,
    )


def failure_of(view: View) -> str | None:
    """Why the newest refresh of a view failed, in one sentence; None where it did not."""
    if not view.failures:
        return None
    last = view.last_refresh
    return str(((last and last.error) or {}).get("message", "unknown error"))


def at_once(now: Instant) -> Instant:
    """When the first build of what is saved now is due.

    Later than what is saved, if only just: a slot that a server took, and did
    not come to, is given back where nothing was refreshed since.
    """
    return now + 1


def is_kept_ready(view: View) -> bool:
    """Whether a schedule keeps the rows of this view's endpoint ready now."""
    door = view.endpoint
    return door is not None and door.is_active and door.is_materialized


def consequences(
    view: View, version: Version, marks: dict[str, Any], rule: dict[str, Any], now: Instant
) -> tuple[dict[str, Any], dict[str, Any]]:
    """What is written where marks of the endpoint, the rule or the definition change.

    - Materialized is what has a schedule: it brings its own, ``24h`` where
      there is none, and who takes either away takes both.
    - While an endpoint is not active its schedule rests, if it is the
      endpoint's own: because rows are kept ready for it, or because the view
      has no other door. It goes on once the endpoint is active.
    - A query that cannot be kept ready ends it.
    - What begins to be kept ready, or is redefined, is built at once.

    Parameters
    ----------
    version
        What the view is defined as from now on.
    marks, rule
        Fields of the endpoint door and of the rule that somebody changes.

    Returns
    -------
    tuple
        Fields of the endpoint door, and the view's ``rule`` and ``next_due_at``
        where they change.
    """
    door = view.endpoint
    schedule = rule.get("schedule", view.rule.schedule)
    if door is not None:
        door = replace(door, **marks)
        door, schedule = _settled(view, version, door, schedule)
        marks = marks | {
            name: getattr(door, name)
            for name in ("is_materialized", "paused_schedule")
            if name in marks or getattr(door, name) != getattr(view.endpoint, name)
        }
    fields: dict[str, Any] = {}
    if rule or schedule != view.rule.schedule:
        after = replace(view.rule, **rule | {"schedule": schedule})
        fields["rule"] = after
        if (after.schedule, after.timezone) != (view.rule.schedule, view.rule.timezone):
            fields["next_due_at"] = first_due(after, now)
    is_new = not is_kept_ready(view) or not _is_same(view.version, version)
    if is_new and is_kept_ready(replace(view, endpoint=door)):
        fields["next_due_at"] = at_once(now)
    return marks, fields


def _settled(
    view: View, version: Version, door: EndpointDoor, schedule: str | None
) -> tuple[EndpointDoor, str | None]:
    """The door as it will be, and the schedule of the view."""
    assert view.endpoint is not None
    was_kept, is_kept = view.endpoint.is_materialized, door.is_materialized
    has_lost_schedule = schedule is None and view.rule.schedule is not None
    if (was_kept and has_lost_schedule) or obstacle(version.query, version.params) is not None:
        is_kept = False
    paused = door.paused_schedule
    if is_kept:
        schedule = schedule or paused or DEFAULT_SCHEDULE
    elif was_kept:
        schedule = paused = None
    if door.is_active:
        schedule, paused = schedule or paused, None
    elif is_kept or is_only_door(view, "endpoint"):
        schedule, paused = None, schedule or paused
    return replace(door, is_materialized=is_kept, paused_schedule=paused), schedule


def _is_same(before: Version, after: Version) -> bool:
    return (before.query.id, before.params) == (after.query.id, after.params)
