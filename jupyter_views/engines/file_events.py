"""What happens to the files that views read: told by the system where it tells, polled elsewhere.

Folders are watched, not files, so that one watch serves any number of files
and sees a file that is replaced, deleted or new. The folders above are guards:
they tell when a folder goes, comes back, or is replaced by another.

A folder with all that belongs to it is a *tree*. Each tree is also looked at
by itself: every minute where events tell all, every two seconds where they do
not, and at once where an event left doubt. So an event that never comes (a
write through a memory map or a hard link that was made later, a mount over a
folder) costs a minute, and watching mends itself.
"""

from __future__ import annotations

import asyncio
import errno
import logging
import os
import sys
import time
from collections.abc import Callable
from typing import Literal

from ..core.watch_index import Changes, Extent
from .inotify import ATTRIB, CAME, FOLDER, IGNORED, WENT, Event, Inotify
from .scanning import Mounts, Scan
from .trees import Job, Lane, Tree
from .watches import Native, Watches

_LOOK_SECONDS = 60.0
_POLL_SECONDS = 2.0
_MANY_NAMES = 256
_NO_MORE = (errno.ENOSPC, errno.EMFILE, errno.ENOMEM)


def system_events() -> Native:
    """The events of this system; OSError where there are none."""
    if sys.platform == "linux":
        return Inotify()
    # Not needed where the kernel is asked itself.
    from .watchfiles_events import WatchfilesEvents  # noqa: PLC0415

    return WatchfilesEvents()


