"""Links on a real store, with a clock that the test moves."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import Any

from sqlalchemy import insert

from jupyter_views.core.batches import Batches
from jupyter_views.core.links import LinkSecret, Subject, Visit
from jupyter_views.core.model import SECOND, Actor
from jupyter_views.core.sharing import Configuration, ShareChange, SharingService
from jupyter_views.core.visiting import VisitingService
from jupyter_views.store.tables import insights

from .past import START, Past

ANA, BEN = Actor(name="ana"), Actor(name="ben")
HERE, THERE = "192.0.2.1", "198.51.100.7"


class Clock:
    """Stands still until it is told to move."""

    def __init__(self) -> None:
        self.time = START

    def now(self) -> int:
        return self.time

    def monotonic(self) -> float:
        return self.time / SECOND

    def pass_seconds(self, seconds: float) -> None:
        self.time += int(seconds * SECOND)


class Bench:
    """One view of ana's, and both sides of its link."""

    def __init__(self, folder: Path) -> None:
        self.past = Past(folder)
        self.rows = self.past.store.shares
        self.clock = Clock()
        self.subject = self.a_subject()
        self.serve()

    def a_subject(self, at: int = 0) -> Subject:
        view_id = self.past.view(at=at)
        door = {"view_id": view_id, "last_modified_at": START, "last_modified_by": "ana"}
        with self.past.store.database.write() as connection:
            connection.execute(insert(insights).values(**door))
        return Subject(
            scope="view",
            item_id=view_id,
            project_id=1,
            short_id=f"v{view_id}",
            name="A view",
            owner="ana",
        )

    def serve(self, *, is_allowed: bool = True, max_days: int = 0) -> None:
        """As a server that was started with these settings."""
        self.visits: Batches[Visit] = Batches(
            write=self.rows.write_visits, name="visits", log=logging.getLogger("visits")
        )
        parts: dict[str, Any] = {
            "rows": self.rows,
            "secret": LinkSecret(self.past.store.link_secret),
            "visits": self.visits,
            "clock": self.clock,
            "is_allowed": is_allowed,
            "max_days": max_days,
        }
        self.sharing = SharingService(**parts)
        self.visiting = VisitingService(**parts, find=self.past.store.views.find)

    async def change(self, **values: Any) -> Configuration:
        return await self.sharing.change(ANA, self.subject, ShareChange(**values))

    async def shared(self, **values: Any) -> str:
        """Switch the link on; its token."""
        token = (await self.change(enabled=True, **values)).token
        assert token is not None
        return token

    async def deeds(self) -> list[str]:
        """The words of the log, oldest first."""
        page = self.past.store.activities.page("ana", 1, ("view", self.subject.item_id), 100, 0)
        return [each.activity for each in reversed(page.items)]
