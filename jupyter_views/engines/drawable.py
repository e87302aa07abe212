"""Columns of a stored result as the engine scans them to draw: numbered rows, finite values."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec
import numpy as np
import pyarrow as pa

from ..core.charts import kind_of
from ..core.ports import Encoding, Stored
from . import render
from .columns import kind_of as engine_kind
from .encode import Window

_FLOATS = frozenset({"float", "double"})
_BEYOND_NUMBERS = frozenset({"hugeint", "uhugeint", "bignum"})
_FIRST, _LAST = "0001-01-01", "9999-12-31"


class Source:
    """Some columns of a stored file, as a stream that the engine scans."""

    def __init__(self, cursor: Any, stored: Stored, places: tuple[int, ...]) -> None:
        self.cursor = cursor
        self._columns = [stored.columns[place] for place in places]
        encoding = Encoding(
            path=stored.path, sha256=stored.sha256, columns_meta=stored.columns, format="arrow"
        )
        self._window = Window(encoding, list(places) or [0])
        schema = self._window.schema.append(pa.field("place", pa.int64()))
        reader = pa.RecordBatchReader.from_batches(schema, self._numbered(schema))
        cursor.register("source", reader)

    def _numbered(self, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        start = 0
        for batch in self._window.batches():
            places = pa.array(np.arange(start, start + batch.num_rows))
            start += batch.num_rows
            yield pa.RecordBatch.from_arrays([*batch.columns, places], schema=schema)

    @property
    def is_damaged(self) -> bool:
        """Whether a batch of the file could not be decoded."""
        return self._window.is_damaged

    @property
    def rows(self) -> int:
        """Read so far."""
        return self._window.rows

    def value(self, at: int) -> str:
        """The expression of a column's values, NULL where one cannot be drawn."""
        column = self._columns[at]
        engine_type = self.cursor.sqltype(column.engine_type)
        e = render.restored(f"c{at}", engine_type)
        kind = kind_of(column)
        if kind == "number":
            return _number(e, engine_kind(engine_type))
        if kind == "time":
            return _time(e, engine_kind(engine_type))
        return f"CAST({e} AS VARCHAR)"


def number_of(e: str, *, is_time: bool) -> str:
    """A place on a scale: times in seconds."""
    return f"epoch_us({e}) / 1e6" if is_time else f"CAST({e} AS DOUBLE)"


def json_rows(cursor: Any, asked: str) -> list[tuple[str, ...]]:
    """The rows of a select, each value as exact JSON text; a column ``nth`` is their order."""
    relation = cursor.sql(asked)
    kinds = dict(zip(relation.columns, relation.types, strict=True))
    parts = [(name, name, kind) for name, kind in kinds.items() if name != "nth"]
    row = render.json_row(parts, "number", is_object=False)
    order = " ORDER BY nth" if "nth" in kinds else ""
    texts = cursor.execute(f"SELECT {row} FROM ({asked}){order}").fetchall()
    return [
        tuple(str(value, "utf-8") for value in msgspec.json.decode(text, type=list[msgspec.Raw]))
        for (text,) in texts
    ]


def _number(e: str, kind: str) -> str:
    if kind in _FLOATS:
        return f"CASE WHEN isfinite({e}) THEN {e} END"
    # JSON's readers know them no better, and their sums would overflow.
    return f"CAST({e} AS DOUBLE)" if kind in _BEYOND_NUMBERS else e


def _time(e: str, kind: str) -> str:
    """A date or a timestamp in UTC, within the years that ISO 8601 can say."""
    if kind == "date":
        return f"CASE WHEN {e} BETWEEN DATE '{_FIRST}' AND DATE '{_LAST}' THEN {e} END"
    if kind == "timestamp with time zone":
        zoned = f"{e} BETWEEN '{_FIRST} 00:00:00+00'::TIMESTAMPTZ AND '{_LAST} 23:59:59+00'::TIMESTAMPTZ"  # noqa: E501
        return f"CASE WHEN {zoned} THEN make_timestamp(epoch_us({e})) END"
    naive = e if kind == "timestamp" else f"TRY_CAST({e} AS TIMESTAMP)"
    return (
        f"CASE WHEN {naive} BETWEEN TIMESTAMP '{_FIRST}' AND TIMESTAMP '{_LAST} 23:59:59'"
        f" THEN {naive} END"
    )
