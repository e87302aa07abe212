"""Stored rows, rendered on demand, each rendering made once."""

from __future__ import annotations

import asyncio
import hashlib
from functools import lru_cache
from pathlib import Path
from typing import Protocol

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from .errors import Gone, InvalidColumns
from .model import Result
from .ports import Big, Column, Encoded, Encoding, Engine, Format

_TABLE_COLUMNS = 100
_TABLE_CHARS = 2_000_000
_CELL_CHARS = (200, 10_000)


class Window(Struct, frozen=True, kw_only=True):
    """Which part of a result is wanted, and how it is to be written.

    ``sort``, ``is_descending`` and ``cell_chars`` as in
    :class:`~.ports.Encoding`.
    """

    format: Format = "json"
    columns: tuple[str, ...] | None = None
    limit: int | None = None
    offset: int = 0
    big: Big = "number"
    bom: bool = False
    guard: bool = False
    sort: str | None = None
    is_descending: bool = False
    cell_chars: int | None = None


class Table(Struct, frozen=True, kw_only=True):
    """Rows as people read them.

    Attributes
    ----------
    columns
        Those that are shown, the first hundred at most.
    rows
        Texts in their order, None for NULL; one that is longer than
        ``cell_chars`` was cut there by whoever shows it.
    offset, total
        Where this page begins, and how many rows are stored.
    """

    columns: tuple[Column, ...]
    rows: list[list[str | None]]
    offset: int
    total: int
    cell_chars: int
    hidden_columns: int


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

    async def table(
        self,
        result: Result,
        *,
        limit: int,
        offset: int,
        sort: str | None = None,
        is_descending: bool = False,
        most_columns: int = _TABLE_COLUMNS,
        most_chars: int = _TABLE_CHARS,
    ) -> Table:
        """A page of rows for people to read; a bounded amount of text, however long the cells are.

        Parameters
        ----------
        sort
            A column's name; of several with that name the first counts.
        most_chars
            Of all cells together; each may have two hundred in any case.
        """
        columns = result.columns[:most_columns]
        least, most = _CELL_CHARS
        chars = max(least, min(most, most_chars // (limit * len(columns))))
        window = Window(
            limit=limit,
            offset=offset,
            sort=sort,
            is_descending=is_descending,
            # One more, so that what was cut can be seen to be.
            cell_chars=chars + 1,
        )
        shown = replace(result, columns=columns)
        while True:
            rendering = await self.render(shown, window)
            try:
                rows = await asyncio.to_thread(_texts, rendering.content)
                break
            except FileNotFoundError:
                self.forget(rendering)
        return Table(
            columns=columns,
            rows=rows,
            offset=offset,
            total=result.row_count,
            cell_chars=chars,
            hidden_columns=len(result.columns) - len(columns),
        )

    def forget(self, rendering: Rendering) -> None:
        """Drop a rendering whose file is gone; the next reader gets a new one."""
        self._cache.drop(rendering.etag)

    async def _render(self, result: Result, window: Window, tag: str) -> Rendering:
        names = {column.name for column in result.columns}
        wanted = (*(window.columns or ()), *((window.sort,) if window.sort is not None else ()))
        unknown = [name for name in wanted if name not in names]
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


def _texts(content: bytes | Path) -> list[list[str | None]]:
    text = content if isinstance(content, bytes) else content.read_bytes()
    return msgspec.json.decode(b"[" + text + b"]", type=list[list[str | None]])


def _variant(window: Window) -> str:
    # Columns are as long as an address, and come from anybody.
    return _known(window) if window.columns is None else _hashed(window)


@lru_cache(maxsize=4096)
def _known(window: Window) -> str:
    return _hashed(window)


def _hashed(window: Window) -> str:
    return hashlib.sha256(msgspec.json.encode(window)).hexdigest()[:12]
