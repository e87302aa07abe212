"""A table of a SQLite file as Arrow batches, typed by what it really holds.

A column of SQLite may hold anything whatever its declaration says, so a first
pass over a table finds the narrowest type that all its values fit, and the
declaration only decides between equals. So no value is lost and no row makes a
query fail. This is Python's own sqlite3 and not the ADBC driver: that one
guesses types from the first rows and fails at a later one, and cannot be
interrupted.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from typing import Any

import pyarrow as pa

from .catalog import words
from .columns import quoted

_FIRST_ROWS, _MOST_ROWS, _BATCH_BYTES = 64, 16_384, 4 << 20
_BLOCKED = frozenset({sqlite3.SQLITE_ATTACH, sqlite3.SQLITE_DETACH})
_STEADY = words(
    """abs avg cast ceil ceiling char coalesce concat concat_ws count cume_dist dense_rank
    first_value floor format glob group_concat hex ifnull iif instr json json_array
    json_array_length json_extract json_group_array json_group_object json_object json_type
    json_valid lag last_value lead length like likelihood likely ln log log10 log2 lower ltrim
    max min mod nth_value ntile nullif octet_length percent_rank pow power printf quote rank
    replace round row_number rtrim sign sqrt string_agg subtype substr substring sum total trim
    trunc typeof unhex unicode unlikely upper zeroblob -> ->>"""
)
"""Functions that give the same for the same; whatever else a view calls, it may not."""


class Table:
    """One table or view of an open file.

    Attributes
    ----------
    names
        Of the columns; two are never equal.
    casts
        Types of the engine that the batches' columns are still to be cast to,
        by position; None where the Arrow type says it.
    is_volatile
        A view of the file calls functions that change by themselves.
    error
        What went wrong while the batches were read.
    """

    def __init__(self, connection: sqlite3.Connection, name: str) -> None:
        self._connection = connection
        self._name = name
        self._all = f"SELECT * FROM main.{quoted(name)}"  # noqa: S608 - quoted
        functions: set[str] = set()
        connection.set_authorizer(lambda *asked: _authorized(functions, *asked))
        try:
            with closing(connection.execute(self._all)) as cursor:
                self.names = distinct([column[0] for column in cursor.description])
        finally:
            connection.set_authorizer(None)
        self.is_volatile = not functions <= _STEADY
        self.error: BaseException | None = None
        kinds = self._kinds()
        self.casts = [_CASTS.get(kind) for kind in kinds]
        self._convert = [_CONVERTED.get(kind) for kind in kinds]
        self._schema = pa.schema(
            [(name, _ARROW[kind]) for name, kind in zip(self.names, kinds, strict=True)]
        )

    def _kinds(self) -> list[str]:
        declared = {
            row[1]: str(row[2] or "").upper()
            for row in self._connection.execute(f"PRAGMA table_xinfo({quoted(self._name)})")
        }
        columns = [f"c{at}" for at in range(len(self.names))]
        facts = [
            fact if wanted is None or declared.get(name, "").startswith(wanted) else "0"
            for name, column in zip(self.names, columns, strict=True)
            for fact, wanted in _facts(column)
        ]
        given = f"WITH t({', '.join(columns)}) AS ({self._all})"
        asked = f"{given} SELECT {', '.join(facts)} FROM t"  # noqa: S608 - quoted
        (found,) = self._connection.execute(asked).fetchall()
        width = len(_FACTS)
        return [
            _kind(declared.get(name, ""), dict(zip(_FACTS, found[at : at + width], strict=True)))
            for name, at in zip(self.names, range(0, len(found), width), strict=True)
        ]

    def reader(self) -> pa.RecordBatchReader:
        """All rows, once."""
        return pa.RecordBatchReader.from_batches(self._schema, self._batches())

    def _batches(self) -> Iterator[pa.RecordBatch]:
        try:
            rows = self._connection.execute(self._all)
            size = _FIRST_ROWS
            while held := rows.fetchmany(size):
                batch = self._batch(held)
                yield batch
                # Batches of about 4 MB, however wide the rows are.
                size = min(max(1, size * _BATCH_BYTES // max(1, batch.nbytes)), _MOST_ROWS)
        except BaseException as error:
            self.error = error
            raise

    def _batch(self, rows: list[tuple[Any, ...]]) -> pa.RecordBatch:
        columns = []
        for values, convert, field in zip(
            zip(*rows, strict=True), self._convert, self._schema, strict=True
        ):
            given = values if convert is None else map(convert, values)
            columns.append(pa.array(list(given), type=field.type))
        return pa.RecordBatch.from_arrays(columns, schema=self._schema)


_FACTS: dict[str, tuple[str, tuple[str, ...] | None]] = {
    "integer": ("max(typeof({c}) = 'integer')", None),
    "real": ("max(typeof({c}) = 'real')", None),
    "text": ("max(typeof({c}) = 'text')", None),
    "blob": ("max(typeof({c}) = 'blob')", None),
    "bits": ("min({c} IN (0, 1))", ("BOOL",)),
    # Adding nothing makes SQLite look whether there is such a day.
    "date": ("min({c} IS NULL OR coalesce(date({c}, '+0 days') = {c}, 0))", ("DATE",)),
    # What follows the seconds is nothing, or a point and up to six digits.
    "stamp": (
        "min({c} IS NULL OR"
        " coalesce(datetime({c}, '+0 days') = replace(substr({c}, 1, 19), 'T', ' '), 0)"
        " AND (length({c}) = 19 OR length({c}) BETWEEN 21 AND 26 AND substr({c}, 20, 1) = '.'"
        " AND substr({c}, 21) NOT GLOB '*[^0-9]*'))",
        ("DATETIME", "TIMESTAMP"),
    ),
}
"""What is asked of every value of a column; the last ones only where the declaration says so."""


def _facts(column: str) -> Iterator[tuple[str, tuple[str, ...] | None]]:
    for fact, wanted in _FACTS.values():
        yield fact.format(c=column), wanted


def _kind(declared: str, facts: dict[str, int | None]) -> str:
    """The kind of a column: a key of the tables below."""
    held = {kind for kind in ("integer", "real", "text", "blob") if facts[kind]}
    if not held:
        return _affinity(declared)
    if held == {"integer"}:
        return "bool" if declared.startswith("BOOL") and facts["bits"] else "integer"
    if held <= {"integer", "real"}:
        return "real"
    if held == {"text"}:
        if declared == "DATE" and facts["date"]:
            return "date"
        is_stamp = declared.startswith(("DATETIME", "TIMESTAMP")) and facts["stamp"]
        return "stamp" if is_stamp else "text"
    if "blob" in held:
        return "blob" if held == {"blob"} else "mixed blob"
    return "mixed text"


def _affinity(declared: str) -> str:
    """The kind of a column without values, by SQLite's own rule for declarations."""
    if "INT" in declared:
        return "integer"
    if any(word in declared for word in ("CHAR", "CLOB", "TEXT")):
        return "text"
    if not declared or "BLOB" in declared:
        return "blob" if declared else "text"
    named = {"DATE": "date", "BOOL": "bool", "TIMESTAMP": "stamp"}
    return next((kind for word, kind in named.items() if declared.startswith(word)), "real")


