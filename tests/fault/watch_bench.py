"""Watching with its real parts: a store with views, file events, and a list of what it calls."""

from __future__ import annotations

import asyncio
import logging
import time
from itertools import count
from pathlib import Path
from typing import Any

import msgspec
from sqlalchemy import delete, insert, update

from jupyter_views.core.ports import Read
from jupyter_views.core.watching import Watching
from jupyter_views.engines.file_events import FileEvents
from jupyter_views.store.database import Database
from jupyter_views.store.tables import queries, statements, versions, views
from jupyter_views.store.watched import WatchedStore

_LOG = logging.getLogger("test")
_NEVER = 1e9
_numbers = count(1)


def a_file(path: Path | str, name: str | None = None) -> Read:
    return Read(kind="file", name=name or Path(path).name, path=str(path))


def save(database: Database, reads: list[tuple[Read, ...]], **facts: Any) -> list[int]:
    """Views that read these, written as another server might have done; returns their keys."""
    made = [(next(_numbers), each) for each in reads]
    with database.write() as connection:
        connection.execute(
            insert(queries),
            [
                {
                    "id": f"q{n}", "definition_hash": f"q{n}", "sql": "", "normalized_sql": "",
                    "connection": "local", "base_dir": "/", "parameters": [], "frames": {},
                    "reads": msgspec.to_builtins(each), "volatile": [], "created_at": 0,
                }
                for n, each in made
            ],
        )  # fmt: skip
        connection.execute(
            insert(statements),
            [
                {
                    "id": f"s{n}", "query_id": f"q{n}", "params": {}, "fingerprint": f"s{n}",
                    "status": "SUCCESS", "strategy": "execute", "server_id": "x",
                    "submitted_by": "ana", "row_limit": 1, "byte_limit": 1, "submitted_at": 0,
                }
                for n, _ in made
            ],
        )  # fmt: skip
        connection.execute(
            insert(views),
            [
                {
                    "id": n, "short_id": f"v{n}", "name": f"v{n}", "tags": [], "owner": "ana",
                    "is_public": False, "auto_refresh": True, "revision": 1, "current_version": 1,
                    "current_statement_id": f"s{n}", "failures": 0, "retry_at": 0,
                    "refreshed_at": 0, "created_at": 0, "created_by": "ana", "updated_at": 0,
                    "updated_by": "ana", "rule": {}, **facts,
                }
                for n, _ in made
            ],
        )  # fmt: skip
        connection.execute(
            insert(versions),
            [
                {
                    "view_id": n, "n": 1, "query_id": f"q{n}", "params": {},
                    "statement_id": f"s{n}", "author": "ana", "created_at": 0,
                }
                for n, _ in made
            ],
        )  # fmt: skip
    return [n for n, _ in made]


def edit(database: Database, view_id: int, reads: tuple[Read, ...]) -> None:
    """Give a view other sources, as another server."""
    with database.write() as connection:
        read = msgspec.to_builtins(reads)
        connection.execute(update(queries).where(queries.c.id == f"q{view_id}").values(reads=read))
        revision = views.c.revision + 1
        connection.execute(update(views).where(views.c.id == view_id).values(revision=revision))


def remove(database: Database, view_id: int) -> None:
    """Delete a view, as another server."""
    with database.write() as connection:
        connection.execute(delete(views).where(views.c.id == view_id))


class SystemClock:
    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class WatchBench:
    """Watching over a store of its own.

    Its rounds are so slow that within a test every call is that of a change.
    """

    def __init__(
        self, folder: Path, *, mode: Any = "events", round_seconds: float = _NEVER
    ) -> None:
        self.database = Database(f"sqlite:///{folder / 'views.sqlite'}")
        self.events = FileEvents(mode=mode, log=_LOG)
        self.calls: list[int] = []
        self.called_at = 0.0
        self.watching = Watching(
            rows=WatchedStore(self.database),
            events=self.events,
            on_changed=self._look,
            clock=SystemClock(),
            log=_LOG,
            round_seconds=round_seconds,
        )

    async def _look(self, view_ids: frozenset[int]) -> None:
        self.calls.extend(view_ids)
        self.called_at = time.monotonic()

    def save(self, *reads: tuple[Read, ...], **facts: Any) -> list[int]:
        """Views that were there before the start, or that another server saves."""
        return save(self.database, list(reads), **facts)

    async def start(self) -> None:
        """Start, and wait until every view was looked at and every folder is followed."""
        await self.watching.start()
        known = WatchedStore(self.database).revisions().keys()
        await until(lambda: known <= set(self.calls), self.calls)
        await self.is_quiet()

    async def is_quiet(self) -> None:
        """Wait until nothing was called for a while, then forget what was."""
        seen = -1
        while seen != len(self.calls):
            seen = len(self.calls)
            await asyncio.sleep(0.4)
        self.calls.clear()

    async def calls_for(self, view_id: int) -> None:
        """Wait for a call."""
        await until(lambda: view_id in self.calls, self.calls)

    async def vouches(self, *reads: Read) -> float:
        """Wait until watching vouches for these; returns since when."""
        await until(lambda: self.watching.quiet_since(reads) is not None)
        since = self.watching.quiet_since(reads)
        assert since is not None
        return since

    async def stop(self) -> None:
        await self.watching.stop()
        self.database.close()


async def until(is_so: Any, shown: Any = None) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, shown
        await asyncio.sleep(0.01)
