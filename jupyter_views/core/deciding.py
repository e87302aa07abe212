"""The decision log: what was noticed about each view, and what was done about it."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from typing import Protocol

from msgspec import Struct

from .errors import Unavailable
from .model import Decision, Instant
from .ports import Clock

_BATCH_SECONDS = 0.5
_WAITING_LINES = 20_000


class DecisionRows(Protocol):
    """What this needs of the store; every call is one transaction."""

    def write_decisions(self, lines: tuple[Decision, ...]) -> None: ...
    def decisions(self, view_id: int) -> tuple[Decision, ...]: ...


class _Line(Struct):
    """A line that waits to be written; equal ones that follow are counted on it."""

    view_id: int
    at: Instant
    kind: str
    text: str
    last_at: Instant
    count: int = 1


class DecisionLog:
    """Takes lines at any rate and writes them in batches, so that no decision waits for a disk.

    While the store cannot be written to, lines wait in memory; beyond twenty
    thousand the oldest are given up.
    """

    def __init__(self, *, rows: DecisionRows, clock: Clock, log: logging.Logger) -> None:
        self._rows = rows
        self._clock = clock
        self._log = log
        self._waiting: deque[_Line] = deque()
        self._newest: dict[int, _Line] = {}
        self._noted = asyncio.Event()
        self._stopping = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._is_down = False
        self._writing: asyncio.Task[None] | None = None

    def note(self, view_id: int, kind: str, text: str) -> None:
        """Add a line; called on the event loop, and back at once.

        Parameters
        ----------
        kind, text
            See :class:`~.model.Decision`.
        """
        now = self._clock.now()
        newest = self._newest.get(view_id)
        if newest is not None and (newest.kind, newest.text) == (kind, text):
            newest.count += 1
            newest.last_at = now
        else:
            line = _Line(view_id=view_id, at=now, kind=kind, text=text, last_at=now)
            self._waiting.append(line)
            self._newest[view_id] = line
            self._give_up_oldest()
        self._noted.set()

    async def page(self, view_id: int) -> tuple[Decision, ...]:
        """The lines that are kept of a view, newest first, with what was noted up to now."""
        await self._flush()
        return await asyncio.to_thread(self._rows.decisions, view_id)

    async def start(self) -> None:
        """Begin to write what is noted."""
        self._stopping.clear()
        self._writing = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        """Write what waits, and end."""
        self._stopping.set()
        self._noted.set()
        if self._writing is not None:
            await self._writing
            self._writing = None
        await self._try_to_flush()

    async def _write_on(self) -> None:
        while not self._stopping.is_set():
            await self._noted.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BATCH_SECONDS):
                    await self._stopping.wait()
            await self._try_to_flush()

    async def _try_to_flush(self) -> None:
        try:
            await self._flush()
            self._is_down = False
        except Unavailable as unavailable:
            if not self._is_down:
                self._log.warning("the decision log waits: %s", unavailable.message)
            self._is_down = True

    async def _flush(self) -> None:
        async with self._flushing:
            self._noted.clear()
            lines, self._waiting, self._newest = self._waiting, deque(), {}
            if not lines:
                return
            try:
                await asyncio.to_thread(self._rows.write_decisions, tuple(map(_decision, lines)))
            except Unavailable:
                self._waiting = lines + self._waiting
                self._give_up_oldest()
                self._noted.set()
                raise

    def _give_up_oldest(self) -> None:
        while len(self._waiting) > _WAITING_LINES:
            line = self._waiting.popleft()
            if self._newest.get(line.view_id) is line:
                del self._newest[line.view_id]


def _decision(line: _Line) -> Decision:
    return Decision(
        view_id=line.view_id,
        at=line.at,
        kind=line.kind,
        text=line.text,
        count=line.count,
        last_at=line.last_at,
    )
