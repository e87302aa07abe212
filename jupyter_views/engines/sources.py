"""What identified the sources at one moment, and what moved between two.

A file's token is its stamps: size, mtime, ctime, inode, device. ctime is what
catches a restored mtime; 3000 same-size rewrites in place went unseen by none
of them together. A file younger than two seconds could be written again
within one stamp (the racy rule of git's index), so its token is marked as
doubted, holds a hash of the content as well, and makes the signature
provisional. Only such a file is read again to be sure of it.
"""

from __future__ import annotations

import hashlib
import os
import time
from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING

from msgspec import structs

from ..core.errors import EngineFailed, NotAllowed
from ..core.ports import TORN, Comparison, Read, Signature
from . import lakes, paths, tokens
from .familiar import Familiar
from .finding import Finder, Found

if TYPE_CHECKING:
    import duckdb

_RACY_NS = 2_000_000_000
_COARSE_RACY_NS = 4_000_000_000
"""Where stamps are whole seconds, which may stand for two (FAT)."""
_SECOND_NS = 1_000_000_000
_CONTENT_BYTES = 2 * 2**30
"""Read at most per call to make sure of content: about 3 s. What is left over
stays doubted without a hash, and counts as not verifiable."""
_CHUNK = 2**20
_TRIES = 3
_LOGS = (".wal", "-wal", "-journal")
"""A database is its file and what is still to be written into it: the logs of
DuckDB and of SQLite. Not ``-shm``, which readers touch."""

Probe = Callable[[Read], str]
Stamps = Callable[[os.stat_result], str]


def take(
    connection: duckdb.DuckDBPyConnection,
    reads: tuple[Read, ...],
    *,
    previous: tuple[Signature, ...] = (),
    roots: tuple[str, ...],
    hidden: tuple[str, ...] = (),
    is_strict: bool = False,
    probe: Probe | None = None,
) -> tuple[Signature, ...]:
    """The signatures now, one per read, in order.

    Parameters
    ----------
    connection
        Expands patterns, so that they mean here what they mean in the query.
    previous
        Signatures to be compared with. The content of a file is hashed too
        where its token is doubted, where the stamps moved and the content is
        known from before, and everywhere below a signature by content.
    roots, hidden
        Absolute folders that files may lie in, and those below that they may
        not.
    is_strict
        Hash the content of every file.
    probe
        Gives the answer of a read of kind ``probe``; None where user SQL may
        not run, and such a read has no strength.

    Raises
    ------
    NotAllowed
        A pattern also matches a hidden file or one that leads outside: the
        engine would read it.
    EngineFailed
        A file or folder cannot be looked at, or the probe failed.

    Notes
    -----
    When :func:`moved` finds a provisional signature equal to a new one that
    is not provisional, the new one may be kept in its place: it costs no
    hashing from then on.
    """
    where = paths.folders("/", roots, hidden)
    look = _Look(connection, previous, where, probe, None, is_strict=is_strict)
    return tuple(map(look.at, reads))


def compare(
    connection: duckdb.DuckDBPyConnection,
    reads: tuple[Read, ...],
    recorded: tuple[Signature, ...],
    *,
    roots: tuple[str, ...],
    hidden: tuple[str, ...] = (),
    probe: Probe | None = None,
    familiar: Familiar | None = None,
) -> Comparison:
    """How the sources stand now against what was recorded before a run.

    A source that may not be read any more, or cannot, has changed: a run
    would say why. Where a probe was recorded, it alone is asked. ``familiar``
    is what this process found before: such looks are often repeated.
    """
    where = paths.folders("/", roots, hidden)
    look = _Look(connection, recorded, where, probe, familiar)
    if _has_probe(recorded):
        reads = tuple(read for read in reads if read.kind == "probe")
    now = tuple(map(look.after, reads))
    changed = moved(recorded, now)
    was_young = any(signature.provisional for signature in recorded)
    is_young = any(signature.provisional for signature in now)
    is_settled = changed == () and was_young and not is_young and not _has_probe(recorded)
    return Comparison(moved=changed, confirmed=now if is_settled else None)


def moved(before: Iterable[Signature], after: Iterable[Signature]) -> tuple[str, ...] | None:
    """Which sources changed between two takes of the same reads.

    Where a probe is among those before, it alone decides.

    Returns
    -------
    tuple of str, or None
        Names of what changed, appeared or went, sorted; empty when all are
        proved equal; None when nothing is known to have changed but some
        source cannot be verified.
    """
    before, after = tuple(before), tuple(after)
    if _has_probe(before):
        before, after = _probes(before), _probes(after)
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


