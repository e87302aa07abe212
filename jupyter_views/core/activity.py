"""Who did what, when, with before and after: written with the deed, in the same transaction."""

from __future__ import annotations

import asyncio
import uuid
from typing import Any, Literal, Protocol

from msgspec import Struct

from .model import Instant, Page

Scope = Literal["view", "dashboard", "endpoint", "reference"]


class Change(Struct, frozen=True, kw_only=True):
    """What a deed did to one field.

    Attributes
    ----------
    field
        Its name on the wire.
    action
        ``created`` where nothing was before, ``deleted`` where nothing is after.
    before, after
        JSON values.
    """

    field: str
    action: Literal["created", "changed", "deleted"] = "changed"
    before: Any = None
    after: Any = None


class Activity(Struct, frozen=True, kw_only=True):
    """One deed of one person.

    Attributes
    ----------
    item_id, short_id
        Keys of the view, the dashboard or the reference; a dashboard has no
        short one, an endpoint those of its view.
    door_id
        The endpoint's own key, where the deed was done to one.
    name
        What it was called then.
    person
        None for the server itself and for visitors of a link.
    activity
        created, updated, deleted, restored, sharing enabled, …: the words
        of the insight page.
    changes
        None where the deed is no change of fields.
    """

    id: str
    project_id: int
    scope: Scope
    item_id: int
    short_id: str | None
    name: str
    person: str | None
    activity: str
    at: Instant
    changes: tuple[Change, ...] | None = None
    door_id: str | None = None


class ActivityRows(Protocol):
    """What this service needs of the store."""

    def page(
        self, reader: str, project_id: int, item: tuple[Scope, int] | None, limit: int, offset: int
    ) -> Page: ...


class ActivityService:
    """Reads what was done."""

    def __init__(self, *, rows: ActivityRows) -> None:
        self._rows = rows

    async def page(
        self,
        reader: str,
        project_id: int,
        limit: int,
        offset: int,
        *,
        item: tuple[Scope, int] | None = None,
    ) -> Page:
        """Deeds of a project, newest first: those on what the reader may read, and their own.

        Parameters
        ----------
        item
            Scope and key of the one object that is asked for; whoever asks
            has shown that it may be read.
        """
        return await asyncio.to_thread(self._rows.page, reader, project_id, item, limit, offset)


def new_activity_id() -> str:
    """A UUID, as the insight page has them."""
    return str(uuid.uuid4())


def changes_between(before: dict[str, Any], after: dict[str, Any]) -> tuple[Change, ...]:
    """The fields of ``after`` that differ, in the order of their names."""
    return tuple(
        Change(
            field=field,
            action=_action(before.get(field), after[field]),
            before=before.get(field),
            after=after[field],
        )
        for field in sorted(after)
        if before.get(field) != after[field]
    )


def _action(before: Any, after: Any) -> Literal["created", "changed", "deleted"]:
    if before in (None, []):
        return "created"
    return "deleted" if after in (None, []) else "changed"
