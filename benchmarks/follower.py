"""A process that watches a tree and says when it was told of a change.

Run as ``python -m benchmarks.follower WAY FOLDER VIEWS``: ``ours`` has that
many views with real file events and no server around them, ``watchfiles``
follows the folder with that library alone.
"""

from __future__ import annotations

import asyncio
import json
import logging
import sys
import threading
import time
from typing import Any

import watchfiles

from jupyter_views.core.ports import Read
from jupyter_views.core.watching import Watched, Watching
from jupyter_views.engines.file_events import FileEvents

from .server import serve_jobs

SHARED = 1_000_000
"""Keys from here on are of views that all read one file."""


class Rows:
    """Views as a store would give them: one per folder of ten files, and as many on one file."""

    def __init__(self, folder: str, views: int) -> None:
        own = [(i, f"{folder}/{i}/*.csv", "*.csv") for i in range(1, views + 1)]
        shared = [(SHARED + i, f"{folder}/shared/a.csv", "a.csv") for i in range(views)]
        self._all = [
            Watched(view_id=i, revision=1, reads=(Read(kind="file", name=name, path=path),))
            for i, path, name in own + shared
        ]

    def state(self) -> int:
        return 1

    def revisions(self) -> dict[int, int]:
        return {each.view_id: each.revision for each in self._all}

    def page(self, after_view_id: int, limit: int) -> tuple[Watched, ...]:
        return tuple(each for each in self._all if each.view_id > after_view_id)[:limit]

    def find(self, view_ids: Any) -> tuple[Watched, ...]:
        return tuple(each for each in self._all if each.view_id in view_ids)


class Clock:
    def now(self) -> int:
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        return time.monotonic()


class Calls:
    """When which view was called for; asked from another thread."""

    def __init__(self) -> None:
        self._all: list[tuple[float, int]] = []
        self._more = threading.Condition()

    async def note(self, view_ids: frozenset[int]) -> None:
        self.add(view_ids)

    def add(self, view_ids: Any) -> None:
        with self._more:
            self._all += [(time.monotonic(), view_id) for view_id in view_ids]
            self._more.notify_all()

    def last_of(self, wanted: set[int], after: float) -> float:
        """The instant at which the last of these views had been called for."""
        with self._more:
            while True:
                found = [(at, key) for at, key in self._all if at > after and key in wanted]
                if wanted <= {key for _, key in found}:
                    firsts: dict[int, float] = {}
                    for at, key in found:
                        firsts.setdefault(key, at)
                    return max(firsts.values())
                if not self._more.wait(60):
                    raise RuntimeError(f"Not told of {sorted(wanted)[:5]}.")


def _ours(folder: str, views: int, calls: Calls) -> None:
    """Watch in a thread with a loop of its own; returns once every folder is covered."""
    rows = Rows(folder, views)
    log = logging.getLogger("benchmarks")
    covered = threading.Event()

    async def watch() -> None:
        events = FileEvents(mode="events", log=log)
        watching = Watching(rows=rows, events=events, on_changed=calls.note, clock=Clock(), log=log)
        await watching.start()
        reads = tuple(read for each in rows.page(0, 2 * views) for read in each.reads)
        while True:
            await asyncio.sleep(0.05)
            if watching.quiet_since(reads) is not None:
                covered.set()
                await asyncio.Event().wait()

    threading.Thread(target=asyncio.run, args=(watch(),), daemon=True).start()
    covered.wait()


def _library(folder: str, calls: Calls) -> None:
    """The library's own loop, with its own settings."""
    begun = threading.Event()

    def watch() -> None:
        begun.set()
        for changes in watchfiles.watch(folder, watch_filter=None):
            names = {path.removeprefix(folder).split("/")[1] for _, path in changes}
            calls.add(SHARED if name == "shared" else int(name) for name in names)

    threading.Thread(target=watch, daemon=True).start()
    begun.wait()
    time.sleep(2)


def main(way: str, folder: str, views: int) -> None:
    """Serve jobs: ``views`` and ``after`` give the instant when all had been called for."""
    calls = Calls()
    if way == "ours":
        _ours(folder, views, calls)
    else:
        _library(folder, calls)
    sys.stdout.write(json.dumps("ready") + "\n")
    sys.stdout.flush()
    serve_jobs(lambda views, after: calls.last_of(set(views), after))


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], int(sys.argv[3]))