def torn(before: Signature, after: Signature) -> Signature:
    """The signature before a query, from which all that changed under the query differs for ever.

    Nobody knows which bytes were read, so that not even a file that is put
    back as it was before is equal to it. A table is read at the version that
    was signed, whatever came after it. A probe that moves under a query moves
    by itself, and would never again be equal: it proves nothing.
    """
    changed = before.kind != "table" and moved((before,), (after,))
    if not changed:
        return before
    if before.kind == "probe":
        return structs.replace(before, strength="none")
    tokens = dict(after.entries) | dict(before.entries) | dict.fromkeys(changed, TORN)
    return structs.replace(before, entries=tuple(sorted(tokens.items())))


def _has_probe(signatures: Iterable[Signature]) -> bool:
    return any(signature.kind == "probe" for signature in signatures)


def _probes(signatures: Iterable[Signature]) -> tuple[Signature, ...]:
    return tuple(signature for signature in signatures if signature.kind == "probe")


def _differences(old: Signature, new: Signature) -> tuple[set[str], bool]:
    """The names that differ, and whether equality of the others is proved."""
    if new.entries == ((new.name, tokens.LOST),):
        return {new.name}, True
    if "none" in (old.strength, new.strength):
        return set(), False
    is_by_stamps = old.strength != "content"
    if is_by_stamps and not old.provisional and old.entries == new.entries:
        return set(), True
    was, now = tokens.of(old), tokens.of(new)
    changed = set(was.keys() ^ now.keys())
    is_sure = True
    for name in was.keys() & now.keys():
        trusted = is_by_stamps and not was[name].is_doubted
        verdict = _equal(was[name], now[name], trusted=trusted)
        if verdict is None:
            is_sure = False
        elif not verdict:
            changed.add(name)
    return changed, is_sure


def _equal(was: tokens.Token, now: tokens.Token, *, trusted: bool) -> bool | None:
    if was.content and now.content:
        return was.content == now.content
    if was.stamps != now.stamps:
        return False
    return True if trusted or was.stamps == tokens.ABSENT else None


def _stamps(status: os.stat_result) -> str:
    mtime, ctime = status.st_mtime_ns, status.st_ctime_ns
    numbers = (status.st_size, mtime, ctime, status.st_ino, status.st_dev)
    return "%x-%x-%x-%x-%x" % numbers  # noqa: UP031 - three times as fast, and run per file


def _log_stamps(status: os.stat_result) -> str:
    """Without ctime: as root, SQLite gives a log to its database's owner whenever it reads."""
    numbers = (status.st_size, status.st_mtime_ns, 0, status.st_ino, status.st_dev)
    return "%x-%x-%x-%x-%x" % numbers  # noqa: UP031 - as above


