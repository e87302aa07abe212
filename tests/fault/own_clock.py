"""The time of a server under test: real, until the test moves it."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Any

SECOND = 1_000_000
HOUR = 3600.0
DAY = 24 * HOUR


class OwnClock:
    """Goes on as real time does; may be set, and may be hurried.

    Parameters
    ----------
    wrong_by
        Seconds by which the wall clock is set wrong at the start.
    """

    def __init__(self, wrong_by: float = 0.0) -> None:
        self._wrong_by = wrong_by
        self._passed = 0.0

    def now(self) -> int:
        return time.time_ns() // 1000 + int((self._wrong_by + self._passed) * SECOND)

    def monotonic(self) -> float:
        return time.monotonic() + self._passed

    def let_pass(self, seconds: float) -> None:
        """So much time has passed, and nobody noticed."""
        self._passed += seconds

    def jump(self, seconds: float) -> None:
        """Somebody sets the wall clock."""
        self._wrong_by += seconds

    def set(self, moment: datetime) -> None:
        """Somebody sets the wall clock to this moment."""
        self.jump(moment.timestamp() - self.now() / SECOND)

    def seconds_to(self, moment: str) -> float:
        """How far an instant of the wire lies ahead of what this clock says."""
        return (datetime.fromisoformat(moment) - self.date()).total_seconds()

    def date(self) -> datetime:
        """What it says."""
        return datetime.fromtimestamp(self.now() / SECOND, UTC)


class Door:
    """One view as its readers meet it, over HTTP; asking starts nothing."""

    def __init__(self, api: Any, view: dict[str, Any]) -> None:
        self._api = api
        self.slug = view["slug"]
        self._short_id = view["short_id"]
        self._path = f"api/views/{self._short_id}"

    async def facts(self) -> dict[str, Any]:
        """From the list, which looks and starts nothing."""
        found = (await self._api("GET", f"api/views?search={self.slug}")).json["items"]
        (facts,) = (each for each in found if each["short_id"] == self._short_id)
        return facts

    async def answer(self, mode: str = "force_cache") -> Any:
        return await self._api("GET", f"{self._path}/result?mode={mode}")

    async def history(self) -> list[dict[str, Any]]:
        return (await self._api("GET", f"{self._path}/history")).json["items"]

    async def log(self) -> list[dict[str, Any]]:
        """Newest first."""
        return (await self._api("GET", f"{self._path}/log")).json["items"]

    async def runs(self) -> int:
        """How often it was refreshed, or tried."""
        return sum(item["count"] for item in await self.history()) - 1

    async def ring(self) -> None:
        """Have the server look for what is due, as any edit of a view does."""
        answer = await self._api("PATCH", self._path, {"description": str(time.monotonic())})
        assert answer.status == 200, answer.body


async def until(ask: Any, seconds: float = 20.0) -> Any:
    """What the question gives as soon as it is true."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := await ask():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("It did not come to pass.")
