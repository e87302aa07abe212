"""Frames of the kernel that SQL names: found, hashed, sent once.

pandas, polars and Arrow tables become one Arrow IPC stream. Its SHA-256 is
the name under which the server keeps it, so that an unchanged frame is never
sent again, from whichever kernel.
"""

from __future__ import annotations

import hashlib
import io
import re
import sys
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from .errors import NOTHING_SAVED, MagicError

if TYPE_CHECKING:
    import pyarrow as pa

    from .._transport import Transport

BATCH_ROWS = 122_880
_IDENTIFIER = re.compile(r"[^\W\d]\w*")


def kind_of(value: Any) -> str | None:
    """``pandas``, ``polars`` or ``arrow`` when the value is a frame, else None.

    Looks only at libraries that are loaded: a frame cannot exist without its own.
    """
    pandas, polars, arrow = (sys.modules.get(name) for name in ("pandas", "polars", "pyarrow"))
    if pandas is not None and isinstance(value, getattr(pandas, "DataFrame", ())):
        return "pandas"
    if polars is not None and isinstance(
        value, (getattr(polars, "DataFrame", ()), getattr(polars, "LazyFrame", ()))
    ):
        return "polars"
    if arrow is not None and isinstance(
        value, (getattr(arrow, "Table", ()), getattr(arrow, "RecordBatch", ()))
    ):
        return "arrow"
    return None


def mentioned(sql: str, namespace: Mapping[str, Any]) -> set[str]:
    """Variables that are frames and whose name occurs as a word in the SQL.

    Only a guess that spares a question to the server when it is empty: a
    column or a comment may have the same name.
    """
    words = {word.group() for word in _IDENTIFIER.finditer(sql)}
    lower = {word.lower() for word in words}
    return {
        name
        for name, value in namespace.items()
        if name.lower() in lower and not name.startswith("_") and kind_of(value) is not None
    }


def to_table(value: Any, name: str) -> pa.Table:
    """The frame as an Arrow table without library metadata and, as in DuckDB, without an index.

    Raises
    ------
    MagicError
        Naming the column that has no Arrow type.
    """
    import pyarrow as pa

    kind = kind_of(value)
    try:
        if kind == "pandas":
            table = pa.Table.from_pandas(_plain_columns(value), preserve_index=False)
        elif kind == "polars":
            table = _from_polars(value)
        else:
            table = pa.table(value)
    except (pa.ArrowException, ValueError, TypeError, OverflowError) as error:
        raise MagicError(
            f"{name} cannot be sent to the server: {error}",
            "  Give every column one type and a name of its own.",
            NOTHING_SAVED,
            cause=error,
        ) from error
    return table.replace_schema_metadata(None).combine_chunks()


def _plain_columns(value: Any) -> Any:
    """Periods and intervals as their text: Arrow would send the numbers behind them."""
    import pandas

    kinds = (pandas.PeriodDtype, pandas.IntervalDtype)
    texts = [at for at, dtype in enumerate(value.dtypes) if isinstance(dtype, kinds)]
    if not texts:
        return value
    columns = [
        value.iloc[:, at].astype(str) if at in texts else value.iloc[:, at]
        for at in range(value.shape[1])
    ]
    return pandas.concat(columns, axis=1)


def _from_polars(value: Any) -> pa.Table:
    import polars

    frame = value.collect() if isinstance(value, polars.LazyFrame) else value
    return frame.to_arrow(compat_level=polars.CompatLevel.oldest())


class _Hash(io.RawIOBase):
    """A file that only remembers the hash of what is written to it."""

    def __init__(self) -> None:
        self.sha256 = hashlib.sha256()

    def writable(self) -> bool:
        return True

    def write(self, piece: Any) -> int:
        self.sha256.update(piece)
        return memoryview(piece).nbytes


def sha256_of(table: pa.Table) -> str:
    """Hash of the stream that :func:`pieces` yields, without holding it.

    Equal tables give equal hashes, however they were chunked.
    """
    import pyarrow as pa

    sink = _Hash()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table, max_chunksize=BATCH_ROWS)
    return sink.sha256.hexdigest()


def pieces(table: pa.Table) -> Iterator[bytes]:
    """The Arrow IPC stream, one record batch at a time."""
    import pyarrow as pa

    sink = io.BytesIO()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        for batch in table.to_batches(max_chunksize=BATCH_ROWS):
            writer.write_batch(batch)
            yield sink.getvalue()
            sink.seek(0)
            sink.truncate()
    yield sink.getvalue()


def send(transport: Transport, value: Any, name: str) -> str:
    """Make sure that the server has this frame; returns its SHA-256."""
    table = to_table(value, name)
    digest = sha256_of(table)
    path = f"frames/{digest}"
    if transport.request("HEAD", path).status_code != 200:
        transport.upload(path, lambda: pieces(table))
    return digest


def bind(
    transport: Transport, draft: dict[str, Any], namespace: Mapping[str, Any]
) -> dict[str, str]:
    """Send the frames that this draft reads.

    Parameters
    ----------
    draft
        Body of a statement; it is only checked here, not run.

    Returns
    -------
    dict
        SHA-256 by the name used in FROM; empty when no frame is read.
    """
    if not mentioned(draft["sql"], namespace):
        return {}
    plan = transport.request("POST", "v1/statements", body=draft, params={"dry_run": "true"}).json()
    found: dict[str, str] = {}
    for read in plan.get("reads", ()):
        name = read["name"]
        if read["kind"] == "unknown" and (variable := _variable(name, namespace)):
            found[name] = send(transport, namespace[variable], variable)
    return found


def _variable(name: str, namespace: Mapping[str, Any]) -> str | None:
    if kind_of(namespace.get(name)) is not None:
        return name
    # SQL names do not know case; a variable does.
    same = [key for key in namespace if key.lower() == name.lower()]
    return next((key for key in same if kind_of(namespace[key]) is not None), None)
