"""Events of views as the host's event bus carries them.

The bus is heard by every person of a server, whatever views they may read.
So an event says which view, when and what kind of thing happened, and never a
name, a source, a message, SQL or rows: whoever may read the view asks for those.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.announcing import Action, Event
from ..core.model import Instant
from .fields import iso


def schema_id(action: Action) -> str:
    """The ``$id`` of the schema of an action's events."""
    return f"https://events.jupyter.org/jupyter_views/{action}/v1"


def event_data(event: Event, at: Instant) -> tuple[str, dict[str, Any]]:
    """The id of an event's schema, and what that schema describes.

    Parameters
    ----------
    at
        When it happened.
    """
    own = _OWN.get(event.action)
    facts = own(event) if own is not None else {}
    return schema_id(event.action), {"short_id": event.view.short_id, "at": iso(at), **facts}


def _stale(event: Event) -> dict[str, Any]:
    return {"reason": event.facts["reason"]}


def _refreshing(event: Event) -> dict[str, Any]:
    return {"cause": event.facts["cause"].kind}


def _refreshed(event: Event) -> dict[str, Any]:
    result = event.view.current.result
    assert result is not None  # it has just been computed
    return {
        "row_count": result.row_count,
        "duration_us": result.duration_us,
        "computed_at": iso(result.computed_at),
        "is_incremental": result.method.startswith("incremental"),
    }


def _changed(event: Event) -> dict[str, Any]:
    result, changes = event.view.current.result, event.facts["changes"]
    assert result is not None
    return {
        "row_count": result.row_count,
        "added": changes.added if changes else None,
        "removed": changes.removed if changes else None,
        "changed": changes.changed if changes else None,
    }


def _failed(event: Event) -> dict[str, Any]:
    error = event.facts["error"] or {}
    return {"code": error.get("code", "INTERNAL"), "retry_at": iso(event.view.retry_at or None)}


_OWN: dict[Action, Callable[[Event], dict[str, Any]]] = {
    "stale": _stale,
    "refreshing": _refreshing,
    "refreshed": _refreshed,
    "changed": _changed,
    "failed": _failed,
}
