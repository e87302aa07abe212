"""Kernel frames, sent once by the hash of their content."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from ..core.errors import Invalid, NotFound, TooLarge
from ..core.model import Frame
from .base import ViewsHandler
from .operations import route


class FrameOut(Struct, frozen=True, kw_only=True):
    """An uploaded frame."""

    sha256: str
    size_bytes: int


class FrameHandler(ViewsHandler):
    """``api/frames/{sha256}``: the body goes to disk as it arrives."""

    _file: BinaryIO | None = None

    async def prepare(self) -> None:
        """Open the file only for a caller who may upload."""
        await super().prepare()
        if self.request.method == "PUT":
            await self.authorize("write", "statement:write")
            self._set_body_limit()
            self._hash = hashlib.sha256()
            self._path = Path(self.services.frame_files.scratch) / f"upload-{self.request_id}"
            self._file = await self.services.run_in_thread(self._path.open, "wb")

    def _set_body_limit(self) -> None:
        # The host's own limit is for bodies that are kept in memory; this one is not.
        connection = self.request.connection
        if connection is not None and hasattr(connection, "set_max_body_size"):
            connection.set_max_body_size(self.services.frame_bytes + 1)

    async def data_received(self, chunk: bytes) -> None:
        """Write a chunk; what passes the limit is read and dropped."""
        self._received += len(chunk)
        if self._file is not None and self._received <= self.services.frame_bytes:
            self._hash.update(chunk)
            await self.services.run_in_thread(self._file.write, chunk)

    def check_body_size(self) -> None:
        """Raise TooLarge when the frame passes the server's limit."""
        if self.request.method == "PUT" and self._received > self.services.frame_bytes:
            raise TooLarge(
                f"A frame holds {self.services.frame_bytes:,} bytes at most.",
                hint="Write it to a Parquet file and read that file instead.",
            )

    @route("write", "statement:write", "Upload a frame", answer=FrameOut, status=201)
    async def put(self, sha256: str) -> None:
        """Keep an Arrow IPC stream whose SHA-256 is the address; 200 when it was there."""
        if self._hash.hexdigest() != sha256:
            raise Invalid("The body's SHA-256 is not the one in the address.", field="sha256")
        assert self._file is not None
        is_new = await self.services.run_in_thread(self._keep, sha256)
        self.send(FrameOut(sha256=sha256, size_bytes=self._received), status=201 if is_new else 200)

    def _keep(self, sha256: str) -> bool:
        assert self._file is not None
        self._file.flush()
        os.fsync(self._file.fileno())
        self._file.close()
        self.services.frame_files.adopt_frame(self._path, sha256)
        return self.services.frames.save(
            Frame(
                sha256=sha256,
                size_bytes=self._received,
                uploaded_by=self.actor.name,
                uploaded_at=self.services.clock.now(),
            )
        )

    @route("read", "statement:write", "Is a frame there?")
    async def head(self, sha256: str) -> None:
        """200 when the caller uploaded it before, else 404."""
        if not await self.services.run_in_thread(self.services.frames.has, sha256, self.actor.name):
            raise NotFound("This frame was not uploaded.")
        self.send_nothing(200)

    def on_finish(self) -> None:
        """Leave no half upload behind."""
        if self._file is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)

    def on_connection_close(self) -> None:
        """A client that went away in the middle leaves nothing either."""
        self.on_finish()
        super().on_connection_close()
