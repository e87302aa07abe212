"""What is done once a minute, so that nothing grows for ever."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable

from .errors import ViewsError
from .model import Instant
from .ports import Clock

_PAUSE_SECONDS = 60


class Housekeeper:
    """Does chores one after the other, again and again.

    Parameters
    ----------
    chores
        Called with the time, each in a thread of its own.
    recover
        Takes up what dead servers have left.
    """

    def __init__(
        self,
        *,
        chores: tuple[Callable[[Instant], object], ...],
        recover: Callable[[], Awaitable[None]],
        clock: Clock,
        log: logging.Logger,
    ) -> None:
        self._chores = chores
        self._recover = recover
        self._clock = clock
        self._log = log
        self._keeping: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin with the first round."""
        self._keeping = asyncio.create_task(self._keep_house())

    async def stop(self) -> None:
        """Begin nothing new."""
        if self._keeping is not None:
            self._keeping.cancel()
            await asyncio.gather(self._keeping, return_exceptions=True)

    async def _keep_house(self) -> None:
        while True:
            try:
                for chore in self._chores:
                    await asyncio.to_thread(chore, self._clock.now())
                await self._recover()
            except (ViewsError, OSError) as error:
                self._log.warning("Jupyter Views could not clean up: %s", error)
            await asyncio.sleep(_PAUSE_SECONDS)