class _Look:
    """One look at all sources of a query: one instant, one budget for hashing."""

    def __init__(
        self,
        connection: duckdb.DuckDBPyConnection,
        previous: tuple[Signature, ...],
        where: paths.Folders,
        probe: Probe | None,
        familiar: Familiar | None,
        *,
        is_strict: bool = False,
    ) -> None:
        self._finder = Finder(connection, where)
        self._before = {(signature.kind, signature.name): signature for signature in previous}
        self._is_strict = is_strict
        self._probe = probe
        self._familiar = familiar
        self._now = time.time_ns()
        self._left = _CONTENT_BYTES

    def at(self, read: Read) -> Signature:
        """The signature of one read; raises when it may not or cannot be looked at."""
        match read.kind:
            case "file":
                return self._of_pattern(read)
            case "database":
                return self._of_database(read)
            case "table":
                folder = self._finder.folder(read.path or "", read.name)
                return _known(read, lakes.state(folder, read.name) or tokens.ABSENT)
            case "frame" | "view":
                return _known(read, read.path or tokens.ABSENT)
            case "probe" if self._probe is not None:
                found = self._probe(read)
                return Signature(
                    name=read.name, kind="probe", strength="coarse", entries=((read.name, found),)
                )
        return _unknown(read)

    def after(self, read: Read) -> Signature:
        """The same of a source that was read before: lost when it cannot be read now."""
        try:
            return self.at(read)
        except (NotAllowed, EngineFailed):
            if read.kind == "probe":
                return _unknown(read)
            return _known(read, tokens.LOST)

    def _of_pattern(self, read: Read) -> Signature:
        """As :meth:`_of_files`, with a short cut where no file moved since the look before."""
        if self._familiar is None or not paths.has_pattern(read.name):
            return self._of_files(read, self._finder.files(read))
        same = self._familiar.again(self._finder, read)
        if same is not None and self._needs_no_content(same):
            return same
        found = [*self._finder.files(read)]
        signature = self._of_files(read, found)
        if not signature.provisional:
            self._familiar.keep(read, found, signature)
        return signature

    def _needs_no_content(self, now: Signature) -> bool:
        """Whether stamps alone prove what was recorded."""
        previous = self._before.get((now.kind, now.name))
        if previous is None or self._is_strict:
            return not self._is_strict
        known = tokens.with_content(previous)
        stamps = dict(now.entries) if known else {}
        return previous.strength != "content" and all(
            not token.is_doubted and token.stamps == tokens.parse(stamps.get(name, "")).stamps
            for name, token in known.items()
        )

    def _of_database(self, read: Read) -> Signature:
        main = self._of_files(read, [self._finder.one(read.path or "", read.name)])
        files = (self._finder.one(f"{read.path}{log}", f"{read.name}{log}") for log in _LOGS)
        logs = self._of_files(read, files, _log_stamps)
        return structs.replace(
            main,
            entries=(*main.entries, *logs.entries),
            provisional=main.provisional or logs.provisional,
        )

    def _of_files(self, read: Read, files: Iterable[Found], stamps: Stamps = _stamps) -> Signature:
        previous = self._before.get((read.kind, read.name))
        is_strict = self._is_strict or (previous is not None and previous.strength == "content")
        known = {} if previous is None else tokens.with_content(previous)
        settled = 0 if is_strict else self._now - _COARSE_RACY_NS
        provisional = False
        entries = []
        for name, path, status in files:
            token = tokens.ABSENT if status is None else stamps(status)
            # Most files by far are old and nothing else is known of them: their stamps will do.
            if status is not None and (
                status.st_mtime_ns > settled or status.st_ctime_ns > settled or name in known
            ):
                token = self._token(path, status, known.get(name), stamps, is_strict=is_strict)
                provisional |= tokens.is_doubted(token)
            entries.append((name, token))
        entries.sort()
        return Signature(
            name=read.name,
            kind=read.kind,
            strength="content" if is_strict else "exact",
            entries=tuple(entries),
            provisional=provisional,
        )

    def _token(
        self,
        path: str,
        status: os.stat_result | None,
        known: tokens.Token | None,
        stamps: Stamps,
        *,
        is_strict: bool,
    ) -> str:
        """The token of one file, of whose content ``known`` was known before."""
        for _ in range(_TRIES):
            if status is None:
                return tokens.ABSENT
            here = stamps(status)
            mtime = status.st_mtime_ns
            ctime = mtime if stamps is _log_stamps else status.st_ctime_ns
            is_unsure = is_young(mtime, ctime, self._now)
            is_asked = known is not None and (known.is_doubted or known.stamps != here)
            if not (is_unsure or is_strict or is_asked):
                return here
            if status.st_size > self._left:
                return tokens.written(here, is_doubted=is_unsure or is_strict)
            self._left -= status.st_size
            digest = _digest(path)
            status = _status(path)
            if digest is not None and status is not None and stamps(status) == here:
                return tokens.written(here, digest, is_doubted=is_unsure)
        # Written to faster than it can be read: nothing proves this state.
        return tokens.ABSENT if status is None else tokens.written(stamps(status), is_doubted=True)


def is_young(mtime_ns: int, ctime_ns: int, now_ns: int) -> bool:
    """Whether a file with these stamps could be written again without moving them."""
    is_coarse = mtime_ns % _SECOND_NS == 0 and ctime_ns % _SECOND_NS == 0
    return max(mtime_ns, ctime_ns) > now_ns - (_COARSE_RACY_NS if is_coarse else _RACY_NS)


def _known(read: Read, token: str) -> Signature:
    return Signature(
        name=read.name, kind=read.kind, strength="exact", entries=((read.name, token),)
    )


def _unknown(read: Read) -> Signature:
    return Signature(name=read.name, kind=read.kind, strength="none")


def _status(path: str) -> os.stat_result | None:
    try:
        return os.stat(path)
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
