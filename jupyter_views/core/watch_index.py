"""Which views read a changed file: found by its folder, not by asking every view."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import NamedTuple

from msgspec import Struct

from .ports import Read

_ANY_DEPTH = 64
_GLOB = re.compile(r"[*?\[]")
_ESCAPED = re.compile(r"\[([*?\[])\]")
# What DuckDB and SQLite write beside a database before it reaches the file itself.
_BESIDE = ("", ".wal", ".wal.checkpoint", ".wal.recovery", "-wal", "-journal")
# Where Delta and Iceberg tables keep what decides about their state.
_LOGS = ("_delta_log", "metadata")
_LOG_DEPTH = 2
_PAIRS = 20_000

Changes = dict[str, set[str] | None]
"""Names of the files that changed, by folder; None where it may be anything in the folder."""


class Extent(Struct, frozen=True, kw_only=True):
    """How much of a folder matters.

    Attributes
    ----------
    depth
        How many levels of folders below it belong to it.
    names
        The files that matter; None for all. Only with depth 0.
    """

    depth: int = 0
    names: frozenset[str] | None = None


class Part(NamedTuple):
    """How a name between two slashes of a pattern begins and ends; equal to it without an end."""

    start: str
    end: str | None

    def fits(self, name: str) -> bool:
        """Whether the pattern may mean this name."""
        if self.end is None:
            return name == self.start
        return name.startswith(self.start) and name.endswith(self.end)


class Spot(NamedTuple):
    """Where a source lies.

    Attributes
    ----------
    names
        Files of the folder; empty where ``parts`` decide.
    parts
        What the path below the folder looks like; empty for anything.
    depth
        How many levels below the folder the files may lie.
    """

    folder: str
    names: tuple[str, ...] = ()
    parts: tuple[Part, ...] = ()
    depth: int = 0

    def may_hold(self, below: str, name: str) -> bool:
        """Whether a file is meant, or may be: never false for one that the engine reads."""
        if not self.parts:
            return True
        if not self.parts[-1].fits(name):
            return False
        if self.depth == _ANY_DEPTH:
            return True
        folders = below.split("/")[:-1]
        return len(folders) == self.depth and all(
            part.fits(folder) for part, folder in zip(self.parts, folders, strict=False)
        )


class Source:
    """One thing that views read, shared by all that read it.

    Attributes
    ----------
    views
        Keys of the views.
    touched
        Monotonic seconds when the last change of it was received; before the
        first, when it began to be known: what came earlier was not counted.
    """

    __slots__ = ("key", "spots", "touched", "views")

    def __init__(self, key: tuple[str, str, bool], spots: tuple[Spot, ...], touched: float) -> None:
        self.key = key
        self.spots = spots
        self.views: set[int] = set()
        self.touched = touched


class WatchIndex:
    """Views, their sources, and the folders that have to be watched for them."""

    def __init__(self) -> None:
        self._of_view: dict[int, tuple[Source, ...]] = {}
        self._sources: dict[tuple[str, str, bool], Source] = {}
        self._named: dict[str, dict[str, set[Source]]] = {}
        self._patterns: dict[str, dict[Source, Spot]] = {}
        self._moved_folders: set[str] = set()
        self._probed: set[int] = set()

    def __contains__(self, view_id: int) -> bool:
        return view_id in self._of_view

    @property
    def view_ids(self) -> list[int]:
        """Keys of all views, in order."""
        return sorted(self._of_view)

    @property
    def fileless(self) -> list[int]:
        """Keys of the views that read no files, in order."""
        return sorted(view_id for view_id, sources in self._of_view.items() if not sources)

    @property
    def probed(self) -> list[int]:
        """Keys of the views of which only a probe tells whether something changed, in order."""
        return sorted(self._probed)

    def put(self, view_id: int, reads: tuple[Read, ...], now: float) -> bool:
        """What a view reads from now on; whether it reads something that it did not before."""
        before = set(self._of_view.get(view_id, ()))
        after = {self._source(read, now) for read in reads if is_watched(read)}
        self._of_view[view_id] = tuple(after)
        for source in after - before:
            source.views.add(view_id)
        self._leave(view_id, before - after)
        if any(read.kind == "probe" for read in reads):
            self._probed.add(view_id)
        else:
            self._probed.discard(view_id)
        return bool(after - before)

    def drop(self, view_id: int) -> None:
        """The view is gone."""
        self._probed.discard(view_id)
        self._leave(view_id, set(self._of_view.pop(view_id, ())))

    def source(self, read: Read) -> Source | None:
        """The source behind a read, if a view reads it too."""
        return self._sources.get(_key(read))

    def _source(self, read: Read, now: float) -> Source:
        key = _key(read)
        source = self._sources.get(key)
        if source is None:
            source = self._sources[key] = Source(key, _spots(key), now)
            for spot in source.spots:
                self._moved_folders.add(spot.folder)
                for name in spot.names:
                    named = self._named.setdefault(spot.folder, {})
                    named.setdefault(name, set()).add(source)
                if not spot.names:
                    self._patterns.setdefault(spot.folder, {})[source] = spot
        return source

    def _leave(self, view_id: int, sources: set[Source]) -> None:
        for source in sources:
            source.views.discard(view_id)
            if not source.views:
                del self._sources[source.key]
                for spot in source.spots:
                    self._forget(source, spot)

    def _forget(self, source: Source, spot: Spot) -> None:
        self._moved_folders.add(spot.folder)
        for name in spot.names:
            named = self._named[spot.folder]
            named[name].discard(source)
            if not named[name]:
                del named[name]
            if not named:
                del self._named[spot.folder]
        if not spot.names:
            patterns = self._patterns[spot.folder]
            patterns.pop(source, None)
            if not patterns:
                del self._patterns[spot.folder]

    def take_folders(self) -> list[tuple[str, Extent | None]]:
        """Folders whose extent may have changed since the last call; None for no longer."""
        moved, self._moved_folders = self._moved_folders, set()
        return [(folder, self._extent(folder)) for folder in moved]

    def _extent(self, folder: str) -> Extent | None:
        patterns = self._patterns.get(folder)
        if patterns:
            return Extent(depth=max(spot.depth for spot in patterns.values()))
        names = self._named.get(folder)
        return Extent(names=frozenset(names)) if names else None

    def matching(self, changes: Changes) -> set[Source]:
        """The sources that these changes touch; never too few."""
        found: set[Source] = set()
        for folder, names in changes.items():
            found |= self._in_folder(folder, names)
        return found

    def _in_folder(self, folder: str, names: set[str] | None) -> set[Source]:
        found: set[Source] = set()
        named = self._named.get(folder, {})
        for name in named if names is None else names:
            found |= named.get(name, set())
        for base, below in _upwards(folder):
            patterns = self._patterns.get(base)
            if patterns:
                found |= _by_pattern(patterns, below, names)
        return found


def _by_pattern(patterns: dict[Source, Spot], below: str, names: set[str] | None) -> set[Source]:
    level = below.count("/")
    near = {source: spot for source, spot in patterns.items() if spot.depth >= level}
    if names is None or len(near) * len(names) > _PAIRS:
        return set(near)
    return {
        source for source, spot in near.items() if any(spot.may_hold(below, name) for name in names)
    }


def _upwards(folder: str) -> Iterator[tuple[str, str]]:
    """A folder and all above it, each with the path from it to the folder: ``""``, ``"b/"``."""
    yield folder, ""
    at = len(folder)
    while at > 1 and (at := folder.rfind("/", 0, at)) >= 0:
        yield folder[:at] or "/", folder[at + 1 :] + "/"


def is_watched(read: Read) -> bool:
    """Whether a read is of something that lies in files."""
    return read.kind in ("file", "database", "table") and read.path is not None


def _key(read: Read) -> tuple[str, str, bool]:
    return read.kind, read.path or "", bool(_GLOB.search(read.name))


def _spots(key: tuple[str, str, bool]) -> tuple[Spot, ...]:
    kind, path, is_pattern = key
    if kind == "file" and is_pattern:
        return (_pattern_spot(path),)
    # A single file is written as a pattern that matches it alone.
    path = _ESCAPED.sub(r"\1", path)
    folder, _, name = path.rpartition("/")
    itself = Spot(folder or "/", (name,))
    if kind == "database":
        return (Spot(itself.folder, tuple(name + ending for ending in _BESIDE)),)
    if kind == "table":
        return (itself, *(Spot(f"{path}/{log}", depth=_LOG_DEPTH) for log in _LOGS))
    return (itself,)


def _pattern_spot(path: str) -> Spot:
    texts = path.split("/")
    at = next((i for i, text in enumerate(texts) if _GLOB.search(text)), len(texts) - 1)
    parts = tuple(_part(text) for text in texts[at:])
    is_deep = any("**" in text for text in texts[at:])
    depth = _ANY_DEPTH if is_deep else len(parts) - 1
    return Spot("/".join(texts[:at]) or "/", parts=parts, depth=depth)


def _part(text: str) -> Part:
    found = _GLOB.search(text)
    if found is None:
        return Part(text, None)
    # What may stand in brackets differs between engines, so only what is outside counts.
    last = max(text.rfind("*"), text.rfind("?"), text.rfind("]") if "[" in text else -1)
    end = text[last + 1 :]
    return Part(text[: found.start()], "" if "[" in end else end)
