"""What a reader is only the occasion of: he does not wait for a store that is held."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from typing import Any

from .errors import Unavailable

_PATIENCE_SECONDS = 0.25
_behind: set[asyncio.Task[None]] = set()


async def aside(work: Coroutine[Any, Any, None]) -> None:
    """Do this, and wait for it as long as a reader has patience; then it goes on behind him.

    What the store cannot take is let go: it was worth writing down, and
    nothing depends on it.
    """
    task = asyncio.create_task(_as_far_as_possible(work))
    _behind.add(task)
    task.add_done_callback(_behind.discard)
    done, _ = await asyncio.wait({task}, timeout=_PATIENCE_SECONDS)
    for ended in done:
        ended.result()


async def _as_far_as_possible(work: Coroutine[Any, Any, None]) -> None:
    with suppress(Unavailable):
        await work
