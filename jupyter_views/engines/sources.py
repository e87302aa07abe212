"""What identified the sources at one moment, and what moved between two.

A file's token is its stamps: size, mtime, ctime, inode, device. ctime is what
catches a restored mtime; 3000 same-size rewrites in place went unseen by none
of them together. A file younger than two seconds could be written again
within one stamp (the racy rule of git's index), so its token also holds a
hash of the content and the signature is provisional.
"""

from __future__ import annotations

import hashlib
import os
import stat
import time
from collections.abc import Iterable
from typing import TYPE_CHECKING

from ..core.errors import NotAllowed
from ..core.ports import Read, Signature
from . import paths

if TYPE_CHECKING:
    import duckdb

_RACY_NS = 2_000_000_000
_ABSENT = "absent"
_CONTENT_BYTES = 2 * 2**30
"""Read at most per call to make sure of content: about 3 s. What is left over
stays provisional without a hash, and counts as not verifiable."""
_CHUNK = 2**20
_TRIES = 3


def take(
    connection: duckdb.DuckDBPyConnection,
    reads: tuple[Read, ...],
    *,
    previous: tuple[Signature, ...] = (),
    roots: tuple[str, ...],
    hidden: tuple[str, ...] = (),
) -> tuple[Signature, ...]:
    """The signatures now, one per read, in order.

    Parameters
    ----------
    connection
        Expands patterns, so that they mean here what they mean in the query.
    previous
        Signatures to be compared with. Where one is provisional or by
        content, or where the stamps moved and the content is known from
        before, the content is hashed too.
    roots, hidden
        Absolute folders that files may lie in, and those below that they may
        not.

    Raises
    ------
    NotAllowed
        A pattern also matches a hidden file or one that leads outside: the
        engine would read it.

    Notes
    -----
    When :func:`moved` finds a provisional signature equal to a new one that
    is not provisional, the new one may be kept in its place: it costs no
    hashing from then on.
    """
    where = paths.folders("/", roots, hidden)
    before = {(signature.kind, signature.name): signature for signature in previous}
    budget = _Budget(_CONTENT_BYTES)
    return tuple(
        _signature(connection, read, before.get((read.kind, read.name)), where, budget)
        for read in reads
    )


def moved(before: Iterable[Signature], after: Iterable[Signature]) -> tuple[str, ...] | None:
    """Which sources changed between two takes of the same reads.

    Returns
    -------
    tuple of str, or None
        Names of what changed, appeared or went, sorted; empty when all are
        proved equal; None when nothing is known to have changed but some
        source cannot be verified.
    """
    old = {(signature.kind, signature.name): signature for signature in before}
    new = {(signature.kind, signature.name): signature for signature in after}
    changed = {name for _, name in old.keys() ^ new.keys()}
    is_sure = True
    for key in old.keys() & new.keys():
        names, sure = _differences(old[key], new[key])
        changed |= names
        is_sure = is_sure and sure
    if changed:
        return tuple(sorted(changed))
    return () if is_sure else None


def _differences(old: Signature, new: Signature) -> tuple[set[str], bool]:
    """The names that differ, and whether equality of the others is proved."""
    if "none" in (old.strength, new.strength):
        return set(), False
    was, now = dict(old.entries), dict(new.entries)
    changed = set(was.keys() ^ now.keys())
    is_sure = True
    for name in was.keys() & now.keys():
        verdict = _equal(was[name], now[name], trusted=not old.provisional)
        if verdict is None:
            is_sure = False
        elif not verdict:
            changed.add(name)
    return changed, is_sure


def _equal(was: str, now: str, *, trusted: bool) -> bool | None:
    stamps, _, content = was.partition(";")
    new_stamps, _, new_content = now.partition(";")
    if content and new_content:
        return content == new_content
    if stamps != new_stamps:
        return False
    return True if trusted or stamps == _ABSENT else None


class _Budget:
    """How many bytes may still be hashed in this call."""

    def __init__(self, left: int) -> None:
        self.left = left

    def grants(self, size: int) -> bool:
        if size > self.left:
            return False
        self.left -= size
        return True


