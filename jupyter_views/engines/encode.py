"""Renderings of a stored result: whole or a window, any format, rows never in Python.

The stored Arrow IPC file is memory mapped and only the batches of the window
and the wanted columns are decoded. The engine makes each row's text; its
string buffers go to the file as they are, so no delimiter or quote of a CSV
writer can come between.
"""

from __future__ import annotations

import hashlib
import os
import struct
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Any

import pyarrow as pa
from msgspec import structs

from ..core.errors import Gone, InvalidColumns
from ..core.ports import Column, Encoded, Encoding
from . import render, sandbox
from .columns import quoted
from .protocol import INLINE_BYTES, Setup
from .storing import ROWS_KEY

_ENGINE_SECONDS = 24 * 3600
_ROWS_OUT = 8192
_VERIFIED_FILES = 10_000


class Window:
    """The wanted rows and columns of a stored file, read batch by batch.

    Columns are named ``c0``, ``c1`` … in the wanted order, because a result's
    own names may repeat.

    Attributes
    ----------
    rows
        Read so far.
    is_damaged
        A batch could not be decoded; whoever was reading got Arrow's error.
    """

    def __init__(self, encoding: Encoding, chosen: list[int]) -> None:
        self.rows = 0
        self.is_damaged = False
        self._start, self._limit = encoding.offset, encoding.limit
        try:
            self._map = pa.memory_map(encoding.path)
            stored = pa.ipc.open_file(self._map).schema
            # Decoding by position in the file; duplicates of one column share it.
            fields = sorted(set(chosen))
            options = pa.ipc.IpcReadOptions(use_threads=False, included_fields=fields)
            self._file = pa.ipc.open_file(self._map, options=options)
            self._size = int((stored.metadata or {})[ROWS_KEY])
        except (OSError, KeyError, ValueError, pa.ArrowException):
            raise gone() from None
        self._order = [fields.index(at) for at in chosen]
        self.schema = pa.schema(
            [stored.field(at).with_name(f"c{to}") for to, at in enumerate(chosen)]
        )

    def batches(self) -> Iterator[pa.RecordBatch]:
        """The record batches of the window, cut to it exactly."""
        left = self._limit
        first, skip = divmod(self._start, self._size)
        for at in range(first, self._file.num_record_batches):
            if left is not None and left <= 0:
                return
            batch = self._decoded(at)
            if skip or (left is not None and left < batch.num_rows - skip):
                batch = batch.slice(skip, left)
            skip = 0
            if not batch.num_rows:
                continue
            self.rows += batch.num_rows
            left = None if left is None else left - batch.num_rows
            yield pa.RecordBatch.from_arrays(
                [batch.column(at) for at in self._order], schema=self.schema
            )

    def _decoded(self, at: int) -> pa.RecordBatch:
        try:
            return self._file.get_batch(at)
        except (OSError, pa.ArrowException):
            self.is_damaged = True
            raise

    def reader(self) -> pa.RecordBatchReader:
        """The window as a stream that the engine can scan."""
        return pa.RecordBatchReader.from_batches(self.schema, self.batches())


class Sink:
    """Bytes kept in memory up to 256 KiB and in a file beyond."""

    def __init__(self, path: str) -> None:
        self.size = 0
        self._path = path
        self._held = bytearray()
        self._file: Any = None

    def write(self, part: Any) -> None:
        """Append bytes or a memory view."""
        self.size += len(part)
        if self._file is None and self.size > INLINE_BYTES:
            self._file = open(self._path, "wb", buffering=0)  # noqa: SIM115 - closed by end()
            self._put(self._held)
            self._held = bytearray()
        if self._file is None:
            self._held += part
        else:
            self._put(part)

    def _put(self, part: Any) -> None:
        left = memoryview(part)
        while left:
            left = left[self._file.write(left) :]

    def end(self, rows: int) -> Encoded:
        """Close, and say where the bytes are."""
        if self._file is None:
            return Encoded(row_count=rows, size_bytes=self.size, body=bytes(self._held))
        self._file.close()
        return Encoded(row_count=rows, size_bytes=self.size, path=self._path)


