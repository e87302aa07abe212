"""A look at the folders that views read: what lies there, and whether the system tells changes.

All of it touches disks, which may hang: it is called in threads.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Callable

from msgspec import Struct, field

from ..core.watch_index import Changes, Extent

LOCAL = frozenset(
    {
        "apfs", "bcachefs", "btrfs", "exfat", "ext2", "ext3", "ext4", "f2fs", "jfs", "nilfs2",
        "ntfs3", "overlay", "ramfs", "reiserfs", "tmpfs", "vfat", "xfs", "zfs",
    }
)  # fmt: skip
"""File systems of which every change is made through this machine's kernel, which tells it."""

_MOUNTS = "/proc/self/mountinfo"
_OCTAL = re.compile(rb"\\([0-7]{3})")
_MOST_FOLDERS = 5_000
"""Folders of one tree that are watched by events; a larger tree is polled."""
_MOST_FILES = 300_000
"""Files of one tree that are remembered, about 100 bytes each."""

_UNKNOWN = 0

Add = Callable[..., int]
Stamps = dict[str, dict[str, int]]
"""By folder, then by file name, a number that moves with the file; "" stands for the folder."""


class Mounts(Struct, frozen=True):
    """What is mounted where: (path, is local), longest path first; empty where nothing is told."""

    points: tuple[tuple[str, bool], ...] = ()

    @classmethod
    def read(cls, path: str = _MOUNTS) -> Mounts:
        """The mounts as they are now; the kernel answers from memory."""
        try:
            with open(path, "rb") as file:
                lines = file.read().splitlines()
        except OSError:
            return cls()
        points: dict[str, bool] = {}
        for line in lines:
            before, _, after = line.partition(b" - ")
            fields, kind = before.split(), after.split()
            if len(fields) > 4 and kind:
                name = _OCTAL.sub(lambda found: bytes([int(found[1], 8)]), fields[4])
                points[os.fsdecode(name)] = kind[0].decode("ascii", "replace") in LOCAL
        return cls(tuple(sorted(points.items(), key=lambda point: -len(point[0]))))

    def at(self, path: str) -> tuple[str, bool]:
        """The mount that holds a path, and whether it is local."""
        for point, is_local in self.points:
            if path == point or path.startswith(point.rstrip("/") + "/"):
                return point, is_local
        return "", not self.points

    def remote_beneath(self, folder: str) -> frozenset[str]:
        """Mounts below a folder that are not local."""
        start = folder.rstrip("/") + "/"
        return frozenset(
            point for point, is_local in self.points if not is_local and point.startswith(start)
        )


class Scan(Struct):
    """What was found.

    Attributes
    ----------
    watches
        Numbers by folder of those that are watched by events.
    guards
        The same of the folders above, where only comings and goings matter.
    links
        Full paths of what changes under other names too: links, and files
        with several names. Their changes are found by polling.
    is_native
        Events tell every other change.
    trouble
        Why events cannot be had.
    changes
        What differs from the look before.
    """

    watches: dict[str, int] = field(default_factory=dict)
    guards: dict[str, int] = field(default_factory=dict)
    stamps: Stamps = field(default_factory=dict)
    links: set[str] = field(default_factory=set)
    is_native: bool = True
    trouble: OSError | None = None
    changes: Changes = field(default_factory=dict)


def scan(folder: str, extent: Extent, mounts: Mounts, add: Add | None) -> Scan:
    """Look at a folder, and at those below it as far as the extent says.

    Parameters
    ----------
    add
        Begins to watch a folder; called before its content is read, so that
        nothing falls between. None to do without events.

    Notes
    -----
    An absent folder is no trouble: its guards tell when it comes.
    """
    found = Scan()
    if add is None or not mounts.at(folder)[1]:
        found.is_native = False
    else:
        _guard(folder, found, add)
        found.is_native = found.is_native and os.path.realpath(folder) == folder
    remote = mounts.remote_beneath(folder)
    behind_links: set[tuple[int, int]] = set()
    files = 0
    waiting = [(folder, extent.depth, False)]
    while waiting and files < _MOST_FILES:
        path, depth, is_behind = waiting.pop()
        if path in remote:
            found.links.add(path)
            is_behind = True
        if is_behind and not _is_first(path, behind_links):
            continue
        if found.is_native and add is not None and not is_behind:
            _watch(path, found, add)
        below = _look(path, extent.names, found)
        files += len(found.stamps.get(path, ()))
        if depth:
            waiting += [(name, depth - 1, is_behind or is_link) for name, is_link in below]
    return found


