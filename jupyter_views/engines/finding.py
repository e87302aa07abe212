"""The files behind a read: one, or all that a pattern matches, each with its status.

What a pattern means is what the engine means by it. The common kind, a
pattern in the last part alone, is matched here: one pass over the folder, one
status per file. A property test holds the matcher to the engine's ``glob()``;
every other pattern is asked of the engine.
"""

from __future__ import annotations

import functools
import os
import re
import stat
from collections.abc import Callable, Iterator, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING

from ..core.errors import EngineFailed, NotAllowed
from ..core.ports import Read
from . import paths

if TYPE_CHECKING:
    import duckdb

# Sets hold letters, digits and ranges of them: what the engine makes of
# anything else between brackets is left to the engine.
_SIMPLE = re.compile(r"(?:[^*?\[\]\\]|\*|\?|\[!?(?:[A-Za-z0-9_](?:-[A-Za-z0-9_])?)+\])*")
_WILD = re.compile(rb"\?|\[!?[^\]]+\]")
_WIDE = rb"[\xc2-\xf4][\x80-\xbf]{1,3}"

_KIND = 0o170000
"""The bits of a mode that say what a file is."""

Matches = Callable[[bytes], object]


Found = tuple[str, str, os.stat_result | None]
"""A file: the name it is shown by, where it is, and its status; None when absent."""

Numbers = tuple[int, ...]
numbers: Callable[[os.stat_result], Numbers] = attrgetter(
    "st_mode", "st_size", "st_mtime_ns", "st_ctime_ns", "st_ino", "st_dev"
)
"""All that a signature is made of, and what kind of file it is."""


class Finder:
    """Finds the files behind reads, and refuses those that views may not read.

    Parameters
    ----------
    connection
        Expands the patterns that are not matched here.
    where
        Folders that files may lie in.
    """

    def __init__(self, connection: duckdb.DuckDBPyConnection, where: paths.Folders) -> None:
        self._connection = connection
        self._where = where
        self._folders: dict[str, str] = {}

    def files(self, read: Read) -> Iterator[Found]:
        """The files behind a read of kind ``file``, each once, in no order.

        Raises
        ------
        NotAllowed
            A file is hidden, no ordinary file, or outside the folders.
        EngineFailed
            A folder or file cannot be looked at.
        duckdb.Error
            The engine could not expand the pattern.
        """
        pattern = read.path or ""
        literal = paths.unescaped(pattern)
        if not paths.has_pattern(read.name):
            yield self.one(literal, read.name)
            return
        folder, last = os.path.split(pattern)
        matches = None if paths.has_pattern(folder) else matcher(last)
        try:
            # A file that really has brackets or a star in its name is read too.
            itself = {literal} if os.path.lexists(literal) else set()
            if matches is None:
                for path in self._expanded(pattern) | itself:
                    yield self._named(path, read.name)
                return
            yield from self._scanned(folder, matches, read.name)
            for path in itself:
                if not matches(os.fsencode(os.path.basename(path))):
                    yield self._named(path, read.name)
        except OSError as error:
            raise unreadable(read.name, error) from None

    def are_all(self, read: Read, known: Mapping[bytes, Numbers]) -> bool:
        """Whether a pattern matches these files, with these numbers, and no other file.

        False as well where :meth:`files` has to look more closely.
        """
        pattern = read.path or ""
        folder, last = os.path.split(pattern)
        matches = None if paths.has_pattern(folder) else matcher(last)
        if matches is None or os.path.lexists(paths.unescaped(pattern)):
            return False
        self.folder(folder, read.name)
        left = len(known)
        try:
            with os.scandir(os.fsencode(folder)) as entries:
                for entry in entries:
                    was = known.get(entry.name)
                    if was is not None:
                        left -= 1
                        if numbers(entry.stat(follow_symlinks=False)) != was:
                            return False
                    elif matches(entry.name):
                        return False
        except OSError:
            return False
        return left == 0

    def one(self, path: str, name: str) -> Found:
        """One file by its real path, under the name that people know it by."""
        folder, last = os.path.split(path)
        try:
            real = os.path.join(self.folder(folder, name), last)
            status = _status(real)
            if status is not None and stat.S_ISLNK(status.st_mode):
                real, status = self._followed(real, name)
            self._check(path, real, name)
        except OSError as error:
            raise unreadable(name, error) from None
        if status is not None and not stat.S_ISREG(status.st_mode):
            raise NotAllowed(f"{paths.shown(name)} is not an ordinary file.")
        return name, real, status

    def place(self, path: str, name: str) -> str:
        """The real path of anything at all that may be read, under a name that people know."""
        real = os.path.realpath(path)
        paths.refuse_inside_hidden(real, self._where, name)
        self._check(path, real, name)
        return real

    def _scanned(self, folder: str, matches: Matches, name: str) -> Iterator[Found]:
        """What matches in one folder; in one tight loop, for there may be 10,000."""
        prefix, inside = self._prefix(folder, name), folder + "/"
        try:
            # Bytes, because that is what the engine compares: a ? is one byte.
            entries = os.scandir(os.fsencode(folder))
        except (FileNotFoundError, NotADirectoryError):
            return
        with entries:
            for entry in entries:
                if not matches(entry.name):
                    continue
                try:
                    last = entry.name.decode()
                    status = entry.stat(follow_symlinks=False)
                except FileNotFoundError:
                    continue
                except UnicodeDecodeError:
                    raise _unreadable_name(name) from None
                kind = status.st_mode & _KIND
                if kind == stat.S_IFREG:
                    if last[0] == ".":
                        raise _hidden(name)
                    yield prefix + last, inside + last, status
                elif kind == stat.S_IFLNK:
                    yield from self._linked(inside + last, prefix + last, name)

    def _linked(self, path: str, shown: str, name: str) -> Iterator[Found]:
        """A link to a file; as the engine does, one to nothing or to a folder is passed over."""
        try:
            real, status = self._followed(path, name)
        except OSError:
            return
        if status is not None and stat.S_ISREG(status.st_mode):
            self._check(path, real, name)
            yield shown, path, status

    def _expanded(self, pattern: str) -> set[str]:
        rows = self._connection.execute("SELECT file FROM glob($1)", [pattern]).fetchall()
        return {path for (path,) in rows}

    def _named(self, path: str, name: str) -> Found:
        """A file that a pattern gave, shown by its path below the root."""
        folder, last = os.path.split(path)
        _, _, status = self.one(path, name)
        return self._prefix(folder, name) + last, path, status

    def _prefix(self, folder: str, name: str) -> str:
        """What stands before the names of a folder's files: its path below the root."""
        real = self.folder(folder, name)
        root = paths.root_of(folder, self._where.readable) or real
        below = folder[len(root) :].replace(os.sep, "/").strip("/")
        return f"{below}/" if below else ""

    def folder(self, folder: str, name: str) -> str:
        """The real path of a folder that may be read, looked at once; raises NotAllowed."""
        if folder not in self._folders:
            self._folders[folder] = self.place(folder, name)
        return self._folders[folder]

    def _followed(self, path: str, name: str) -> tuple[str, os.stat_result | None]:
        real = os.path.realpath(path)
        paths.refuse_inside_hidden(real, self._where, name)
        return real, _status(path, follow=True)

    def _check(self, path: str, real: str, name: str) -> None:
        """Raise NotAllowed if the engine should not open ``path``, which leads to ``real``."""
        root = paths.root_of(real, self._where.readable)
        if root is None:
            raise NotAllowed(
                f"{paths.shown(name)} leads outside the folders this server may read.",
                hint="Name the files more narrowly.",
            )
        lexical = paths.root_of(path, self._where.readable)
        parts = real[len(root) :].split(os.sep) + path[len(lexical or path) :].split(os.sep)
        if any(part.startswith(".") for part in parts):
            raise _hidden(name)


