"""Changed files are noticed with no reader: which views they concern, and when to look at those.

Every change is counted in the moment in which it is received, so that nobody
is told "fresh" by an older look (:meth:`Watching.quiet_since`). Looking at the
views again has time (:mod:`.looks`).
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection
from typing import Protocol

from msgspec import Struct

from .errors import ViewsError
from .looks import Looks, OnChanged
from .ports import Clock, Read
from .watch_index import Changes, Extent, Source, WatchIndex

_PAGE = 500
_FOLLOW_SECONDS = 5.0
_UNTOLD_FOLLOW_SECONDS = 30.0
_STEP_SECONDS = 2.0
_PROBE_STEP_SECONDS = 0.25


class Watched(Struct, frozen=True, kw_only=True):
    """What a view reads.

    Attributes
    ----------
    revision
        Moves when a person changes the view.
    reads
        With the probe, where the owner gave one.
    """

    view_id: int
    revision: int
    reads: tuple[Read, ...]


class WatchedRows(Protocol):
    """What this needs of the store; see :class:`~..store.watched.WatchedStore`."""

    def state(self) -> int | None: ...
    def revisions(self) -> dict[int, int]: ...
    def page(self, after_view_id: int, limit: int) -> tuple[Watched, ...]: ...
    def find(self, view_ids: Collection[int]) -> tuple[Watched, ...]: ...


class FileEvents(Protocol):
    """Whoever watches folders; see :class:`~..engines.file_events.FileEvents`."""

    async def start(
        self, on_change: Callable[[Changes | None], None], on_begin: Callable[[Changes], None]
    ) -> None: ...
    async def stop(self) -> None: ...
    def want(self, folder: str, extent: Extent | None) -> None: ...
    def receive(self) -> None: ...
    def covered_since(self, folder: str, name: str | None = None) -> float | None: ...


class Watching:
    """Follows the sources of all views, and has those looked at that may be concerned.

    Parameters
    ----------
    on_changed
        Called with views of which a source may have changed, and now and then
        with every other view, so that a change that nobody told is found too.
        It has to look itself how the sources stand. It is never called twice
        at once for the same view.
    round_seconds
        So long a round takes on which every view is looked at, told of or
        not; longer where views are many.

    Notes
    -----
    All methods belong to the event loop's thread.
    """

    def __init__(
        self,
        *,
        rows: WatchedRows,
        events: FileEvents,
        on_changed: OnChanged,
        clock: Clock,
        log: logging.Logger,
        round_seconds: float = 60.0,
    ) -> None:
        self._rows = rows
        self._events = events
        self._clock = clock
        self._log = log
        self._round_seconds = round_seconds
        self._index = WatchIndex()
        self._looks = Looks(on_changed=on_changed, clock=clock, log=log)
        self._revisions: dict[int, int] = {}
        self._noted: set[int] = set()
        self._state: int | None = None
        self._everything_at = 0.0
        self._is_on = False
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Read what views there are, and begin; every view is looked at once.

        Raises
        ------
        Unavailable
            If the store does not answer.
        """
        self._is_on = True
        self._state = self._rows.state()
        self._noted.clear()
        after = 0
        while page := await asyncio.to_thread(self._rows.page, after, _PAGE):
            for watched in page:
                self._put(watched)
            after = page[-1].view_id
        self._looks.start()
        await self._events.start(self._changed, self._began)
        self._follow_folders()
        # All others are, once their folders are followed.
        self._looks.later(self._index.fileless)
        self._tasks = [
            asyncio.create_task(self._follow_store()),
            asyncio.create_task(self._go_round(lambda: self._index.view_ids, _STEP_SECONDS)),
            asyncio.create_task(self._go_round(lambda: self._index.probed, _PROBE_STEP_SECONDS)),
        ]

    async def stop(self) -> None:
        """End; calls under way are cancelled."""
        self._is_on = False
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._events.stop()
        await self._looks.stop()

    def note(self, view_id: int, reads: tuple[Read, ...] | None) -> None:
        """A view was saved and reads this from now on; None when it was deleted."""
        if not self._is_on:
            return
        self._noted.add(view_id)
        if reads is None:
            self._drop(view_id)
        elif self._index.put(view_id, reads, self._clock.monotonic()):
            # Its files may have changed between its run and now.
            self._looks.later((view_id,))
        self._follow_folders()

    def quiet_since(self, reads: tuple[Read, ...]) -> float | None:
        """Since when nothing has happened to these sources, for sure.

        Returns
        -------
        float or None
            A monotonic instant: a look that began after it and found all
            equal still holds. None where something is not covered by events
            that tell every change.

        Notes
        -----
        Whoever has seen a write to a file return will not be vouched for by
        an older look: events are received here, in the order of the writes.
        Views and kernel frames are passed over, they need no watching. The
        cost grows with the number of reads, not with that of files.
        """
        self._events.receive()
        since = self._everything_at
        for read in reads:
            if read.kind in ("view", "frame"):
                continue
            source = self._index.source(read)
            if source is None:
                return None
            covered = self._covered_since(source)
            if covered is None:
                return None
            since = max(since, covered, source.touched)
        return since

    def _covered_since(self, source: Source) -> float | None:
        latest = 0.0
        for spot in source.spots:
            for name in spot.names or (None,):
                since = self._events.covered_since(spot.folder, name)
                if since is None:
                    return None
                latest = max(latest, since)
        return latest

    def _changed(self, changes: Changes | None) -> None:
        if changes is None:
            self._everything_at = self._clock.monotonic()
            self._looks.later(self._index.view_ids)
        else:
            self._looks.soon(self._touch(changes))

    def _began(self, changes: Changes) -> None:
        self._looks.later(self._touch(changes))

    def _touch(self, changes: Changes) -> set[int]:
        now = self._clock.monotonic()
        view_ids: set[int] = set()
        for source in self._index.matching(changes):
            source.touched = now
            view_ids |= source.views
        return view_ids

    def _put(self, watched: Watched) -> bool:
        """Take over what the store says, unless somebody said something newer."""
        if watched.view_id in self._noted:
            return False
        self._revisions[watched.view_id] = watched.revision
        return self._index.put(watched.view_id, watched.reads, self._clock.monotonic())

    def _drop(self, view_id: int) -> None:
        self._index.drop(view_id)
        self._looks.forget(view_id)
        self._revisions.pop(view_id, None)

    def _follow_folders(self) -> None:
        for folder, extent in self._index.take_folders():
            self._events.want(folder, extent)

    async def _follow_store(self) -> None:
        """Another server on the same store makes, changes and deletes views too."""
        while True:
            seconds = _UNTOLD_FOLLOW_SECONDS if self._state is None else _FOLLOW_SECONDS
            await asyncio.sleep(seconds)
            state = self._rows.state()
            if state is not None and state == self._state:
                continue
            try:
                await self._read_again()
            except ViewsError as error:
                self._log.warning("The watched views could not be read: %s", error.message)
            else:
                self._state = state

    async def _read_again(self) -> None:
        self._noted.clear()
        revisions = await asyncio.to_thread(self._rows.revisions)
        moved = [key for key, n in revisions.items() if self._revisions.get(key) != n]
        for watched in await asyncio.to_thread(self._rows.find, moved) if moved else ():
            if self._put(watched):
                self._looks.later((watched.view_id,))
        for view_id in set(self._index.view_ids) - revisions.keys() - self._noted:
            self._drop(view_id)
        self._follow_folders()

    async def _go_round(self, choose: Callable[[], list[int]], step: float) -> None:
        """Look at each of these views once per round; where they are many, at one per step."""
        while True:
            view_ids = choose()
            pause = max(step, self._round_seconds / max(1, len(view_ids)))
            for view_id in view_ids:
                await asyncio.sleep(pause)
                if view_id in self._index:
                    self._looks.later((view_id,))
            if not view_ids:
                await asyncio.sleep(pause)
