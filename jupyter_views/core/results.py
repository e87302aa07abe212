"""Stored rows, rendered on demand, each rendering made once."""

from __future__ import annotations

import asyncio
import hashlib
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct

from .errors import Gone, InvalidColumns
from .model import Result
from .ports import Big, Encoded, Encoding, Engine, Format


class Window(Struct, frozen=True, kw_only=True):
    """Which part of a result is wanted, and how it is to be written."""

    format: Format = "json"
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    offset: int = 0
    big: Big = "number"
    bom: bool = False
    guard: bool = False


class Rendering(Struct, frozen=True, kw_only=True):
    """A rendered window.

    Attributes
    ----------
    content
        The bytes, or the file that holds them.
    etag
        Strong: equal rows, format and window give equal tags, whichever
        refresh they came from.
    """

    row_count: int
    content: bytes | Path
    size: int
    etag: str


class Files(Protocol):
    """Where results lie."""

    def result(self, sha256: str) -> Path: ...


class Cache(Protocol):
    """Renderings kept for the next reader."""

    def get(self, key: str) -> tuple[int, bytes | Path, int] | None: ...
    def put(self, key: str, row_count: int, content: bytes | str, size: int) -> bytes | Path: ...
    def drop(self, key: str) -> None: ...


class ResultService:
    """Renders stored rows; equal requests at once share one rendering."""

    def __init__(self, *, engine: Engine, files: Files, cache: Cache) -> None:
        self._engine = engine
        self._files = files
        self._cache = cache
        self._rendering: dict[str, asyncio.Task[Rendering]] = {}

    def etag(self, result: Result, window: Window) -> str:
        """The tag that :meth:`render` would give, without rendering."""
        return f"r-{result.sha256[:32]}-{window.format}-{_variant(window)}"

    async def render(self, result: Result, window: Window) -> Rendering:
        """A window of a result in a format.

        Raises
        ------
        InvalidColumns
            When a wanted column is not there.
        Gone
            When the stored file has disappeared.
        """
        tag = self.etag(result, window)
        kept = self._cache.get(tag)
        if kept is not None:
            return _rendering(tag, *kept)
        rendering = self._rendering.get(tag)
        if rendering is None:
            rendering = asyncio.create_task(self._render(result, window, tag))
            self._rendering[tag] = rendering
            rendering.add_done_callback(lambda _: self._rendering.pop(tag, None))
        return await asyncio.shield(rendering)

    def forget(self, rendering: Rendering) -> None:
        """Drop a rendering whose file is gone; the next reader gets a new one."""
        self._cache.drop(rendering.etag)

    async def _render(self, result: Result, window: Window, tag: str) -> Rendering:
        names = {column.name for column in result.columns}
        unknown = [name for name in window.columns or () if name not in names]
        if unknown:
            raise InvalidColumns(
                f"No column named {unknown[0][:100]!r}.",
                hint=f"Columns there: {', '.join(list(names)[:20])}.",
                details={"unknown": unknown, "columns": [c.name for c in result.columns]},
            )
        path = self._files.result(result.sha256)
        if not await asyncio.to_thread(path.exists):
            raise Gone(
                "The file of this result is missing.",
                hint="Refresh the view, or submit the statement again.",
                details={"rerun": "POST …/refresh, or POST api/v1/statements"},
            )
        encoded: Encoded = await self._engine.encode(
            Encoding(
                path=str(path),
                sha256=result.sha256,
                columns_meta=result.columns,
                **msgspec.structs.asdict(window),
            )
        )
        content = encoded.body if encoded.body is not None else encoded.path
        assert content is not None
        kept = await asyncio.to_thread(
            self._cache.put, tag, encoded.row_count, content, encoded.size_bytes
        )
        return _rendering(tag, encoded.row_count, kept, encoded.size_bytes)


def _rendering(tag: str, row_count: int, content: bytes | Path, size: int) -> Rendering:
    return Rendering(row_count=row_count, content=content, size=size, etag=tag)


def _variant(window: Window) -> str:
    return hashlib.sha256(msgspec.json.encode(window)).hexdigest()[:12]
