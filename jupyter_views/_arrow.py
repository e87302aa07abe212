"""Arrow to and from the wire without holding the bytes twice.

pyarrow, pandas and polars are loaded when they are needed, never before.
"""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import httpx
    import pyarrow as pa

KINDS = ("pandas", "polars", "arrow")


def read_table(response: httpx.Response) -> pa.Table:
    """The Arrow IPC stream in the body, as a table.

    The body goes into one buffer of its final size, and the columns point
    into that buffer: one copy of the rows in memory.

    Parameters
    ----------
    response
        Opened for streaming, not read yet, without content coding.
    """
    import pyarrow as pa

    length = response.headers.get("Content-Length", "")
    if not length.isdigit() or response.headers.get("Content-Encoding"):
        return pa.ipc.open_stream(pa.py_buffer(response.read())).read_all()
    buffer = pa.allocate_buffer(int(length))
    room = memoryview(buffer).cast("B")
    at = 0
    for piece in response.iter_raw():
        room[at : at + len(piece)] = piece
        at += len(piece)
    return pa.ipc.open_stream(buffer).read_all()


def read_batches(response: httpx.Response) -> Iterator[pa.RecordBatch]:
    """Record batches as they arrive; only one is held at a time."""
    import pyarrow as pa

    with pa.ipc.open_stream(_Body(response.iter_bytes())) as reader:
        yield from reader


class _Body(io.RawIOBase):
    """A response body as the readable file that Arrow asks for."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._rest = memoryview(b"")

    def readable(self) -> bool:
        return True

    def readinto(self, target: Any) -> int:
        room = memoryview(target).cast("B")
        filled = 0
        while filled < len(room):
            if not self._rest:
                piece = next(self._pieces, None)
                if piece is None:
                    break
                self._rest = memoryview(piece)
            count = min(len(room) - filled, len(self._rest))
            room[filled : filled + count] = self._rest[:count]
            self._rest = self._rest[count:]
            filled += count
        return filled


def convert(table: pa.Table, kind: str) -> Any:
    """The table as ``pandas``, ``polars`` or ``arrow``.

    In pandas, dates become datetime64 and decimals float64, as DuckDB's own
    ``df()`` gives them: a million Decimal objects take longer than the query
    did. Arrow and polars keep decimals exact.

    Raises
    ------
    ImportError
        If the library is not installed.
    """
    if kind == "arrow":
        return table
    if kind == "polars":
        import polars

        return polars.from_arrow(table, rechunk=False)
    return _with_floats(table).to_pandas(date_as_object=False, split_blocks=True)


def _with_floats(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    for at, column in enumerate(table.schema):
        if pa.types.is_decimal(column.type):
            table = table.set_column(at, column.name, table.column(at).cast(pa.float64()))
    return table
