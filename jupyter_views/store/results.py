"""Files of the store: results, uploaded frames and their cached renderings.

A file appears under its final name only when it is complete and on disk; the
row that names it is written after that. So a crash leaves at worst a file
without a row, which :meth:`ResultFiles.sweep` removes.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import OrderedDict
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from threading import Lock

from .database import private_folder

_SWEEP_AGE_SECONDS = 3600
_ADOPTING_SECONDS = 60
# What an entry costs besides its content, so that empty ones are not free.
_ENTRY_BYTES = 512


class ResultFiles:
    """Content-addressed files below one private folder.

    Parameters
    ----------
    root
        The store's folder; ``results``, ``frames``, ``states``, ``encoded``
        and ``scratch`` are made in it.
    server_id
        Names this server's scratch folder; its lock is held already, so that
        no other server sweeps the folder away.
    """

    def __init__(self, root: Path, server_id: str) -> None:
        self.root = private_folder(root)
        self.results = private_folder(root / "results")
        self.frames = private_folder(root / "frames")
        self.states = private_folder(root / "states")
        self.encoded = private_folder(root / "encoded") / server_id
        self.scratch = private_folder(root / "scratch") / server_id
        private_folder(self.encoded)
        private_folder(self.scratch)

    def result(self, sha256: str) -> Path:
        """Where the rows with this hash are."""
        return self.results / sha256[:2] / f"{sha256}.arrow"

    def frame(self, sha256: str) -> Path:
        """Where the frame with this hash is."""
        return self.frames / f"{sha256}.arrow"

    def adopt_result(self, path: str, sha256: str) -> Path:
        """Take a worker's finished file into the store."""
        target = self.result(sha256)
        private_folder(target.parent)
        return _adopt(Path(path), target)

    def adopt_frame(self, path: Path, sha256: str) -> Path:
        """Take an uploaded frame, complete and checked, into the store."""
        return _adopt(path, self.frame(sha256))

    def remove(self, results: Iterable[str], frames: Iterable[str]) -> None:
        """Remove files whose last row was forgotten.

        A file touched within the last minute stays for :meth:`sweep`: somebody
        may be adopting equal content whose row is not committed yet.
        """
        limit = time.time() - _ADOPTING_SECONDS
        for path in (*map(self.result, results), *map(self.frame, frames)):
            if _is_older(path, limit):
                path.unlink(missing_ok=True)

    def sweep(self, results: set[str], frames: set[str], is_alive: Callable[[str], bool]) -> int:
        """Remove files that no row names and an hour has passed over, and dead servers' folders.

        Parameters
        ----------
        results, frames
            Hashes that a row names.
        is_alive
            Tells whether a server id belongs to a running server.
        """
        removed = 0
        limit = time.time() - _SWEEP_AGE_SECONDS
        for named, paths in (
            (results, self.results.glob("*/*")),
            (frames, self.frames.iterdir()),
        ):
            for path in paths:
                if path.stem not in named and _is_older(path, limit):
                    path.unlink(missing_ok=True)
                    removed += 1
        for parent in (self.encoded.parent, self.scratch.parent):
            for folder in parent.iterdir():
                if not is_alive(folder.name):
                    shutil.rmtree(folder, ignore_errors=True)
                    removed += 1
        return removed

    def close(self) -> None:
        """Remove what belongs to this server alone."""
        shutil.rmtree(self.scratch, ignore_errors=True)
        shutil.rmtree(self.encoded, ignore_errors=True)


def _is_older(path: Path, limit: float) -> bool:
    """Whether a file was last touched before an instant; no for one that another server removed."""
    try:
        return path.lstat().st_mtime < limit
    except FileNotFoundError:
        return False


def _adopt(source: Path, target: Path) -> Path:
    # Also over what is there: it may be damaged, and this one is whole.
    os.chmod(source, 0o600)
    if target.is_dir() and not target.is_symlink():
        shutil.rmtree(target)
    os.replace(source, target)
    _sync_folder(target.parent)
    return target


def _sync_folder(folder: Path) -> None:
    if os.name != "posix":
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class EncodedCache:
    """Renderings of results: small ones in memory, large ones in files, the least used dropped.

    Parameters
    ----------
    folder
        Where large renderings are kept.
    memory_bytes, disk_bytes
        How much is kept in each place.
    """

    def __init__(self, folder: Path, *, memory_bytes: int, disk_bytes: int) -> None:
        self._folder = folder
        self._bounds = {True: memory_bytes, False: disk_bytes}
        self._sizes = {True: 0, False: 0}
        self._entries: OrderedDict[str, tuple[int, bytes | Path, int]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: str) -> tuple[int, bytes | Path, int] | None:
        """(rows, bytes or file, size) of a rendering, if it is kept."""
        with self._lock:
            entry = self._entries.get(key)
            if entry is None:
                return None
            self._entries.move_to_end(key)
            return entry

    def put(self, key: str, row_count: int, content: bytes | str, size: int) -> bytes | Path:
        """Keep a rendering; a file named by ``content`` is moved here. Returns what to serve."""
        kept: bytes | Path
        if isinstance(content, bytes):
            kept = content
        else:
            kept = self._folder / Path(content).name
            # Somebody may have cleared the cache's folder by hand.
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            os.replace(content, kept)
        with self._lock:
            self._drop(key)
            self._entries[key] = (row_count, kept, size)
            in_memory = isinstance(kept, bytes)
            self._sizes[in_memory] += size + _ENTRY_BYTES
            for old in list(self._oldest(in_memory, but=key)):
                self._drop(old)
        return kept

    def drop(self, key: str) -> None:
        """Forget a rendering."""
        with self._lock:
            self._drop(key)

    def _oldest(self, in_memory: bool, but: str) -> Iterator[str]:
        excess = self._sizes[in_memory] - self._bounds[in_memory]
        for key, (_, content, size) in self._entries.items():
            if excess <= 0:
                return
            if isinstance(content, bytes) is in_memory and key != but:
                excess -= size + _ENTRY_BYTES
                yield key

    def _drop(self, key: str) -> None:
        entry = self._entries.pop(key, None)
        if entry is None:
            return
        _, content, size = entry
        self._sizes[isinstance(content, bytes)] -= size + _ENTRY_BYTES
        if isinstance(content, Path):
            content.unlink(missing_ok=True)
