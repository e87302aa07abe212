"""Activity as JSON: who did what, when, with before and after."""

from __future__ import annotations

from typing import Annotated, Any

from msgspec import Meta, Struct

from ..core.activity import Activity, Change
from .fields import iso
from .materialization import frequency_word

_SCOPES = {
    "view": "Insight",
    "dashboard": "Dashboard",
    "endpoint": "Endpoint",
    "reference": "QueryReference",
}


_OF_ENDPOINT = {"age_seconds": "cache_age_seconds", "schedule": "sync_frequency"}


class ActivityQuery(Struct, frozen=True, kw_only=True):
    """Query string of an activity log."""

    format: str | None = None
    limit: Annotated[int, Meta(ge=1, le=100, description="Entries on a page.")] = 10
    page: Annotated[int, Meta(ge=1, le=2**31, description="1 for the newest.")] = 1


class ActorOut(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who did it; the server itself and visitors of a link have no address."""

    first_name: str
    email: str | None
    is_system: bool = False


class ChangeOut(Struct, frozen=True, kw_only=True):
    """What happened to one field."""

    type: str
    action: str
    field: str
    before: Any
    after: Any


class ActivityDetail(Struct, frozen=True, kw_only=True):
    """On what, under which name it was known then."""

    id: str
    name: str
    short_id: str | None
    type: str | None
    trigger: None
    changes: tuple[ChangeOut, ...] | None


class ActivityOut(Struct, frozen=True, kw_only=True):
    """One deed."""

    id: str
    user: ActorOut
    activity: str
    scope: str
    item_id: str
    created_at: str
    detail: ActivityDetail


class ActivityPage(Struct, frozen=True, kw_only=True):
    """A page of deeds, newest first."""

    results: tuple[ActivityOut, ...]
    next: str | None
    previous: str | None
    total_count: int


def activity_out(activity: Activity) -> ActivityOut:
    """One deed as this page's clients expect it."""
    scope = _SCOPES[activity.scope]
    changes = activity.changes
    item_id = activity.door_id or str(activity.item_id)
    return ActivityOut(
        id=activity.id,
        user=_actor(activity.person),
        activity=activity.activity,
        scope=scope,
        item_id=item_id,
        created_at=iso(activity.at) or "",
        detail=ActivityDetail(
            id=item_id,
            name=activity.name,
            short_id=activity.short_id,
            type=None,
            trigger=None,
            changes=None if changes is None else tuple(_change(scope, each) for each in changes),
        ),
    )


def _actor(person: str | None) -> ActorOut:
    if person is None:
        return ActorOut(first_name="System", email=None, is_system=True)
    return ActorOut(first_name=person, email=person if "@" in person else "")


def _change(scope: str, change: Change) -> ChangeOut:
    field, before, after = change.field, change.before, change.after
    if scope == "Endpoint":
        # The rule of the view, in the words of this door.
        field = _OF_ENDPOINT.get(field, field)
        if field == "sync_frequency":
            before, after = frequency_word(before), frequency_word(after)
    return ChangeOut(type=scope, action=change.action, field=field, before=before, after=after)
