"""What an earlier look found, so that the next one computes nothing for files that did not move.

Most looks at a thousand files find them as they were. Their numbers, as the
system gives them, are then compared with those of the look before, and the
signature is the one that was made of them: naming, formatting and sorting
anew would take longer than asking the system.
"""

from __future__ import annotations

import os
from collections.abc import Iterable

from msgspec import Struct

from ..core.ports import Read, Signature
from .finding import Finder, Found, Numbers, numbers


class _Known(Struct, frozen=True):
    files: dict[bytes, Numbers]
    signature: Signature


class Familiar:
    """Patterns that one process looked at, while none of their files was young.

    Parameters
    ----------
    most_files
        Remembered of all patterns together, about 600 bytes each.
    """

    def __init__(self, *, most_files: int = 20_000) -> None:
        self._most_files = most_files
        self._known: dict[tuple[str | None, str], _Known] = {}
        self._files = 0

    def again(self, finder: Finder, read: Read) -> Signature | None:
        """The signature of the look before, if every number is the same; else None."""
        known = self._known.get((read.path, read.name))
        if known is None or not finder.are_all(read, known.files):
            return None
        return known.signature

    def keep(self, read: Read, found: Iterable[Found], signature: Signature) -> None:
        """Remember a look at a pattern.

        Parameters
        ----------
        found
            The statuses that the signature was made of, and no later ones.
        signature
            Not provisional: equal numbers prove equal files.
        """
        files = {
            os.fsencode(os.path.basename(path)): numbers(status)
            for _, path, status in found
            if status is not None
        }
        self._forget(read)
        if self._files + len(files) > self._most_files:
            self._known.clear()
            self._files = 0
        if len(files) <= self._most_files:
            self._known[read.path, read.name] = _Known(files, signature)
            self._files += len(files)

    def _forget(self, read: Read) -> None:
        known = self._known.pop((read.path, read.name), None)
        if known is not None:
            self._files -= len(known.files)
