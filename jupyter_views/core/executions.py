"""The log of runs: one line for each, whoever asked and however it ended.

Values of variables are never in it: what an engine says of a failure may
quote them, so of a failure its code and the field at fault are kept, and its
words only where the caller gave no values.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Literal, Protocol
from uuid import uuid4

from msgspec import Struct

from .batches import Batches
from .errors import BadRequest, Forbidden, Invalid, NotFound, TooMany, ViewsError
from .model import SECOND, Actor, Instant, Page, View
from .ports import Clock
from .run_paths import Path

RunStatus = Literal["success", "failed", "refused"]
CacheUse = Literal["hit", "miss", "none"]
Level = Literal["INFO", "WARNING", "ERROR"]
Client = Literal["key", "person"]
LEVELS: dict[RunStatus, Level] = {"success": "INFO", "refused": "WARNING", "failed": "ERROR"}
LOG_KEPT: Instant = 90 * 86_400 * SECOND
"""How long lines are kept."""
LOG_LINES = 100_000
"""How many lines of each endpoint are kept at most, the newest."""
_SEARCHED = 2_000
_ERROR_CHARS = 500
_REFUSALS = (BadRequest, Forbidden, Invalid, NotFound, TooMany)


class Execution(Struct, frozen=True, kw_only=True):
    """One run of an endpoint.

    Attributes
    ----------
    id
        Told in the answer as ``execution_id``.
    n
        The version that was run, or was current when the run was refused.
    at
        When the request came.
    cache
        Whether stored rows were served; none where no rows were.
    duration_us
        Until the answer was ready, without its way to the caller.
    rows
        How many were sent; None where none were.
    error
        Code of the failure, with the field or the words that may be kept.
    client
        What kind of caller it was, never who.
    """

    id: str
    view_id: int
    n: int
    at: Instant
    path: Path
    cache: CacheUse
    duration_us: int
    rows: int | None
    status: RunStatus
    client: Client
    error: str | None = None

    @property
    def level(self) -> Level:
        """How bad it is: a refusal is the caller's affair, an error that of the query."""
        return LEVELS[self.status]

    @property
    def message(self) -> str:
        """The line, as the page of logs writes it."""
        facts = {
            "path": self.path,
            "cache": self.cache,
            "duration_ms": self.duration_us // 1000,
            "rows": self.rows,
            "version": self.n,
            "error": self.error,
        }
        if self.status == "refused":
            facts = {"error": self.error, "version": self.n}
        told = " ".join(f"{name}={value}" for name, value in facts.items() if value is not None)
        return f"{_SAID[self.status]} · {told}"


_SAID = {
    "success": "Endpoint executed",
    "failed": "Endpoint failed",
    "refused": "Endpoint run refused: invalid request",
}


class LogFilter(Struct, frozen=True, kw_only=True):
    """Which lines are wanted.

    Attributes
    ----------
    after, before
        Only what came later, or earlier, than this.
    statuses
        Any of these; None for all.
    search
        Text that the line holds, in whatever case.
    """

    after: Instant | None = None
    before: Instant | None = None
    statuses: tuple[RunStatus, ...] | None = None
    instance_id: str | None = None
    search: str | None = None


class ExecutionRows(Protocol):
    """What this needs of the store."""

    def write(self, lines: tuple[Execution, ...]) -> None: ...
    def page(self, view_id: int, wanted: LogFilter, limit: int, offset: int) -> Page: ...
    def since(self, view_id: int, at: Instant) -> list[Execution]: ...


class Line:
    """A run under way: what is found out about it until its line is written."""

    def __init__(self, view: View) -> None:
        self.id = str(uuid4())
        self.n = view.version.n
        self.path: Path = "inline"
        self.cache: CacheUse = "none"
        self.rows: int | None = None
        self.has_values = False

    def served(self, rows: int, *, is_cached: bool) -> None:
        """Rows were sent."""
        self.rows, self.cache = rows, "hit" if is_cached else "miss"


class ExecutionLog:
    """Takes lines at any rate, writes them behind, and reads them."""

    def __init__(self, *, rows: ExecutionRows, clock: Clock, log: logging.Logger) -> None:
        self._rows = rows
        self._clock = clock
        # Reading all lines takes seconds, and threads are few: one reader at a time.
        self._reading = asyncio.Lock()
        self._lines = Batches(write=rows.write, name="the log of endpoint runs", log=log)

    @contextmanager
    def noted(self, actor: Actor, view: View) -> Iterator[Line]:
        """Write down the run that happens inside, however it ends."""
        line = Line(view)
        at, began = self._clock.now(), self._clock.monotonic()
        status: RunStatus = "success"
        error: str | None = None
        try:
            yield line
        except ViewsError as failure:
            status, error = _ended_by(failure, line)
            raise
        except BaseException:
            status, error = "failed", "internal"
            raise
        finally:
            took = int((self._clock.monotonic() - began) * SECOND)
            self._lines.add(
                Execution(
                    id=line.id,
                    view_id=view.id,
                    n=line.n,
                    at=at,
                    path=line.path,
                    cache=line.cache,
                    duration_us=took,
                    rows=line.rows,
                    status=status,
                    error=error,
                    client="person" if actor.key_id is None else "key",
                )
            )

    async def page(self, view: View, wanted: LogFilter, limit: int, offset: int) -> Page:
        """Lines of an endpoint, newest first, with those of a moment ago."""
        await self._lines.flush()
        if wanted.search is None:
            return await asyncio.to_thread(self._rows.page, view.id, wanted, limit, offset)
        async with self._reading:
            return await asyncio.to_thread(self._found, view.id, wanted, limit, offset)

    def _found(self, view_id: int, wanted: LogFilter, limit: int, offset: int) -> Page:
        """The lines whose text holds what is searched; an endpoint has a bounded number of them."""
        text = (wanted.search or "").casefold()
        found: list[Execution] = []
        for start in range(0, LOG_LINES, _SEARCHED):
            chunk = self._rows.page(view_id, wanted, _SEARCHED, start).items
            found += [line for line in chunk if text in line.message.casefold()]
            if len(chunk) < _SEARCHED:
                break
        return Page(tuple(found[offset : offset + limit]), len(found))

    async def since(self, view: View, at: Instant) -> list[Execution]:
        """Every line of an endpoint since then, oldest first."""
        await self._lines.flush()
        async with self._reading:
            return await asyncio.to_thread(self._rows.since, view.id, at)

    async def flush(self) -> None:
        """Write what waits, so that whoever reads the rows sees it."""
        await self._lines.flush()

    async def start(self) -> None:
        """Begin to write what is noted."""
        await self._lines.start()

    async def stop(self) -> None:
        """Write what waits, and end."""
        await self._lines.stop()


def _ended_by(failure: ViewsError, line: Line) -> tuple[RunStatus, str]:
    """How a run ended that raised, in words without a value."""
    code = failure.code.lower()
    if isinstance(failure, _REFUSALS):
        field = failure.details.get("field")
        return "refused", _one_line(f"{code} field={field}") if field else code
    if line.has_values:
        return "failed", code
    return "failed", _one_line(f"{code} {failure.message}")


def _one_line(text: str) -> str:
    """What a caller or the engine wrote, unable to look like another line of the log."""
    return "".join(c if c.isprintable() else " " for c in text[:_ERROR_CHARS])