def unreadable(name: str, error: OSError) -> EngineFailed:
    """The error for a source that the system does not let us look at."""
    why = (error.strerror or "it cannot be opened").lower()
    return EngineFailed(
        f"{paths.shown(name)} cannot be read: {why}.",
        hint="Look at its permissions, and at the links that lead to it.",
    )


def _hidden(name: str) -> NotAllowed:
    return NotAllowed(
        f"{paths.shown(name)} also matches hidden files: views do not read names that start "
        "with a dot.",
        hint="Name the files more narrowly, for example 'part-*.csv' instead of '*.csv'.",
    )


def _status(path: str, *, follow: bool = False) -> os.stat_result | None:
    """The status of a file, or of a link itself; None for what is not there."""
    try:
        return os.stat(path) if follow else os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None


def _unreadable_name(name: str) -> EngineFailed:
    return EngineFailed(
        f"{paths.shown(name)} matches a file whose name is not valid Unicode.",
        hint="Rename that file, or name the files more narrowly.",
    )


@functools.lru_cache(maxsize=256)
def matcher(pattern: str) -> Matches | None:
    """The test of a file's name in bytes against the last part of a pattern.

    None for the patterns that only the engine knows to read.
    """
    if "**" in pattern or not _SIMPLE.fullmatch(pattern):
        return None
    first, *rest = (_translated(part) for part in os.fsencode(pattern).split(b"*"))
    text = first
    if rest:
        # What stands between two stars is taken where it fits first, for good:
        # tried anew it would cost more than linear time and find nothing else.
        text += b"".join(b"(?>.*?%b)" % part for part in rest[:-1]) + b".*" + rest[-1]
    try:
        return re.compile(text, re.DOTALL).fullmatch
    except re.error:  # a range that runs backwards
        return None


def _translated(part: bytes) -> bytes:
    text, at = b"", 0
    for wild in _WILD.finditer(part):
        text += re.escape(part[at : wild.start()]) + _one_character(wild[0])
        at = wild.end()
    return text + re.escape(part[at:])


def _one_character(wild: bytes) -> bytes:
    """Bytes of names are UTF-8, of which a wild card stands for one whole character."""
    if wild == b"?":
        return rb"(?:[\x00-\x7f]|%b)" % _WIDE
    if wild.startswith(b"[!"):
        return rb"(?:[^%b\x80-\xff]|%b)" % (wild[2:-1], _WIDE)
    return wild