class Verified:
    """Which files are what their hash says: looked at once per file and worker.

    25 ms for 40 MB; from then on the stamps stand for the content, as they
    do for sources.
    """

    def __init__(self) -> None:
        self._known: set[tuple[str, int, int, int, int]] = set()

    def is_whole(self, path: str, sha256: str) -> bool:
        """Whether the content has this hash; False too for a file that cannot be read."""
        try:
            found = os.stat(path)
            stamps = (path, found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
            if stamps in self._known:
                return True
            with open(path, "rb") as source:
                is_whole = hashlib.file_digest(source, "sha256").hexdigest() == sha256
        except OSError:
            return False
        if is_whole:
            if len(self._known) >= _VERIFIED_FILES:
                self._known.clear()
            self._known.add(stamps)
        return is_whole


class Encoder:
    """Encodes with a connection of its own that runs no user's SQL.

    It may write where user queries may not: the engine's Parquet writer needs
    a folder, and the sandbox's list of folders grants reading and writing
    alike.
    """

    def __init__(self, setup: Setup) -> None:
        self._scratch = setup.scratch
        self._verified = Verified()
        self._connection = sandbox.open_connection(
            readable=(setup.scratch,),
            scratch=setup.scratch,
            memory_bytes=setup.memory_bytes,
            threads=setup.threads,
            temp_bytes=setup.temp_bytes,
            seconds=_ENGINE_SECONDS,
        )

    def encode(self, encoding: Encoding) -> Encoded:
        """Render; the file, when there is one, lies in the scratch folder.

        Raises
        ------
        InvalidColumns
            A wanted column does not exist; the hint names near ones.
        Gone
            The stored file is not what was stored.
        """
        if not self._verified.is_whole(encoding.path, encoding.sha256):
            raise gone()
        chosen = choose(encoding.columns_meta, encoding.columns)
        columns = [encoding.columns_meta[at] for at in chosen]
        path = os.path.join(self._scratch, f"rendered.{encoding.format}")
        if encoding.sort is not None:
            # The column that orders the rows comes last, and every row must be looked at.
            key = choose(encoding.columns_meta, (encoding.sort,))[0]
            window = Window(structs.replace(encoding, limit=None, offset=0), [*chosen, key])
        else:
            window = Window(encoding, chosen)
        try:
            return self._rendered(encoding, window, columns, path)
        except Exception:
            if window.is_damaged:
                raise gone() from None
            raise

    def _rendered(
        self, encoding: Encoding, window: Window, columns: list[Column], path: str
    ) -> Encoded:
        if encoding.format == "arrow":
            return self._arrow(window, columns, path)
        cursor = self._connection.cursor()
        try:
            cursor.register("source", window.reader())
            if encoding.format == "parquet":
                return self._parquet(cursor, window, columns, path)
            return self._text(cursor, encoding, window, columns, path)
        finally:
            cursor.close()

    def _parts(self, cursor: Any, columns: list[Column]) -> list[tuple[str, str, Any]]:
        parts = []
        for at, column in enumerate(columns):
            engine_type = cursor.sqltype(column.engine_type)
            parts.append((column.name, render.restored(f"c{at}", engine_type), engine_type))
        return parts

    def _text(
        self, cursor: Any, encoding: Encoding, window: Window, columns: list[Column], path: str
    ) -> Encoded:
        parts = self._parts(cursor, columns)
        sink = Sink(path)
        if encoding.format == "csv":
            if encoding.bom:
                sink.write(b"\xef\xbb\xbf")
            names = [column.name for column in columns]
            sink.write(render.csv_header(names, guard=encoding.guard).encode())
            row = render.csv_row(parts, guard=encoding.guard)
        elif encoding.format == "ndjson":
            names = render.distinct([column.name for column in columns])
            named = [(name, e, kind) for name, (_, e, kind) in zip(names, parts, strict=True)]
            row = f"concat({render.json_row(named, encoding.big, is_object=True)}, chr(10))"
        elif encoding.cell_chars is not None:
            row = f"concat(',', {_texts_row(parts, encoding.cell_chars)})"
        else:
            row = f"concat(',', {render.json_row(parts, encoding.big, is_object=False)})"
        skip = 1 if encoding.format == "json" else 0
        source = self._ordered(cursor, encoding, len(columns))
        # The only names in this text are ours (c0, source) or quoted by render.
        relation = cursor.sql(f"SELECT {row} FROM {source}")  # noqa: S608
        rows = 0
        for batch in relation.to_arrow_reader(_ROWS_OUT):
            rows += batch.num_rows
            part = text_of(batch.column(0))
            sink.write(part[skip:])
            skip = 0
        return sink.end(rows)

    def _ordered(self, cursor: Any, encoding: Encoding, width: int) -> str:
        """The rows to write; where they are to be sorted, those with equal keys as they are stored.

        The key is the column behind the shown ones; see :meth:`encode`.
        """
        if encoding.sort is None:
            return "source"
        at = choose(encoding.columns_meta, (encoding.sort,))[0]
        engine_type = cursor.sqltype(encoding.columns_meta[at].engine_type)
        key = render.restored(f"c{width}", engine_type)
        direction = "DESC" if encoding.is_descending else "ASC"
        limit = "" if encoding.limit is None else f"LIMIT {encoding.limit}"
        return (
            "(SELECT * FROM (SELECT *, row_number() OVER () AS place FROM source)"  # noqa: S608
            f" ORDER BY {key} {direction} NULLS LAST, place {limit} OFFSET {encoding.offset})"
        )

    def _parquet(self, cursor: Any, window: Window, columns: list[Column], path: str) -> Encoded:
        names = render.distinct([column.name for column in columns], str.casefold)
        chosen = ", ".join(
            f"{render.parquet_value(f'c{at}', cursor.sqltype(column.engine_type))}"
            f" AS {quoted(name)}"
            for at, (name, column) in enumerate(zip(names, columns, strict=True))
        )
        target = "'" + path.replace("'", "''") + "'"
        cursor.execute(
            f"COPY (SELECT {chosen} FROM source) TO {target} (FORMAT parquet, COMPRESSION zstd)"  # noqa: S608
        )
        return _inline_if_small(path, window.rows)

    def _arrow(self, window: Window, columns: list[Column], path: str) -> Encoded:
        names = [column.name for column in columns]
        schema = pa.schema(
            [field.with_name(name) for field, name in zip(window.schema, names, strict=True)]
        )
        # Uncompressed: readers in browsers, Java and the engine's own extension
        # lack one codec or the other.
        with pa.OSFile(path, "wb") as file, pa.ipc.new_stream(file, schema) as writer:
            for batch in window.batches():
                writer.write_batch(pa.RecordBatch.from_arrays(batch.columns, schema=schema))
        return _inline_if_small(path, window.rows)


def _texts_row(parts: list[tuple[str, str, Any]], chars: int) -> str:
    """One row as a JSON array of the texts that people read."""
    cells = (f"left({render.shown_text(e, engine_type)}, {chars})" for _, e, engine_type in parts)
    return f"CAST(json_array({', '.join(cells)}) AS VARCHAR)"


def choose(columns: tuple[Column, ...], wanted: tuple[str, ...] | None) -> list[int]:
    """Positions of the wanted columns; a repeated name takes every column that bears it."""
    if wanted is None:
        return list(range(len(columns)))
    names = [column.name for column in columns]
    chosen: list[int] = []
    for name in wanted:
        found = [at for at, own in enumerate(names) if own == name]
        if not found:
            raise _unknown(name, names)
        chosen += found
    if not chosen:
        raise InvalidColumns("No column was named.", details={"columns": names[:100]})
    return chosen


def _unknown(name: str, names: list[str]) -> InvalidColumns:
    near = get_close_matches(name, names, n=3, cutoff=0.5)
    hint = "Did you mean " + " or ".join(map(repr, near)) + "?" if near else None
    return InvalidColumns(
        f"The result has no column {name!r}.",
        hint=hint,
        details={"column": name, "columns": names[:100]},
    )


def gone() -> Gone:
    """Stored rows that are no longer what was stored."""
    return Gone(
        "The stored rows cannot be read.",
        hint="Refresh the view, or submit the statement again.",
        details={"rerun": True},
    )


def text_of(column: pa.StringArray) -> memoryview:
    """The bytes of a text column without NULLs, one row after the other, without a copy."""
    _, offsets, content = column.buffers()
    first = struct.unpack_from("=i", offsets, column.offset * 4)[0]
    last = struct.unpack_from("=i", offsets, (column.offset + len(column)) * 4)[0]
    return memoryview(content)[first:last] if content is not None else memoryview(b"")


def _inline_if_small(path: str, rows: int) -> Encoded:
    size = os.path.getsize(path)
    if size > INLINE_BYTES:
        return Encoded(row_count=rows, size_bytes=size, path=path)
    with open(path, "rb") as file:
        body = file.read()
    os.unlink(path)
    return Encoded(row_count=rows, size_bytes=size, body=body)
