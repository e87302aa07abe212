"""What is different between two stored results, row by row.

Both files are streamed batch by batch through the engine: joined by the
columns that identify a row, or counted as whole rows where none do. What
differs is kept as places in the two files, so that a window of any
difference costs no more than its own rows.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from typing import Any

import numpy as np
import pyarrow as pa

from ..core.errors import EngineFailed, Gone, Invalid
from ..core.ports import Big, Comparing, Difference, Encoding, Stored
from . import render
from .columns import holds
from .encode import Verified, Window
from .pairing import Paired, key_candidates, pair

_SAMPLE_ROWS = 8192
_WINDOW_BYTES = 4 << 20
_ROW_BYTES = 16 << 20
# The engine takes a month and thirty days for equal; their texts differ.
_COMPARED_AS_TEXT = frozenset({"interval"})

_Key = tuple[int, ...]


class _Side:
    """One of the two files, as streams of rows.

    A stream has the columns ``c0``, ``c1`` … by their position among the
    common ones, and ``place``: the number of the row in the file.

    Attributes
    ----------
    is_damaged
        A batch of the file could not be decoded.
    """

    def __init__(self, words: str, stored: Stored, positions: tuple[int, ...]) -> None:
        self.words = words
        self.is_damaged = False
        self._stored = stored
        self._positions = positions

    def stream(
        self, columns: _Key, *, offset: int = 0, limit: int | None = None
    ) -> pa.RecordBatchReader:
        """Some of the common columns of a window of the rows."""
        # With no column wanted there are as many rows: the first one counts them.
        chosen = [self._positions[at] for at in columns] or [0]
        encoding = Encoding(
            path=self._stored.path,
            sha256=self._stored.sha256,
            columns_meta=self._stored.columns,
            format="arrow",
            offset=offset,
            limit=limit,
        )
        window = Window(encoding, chosen)
        named = [window.schema.field(n).with_name(f"c{at}") for n, at in enumerate(columns)]
        schema = pa.schema([*named, pa.field("place", pa.int64())])
        return pa.RecordBatchReader.from_batches(schema, self._numbered(window, schema, offset))

    def rows(self, columns: _Key, places: list[int]) -> pa.RecordBatchReader:
        """Some of the common columns of the rows at these places, which are made a stream."""
        wanted = sorted(set(places))
        first, last = (wanted[0], wanted[-1]) if wanted else (0, -1)
        reader = self.stream(columns, offset=first, limit=last - first + 1)
        return pa.RecordBatchReader.from_batches(reader.schema, _only(reader, first, wanted))

    def _numbered(self, window: Window, schema: pa.Schema, start: int) -> Iterator[pa.RecordBatch]:
        try:
            for batch in window.batches():
                places = pa.array(np.arange(start, start + batch.num_rows))
                start += batch.num_rows
                kept = batch.columns[: len(schema) - 1]
                yield pa.RecordBatch.from_arrays([*kept, places], schema=schema)
        finally:
            self.is_damaged |= window.is_damaged


def _only(reader: pa.RecordBatchReader, start: int, wanted: list[int]) -> Iterator[pa.RecordBatch]:
    left = iter(wanted)
    place = next(left, None)
    for batch in reader:
        while place is not None and place < start + batch.num_rows:
            yield batch.slice(place - start, 1)
            place = next(left, None)
        start += batch.num_rows


class _Comparison:
    """One comparison: two sides, the columns of both, a cursor of its own."""

    def __init__(self, cursor: Any, comparing: Comparing, columns: Paired) -> None:
        self._cursor = cursor
        self._columns = columns
        self._all = tuple(range(len(columns.common)))
        self.before = _Side(
            "older", comparing.before, tuple(each.before for each in columns.common)
        )
        self.after = _Side("newer", comparing.after, tuple(each.after for each in columns.common))

    def named_key(self, names: tuple[str, ...]) -> _Key:
        """The columns of a key that somebody named.

        Raises
        ------
        Invalid
            When one is not in both results with one type, or when together
            they do not identify a row.
        """
        known = {each.column.name: at for at, each in reversed([*enumerate(self._columns.common)])}
        for name in names:
            if name not in known:
                raise _no_key(
                    f"There is no column {name!r} with one type in both results.",
                    names,
                    sorted(known),
                )
        key = tuple(known[name] for name in dict.fromkeys(names))
        for side in (self.before, self.after):
            if not self._identifies(side, key):
                raise _no_key(
                    f"The key {', '.join(names)} does not identify a row of the {side.words}"
                    " result: several rows share a value, or one has none.",
                    names,
                    sorted(known),
                )
        return key

    def guessed_key(self) -> _Key:
        """The first column, else pair of columns, that identifies a row in both results."""
        candidates = key_candidates(self._columns.common)
        tries = [*((at,) for at in candidates), *combinations(candidates, 2)]
        return next((key for key in tries if self._is_key(key)), ())

    def _is_key(self, key: _Key) -> bool:
        # Most columns that identify nothing show it within their first rows.
        sides = (self.before, self.after)
        return all(self._identifies(side, key, _SAMPLE_ROWS) for side in sides) and all(
            self._identifies(side, key) for side in sides
        )

    def _identifies(self, side: _Side, key: _Key, limit: int | None = None) -> bool:
        self._cursor.register("side", side.stream(key, limit=limit))
        values = [self._value(f"c{at}", at) for at in key]
        full = " AND ".join(f"count({value}) = count(*)" for value in values)
        value = values[0] if len(values) == 1 else f"row({', '.join(values)})"
        # The only names in this text are ours.
        asked = f"SELECT {full} AND count(DISTINCT {value}) = count(*) FROM side"  # noqa: S608
        return bool(self._cursor.execute(asked).fetchall()[0][0])

    def find(self, key: _Key) -> None:
        """Keep the places of all differing rows in the table ``found``."""
        found = self._by_key(key) if key else self._by_whole_rows()
        self._cursor.register("before", self.before.stream(self._all))
        self._cursor.register("after", self.after.stream(self._all))
        self._cursor.execute(f"CREATE TEMP TABLE found AS {found}")

    def _by_key(self, key: _Key) -> str:
        sides = [(self._value(f"b.c{at}", at), self._value(f"a.c{at}", at)) for at in self._all]
        matches = " AND ".join("{} = {}".format(*sides[at]) for at in key)
        others = [sides[at] for at in self._all if at not in key]
        differs = "".join(f" OR {older} IS DISTINCT FROM {newer}" for older, newer in others)
        return f"""
            SELECT b.place AS before_place, a.place AS after_place, 1 AS times
            FROM before b FULL JOIN after a ON {matches}
            WHERE b.place IS NULL OR a.place IS NULL{differs}
        """  # noqa: S608 - the only names are ours

    def _by_whole_rows(self) -> str:
        """Rows that occur more often on one side; the last of them stands for the others."""
        values = "".join(f"{self._value(f'c{at}', at)} AS v{at}, " for at in self._all)
        grouped = f"GROUP BY {', '.join(f'v{at}' for at in self._all)}" if self._all else ""
        return f"""
            SELECT if(times < 0, before_place, NULL) AS before_place,
                if(times > 0, after_place, NULL) AS after_place, abs(times) AS times
            FROM (
                SELECT sum(sign) AS times,
                    max(place) FILTER (sign < 0) AS before_place,
                    max(place) FILTER (sign > 0) AS after_place
                FROM (
                    SELECT {values}place, -1 AS sign FROM before
                    UNION ALL SELECT {values}place, 1 AS sign FROM after
                )
                {grouped}
            )
            WHERE times <> 0
        """  # noqa: S608 - the only names are ours

    def _value(self, expression: str, at: int) -> str:
        engine_type = self._type(at)
        if holds(engine_type, _COMPARED_AS_TEXT):
            return f"CAST({expression} AS VARCHAR)"
        return expression

    def _type(self, at: int) -> Any:
        return self._cursor.sqltype(self._columns.common[at].column.engine_type)

    def counts(self) -> tuple[int, int, int]:
        """How many rows were added, removed, changed."""
        (counts,) = self._cursor.execute("""
            SELECT coalesce(sum(times) FILTER (before_place IS NULL), 0)::BIGINT,
                coalesce(sum(times) FILTER (after_place IS NULL), 0)::BIGINT,
                count(*) FILTER (before_place IS NOT NULL AND after_place IS NOT NULL)
            FROM found
        """).fetchall()
        return counts

    def rows(self, comparing: Comparing) -> bytes:
        """A window of what was found as JSON text, in the order of the rows' places.

        Ends early where the text grows beyond 4 MiB.
        """
        self._show(comparing.limit, comparing.offset)
        row = self._json_row(comparing.big)
        self._cursor.execute(f"""
            SELECT concat('{{"change":"',
                CASE WHEN before_place IS NULL THEN 'added'
                    WHEN after_place IS NULL THEN 'removed' ELSE 'changed' END,
                '","before":', coalesce(b.text, 'null'),
                ',"after":', coalesce(a.text, 'null'), '}}')
            FROM shown
                LEFT JOIN (SELECT place, {row} AS text FROM before) b ON b.place = before_place
                LEFT JOIN (SELECT place, {row} AS text FROM after) a ON a.place = after_place
            ORDER BY nth
        """)  # noqa: S608 - the names are ours, or quoted by render
        return b"[" + b",".join(_within(self._texts())) + b"]"

    def _show(self, limit: int, offset: int) -> None:
        """Make the window the table ``shown``, and its rows the streams of both sides."""
        self._cursor.execute(
            """
            CREATE TEMP TABLE shown AS
            SELECT row_number() OVER (ORDER BY place, before_place IS NULL, copy) AS nth,
                before_place, after_place
            FROM (
                SELECT *, coalesce(after_place, before_place) AS place,
                    unnest(range(times::BIGINT)) AS copy
                FROM found
            )
            ORDER BY nth LIMIT ? OFFSET ?
            """,
            [limit, offset],
        )
        shown = self._cursor.execute("SELECT before_place, after_place FROM shown").fetchall()
        for name, side, at in (("before", self.before, 0), ("after", self.after, 1)):
            places = [row[at] for row in shown if row[at] is not None]
            self._cursor.register(name, side.rows(self._all, places))

    def _json_row(self, big: Big) -> str:
        parts = [
            (each.column.name, render.restored(f"c{at}", self._type(at)), self._type(at))
            for at, each in enumerate(self._columns.common)
        ]
        return render.json_row(parts, big, is_object=False)

    def _texts(self) -> Iterator[bytes]:
        while found := self._cursor.fetchone():
            yield found[0].encode()


def compare(connection: Any, verified: Verified, comparing: Comparing) -> Difference:
    """Compare two stored results within the memory and disk that the connection may use.

    Rows match by the key that is given, else by one that is guessed; without
    one, whole rows are counted. NULL equals NULL, NaN equals NaN, and the
    order of rows is no difference.

    Raises
    ------
    Invalid
        The given key is absent, or does not identify a row; details name it.
    Gone
        A stored file is not what was stored.
    """
    columns = pair(comparing.before.columns, comparing.after.columns)
    if comparing.before.sha256 == comparing.after.sha256:
        return _difference(columns, (), (0, 0, 0), b"[]", is_guessed=False)
    for stored in (comparing.before, comparing.after):
        if not verified.is_whole(stored.path, stored.sha256):
            raise _gone()
    with connection.cursor() as cursor:
        comparison = _Comparison(cursor, comparing, columns)
        try:
            return _compared(comparison, comparing, columns)
        except Exception:
            if comparison.before.is_damaged or comparison.after.is_damaged:
                raise _gone() from None
            raise


def _compared(comparison: _Comparison, comparing: Comparing, columns: Paired) -> Difference:
    named = comparing.key
    key = comparison.named_key(named) if named else comparison.guessed_key()
    comparison.find(key)
    counts = comparison.counts()
    rows = b"[]"
    if comparing.limit and comparing.offset < sum(counts):
        rows = comparison.rows(comparing)
    return _difference(columns, key, counts, rows, is_guessed=bool(key) and not named)


def _difference(
    columns: Paired, key: _Key, counts: tuple[int, int, int], rows: bytes, *, is_guessed: bool
) -> Difference:
    added, removed, changed = counts
    return Difference(
        key=tuple(columns.common[at].column.name for at in key),
        is_key_guessed=is_guessed,
        added=added,
        removed=removed,
        changed=changed,
        columns=tuple(each.column.name for each in columns.common),
        types=tuple(each.column.type for each in columns.common),
        columns_added=columns.added,
        columns_removed=columns.removed,
        columns_changed=columns.changed,
        rows=rows,
    )


def _within(texts: Iterator[bytes]) -> Iterator[bytes]:
    """As many texts as fit into a window, but one at least."""
    size = 0
    for text in texts:
        if len(text) > _ROW_BYTES:
            raise EngineFailed(
                "A row that differs is too large to be shown.",
                hint="Select fewer or shorter columns in the view's query.",
            )
        if size and size + len(text) > _WINDOW_BYTES:
            return
        size += len(text)
        yield text


def _no_key(message: str, names: tuple[str, ...], columns: list[str]) -> Invalid:
    return Invalid(
        message,
        field="key",
        hint="Name columns whose values together are different in every row.",
        details={"key": list(names), "columns": columns[:100]},
    )


def _gone() -> Gone:
    return Gone(
        "The stored rows cannot be read.", hint="Refresh the view.", details={"rerun": True}
    )
