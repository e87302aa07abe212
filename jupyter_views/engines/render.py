"""SQL expressions that turn stored columns into exact JSON, CSV and Parquet values.

The engine makes the text, column by column; rows never become Python
objects. What its own conversions would spoil is handled here: NaN and
infinities (not JSON), blobs (base64), times (ISO with T and Z), numbers inside
JSON documents (kept digit for digit), NULL against the empty text in CSV.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ..core.ports import Big
from .columns import children_of, depth_of, holds, kind_of, literal, quoted

_WIDE = frozenset({"bigint", "ubigint", "hugeint", "uhugeint", "bignum"})
_STAMPS = frozenset({"timestamp", "timestamp_s", "timestamp_ms", "timestamp_ns"})
_ZONED = "timestamp with time zone"
_FLOATS = frozenset({"float", "double"})
_NESTED = frozenset({"list", "array", "struct", "tuple", "map", "union"})
_NUMBERS = frozenset(
    {"boolean", "decimal", "tinyint", "smallint", "integer", "utinyint", "usmallint", "uinteger"}
    | _WIDE
    | _FLOATS
)
# Stored as something else than themselves, and needed as themselves here.
_RESTORED = frozenset({"hugeint", "uhugeint", "bignum", "json", "variant", "tuple"})
_TOUCHED = _FLOATS | _STAMPS | {_ZONED, "blob", "json", "variant", "union"}
_SAFE_INTEGER = 2**53 - 1
# The engine's planning of nested lambdas doubles with each level.
_DEEPEST = 12


def restored(expression: str, engine_type: Any) -> str:
    """A stored column under its original type again, where JSON needs to know it."""
    if not holds(engine_type, _RESTORED):
        return expression
    return f"CAST({expression} AS {_restored_type(engine_type)})"


def _restored_type(engine_type: Any) -> str:
    kind = kind_of(engine_type)
    if kind == "variant":
        return "JSON"
    return str(engine_type).replace("VARIANT", "JSON") if kind in _NESTED else str(engine_type)


def is_json(engine_type: Any) -> bool:
    """Whether values are JSON documents, whose text can be copied as it is."""
    return kind_of(engine_type) in {"json", "variant"}


def json_value(e: str, engine_type: Any, big: Big, depth: int = 0) -> str:
    """An expression that the engine's JSON functions render exactly.

    Parameters
    ----------
    e
        The expression of the value, under its original type.
    depth
        Nesting level; keeps the names of lambda arguments apart.

    Notes
    -----
    A type nested more than twelve levels deep becomes a string of the engine's
    own text: as exact, and planned in time.
    """
    kind = kind_of(engine_type)
    if is_json(engine_type):
        return f"CAST({json_text(e)} AS JSON)"
    if kind in _NESTED and depth_of(engine_type) > _DEEPEST:
        return f"CAST({e} AS VARCHAR)"
    if kind in _NESTED:
        touched = _TOUCHED | (_WIDE | {"decimal"} if big == "string" else frozenset())
        return _nested(e, engine_type, big, depth) if holds(engine_type, touched) else e
    if kind in _FLOATS:
        return f"CASE WHEN isfinite({e}) THEN {e} END"
    if kind == "blob":
        return f"to_base64({e})"
    if kind in _STAMPS or kind == _ZONED:
        return iso(e, kind)
    if big == "string" and kind == "decimal":
        return f"CAST({e} AS VARCHAR)"
    if big == "string" and kind in _WIDE:
        small = f"TRY_CAST(CAST({e} AS VARCHAR) AS BIGINT)"
        return (
            f"CASE WHEN {small} BETWEEN -{_SAFE_INTEGER} AND {_SAFE_INTEGER}"
            f" THEN to_json({e}) ELSE to_json(CAST({e} AS VARCHAR)) END"
        )
    return e


def iso(e: str, kind: str) -> str:
    """A timestamp as ISO 8601 text: T between date and time, Z on zoned ones.

    Infinite stamps and years before 1, which ISO cannot say, keep the
    engine's own words.
    """
    if kind == _ZONED:
        naive = f"make_timestamp(epoch_us({e}))"
        plain = f"replace(CAST({naive} AS VARCHAR), ' ', 'T') || 'Z'"
        test = f"isfinite({e}) AND {naive} >= TIMESTAMP '0001-01-01'"
        return f"CASE WHEN {test} THEN {plain} ELSE CAST({e} AS VARCHAR) END"
    plain = f"replace(CAST({e} AS VARCHAR), ' ', 'T')"
    if kind == "timestamp_ns":
        # Begins in 1677, so there is no year 1 to compare with.
        return plain
    test = f"{e} >= CAST('0001-01-01' AS {kind})"
    return f"CASE WHEN {test} THEN {plain} ELSE CAST({e} AS VARCHAR) END"


def json_text(e: str) -> str:
    """A JSON document's own text on one line.

    Outside its strings a line break is only white space. The engine also
    accepts the bare words NaN and Infinity, which no JSON parser must take: a
    document with one of them becomes a JSON string of its text.
    """
    text = f"translate(CAST({e} AS VARCHAR), chr(10) || chr(13), '  ')"
    outside = f"regexp_replace({text}, '\"(?:[^\"\\\\]|\\\\.)*\"', '', 'g')"
    bare = (
        f"(contains(lower({text}), 'nan') OR contains(lower({text}), 'inf'))"
        f" AND regexp_matches({outside}, '(?i)nan|inf')"
    )
    return f"CASE WHEN {bare} THEN CAST(to_json({text}) AS VARCHAR) ELSE {text} END"


def _nested(e: str, engine_type: Any, big: Big, depth: int) -> str:
    kind, inner = kind_of(engine_type), children_of(engine_type)
    one = f"x{depth}"
    if kind in {"list", "array"}:
        child = inner[0][1]
        listed = e if kind == "list" else f"CAST({e} AS {child}[])"
        return f"list_transform({listed}, lambda {one}: {json_value(one, child, big, depth + 1)})"
    if kind == "map":
        value = json_value(f"{one}.value", inner[1][1], big, depth + 1)
        key_kind = kind_of(inner[0][1])
        stamped = key_kind in _STAMPS or key_kind == _ZONED
        key = iso(f"{one}.key", key_kind) if stamped else f"CAST({one}.key AS VARCHAR)"
        pair = f"struct_pack(key := {key}, value := {value})"
        made = f"map_from_entries(list_transform(map_entries({e}), lambda {one}: {pair}))"
        return f"CASE WHEN {e} IS NOT NULL THEN {made} END"
    if kind == "struct":
        fields = ", ".join(
            f"{quoted(name)} := "
            + json_value(f"struct_extract({e}, {literal(name)})", child, big, depth)
            for name, child in inner
        )
        return f"CASE WHEN {e} IS NOT NULL THEN struct_pack({fields}) END"
    if kind == "tuple":
        fields = ", ".join(
            json_value(f"struct_extract_at({e}, {at})", child, big, depth)
            for at, (_, child) in enumerate(inner, 1)
        )
        return f"CASE WHEN {e} IS NOT NULL THEN row({fields}) END"
    cases = " ".join(
        f"WHEN {literal(name)} THEN to_json(struct_pack({quoted(name)} := "
        + json_value(f"union_extract({e}, {literal(name)})", child, big, depth)
        + "))"
        for name, child in inner
    )
    return f"CASE union_tag({e}) {cases} END"


def json_row(parts: list[tuple[str, str, Any]], big: Big, *, is_object: bool) -> str:
    """One row as JSON text: an array, or an object with the given (distinct) names.

    Parameters
    ----------
    parts
        (name, expression, engine type) of the columns in order.
    """
    texts: list[str] = []
    run: list[str] = []

    def close_run() -> None:
        if run:
            maker = "json_object" if is_object else "json_array"
            texts.append(f"CAST({maker}({', '.join(run)}) AS VARCHAR)[2:-2]")
            run.clear()

    for name, e, engine_type in parts:
        if is_json(engine_type):
            close_run()
            text = f"coalesce({json_text(e)}, 'null')"
            key = f"CAST(to_json({literal(name)}) AS VARCHAR) || ':' || " if is_object else ""
            texts.append(key + text)
        else:
            run += [literal(name)] if is_object else []
            run.append(json_value(e, engine_type, big))
    if not texts:
        maker = "json_object" if is_object else "json_array"
        return f"CAST({maker}({', '.join(run)}) AS VARCHAR)"
    close_run()
    opening, closing = ("{", "}") if is_object else ("[", "]")
    joined = ", ',', ".join(texts)
    return f"concat('{opening}', {joined}, '{closing}')"


def csv_row(parts: list[tuple[str, str, Any]], *, guard: bool) -> str:
    """One row as an RFC 4180 line with CRLF."""
    cells = [csv_cell(e, engine_type, guard=guard) for _, e, engine_type in parts]
    joined = ", ',', ".join(cells)
    return f"concat({joined}, chr(13) || chr(10))"


def csv_cell(e: str, engine_type: Any, *, guard: bool) -> str:
    """One cell: NULL gives NULL, which ``concat`` leaves out; the empty text is quoted."""
    kind = kind_of(engine_type)
    if kind in _NUMBERS:
        return e
    text, is_quoted = _csv_text(e, engine_type, kind)
    if guard:
        risky = "chr(61), '+', '-', '@', chr(9), chr(10), chr(13)"
        text = f"CASE WHEN left({text}, 1) IN ({risky}) THEN '''' || {text} ELSE {text} END"
    return _csv_quoted(text) if is_quoted else text


def _csv_text(e: str, engine_type: Any, kind: str) -> tuple[str, bool]:
    """The cell's text, and whether it may need quotes."""
    if kind == "blob":
        return f"to_base64({e})", True
    if kind in _STAMPS or kind == _ZONED:
        return iso(e, kind), False
    if is_json(engine_type):
        return f"CAST({e} AS VARCHAR)", True
    if kind in _NESTED:
        value = json_value(e, engine_type, "number")
        return f"CASE WHEN {e} IS NOT NULL THEN CAST(to_json({value}) AS VARCHAR) END", True
    if kind in {"date", "time", "time_ns", "interval"}:
        return f"CAST({e} AS VARCHAR)", False
    return (e if kind == "varchar" else f"CAST({e} AS VARCHAR)"), True


