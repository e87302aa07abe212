"""Rows that come often, written in batches: nothing that is noted waits for a disk."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from .errors import Unavailable

T = TypeVar("T")
_BATCH_SECONDS = 0.5
_WAITING_ROWS = 20_000


class Batches(Generic[T]):
    """Takes rows at any rate and writes them half a second later, many at once.

    While the store cannot be written to, rows wait in memory; beyond twenty
    thousand the oldest are given up.

    Parameters
    ----------
    write
        Writes rows in one transaction; called in a thread.
    name
        What is written, for the log.

    Attributes
    ----------
    number
        Of the batch that is being collected; grows when one is taken away.
    """

    def __init__(
        self, *, write: Callable[[tuple[T, ...]], None], name: str, log: logging.Logger
    ) -> None:
        self._write = write
        self._name = name
        self._log = log
        self.number = 0
        self._waiting: deque[T] = deque()
        self._added = asyncio.Event()
        self._stopping = asyncio.Event()
        self._flushing = asyncio.Lock()
        self._is_down = False
        self._writing: asyncio.Task[None] | None = None

    def add(self, row: T) -> None:
        """Take a row; called on the event loop, and back at once."""
        self._waiting.append(row)
        self._give_up_oldest()
        self._added.set()

    async def start(self) -> None:
        """Begin to write what is added."""
        self._stopping.clear()
        self._writing = asyncio.create_task(self._write_on())

    async def stop(self) -> None:
        """Write what waits, and end."""
        self._stopping.set()
        self._added.set()
        if self._writing is not None:
            await self._writing
            self._writing = None
        await self._try_to_flush()

    async def _write_on(self) -> None:
        while not self._stopping.is_set():
            await self._added.wait()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(_BATCH_SECONDS):
                    await self._stopping.wait()
            await self._try_to_flush()

    async def _try_to_flush(self) -> None:
        try:
            await self.flush()
            self._is_down = False
        except Unavailable as unavailable:
            if not self._is_down:
                self._log.warning("%s waits: %s", self._name, unavailable.message)
            self._is_down = True

    async def flush(self) -> None:
        """Write what was added up to now; Unavailable where the store cannot take it."""
        async with self._flushing:
            self._added.clear()
            self.number += 1
            rows, self._waiting = self._waiting, deque()
            if not rows:
                return
            try:
                await asyncio.to_thread(self._write, tuple(rows))
            except Unavailable:
                self._waiting = rows + self._waiting
                self._give_up_oldest()
                self._added.set()
                raise

    def _give_up_oldest(self) -> None:
        while len(self._waiting) > _WAITING_ROWS:
            self._waiting.popleft()
