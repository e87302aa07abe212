"""How deeds on views are told: the fields before and after, in the words of the wire."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec.structs import replace

from .activity import Activity, Change, changes_between, new_activity_id
from .model import EndpointDoor, Instant, Version, View

Deeds = tuple[Activity, ...]


def told(view: View) -> dict[str, Any]:
    """The fields of a view that people change."""
    rule, insight, endpoint = view.rule, view.insight, view.endpoint
    fields: dict[str, Any] = {
        "name": view.name or None,
        "description": view.description,
        "tags": sorted(view.tags),
        "folder": view.folder,
        "is_public": view.is_public,
        "allowed_user_ids": list(view.allowed_user_ids),
        "auto_refresh": view.auto_refresh,
        "query": view.version.query_object or view.version.query.sql or None,
        "chart": msgspec.to_builtins(view.version.chart),
        "age_seconds": rule.age_seconds,
        "schedule": rule.schedule,
        "timezone": rule.timezone,
        "max_staleness_seconds": rule.max_staleness_seconds,
        "changed_when": rule.changed_when,
        "strict": rule.is_strict,
        "key": list(rule.key) if rule.key else None,
        "perspective": view.perspective.slug if view.perspective else None,
    }
    if insight is not None:
        fields |= {
            "derived_name": insight.derived_name,
            "order": insight.order,
            "favorited": insight.favorited,
            "saved": insight.saved,
            "deleted": insight.deleted,
        }
    if endpoint is not None:
        fields |= {
            "is_active": endpoint.is_active,
            "is_materialized": endpoint.is_materialized,
        }
    return fields


def deed(
    view: View,
    person: str | None,
    activity: str,
    at: Instant,
    changes: tuple[Change, ...] | None = None,
) -> Activity:
    """One deed on a view, under the name that it has."""
    return Activity(
        id=new_activity_id(),
        project_id=view.project_id,
        scope="view",
        item_id=view.id,
        short_id=view.short_id,
        name=view.title,
        person=person,
        activity=activity,
        at=at,
        changes=changes,
    )


def update_deed(
    before: View, after: View, person: str, at: Instant, beside: Change | None = None
) -> Activity | None:
    """What changed from one state to another; None when nothing did.

    Parameters
    ----------
    beside
        A change of something that is no field of the view.
    """
    was, is_now = told(before), told(after)
    # A door that opens brings fields of its own; they are no changes of anybody's.
    changes = changes_between(was, {name: is_now[name] for name in is_now.keys() & was.keys()})
    if beside is not None:
        changes = tuple(sorted((*changes, beside), key=lambda change: change.field))
    if not changes:
        return None
    return deed(before, person, _word(before, after), at, changes)


def _word(before: View, after: View) -> str:
    was_deleted = before.insight is not None and before.insight.deleted
    is_deleted = after.insight is not None and after.insight.deleted
    if was_deleted == is_deleted:
        return "updated"
    return "deleted" if is_deleted else "restored"


def of_endpoint(activity: Activity, door: EndpointDoor) -> Activity:
    """A deed on a view as one on its endpoint, under the endpoint's name."""
    return replace(activity, scope="endpoint", name=door.name, door_id=door.id)


def through_endpoint(activity: Activity | None, view: View, version: Version | None) -> Deeds:
    """What a change through the endpoint door is told as: a new version is a deed of its own."""
    if activity is None or view.endpoint is None:
        return ()
    told_of = of_endpoint(activity, view.endpoint)
    if version is None or version.n == view.version.n:
        return (told_of,)
    changes = activity.changes or ()
    words = tuple(change for change in changes if change.field != "query")
    queries = tuple(change for change in changes if change.field == "query")
    made = replace(told_of, id=new_activity_id(), activity="version_created", changes=queries)
    return (replace(told_of, changes=words), made) if words else (made,)


def after_change(
    view: View,
    fields: dict[str, Any],
    insight: dict[str, Any],
    version: Version | None,
    endpoint: dict[str, Any],
) -> View:
    """The view as it will be, to tell what changed."""
    words = {name: fields[name] for name in fields.keys() & set(View.__struct_fields__)}
    changed = replace(view, **words, version=version or view.version)
    rest = {name: fields[name] for name in ("query_object", "chart") if name in fields}
    if rest:
        changed = replace(changed, version=replace(changed.version, **rest))
    if view.insight is not None and insight:
        changed = replace(changed, insight=replace(view.insight, **insight))
    if view.endpoint is not None and endpoint:
        changed = replace(changed, endpoint=replace(view.endpoint, **endpoint))
    return changed
