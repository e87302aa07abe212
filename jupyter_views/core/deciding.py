"""The decision log: what was noticed about each view, and what was done about it."""

from __future__ import annotations

import asyncio
import logging
from typing import Protocol

from msgspec import Struct

from .batches import Batches
from .model import Decision, Instant
from .ports import Clock


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
    """Takes lines at any rate; no decision waits for a disk."""

    def __init__(self, *, rows: DecisionRows, clock: Clock, log: logging.Logger) -> None:
        self._rows = rows
        self._clock = clock
        self._lines: Batches[_Line] = Batches(write=self._write, name="the decision log", log=log)
        self._newest: dict[int, _Line] = {}
        self._newest_of = 0

    def note(self, view_id: int, kind: str, text: str) -> None:
        """Add a line; called on the event loop, and back at once.

        Parameters
        ----------
        kind, text
            See :class:`~.model.Decision`.
        """
        now = self._clock.now()
        if self._newest_of != self._lines.number:
            self._newest, self._newest_of = {}, self._lines.number
        newest = self._newest.get(view_id)
        if newest is not None and (newest.kind, newest.text) == (kind, text):
            newest.count += 1
            newest.last_at = now
        else:
            line = _Line(view_id=view_id, at=now, kind=kind, text=text, last_at=now)
            self._newest[view_id] = line
            self._lines.add(line)

    async def page(self, view_id: int) -> tuple[Decision, ...]:
        """The lines that are kept of a view, newest first, with what was noted up to now."""
        await self._lines.flush()
        return await asyncio.to_thread(self._rows.decisions, view_id)

    async def start(self) -> None:
        """Begin to write what is noted."""
        await self._lines.start()

    async def stop(self) -> None:
        """Write what waits, and end."""
        await self._lines.stop()

    def _write(self, lines: tuple[_Line, ...]) -> None:
        self._rows.write_decisions(tuple(map(_decision, lines)))


def _decision(line: _Line) -> Decision:
    return Decision(
        view_id=line.view_id,
        at=line.at,
        kind=line.kind,
        text=line.text,
        count=line.count,
        last_at=line.last_at,
    )
