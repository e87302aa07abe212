"""What only a running server knows of itself, as JSON for the doctor."""

from __future__ import annotations

from typing import Literal

from msgspec import Struct


class ServerFacts(Struct, frozen=True, kw_only=True):
    """A server's own view of itself; no secret, no SQL, no name of a view.

    Attributes
    ----------
    engine_reason
        Why the engine does not answer; None when it does.
    libraries
        Release of each optional library, null where it is not installed.
    watching
        How changed files are to be noticed without a reader.
    now
        The server's clock.
    store_dir, folders
        Where the store is on the server's machine, and what SQL may read.
    has_metadata
        Whether the metadata are in the store's folder, and not in a database elsewhere.
    """

    version: str
    engine_version: str
    engine_reason: str | None
    libraries: dict[str, str | None]
    watching: Literal["events", "polling", "off"]
    now: str
    store_dir: str
    has_metadata: bool
    folders: tuple[str, ...]