def _as_text(value: Any) -> Any:
    return value if value is None or isinstance(value, str) else repr(value)


def _as_bytes(value: Any) -> Any:
    return value if value is None or isinstance(value, bytes) else str(value).encode()


_TEXTS = ("text", "date", "stamp", "mixed text")
_ARROW = {
    **dict.fromkeys(("integer", "bool"), pa.int64()),
    "real": pa.float64(),
    **dict.fromkeys(_TEXTS, pa.large_string()),
    **dict.fromkeys(("blob", "mixed blob"), pa.large_binary()),
}
_CASTS = {"bool": "BOOLEAN", "date": "DATE", "stamp": "TIMESTAMP"}
_CONVERTED = {"mixed text": _as_text, "mixed blob": _as_bytes}


def _authorized(functions: set[str], action: int, _one: Any, two: Any, *_rest: Any) -> int:
    if action == sqlite3.SQLITE_FUNCTION:
        functions.add(str(two).lower())
    return sqlite3.SQLITE_DENY if action in _BLOCKED else sqlite3.SQLITE_OK


def distinct(names: list[str]) -> list[str]:
    """Names that no two columns share in any case."""
    taken: set[str] = set()
    for at, name in enumerate(names):
        unique, number = name or f"column{at}", 0
        while unique.lower() in taken:
            number += 1
            unique = f"{name}_{number}"
        taken.add(unique.lower())
        names[at] = unique
    return names
