"""Linux's file events, as the kernel queues them: nothing is lost without being told.

What a reader is told about freshness hangs on these events, so they are read
from the system and not through ``watchfiles``, which serves the other systems
(:mod:`.watchfiles_events`). That library, and the one below it, drop the
kernel's word that its queue ran over, stop for good at a file name that is no
UTF-8, cannot add a folder to those that are watched, and hold the interpreter
while they begin. The queue itself can be emptied at any moment: whoever has
seen a write return finds its event here.
"""

from __future__ import annotations

import asyncio
import ctypes
import os
import struct
from collections.abc import Callable
from typing import NamedTuple

MODIFY, ATTRIB, CLOSE_WRITE = 0x2, 0x4, 0x8
MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, UNMOUNT = 0x400, 0x800, 0x2000
OVERFLOW, IGNORED, FOLDER = 0x4000, 0x8000, 0x40000000

CAME, WENT = CREATE | MOVED_TO, DELETE | MOVED_FROM
_ONLYDIR, _DONT_FOLLOW, _MASK_ADD = 0x01000000, 0x02000000, 0x20000000
_HOW = _ONLYDIR | _DONT_FOLLOW | _MASK_ADD
_OF_A_GUARD = ATTRIB | CAME | WENT | DELETE_SELF | MOVE_SELF
_OF_A_FOLDER = _OF_A_GUARD | MODIFY | CLOSE_WRITE

_HEAD = struct.Struct("iIII")
_BUFFER = 1 << 18
_READS = 8
_REST_SECONDS = 0.05


class Event(NamedTuple):
    """One thing that happened.

    Attributes
    ----------
    watch
        Number that :meth:`Inotify.add` gave to the folder.
    mask
        Bits of this module.
    name
        Of the file in the folder; empty for the folder itself.
    """

    watch: int
    mask: int
    name: str


class Inotify:
    """One queue of events for any number of folders.

    Everything but :meth:`add` belongs to the event loop's thread.

    Raises
    ------
    OSError
        When the system gives no further queue to this user.
    """

    vouches = True
    """Every change that a system call makes is queued before that call returns."""

    def __init__(self) -> None:
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._fd = _checked(self._libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        self._on_ready: Callable[[], None] | None = None

    def start(self, on_ready: Callable[[], None]) -> None:
        """Call ``on_ready`` on the running loop when there are events: at once, then 20 times/s."""
        self._on_ready = on_ready
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._fd, self._ready)

    def _ready(self) -> None:
        # A file that is written to without end must not keep the loop busy.
        self._loop.remove_reader(self._fd)
        self._loop.call_later(_REST_SECONDS, self._listen)
        if self._on_ready is not None:
            self._on_ready()

    def _listen(self) -> None:
        if self._on_ready is not None:
            self._loop.add_reader(self._fd, self._ready)

    def stop(self) -> None:
        """Give the queue back; no :meth:`add` may be under way."""
        if self._on_ready is not None:
            self._on_ready = None
            self._loop.remove_reader(self._fd)
        # A thread that hung all the while must not find another file under this number.
        fd, self._fd = self._fd, -1
        os.close(fd)

    def add(self, folder: str, *, is_guard: bool = False) -> int:
        """Watch a folder, not a link to one; for a guard only what comes, goes and is renamed.

        Returns
        -------
        int
            The same number for the same folder, whatever its name.
        """
        mask = _HOW | (_OF_A_GUARD if is_guard else _OF_A_FOLDER)
        return _checked(self._libc.inotify_add_watch(self._fd, os.fsencode(folder), mask))

    def remove(self, watch: int) -> None:
        """Watch a folder no longer."""
        self._libc.inotify_rm_watch(self._fd, watch)

    def settle(self) -> bool:
        """Whether folders that were added are watched only from now on; here they are at once."""
        return False

    def read(self) -> tuple[list[Event], bool]:
        """What happened since the last call, and whether the kernel had to drop some of it."""
        events: list[Event] = []
        for _ in range(_READS):
            try:
                data = os.read(self._fd, _BUFFER)
            except BlockingIOError:
                return events, False
            if not _parse(data, events):
                return events, True
        return events, True


def _parse(data: bytes, events: list[Event]) -> bool:
    """Append the events of a buffer; False when the queue ran over."""
    at, end = 0, len(data)
    while at < end:
        watch, mask, _, length = _HEAD.unpack_from(data, at)
        at += _HEAD.size
        if mask & OVERFLOW:
            return False
        name = data[at : at + length].rstrip(b"\0")
        at += length
        events.append(Event(watch, mask, os.fsdecode(name)))
    return True


def _checked(value: int) -> int:
    if value < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return value
