"""The folder of what incremental refreshes keep, as the server sees it: files that grow old."""

from __future__ import annotations

import contextlib
import os


def sweep_states(folder: str, *, keep_bytes: int, before: int) -> None:
    """Delete states that nobody used for long, then the oldest beyond a total size.

    Parameters
    ----------
    folder
        Of the states; may be absent.
    keep_bytes
        Of all states together.
    before
        Microseconds UTC: states last used earlier go.

    Notes
    -----
    A worker that has a deleted state open goes on with it and loses it then.
    """
    found: list[tuple[float, int, str]] = []
    with contextlib.suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            status = entry.stat(follow_symlinks=False)
            found.append((status.st_mtime, status.st_size, entry.path))
    left = keep_bytes
    for used, size, path in sorted(found, reverse=True):
        left -= size
        if left < 0 or used * 1e6 < before:
            with contextlib.suppress(OSError):
                os.unlink(path)
