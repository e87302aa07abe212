"""Folders that matter, and by which thread and when each is looked at."""

from __future__ import annotations

import asyncio
import contextlib
import heapq
import threading
import time
from collections.abc import Callable
from itertools import islice
from typing import TypeVar

from msgspec import Struct

from ..core.watch_index import Extent
from .scanning import Mounts, Scan, Stamps, differences, is_linked, scan
from .watches import Native, Watches

_SHARE = 0.02
"""Part of a core that regular looks may take: where they are many, they come later."""
_DOUBT_SHARE = 0.25
_REST_SECONDS = 0.02
_TICK_SECONDS = 1.0
_AT_ONCE = 1000
_LOOK_SECONDS = 0.05
_STOP_SECONDS = 1.0
_PHASES = 1024
T = TypeVar("T")


class Tree:
    """A folder with what belongs to it, and what is known of it.

    Attributes
    ----------
    watches
        Numbers by path of the folders that tell about it.
    folders
        Those of them that belong to it.
    links
        Paths in it of which events do not tell all; see :class:`~.scanning.Scan`.
    newcomers
        Paths that may have become such.
    since
        When events began to tell every change; None while they do not.
    doubts, settled
        A count of what made the last look worthless, and that count when the
        last look began.
    events_at
        Before this moment events are not tried again.
    """

    __slots__ = (
        "doubts", "events_at", "extent", "folder", "folders", "links", "newcomers", "scanned",
        "settled", "since", "stamps", "turn", "watches",
    )  # fmt: skip

    def __init__(self, folder: str, extent: Extent) -> None:
        self.folder = folder
        self.extent = extent
        self.scanned: Extent | None = None
        self.watches: dict[str, int] = {}
        self.folders: frozenset[str] = frozenset()
        self.links: set[str] = set()
        self.newcomers: set[str] = set()
        self.stamps: Stamps | None = None
        self.since: float | None = None
        self.doubts = 0
        self.settled = -1
        self.turn = 0
        self.events_at = 0.0

    @property
    def is_doubtful(self) -> bool:
        """Whether a look is needed before anything is known for sure."""
        return self.doubts != self.settled or bool(self.newcomers)

    def reaches(self, path: str) -> bool:
        """Whether a folder at this path, in a folder of this tree, belongs to it."""
        below = path[len(self.folder) :].strip("/").split("/")
        return len(below) <= self.extent.depth and not below[-1].startswith(".")

    def may_read(self, name: str) -> bool:
        """Whether a file of this name matters."""
        return self.extent.names is None or name in self.extent.names


class Job(Struct, frozen=True):
    """One look at a tree, as it was wanted when the look began.

    Attributes
    ----------
    is_small
        Only the newcomers are looked at.
    """

    tree: Tree
    extent: Extent
    known: Stamps | None
    doubts: int
    newcomers: frozenset[str]
    is_small: bool
    with_events: bool

    @classmethod
    def of(cls, tree: Tree) -> Job:
        """What has to be found out about a tree now."""
        return cls(
            tree,
            tree.extent,
            tree.stamps,
            tree.doubts,
            frozenset(tree.newcomers),
            is_small=bool(tree.newcomers) and tree.doubts == tree.settled,
            with_events=time.monotonic() >= tree.events_at,
        )


