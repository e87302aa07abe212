"""How a view is written to: as it is now, however many people change it at once."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from .access import require_owner
from .activity import Activity
from .doors import AnyDoor
from .errors import NotFound, StaleWrite
from .model import Actor, Instant, Rule, Version, View
from .placing import Placed

T = TypeVar("T")
_WRITE_TRIES = 100


class ViewRows(Protocol):
    """What this service needs of the store; every call is one transaction."""

    def create(self, view: View, activity: Activity, placed: Placed | None = None) -> View: ...
    def find(self, view_id: int) -> View | None: ...
    def is_slug_free(self, slug: str) -> bool: ...
    def is_name_free(self, project_id: int, name: str) -> bool: ...
    def update(
        self,
        view: View,
        fields: dict[str, Any],
        *,
        by: str,
        at: Instant,
        activity: Activity | tuple[Activity, ...] | None,
        version: Version | None = None,
        opened: AnyDoor | None = None,
        placed: Placed | None = None,
    ) -> View: ...
    def close(
        self, view: View, door: str, rule: Rule, *, by: str, at: Instant, activity: Activity
    ) -> View: ...
    def delete(self, view: View, activity: Activity) -> None: ...


class ViewWriter:
    """Tries a write until nobody was quicker."""

    def __init__(self, rows: ViewRows) -> None:
        self._rows = rows

    async def write(
        self, actor: Actor, view: View, if_match: int | None, write: Callable[[View], T]
    ) -> T:
        """Write to the view as it is; who named no state is not refused for a race."""
        if if_match is not None and if_match != view.revision:
            raise StaleWrite("The view has changed since you read it.", hint="Read it again.")
        for _ in range(_WRITE_TRIES):
            try:
                return await asyncio.to_thread(write, view)
            except StaleWrite:
                if if_match is not None:
                    raise
            found = await asyncio.to_thread(self._rows.find, view.id)
            if found is None:
                raise NotFound("The view was deleted.")
            require_owner(actor, found, "change")
            view = found
        raise StaleWrite("The view is being changed by many at once.", hint="Try again.")
