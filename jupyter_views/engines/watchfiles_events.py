"""File events of systems other than Linux, through ``watchfiles``.

What they tell is acted upon, but nobody is told that rows are fresh because
of it: these events come late, and some are dropped without a word.
"""

from __future__ import annotations

import asyncio
import errno
import os
import threading
import time
from collections.abc import Callable

from watchfiles import Change

# The class behind ``watch()``, documented as such: only here the moment is known
# from which the folders are watched.
from watchfiles._rust_notify import RustNotify

from .inotify import CREATE, DELETE, FOLDER, IGNORED, MODIFY, Event

_DEBOUNCE_MS = 200
_STEP_MS = 50
_FOR_EVER = 0
_OVERLAP_SECONDS = 1.0
_MASKS = {
    # It does not say whether it was a folder.
    Change.added: CREATE | FOLDER,
    Change.modified: MODIFY,
    Change.deleted: DELETE | FOLDER,
}


class WatchfilesEvents:
    """The same as :class:`~.inotify.Inotify` where the system is another.

    Folders cannot be added to those that are watched: :meth:`settle` begins
    anew with all of them, and ends the old watch after that.
    """

    vouches = False

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._settling = threading.Lock()
        self._numbers: dict[str, int] = {}
        self._next = 0
        self._watched: frozenset[str] = frozenset()
        self._changes: list[tuple[int, str]] = []
        self._is_lossy = False
        self._over: threading.Event | None = None
        self._trouble: OSError | None = None
        self._on_ready: Callable[[], None] | None = None

    def start(self, on_ready: Callable[[], None]) -> None:
        """Call ``on_ready`` on the running loop when there are events."""
        self._loop = asyncio.get_running_loop()
        self._on_ready = on_ready

    def stop(self) -> None:
        """Watch nothing any longer."""
        self._on_ready = None
        if self._over is not None:
            self._over.set()

    def add(self, folder: str, *, is_guard: bool = False) -> int:
        """Watch a folder; ``is_guard`` makes no difference here."""
        if self._trouble is not None:
            raise self._trouble
        if not os.path.isdir(folder):
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT))
        if not os.access(folder, os.R_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        with self._lock:
            if folder not in self._numbers:
                self._next += 1
                self._numbers[folder] = self._next
            return self._numbers[folder]

    def remove(self, watch: int) -> None:
        """Watch a folder no longer, from the next :meth:`settle` on."""
        with self._lock:
            for folder in [name for name, number in self._numbers.items() if number == watch]:
                del self._numbers[folder]
                # Should it be wanted again, it may be another folder by then.
                self._watched -= {folder}

    def settle(self) -> bool:
        """Begin to watch what was added; True when that was anything."""
        with self._settling:
            with self._lock:
                wanted = frozenset(self._numbers)
            if wanted <= self._watched:
                return False
            try:
                notify = RustNotify(sorted(wanted), False, False, 0, False, True)
            except (OSError, RuntimeError) as error:
                self._trouble = OSError(errno.ENOSPC, str(error))
                return True
            before, self._over = self._over, threading.Event()
            with self._lock:
                self._watched = wanted & self._numbers.keys()
            self._in_background(self._follow, notify, self._over)
            if before is not None:
                self._in_background(_end, before)
            return True

    def _in_background(self, work: Callable[..., None], *arguments: object) -> None:
        threading.Thread(
            target=work, args=arguments, name="jupyter-views-events", daemon=True
        ).start()

    def _follow(self, notify: RustNotify, over: threading.Event) -> None:
        with notify:
            while True:
                try:
                    found = notify.watch(_DEBOUNCE_MS, _STEP_MS, _FOR_EVER, over)
                except RuntimeError:
                    self._tell(set(), is_lossy=True)
                    return
                if isinstance(found, str):
                    return
                self._tell(found, is_lossy=False)

    def _tell(self, found: set[tuple[int, str]], *, is_lossy: bool) -> None:
        with self._lock:
            self._changes.extend(found)
            if is_lossy:
                self._is_lossy, self._watched = True, frozenset()
        on_ready = self._on_ready
        if on_ready is not None:
            self._loop.call_soon_threadsafe(on_ready)

    def read(self) -> tuple[list[Event], bool]:
        """What happened since the last call, and whether some of it was dropped."""
        events: list[Event] = []
        with self._lock:
            found, self._changes = self._changes, []
            is_lossy, self._is_lossy = self._is_lossy, False
            for change, path in found:
                folder, name = os.path.split(path)
                if folder in self._numbers:
                    events.append(Event(self._numbers[folder], _MASKS[Change(change)], name))
                if change == Change.deleted and path in self._numbers:
                    events += [Event(number, IGNORED, "") for number in self._lose(path)]
        return events, is_lossy

    def _lose(self, path: str) -> list[int]:
        """What was watched there is gone."""
        gone = [f for f in self._numbers if f == path or f.startswith(path + os.sep)]
        self._watched -= set(gone)
        return [self._numbers.pop(folder) for folder in gone]


def _end(watch: threading.Event) -> None:
    # What it has seen and not told yet would be dropped.
    time.sleep(_OVERLAP_SECONDS)
    watch.set()
