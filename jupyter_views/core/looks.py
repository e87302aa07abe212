"""When to look at views whose files changed: not at once, not too often, not all together."""

from __future__ import annotations

import asyncio
import heapq
import logging
from collections.abc import Awaitable, Callable, Iterable

from .ports import Clock

_QUIET_SECONDS = 0.15
_LONGEST_SECONDS = 1.0
_DISTANCE_SECONDS = 1.0
_AT_ONCE = 64
_LATER_AT_ONCE = 16

OnChanged = Callable[[frozenset[int]], Awaitable[None]]


class Looks:
    """Calls ``on_changed`` for views, each in a call of its own, as many at once as is bearable.

    A call may take as long as the view's query: a view that changes meanwhile
    is looked at once more afterwards, however often it changed, and no other
    view waits for it.
    """

    def __init__(self, *, on_changed: OnChanged, clock: Clock, log: logging.Logger) -> None:
        self._on_changed = on_changed
        self._clock = clock
        self._log = log
        self._changed: dict[int, list[float]] = {}
        self._queue: list[tuple[float, int]] = []
        self._later: dict[int, None] = {}
        self._began: dict[int, float] = {}
        self._busy: dict[int, asyncio.Task[None]] = {}
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to call."""
        self._task = asyncio.create_task(self._call_when_due())

    async def stop(self) -> None:
        """End every call under way; nothing is called any more."""
        tasks = [*self._busy.values(), *([self._task] if self._task else [])]
        self._task = None
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def soon(self, view_ids: Iterable[int]) -> None:
        """Files of these views changed: look once it is quiet, after a second in any case."""
        now = self._clock.monotonic()
        for view_id in view_ids:
            self._later.pop(view_id, None)
            times = self._changed.get(view_id)
            if times is not None:
                times[1] = now
                continue
            self._changed[view_id] = [now, now]
            if view_id not in self._busy:
                heapq.heappush(self._queue, (self._due(view_id), view_id))
        self._wake.set()

    def later(self, view_ids: Iterable[int]) -> None:
        """It is not known how these stand: look when little else is to be done."""
        for view_id in view_ids:
            if view_id in self._busy:
                self.soon((view_id,))
            elif view_id not in self._changed:
                self._later[view_id] = None
        self._wake.set()

    def forget(self, view_id: int) -> None:
        """The view is gone."""
        self._later.pop(view_id, None)
        self._changed.pop(view_id, None)
        self._began.pop(view_id, None)

    def _due(self, view_id: int) -> float:
        first, last = self._changed[view_id]
        began = self._began.get(view_id)
        rests = first if began is None else began + _DISTANCE_SECONDS
        return max(min(last + _QUIET_SECONDS, first + _LONGEST_SECONDS), rests)

    async def _call_when_due(self) -> None:
        while True:
            self._wake.clear()
            self._call()
            timeout = None
            if self._queue and len(self._busy) < _AT_ONCE:
                timeout = self._queue[0][0] - self._clock.monotonic()
            try:
                async with asyncio.timeout(timeout):
                    await self._wake.wait()
            except TimeoutError:
                continue

    def _call(self) -> None:
        now = self._clock.monotonic()
        while self._queue and self._queue[0][0] <= now and len(self._busy) < _AT_ONCE:
            _, view_id = heapq.heappop(self._queue)
            if view_id in self._busy or view_id not in self._changed:
                continue
            due = self._due(view_id)
            if due > now:
                heapq.heappush(self._queue, (due, view_id))
            else:
                del self._changed[view_id]
                self._begin(view_id, now)
        while self._later and len(self._busy) < _LATER_AT_ONCE:
            view_id = next(iter(self._later))
            del self._later[view_id]
            self._begin(view_id, now)

    def _begin(self, view_id: int, now: float) -> None:
        self._began[view_id] = now
        self._busy[view_id] = asyncio.create_task(self._look(view_id))

    async def _look(self, view_id: int) -> None:
        try:
            await self._on_changed(frozenset((view_id,)))
        except Exception:
            self._log.exception("A view whose files changed could not be looked at")
        finally:
            del self._busy[view_id]
            if view_id in self._changed:
                heapq.heappush(self._queue, (self._due(view_id), view_id))
            self._wake.set()