class Lane:
    """The trees of one mount, in threads of their own: a disk that hangs stops no other.

    Parameters
    ----------
    on_looked
        Takes over what was found; returns the seconds until the next look,
        None for none.
    """

    def __init__(
        self,
        native: Native | None,
        watches: Watches | None,
        on_looked: Callable[[Job, Scan], float | None],
    ) -> None:
        self._native = native
        self._watches = watches
        self._on_looked = on_looked
        self._soon: dict[str, Tree] = {}
        self._queue: list[tuple[float, int, Tree]] = []
        self._turns = 0
        self._rests_until = 0.0
        self._wake = asyncio.Event()
        self._is_over = False
        self._task = asyncio.create_task(self._keep_looking())

    async def stop(self) -> None:
        """End; waits for a look under way, but not for a disk that hangs."""
        self._is_over = True
        self._wake.set()
        await asyncio.wait({self._task}, timeout=_STOP_SECONDS)
        self._task.cancel()
        await asyncio.gather(self._task, return_exceptions=True)

    def look_soon(self, tree: Tree) -> None:
        """Something about this tree is not known."""
        self._soon[tree.folder] = tree
        self._wake.set()

    async def _keep_looking(self) -> None:
        while not self._is_over:
            is_urgent = bool(self._soon)
            trees = self._take_soon() if is_urgent else self._take_due()
            if not trees:
                await self._sleep()
                continue
            began = time.monotonic()
            await self._look([Job.of(tree) for tree in trees])
            took = time.monotonic() - began
            if is_urgent:
                await asyncio.sleep(max(_REST_SECONDS, took / _DOUBT_SHARE))
            else:
                self._rests_until = began + max(_TICK_SECONDS, took / _SHARE)

    async def _look(self, jobs: list[Job]) -> None:
        if self._watches is not None:
            self._watches.begin()
        try:
            found, is_new = await _in_thread(lambda: self._look_at(jobs))
            for job, result in zip(jobs, found, strict=False):
                self._hand_over(job, result, is_new)
            for job in jobs[len(found) :]:
                self.look_soon(job.tree)
        finally:
            if self._watches is not None:
                self._watches.end()

    def _look_at(self, jobs: list[Job]) -> tuple[list[Scan | bool], bool]:
        """In the thread: a scan or, of newcomers, whether one of them is linked."""
        mounts = Mounts.read()
        until = time.monotonic() + _LOOK_SECONDS
        found: list[Scan | bool] = []
        for job in jobs:
            if job.is_small:
                found.append(any(map(is_linked, job.newcomers)))
            else:
                found.append(self._scan(job, mounts))
            if self._is_over or time.monotonic() > until:
                break
        return found, self._native is not None and self._native.settle()

    def _scan(self, job: Job, mounts: Mounts) -> Scan:
        add = self._native.add if self._native is not None and job.with_events else None
        try:
            found = scan(job.tree.folder, job.extent, mounts, add)
        except ValueError:  # a name that no file can have
            found = Scan(is_native=False)
        if job.known is not None:
            found.changes = differences(job.known, found.stamps)
        return found

    def _hand_over(self, job: Job, found: Scan | bool, is_new: bool) -> None:
        tree = job.tree
        tree.newcomers -= job.newcomers
        if isinstance(found, Scan):
            seconds = self._on_looked(job, found)
            if seconds is None:
                return
            self._look_later(tree, seconds)
            is_unsure = is_new
        else:
            is_unsure = found
        if is_unsure:
            tree.doubts += 1
        if tree.is_doubtful:
            self.look_soon(tree)

    def _look_later(self, tree: Tree, seconds: float) -> None:
        # Spread, so that a thousand trees of one start do not come due at once.
        phase = hash(tree.folder) % _PHASES / _PHASES
        self._turns += 1
        tree.turn = self._turns
        due = time.monotonic() + seconds * (0.5 + phase / 2)
        heapq.heappush(self._queue, (due, tree.turn, tree))

    def _take_soon(self) -> list[Tree]:
        taken = dict(islice(self._soon.items(), _AT_ONCE))
        for folder in taken:
            del self._soon[folder]
        return list(taken.values())

    def _take_due(self) -> list[Tree]:
        now = time.monotonic()
        taken: list[Tree] = []
        while self._queue and self._queue[0][0] <= now >= self._rests_until:
            if len(taken) == _AT_ONCE:
                break
            _, turn, tree = heapq.heappop(self._queue)
            if turn == tree.turn:
                taken.append(tree)
        return taken

    async def _sleep(self) -> None:
        self._wake.clear()
        timeout = None
        if self._queue:
            timeout = max(self._queue[0][0], self._rests_until) - time.monotonic()
        try:
            async with asyncio.timeout(timeout):
                await self._wake.wait()
        except TimeoutError:
            return


async def _in_thread(work: Callable[[], T]) -> T:
    """Run in a thread that the end of the process does not wait for."""
    loop = asyncio.get_running_loop()
    future: asyncio.Future[T] = loop.create_future()

    def end(result: T | None, error: BaseException | None) -> None:
        if future.cancelled():
            return
        if error is not None:
            future.set_exception(error)
        else:
            future.set_result(result)  # pyright: ignore[reportArgumentType]

    def run() -> None:
        result, error = None, None
        try:
            result = work()
        except BaseException as raised:
            error = raised
        with contextlib.suppress(RuntimeError):  # the loop may be closed by now
            loop.call_soon_threadsafe(end, result, error)

    threading.Thread(target=run, name="jupyter-views-folders", daemon=True).start()
    return await future
