"""What a kernel knows while it lives: its server, its folder, what it has shown."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from IPython.core.interactiveshell import InteractiveShell

    from ..client import Views


@dataclass
class Seen:
    """The last rows of a view that this kernel showed, for when the server is gone."""

    facts: dict[str, Any]
    window: dict[str, Any]
    clock: str


@dataclass
class Session:
    """One per kernel; made when the extension is loaded.

    Attributes
    ----------
    shell
        The IPython shell whose variables may be frames.
    seen
        What was shown last, by slug.
    bound
        Hashes of the frames bound last, by slug and by name in the SQL.
    """

    shell: InteractiveShell
    seen: dict[str, Seen] = field(default_factory=dict)
    bound: dict[str, dict[str, str]] = field(default_factory=dict)
    _views: Views | None = None

    @property
    def views(self) -> Views:
        """Connection to the server; found at first use, kept for the kernel's life.

        Raises
        ------
        NoServer
            With a hint, when no server accepts this kernel.
        """
        if self._views is None:
            from ..client import connect

            self._views = connect()
        return self._views

    def remember(self, facts: dict[str, Any], window: dict[str, Any]) -> None:
        """Keep the shown rows, for when the server does not answer."""
        self.seen[facts["slug"]] = Seen(facts, window, f"{datetime.now().astimezone():%H:%M}")

    @property
    def folder(self) -> str:
        """Where relative file names in SQL start: the notebook's folder, as the host sets it."""
        return os.getcwd()

    @property
    def has_front_end(self) -> bool:
        """Whether outputs can be replaced after they were shown (a kernel, no terminal)."""
        return getattr(self.shell, "kernel", None) is not None
