"""Rows of a running query into an Arrow IPC file, within row and byte limits.

The file is cut into batches of one fixed number of rows (only the last may be
shorter; the number stands in the schema's metadata), whatever pieces the
engine delivers. So equal rows give equal bytes, and a window finds its batch
by division.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterator
from typing import Literal

import pyarrow as pa

from .settling import settled

BATCH_ROWS = 8192
ROWS_KEY = b"batch_rows"
_BATCH_BYTES = 8 << 20
_SLACK_BYTES = 32 << 20

Truncated = Literal["rows", "bytes"] | None


class Stored:
    """What :func:`store` wrote: rows, bytes, sha256 in hex and the limit that cut it."""

    def __init__(self, rows: int, size: int, sha256: str, truncated: Truncated) -> None:
        self.rows = rows
        self.size = size
        self.sha256 = sha256
        self.truncated: Truncated = truncated


def store(
    reader: pa.RecordBatchReader,
    path: str,
    *,
    max_rows: int,
    max_bytes: int,
    on_rows: Callable[[int], None],
) -> Stored:
    """Write a reader's rows to ``path`` and make them durable.

    Parameters
    ----------
    max_rows
        Exact: the file never holds a row more.
    max_bytes
        Of the compressed file; passed by at most one batch (about 8 MB).
    on_rows
        Called with the number of rows written so far.

    Raises
    ------
    pyarrow.ArrowException, OSError
        What the engine or the disk said; the caller translates.
    """
    rest = (settled(batch) for batch in reader if batch.num_rows)
    first = next(rest, None)
    size = _rows_per_batch(first)
    schema = reader.schema.with_metadata({ROWS_KEY: str(size).encode()})
    options = pa.ipc.IpcWriteOptions(compression="lz4", unify_dictionaries=False)
    rows, truncated = 0, None
    with pa.OSFile(path, "wb") as sink, pa.ipc.new_file(sink, schema, options=options) as writer:
        for batch in _regrouped(first, rest, size):
            truncated = _limit_reached(sink.tell(), batch, max_rows - rows, max_bytes)
            if truncated == "bytes" or rows == max_rows:
                break
            kept = batch.slice(0, max_rows - rows)
            writer.write_batch(pa.RecordBatch.from_arrays(kept.columns, schema=schema))
            rows += kept.num_rows
            on_rows(rows)
            if truncated is not None:
                break
    return Stored(rows, os.path.getsize(path), _seal(path), truncated)


def _limit_reached(written: int, batch: pa.RecordBatch, room: int, max_bytes: int) -> Truncated:
    """The limit that this batch passes, if any."""
    if written >= max_bytes or written + batch.nbytes > max_bytes + _SLACK_BYTES:
        return "bytes"
    return "rows" if batch.num_rows > room else None


def _rows_per_batch(first: pa.RecordBatch | None) -> int:
    """Fewer rows where they are wide, so that a batch stays near 8 MB."""
    size = BATCH_ROWS
    if first is not None:
        width = first.nbytes / first.num_rows
        while size > 1 and size * width > _BATCH_BYTES:
            size //= 2
    return size


def _regrouped(
    first: pa.RecordBatch | None, rest: Iterator[pa.RecordBatch], size: int
) -> Iterator[pa.RecordBatch]:
    if first is None:
        return
    held, count = [first], first.num_rows
    while True:
        while count >= size:
            whole = held[0] if len(held) == 1 else pa.concat_batches(held)
            yield whole.slice(0, size) if count > size else whole
            held, count = ([whole.slice(size)] if count > size else []), count - size
        batch = next(rest, None)
        if batch is None:
            break
        held.append(batch)
        count += batch.num_rows
    if count:
        yield held[0] if len(held) == 1 else pa.concat_batches(held)


def _seal(path: str) -> str:
    """Hash the file and force it to disk."""
    with open(path, "rb+") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        os.fsync(file.fileno())
    return digest