def _guard(folder: str, found: Scan, add: Add) -> None:
    """Watch the folders above, from the top: where one is missing, the one above it tells."""
    parts = folder.split(os.sep)
    for end in range(1, len(parts)):
        path = os.sep.join(parts[:end]) or os.sep
        try:
            found.guards[path] = add(path, is_guard=True)
            found.is_native = True
        except (FileNotFoundError, NotADirectoryError):
            return
        except OSError:
            # Not ours to read. What stands above a folder of ours hardly ever
            # moves, but nobody tells when an absent one comes.
            found.is_native = os.path.isdir(folder)


def _watch(path: str, found: Scan, add: Add) -> None:
    try:
        found.watches[path] = add(path)
        found.is_native = len(found.watches) <= _MOST_FOLDERS
    except (FileNotFoundError, NotADirectoryError):
        return
    except OSError as error:
        found.is_native = False
        found.trouble = error


def _is_first(path: str, seen: set[tuple[int, int]]) -> bool:
    """Whether a folder was not come by yet: links may lead in a circle."""
    try:
        status = os.stat(path)
    except OSError:
        return False
    key = status.st_dev, status.st_ino
    is_first = key not in seen
    seen.add(key)
    return is_first


def _look(path: str, names: frozenset[str] | None, found: Scan) -> list[tuple[str, bool]]:
    """Note the stamps of a folder's files; returns its folders, and whether each is a link."""
    try:
        status = os.stat(path)
        if not stat.S_ISDIR(status.st_mode):
            return []
        stamps = found.stamps[path] = {"": hash((status.st_dev, status.st_ino))}
        if names is not None:
            for name in names:
                _note(os.path.join(path, name), name, stamps, found.links)
            return []
        with os.scandir(path) as entries:
            return [
                (entry.path, entry.is_symlink())
                for entry in entries
                if _is_folder(entry, stamps, found.links) and not entry.name.startswith(".")
            ]
    except OSError:
        return []


def _is_folder(entry: os.DirEntry[str], stamps: dict[str, int], links: set[str]) -> bool:
    try:
        is_folder = entry.is_dir()
        if entry.is_symlink():
            links.add(entry.path)
        if is_folder:
            return True
        status = entry.stat()
        if status.st_nlink > 1:
            links.add(entry.path)
        stamps[entry.name] = _stamp(status)
    except OSError:
        stamps[entry.name] = _UNKNOWN
    return False


def _note(path: str, name: str, stamps: dict[str, int], links: set[str]) -> None:
    try:
        status = os.lstat(path)
        if _is_linked(status):
            links.add(path)
            status = os.stat(path)
        if not stat.S_ISDIR(status.st_mode):
            stamps[name] = _stamp(status)
    except FileNotFoundError:
        return
    except OSError:
        stamps[name] = _UNKNOWN


def is_linked(path: str) -> bool:
    """Whether this is a link, or a file with several names; False for nothing at all."""
    try:
        return _is_linked(os.lstat(path))
    except OSError:
        return False


def _is_linked(status: os.stat_result) -> bool:
    mode = status.st_mode
    return stat.S_ISLNK(mode) or (status.st_nlink > 1 and not stat.S_ISDIR(mode))


def _stamp(status: os.stat_result) -> int:
    return hash((status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino))


def differences(before: Stamps, after: Stamps) -> Changes:
    """What differs between two looks at the same folders."""
    changes: Changes = dict.fromkeys(before.keys() ^ after.keys())
    for path in before.keys() & after.keys():
        old, new = before[path], after[path]
        if old[""] != new[""]:
            changes[path] = None
        elif old != new:
            names = old.keys() | new.keys()
            changes[path] = {name for name in names if old.get(name) != new.get(name)}
    return changes
