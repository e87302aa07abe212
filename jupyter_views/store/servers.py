"""Which servers share this store, and which of them are known to be dead.

Each server holds a lock on a file of its own for as long as it lives. The
operating system lets go of the lock however the process ends, so a server
killed without warning is known to be dead at once. That works among servers
of one host and one folder only: of others nothing is known here, and they
lose what they hold by its lease (:mod:`~jupyter_views.core.leases`).
"""

from __future__ import annotations

import hashlib
import os
import platform
import secrets
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no advisory locks on files; there a store has one server
    fcntl = None


class ServerLock:
    """This server's sign of life.

    Parameters
    ----------
    folder
        Where the servers of this store have their locks.

    Attributes
    ----------
    server_id
        Made here: a mark of the host and the folder, and a random part.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._mark = _mark(folder)
        self.server_id = f"{self._mark}-{secrets.token_hex(8)}"
        self._path = folder / f"{self.server_id}.lock"
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_alive(self, server_id: str) -> bool:
        """Whether the server with this id may live; a dead one's file is removed.

        True for one with the mark of another host or folder, whose lock is
        not here to be looked at.
        """
        mark, dash, _ = server_id.partition("-")
        if server_id == self.server_id or (dash and mark != self._mark):
            return True
        path = self._folder / f"{server_id}.lock"
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            if fcntl is not None:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return True
        else:
            path.unlink(missing_ok=True)
            return False
        finally:
            os.close(descriptor)

    def release(self) -> None:
        """Let go: other servers may clean up after this one."""
        self._path.unlink(missing_ok=True)
        os.close(self._descriptor)


def _mark(folder: Path) -> str:
    """Equal for servers that can see each other's locks: those of one host and one folder."""
    place = f"{platform.node()}\n{os.path.realpath(folder)}\n{folder.stat().st_ino}"
    return hashlib.blake2s(place.encode(), digest_size=4).hexdigest()
