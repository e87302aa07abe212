"""The one secret of the store: a file that its owner alone may read."""

from __future__ import annotations

import contextlib
import os
import secrets
import stat
from pathlib import Path

from ..core.errors import Unavailable

_BYTES = 32
# Fewer different bytes are no chance: the disk gave back zeros, or somebody typed it.
_LEAST_DIFFERENT = 8


def link_secret(folder: Path) -> bytes:
    """The secret that links hang on, made at first use.

    Raises
    ------
    Unavailable
        If others may read it, it belongs to somebody else, or it is not what
        was made.
    """
    path = folder / "link.secret"
    if not os.path.lexists(path):
        _make(path)
    descriptor = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0))
    with os.fdopen(descriptor, "rb") as file:
        found = os.fstat(file.fileno())
        if os.name == "posix" and (
            stat.S_IMODE(found.st_mode) & 0o077 or found.st_uid != os.geteuid()
        ):
            raise Unavailable(
                f"Others may read {path.name}, the secret of this store's links.",
                hint="Remove it: links that exist go on working, but every one must be rotated "
                "before its address can be shown again.",
                retry_after_seconds=30,
            )
        content = file.read(_BYTES + 1)
    if len(content) != _BYTES or len(set(content)) < _LEAST_DIFFERENT:
        raise Unavailable(
            f"{path.name}, the secret of this store's links, is damaged.",
            hint="Bring back a copy of it, or remove it: then every link must be rotated before "
            "its address can be shown again.",
            retry_after_seconds=30,
        )
    return content


def _make(path: Path) -> None:
    """Write it whole under another name first; of two servers the first one's counts."""
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_bytes(_BYTES))
            file.flush()
            os.fsync(file.fileno())
        with contextlib.suppress(FileExistsError):
            os.link(draft, path)
    except OSError:  # a file system without links
        os.replace(draft, path)
    finally:
        draft.unlink(missing_ok=True)