def _csv_quoted(text: str) -> str:
    marks = ["'\"'", "','", "chr(10)", "chr(13)"]
    needs = " OR ".join([f"{text} = ''", *(f"contains({text}, {mark})" for mark in marks)])
    return f"CASE WHEN {needs} THEN '\"' || replace({text}, '\"', '\"\"') || '\"' ELSE {text} END"


def shown_text(e: str, engine_type: Any) -> str:
    """A cell as people read it, in the spelling of CSV without its quotes; NULL stays NULL."""
    kind = kind_of(engine_type)
    return f"CAST({e} AS VARCHAR)" if kind in _NUMBERS else _csv_text(e, engine_type, kind)[0]


def csv_header(names: list[str], *, guard: bool) -> str:
    """The header line, under the same rules as the cells."""
    return ",".join(_header_cell(name, guard=guard) for name in names) + "\r\n"


def _header_cell(name: str, *, guard: bool) -> str:
    text = "'" + name if guard and name[:1] in set("=+-@\t\n\r") - {""} else name
    if text == "" or any(mark in text for mark in '",\n\r'):
        return '"' + text.replace('"', '""') + '"'
    return text


def parquet_value(e: str, engine_type: Any) -> str:
    """What Parquet can hold exactly: unions become JSON text, durations their own text.

    Parquet's interval counts milliseconds and would cut microseconds.
    """
    kind = kind_of(engine_type)
    if kind == "interval":
        return f"CAST({e} AS VARCHAR)"
    if holds(engine_type, frozenset({"union", "interval"})):
        e = restored(e, engine_type)
        value = json_value(e, engine_type, "number")
        return f"CASE WHEN {e} IS NOT NULL THEN CAST(to_json({value}) AS VARCHAR) END"
    return e


def distinct(names: list[str], fold: Callable[[str], str] = str) -> list[str]:
    """The names with ``_2``, ``_3`` … after repeated ones, none of them clashing with another."""
    taken, made = {fold(name) for name in names}, []
    seen: set[str] = set()
    for name in names:
        unique, count = name, 1
        while fold(unique) in seen or (count > 1 and fold(unique) in taken):
            count += 1
            unique = f"{name}_{count}"
        seen.add(fold(unique))
        made.append(unique)
    return made
