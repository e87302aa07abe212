"""Which servers share this store, and which of them still live.

Each server holds a lock on a file of its own for as long as it lives. The
operating system lets go of the lock however the process ends, so a server
killed without warning is known to be dead at once.
"""

from __future__ import annotations

import os
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no advisory locks on files; there a store has one server
    fcntl = None


class ServerLock:
    """This server's sign of life."""

    def __init__(self, folder: Path, server_id: str) -> None:
        self._folder = folder
        self._path = folder / f"{server_id}.lock"
        self._server_id = server_id
        self._descriptor = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        if fcntl is not None:
            fcntl.flock(self._descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)

    def is_alive(self, server_id: str) -> bool:
        """Whether the server with this id holds its lock; a dead one's file is removed."""
        if server_id == self._server_id:
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