class FileEvents:
    """Follows any number of folders and says what changed in them.

    Parameters
    ----------
    mode
        ``events``, or ``polling`` to do without those of the system.
    native
        Makes the source of the system's events.

    Notes
    -----
    All methods belong to the event loop's thread. No file is ever opened.
    """

    def __init__(
        self,
        *,
        mode: Literal["events", "polling", "off"],
        log: logging.Logger,
        native: Callable[[], Native] = system_events,
    ) -> None:
        self._make_native = native if mode == "events" else None
        self._log = log
        self._on_change: Callable[[Changes | None], None] | None = None
        self._on_begin: Callable[[Changes], None] | None = None
        self._native: Native | None = None
        self._watches: Watches | None = None
        self._mounts = Mounts()
        self._trees: dict[str, Tree] = {}
        self._members: dict[str, set[Tree]] = {}
        self._at_or_beneath: dict[str, set[str]] = {}
        self._lanes: dict[str, Lane] = {}
        self._is_limit_told = False

    async def start(
        self, on_change: Callable[[Changes | None], None], on_begin: Callable[[Changes], None]
    ) -> None:
        """Begin; both are called on the loop.

        Parameters
        ----------
        on_change
            Is told the names of changed files by folder; None in place of the
            names where it may be anything in that folder, and None in place
            of all where it may be anything at all.
        on_begin
            Is told of folders that are followed only from now on: somebody
            has to look how they stand.
        """
        self._mounts = await asyncio.to_thread(Mounts.read)
        if self._make_native is not None:
            try:
                self._native = self._make_native()
                self._native.start(self.receive)
                self._watches = Watches(self._native)
            except OSError as error:
                self._log.warning("The system gives no file events, so files are polled: %s", error)
        self._on_change, self._on_begin = on_change, on_begin
        for tree in self._trees.values():
            self._doubt(tree)

    async def stop(self) -> None:
        """End: nothing is watched any longer."""
        self._on_change = self._on_begin = None
        await asyncio.gather(*(lane.stop() for lane in self._lanes.values()))
        if self._native is not None:
            self._native.stop()
        self._native = self._watches = None

    def want(self, folder: str, extent: Extent | None) -> None:
        """Follow as much of a folder as ``extent`` says; None to follow it no longer.

        ``folder`` is an absolute real path; the folder need not exist.
        """
        tree = self._trees.get(folder)
        if extent is None:
            if tree is not None:
                self._forget(tree)
            return
        if tree is None:
            tree = self._trees[folder] = Tree(folder, extent)
            for path in _downwards(folder):
                self._at_or_beneath.setdefault(path, set()).add(folder)
        elif tree.extent == extent:
            return
        tree.extent = extent
        self._doubt(tree)

    def _forget(self, tree: Tree) -> None:
        del self._trees[tree.folder]
        for path in _downwards(tree.folder):
            trees = self._at_or_beneath[path]
            trees.discard(tree.folder)
            if not trees:
                del self._at_or_beneath[path]
        self._join(tree, frozenset())
        if self._watches is not None:
            self._watches.hand_over(tree.folder, tree.watches, {})

    def _join(self, tree: Tree, folders: frozenset[str]) -> None:
        """These folders are the ones that belong to a tree now."""
        for path in tree.folders - folders:
            trees = self._members[path]
            trees.discard(tree)
            if not trees:
                del self._members[path]
        for path in folders - tree.folders:
            self._members.setdefault(path, set()).add(tree)
        tree.folders = folders

    def covered_since(self, folder: str, name: str | None = None) -> float | None:
        """Since when events tell every change without a gap, in monotonic seconds.

        None while they do not. ``name`` asks for one file of the folder, else
        all that belongs to it is meant.
        """
        tree = self._trees.get(folder) if self._native is not None else None
        if tree is None or tree.is_doubtful or tree.scanned is not tree.extent:
            return None
        if name is None:
            return None if tree.links else tree.since
        return None if tree.links and _path(folder, name) in tree.links else tree.since

    def receive(self) -> None:
        """Take what the system has queued so far and tell it, now."""
        if self._native is None or self._watches is None:
            return
        events, is_lossy = self._native.read()
        changes: Changes = {}
        for event in events:
            for path in self._watches.paths(event.watch):
                self._happened(path, event, changes)
            if event.mask & IGNORED:
                self._watches.ended(event.watch)
        if is_lossy:
            self._log.warning("Some file events were lost: every view is looked at again")
            for tree in self._trees.values():
                self._doubt(tree)
        self._tell(None if is_lossy else changes)

    def _tell(self, changes: Changes | None) -> None:
        if self._on_change is not None and changes != {}:
            self._on_change(changes)

    def _happened(self, folder: str, event: Event, changes: Changes) -> None:
        members = self._members.get(folder, set())
        if not event.name:
            if members or not event.mask & ATTRIB:
                self._moved(folder, members, changes)
            return
        if members:
            names = changes.setdefault(folder, set())
            if names is not None:
                names.add(event.name)
                if len(names) > _MANY_NAMES:
                    changes[folder] = None
        if event.mask & (CAME | WENT) or (event.mask & FOLDER and event.mask & ATTRIB):
            self._came_or_went(folder, event, members, changes)

    def _moved(self, folder: str, members: set[Tree], changes: Changes) -> None:
        """A folder that we watch was itself deleted, renamed, unmounted or closed to us."""
        assert self._watches is not None
        for name in self._watches.needed_by(folder):
            tree = self._trees[name]
            changes[folder if tree in members else tree.folder] = None
            self._doubt(tree)

    def _came_or_went(
        self, folder: str, event: Event, members: set[Tree], changes: Changes
    ) -> None:
        path = _path(folder, event.name)
        for name in self._at_or_beneath.get(path, ()):
            changes[name] = None
            self._doubt(self._trees[name])
        for tree in members:
            if path in tree.links or (event.mask & FOLDER and tree.reaches(path)):
                self._doubt(tree)
            elif event.mask & CAME and tree.may_read(event.name):
                # It may be a link, or one of several names of a file: events do not
                # tell what is written under another name.
                tree.newcomers.add(path)
                self._lane(tree).look_soon(tree)

    def _doubt(self, tree: Tree) -> None:
        tree.doubts += 1
        if self._on_change is not None:
            self._lane(tree).look_soon(tree)

    def _lane(self, tree: Tree) -> Lane:
        point, _ = self._mounts.at(tree.folder)
        if point not in self._lanes:
            self._lanes[point] = Lane(self._native, self._watches, self._looked)
        return self._lanes[point]

    def _looked(self, job: Job, found: Scan) -> float | None:
        """Take over what a look found; returns the seconds until the next."""
        tree = job.tree
        watches = found.guards | found.watches
        is_mine = self._trees.get(tree.folder) is tree
        if self._watches is not None and not (is_mine and found.is_native):
            self._watches.abandon(watches)
            watches = {}
        if not is_mine:
            return None
        if not found.is_native and job.with_events:
            tree.events_at = time.monotonic() + _LOOK_SECONDS
            self._tell_limit(found.trouble)
        self._rely(tree, found, watches)
        tree.links, tree.stamps = found.links, found.stamps
        tree.scanned, tree.settled = job.extent, job.doubts
        if job.known is not None:
            self._tell(found.changes)
        elif self._on_begin is not None:
            self._on_begin(dict.fromkeys([tree.folder, *found.stamps]))
        return _LOOK_SECONDS if found.is_native and not found.links else _POLL_SECONDS

    def _rely(self, tree: Tree, found: Scan, watches: dict[str, int]) -> None:
        """From now on events tell of these folders; of those that are new, somebody has to look."""
        new = {path for path, number in watches.items() if tree.watches.get(path) != number}
        found.changes.update(dict.fromkeys(new & found.watches.keys()))
        if not found.is_native:
            tree.since = None
        elif new or tree.since is None:
            vouches = self._native is not None and self._native.vouches
            tree.since = time.monotonic() if vouches else None
        if self._watches is not None and self._watches.hand_over(
            tree.folder, tree.watches, watches
        ):
            tree.doubts += 1
        tree.watches = watches
        self._join(tree, frozenset(found.watches if watches else ()))

    def _tell_limit(self, trouble: OSError | None) -> None:
        if trouble is None or trouble.errno not in _NO_MORE or self._is_limit_told:
            return
        self._is_limit_told = True
        self._log.warning(
            "The system watches no more folders for this user, so some are polled. "
            "An administrator can raise fs.inotify.max_user_watches."
        )


def _downwards(folder: str) -> list[str]:
    """All folders above, from the top, and the folder itself."""
    parts = folder.split(os.sep)
    return [os.sep.join(parts[:end]) or os.sep for end in range(1, len(parts) + 1)]


def _path(folder: str, name: str) -> str:
    return f"{folder.rstrip(os.sep)}{os.sep}{name}"
