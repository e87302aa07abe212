"""The values that people read views with most often are computed anew when the view is."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from msgspec import Struct

from .announcing import Event
from .errors import ViewsError
from .model import SECOND, Instant, View
from .ports import Clock

KEPT_WARM = 10
"""Sets of values for each view; Metabase's number."""
_SEVERAL = 2
_REMEMBERED: Instant = 7 * 86_400 * SECOND


class Choice(Struct, frozen=True, kw_only=True):
    """Somebody read a view with values that are not its own."""

    view_id: int
    query_id: str
    params: dict[str, Any]
    at: Instant


class ChoiceRows(Protocol):
    """What this needs of the store."""

    def most_used(
        self, view_id: int, query_id: str, *, times: int, since: Instant, limit: int
    ) -> list[dict[str, Any]]: ...


Recompute = Callable[[View, dict[str, Any]], Awaitable[None]]
"""Run a view with these values, in its owner's name, if its rows for them are stale."""


class Warmer:
    """Follows the refreshes of views that are refreshed by themselves.

    Parameters
    ----------
    recompute
        See :data:`Recompute`; returns when the run has ended.
    """

    def __init__(
        self, *, rows: ChoiceRows, recompute: Recompute, clock: Clock, log: logging.Logger
    ) -> None:
        self._rows = rows
        self._recompute = recompute
        self._clock = clock
        self._log = log
        self._warming: dict[int, asyncio.Task[None]] = {}

    async def stop(self) -> None:
        """Begin nothing more."""
        for task in self._warming.values():
            task.cancel()
        await asyncio.gather(*self._warming.values(), return_exceptions=True)

    def heard(self, event: Event) -> None:
        """Something happened to a view; one refresh of it is followed at a time."""
        view = event.view
        keeps_itself = view.auto_refresh or view.rule.schedule is not None
        if event.action != "refreshed" or not keeps_itself or not view.version.query.inputs:
            return
        if view.id not in self._warming:
            self._warming[view.id] = asyncio.create_task(self._warm(view))
            self._warming[view.id].add_done_callback(lambda _: self._warming.pop(view.id))

    async def _warm(self, view: View) -> None:
        since = self._clock.now() - _REMEMBERED
        found = await asyncio.to_thread(
            self._rows.most_used,
            view.id,
            view.version.query.id,
            times=_SEVERAL,
            since=since,
            limit=KEPT_WARM,
        )
        for values in found:
            try:
                await self._recompute(view, values)
            except ViewsError as error:
                self._log.info(
                    "view %s is not kept warm for %s: %s",
                    view.short_id,
                    ", ".join(values),
                    error.message,
                )
