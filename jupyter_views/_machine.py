"""What the machine says of itself: file systems, free disk, watched folders, installed packages."""

from __future__ import annotations

import importlib.metadata
import re
import shutil
import time
from pathlib import Path

NETWORK = frozenset(
    {
        "9p", "afs", "beegfs", "ceph", "cifs", "fuse.ceph", "fuse.gcsfuse", "fuse.glusterfs",
        "fuse.juicefs", "fuse.rclone", "fuse.s3fs", "fuse.sshfs", "gpfs", "lustre", "ncpfs", "nfs",
        "nfs4", "pvfs2", "smb3", "smbfs",
    }
)  # fmt: skip
"""File systems whose locks and shared memory SQLite's write-ahead log cannot rely on."""

_MOUNTS = Path("/proc/self/mountinfo")
_INOTIFY = Path("/proc/sys/fs/inotify")
_OCTAL = re.compile(r"\\([0-7]{3})")


def file_system(folder: Path, mounts: Path = _MOUNTS) -> str | None:
    """Kind of the file system that holds a folder, such as ``ext4`` or ``nfs4``.

    None where the system does not tell (it does on Linux).
    """
    try:
        lines = mounts.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return None
    where = folder.resolve()
    best: tuple[int, str] | None = None
    for line in lines:
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.split()
        if len(fields) < 5 or not kind:
            continue
        mounted = Path(_OCTAL.sub(lambda found: chr(int(found[1], 8)), fields[4]))
        # Of two mounts on one place the later one is seen.
        if where.is_relative_to(mounted) and (best is None or len(mounted.parts) >= best[0]):
            best = len(mounted.parts), kind[0]
    return best[1] if best else None


def free_bytes(folder: Path) -> int | None:
    """Free bytes of the disk that holds a folder; None for a folder that is not there."""
    try:
        return shutil.disk_usage(folder).free
    except OSError:
        return None


def watch_limit(name: str = "max_user_watches") -> int | None:
    """How many folders this user's programs may watch at once; None where there is no inotify."""
    try:
        return int((_INOTIFY / name).read_text())
    except (OSError, ValueError):
        return None


def release(package: str) -> str | None:
    """Release of an installed package; None where it is not installed here."""
    try:
        return importlib.metadata.version(package)
    except importlib.metadata.PackageNotFoundError:
        return None


def size_words(size: int) -> str:
    """Bytes as people read them: 512 MiB, 3.2 GiB."""
    for unit, word in ((1 << 40, "TiB"), (1 << 30, "GiB"), (1 << 20, "MiB"), (1 << 10, "KiB")):
        if size >= unit:
            return f"{size / unit:.1f} {word}" if size < 10 * unit else f"{size // unit:,} {word}"
    return f"{size} bytes"


def watches_used(processes: Path = Path("/proc")) -> tuple[int, int]:
    """How many queues of file events, and watched folders, this user's programs have.

    Those of other people's programs cannot be seen, and do not count.
    """
    queues = watches = 0
    for details in processes.glob("[0-9]*/fdinfo"):
        try:
            for entry in details.iterdir():
                count = entry.read_text().count("inotify wd:")
                queues += count > 0
                watches += count
        except OSError:
            # It ended just now, or belongs to somebody else.
            continue
    return queues, watches


class SystemClock:
    """The machine's time."""

    def now(self) -> int:
        """Microseconds UTC."""
        return time.time_ns() // 1000

    def monotonic(self) -> float:
        """Seconds that never go back."""
        return time.monotonic()