def _signature(
    connection: duckdb.DuckDBPyConnection,
    read: Read,
    previous: Signature | None,
    where: paths.Folders,
    budget: _Budget,
) -> Signature:
    if read.kind == "frame":
        entries = ((read.name, read.path or _ABSENT),)
        return Signature(name=read.name, kind="frame", strength="exact", entries=entries)
    if read.kind != "file" or read.path is None:
        return Signature(name=read.name, kind=read.kind, strength="none")
    known = dict(previous.entries) if previous else {}
    wanted = previous is not None and (previous.provisional or previous.strength == "content")
    provisional = False
    entries = []
    for name, path in _files(connection, read, where):
        token, is_young = _token(path, known.get(name, ""), wanted, budget)
        provisional |= is_young
        entries.append((name, token))
    return Signature(
        name=read.name,
        kind="file",
        strength="exact",
        entries=tuple(sorted(entries)),
        provisional=provisional,
    )


def _files(
    connection: duckdb.DuckDBPyConnection, read: Read, where: paths.Folders
) -> list[tuple[str, str]]:
    """(display name, absolute path) of each file behind a read."""
    pattern = read.path or ""
    literal = paths.unescaped(pattern)
    if not paths.has_pattern(read.name):
        real = os.path.realpath(literal)
        paths.refuse_inside_hidden(real, where, read.name)
        _check(literal, real, read.name, where)
        return [(read.name, real)]
    rows = connection.execute("SELECT file FROM glob($1)", [pattern]).fetchall()
    found = {path for (path,) in rows}
    if os.path.lexists(literal):
        # A file that really has brackets or a star in its name is read too.
        found.add(literal)
    files = []
    above: dict[str, str] = {}
    for path in sorted(found):
        folder, last = os.path.split(path)
        if folder not in above:
            above[folder] = os.path.realpath(folder)
            paths.refuse_inside_hidden(above[folder], where, read.name)
        real = os.path.join(above[folder], last)
        if os.path.islink(path):
            real = os.path.realpath(path)
            paths.refuse_inside_hidden(real, where, read.name)
        _check(path, real, read.name, where)
        root = paths.root_of(folder, where.readable) or above[folder]
        files.append((path[len(root) :].replace(os.sep, "/").lstrip("/"), path))
    return files


def _check(path: str, real: str, name: str, where: paths.Folders) -> None:
    """Raise NotAllowed if the engine should not open ``path``, which leads to ``real``."""
    root = paths.root_of(real, where.readable)
    shown = paths.shown(name)
    if root is None:
        raise NotAllowed(
            f"{shown} leads outside the folders this server may read.",
            hint="Name the files more narrowly.",
        )
    lexical = paths.root_of(path, where.readable)
    parts = real[len(root) :].split(os.sep) + path[len(lexical or path) :].split(os.sep)
    if any(part.startswith(".") for part in parts):
        raise NotAllowed(
            f"{shown} also matches hidden files: views do not read names that start with a dot.",
            hint="Name the files more narrowly, for example 'part-*.csv' instead of '*.csv'.",
        )


def _token(path: str, known: str, wanted: bool, budget: _Budget) -> tuple[str, bool]:
    """The token of one file, and whether the file is too young to trust its stamps."""
    for _ in range(_TRIES):
        try:
            status = os.stat(path)
        except (FileNotFoundError, NotADirectoryError):
            return _ABSENT, False
        if not stat.S_ISREG(status.st_mode):
            raise NotAllowed(f"{os.path.basename(path)} is not an ordinary file.")
        stamps = _stamps(status)
        newest = max(status.st_mtime_ns, status.st_ctime_ns)
        is_young = newest > time.time_ns() - _RACY_NS
        had, _, content = known.partition(";")
        has_reason = is_young or wanted or (bool(content) and had != stamps)
        if not has_reason or not budget.grants(status.st_size):
            return stamps, is_young
        digest = _digest(path)
        if digest is not None and _stamps_of(path) == stamps:
            return f"{stamps};{digest}", is_young
    # Written to faster than it can be read: nothing proves this state.
    return stamps, True


def _stamps(status: os.stat_result) -> str:
    numbers = (status.st_size, status.st_mtime_ns, status.st_ctime_ns, status.st_ino, status.st_dev)
    return "-".join(f"{number:x}" for number in numbers)


def _stamps_of(path: str) -> str | None:
    try:
        return _stamps(os.stat(path))
    except OSError:
        return None


def _digest(path: str) -> str | None:
    digest = hashlib.sha256()
    try:
        with open(path, "rb") as file:
            while chunk := file.read(_CHUNK):
                digest.update(chunk)
    except OSError:
        return None
    return digest.hexdigest()
