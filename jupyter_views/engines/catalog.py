"""What the engine's functions and views may do, read from the engine itself.

DuckDB tells for a scalar function whether it is pure (``stability``), for a
table function nothing. So table functions stand in an allow-list here, and
scalar functions are judged by the catalogue; macros by what their bodies call.
"""

from __future__ import annotations

import functools
from typing import Any, Literal

import duckdb
import msgspec
from msgspec import Struct

from .syntax import nodes

Effect = Literal["pure", "volatile", "denied"]


def words(text: str) -> frozenset[str]:
    """The words of a text, for sets of names too long to quote each."""
    return frozenset(text.split())


READERS = words(
    """read_csv read_csv_auto read_json read_json_auto read_json_objects
    read_json_objects_auto read_ndjson read_ndjson_auto read_ndjson_objects
    read_parquet parquet_scan parquet_schema glob"""
)
"""Table functions whose first argument names files."""

GENERATORS = words("range generate_series unnest repeat repeat_row summary json_each json_tree")
"""Table functions that make rows out of their arguments alone."""

READER_OPTIONS_REFUSED = words(
    "store_rejects rejects_table rejects_scan rejects_limit debug_use_openssl encryption_config"
)
"""Reader options with an effect beside the rows: they make tables or take keys."""

VOLATILE_COLUMNS = words("current_date current_time current_timestamp localtime localtimestamp")
"""Words that the engine parses as column names and binds to the clock."""

_RANDOM = words("random uuid gen_random_uuid uuidv4 uuidv7")

_MISDECLARED = words("current_localtime current_localtimestamp reservoir_quantile")
"""Declared consistent by the engine although two runs may differ (seen with 2.0.0)."""

_REVEALING = words("current_setting json_serialize_plan")
"""Declared harmless, yet they show the server's folders or open files while binding."""

_BINDER_WORDS = words("unnest unlist grouping grouping_id alias columns")
"""Function names that the binder handles before it looks into the catalogue."""

_INSIDE_MACROS = frozenset({"error"})
"""Denied by name, harmless in a macro of the engine, where it only stops the query."""

_RANK: dict[Effect, int] = {"pure": 0, "volatile": 1, "denied": 2}

_ZONED = ("TIMESTAMP WITH TIME ZONE", "TIMESTAMPTZ_NS", "TIME WITH TIME ZONE")
"""Types whose values are read by the session's time zone."""

_QUERY = """
SELECT lower(function_name), function_type, stability,
       len(parameter_types) > 0
           AND list_has_any(list_append(parameter_types, return_type), $zoned) AS is_of_zone,
       CASE WHEN macro_definition IS NOT NULL AND function_type = 'macro'
            THEN json_serialize_sql('SELECT ' || macro_definition) END
FROM duckdb_functions()
"""


class Catalogue(Struct, frozen=True):
    """The names that SQL can reach without any statement that makes new ones.

    Attributes
    ----------
    effects
        What a call in an expression does, by lower-case name.
    table_functions
        Every name that may stand with brackets in FROM.
    system_views
        Views of the engine that are found without a schema: they show
        settings, paths and statements of the server.
    keywords
        Words of the grammar, for hints.
    """

    effects: dict[str, Effect]
    table_functions: frozenset[str]
    system_views: frozenset[str]
    keywords: frozenset[str]


def catalogue(connection: duckdb.DuckDBPyConnection) -> Catalogue:
    """The catalogue of this engine version; read once per process.

    The sandbox opens empty in-memory databases and refuses every statement
    that defines something, so all connections of one process have the same.
    """
    found = _found.get(duckdb.__version__)
    if found is None:
        found = _found[duckdb.__version__] = _load(connection)
    return found


_found: dict[str, Catalogue] = {}


def _load(connection: duckdb.DuckDBPyConnection) -> Catalogue:
    rows = connection.execute(_QUERY, {"zoned": _ZONED}).fetchall()
    effects: dict[str, Effect] = dict.fromkeys(_BINDER_WORDS, "pure")
    macros: dict[str, list[Any]] = {}
    for name, kind, stability, is_of_zone, body in rows:
        if kind in ("scalar", "aggregate", "window"):
            _worsen(effects, name, _declared(name, stability, is_of_zone=is_of_zone))
        elif kind == "macro":
            macros.setdefault(name, []).append(msgspec.json.decode(body))
    for name, bodies in macros.items():
        for body in bodies:
            _worsen(effects, name, _of_body(name, body, effects, macros, ()))
    views = connection.execute(
        "SELECT lower(view_name) FROM duckdb_views() "
        "WHERE internal AND schema_name <> 'information_schema'"
    ).fetchall()
    keywords = connection.execute("SELECT lower(keyword_name) FROM duckdb_keywords()").fetchall()
    return Catalogue(
        effects=effects,
        table_functions=frozenset(r[0] for r in rows if r[1] in ("table", "table_macro")),
        system_views=frozenset(r[0] for r in views),
        keywords=frozenset(r[0] for r in keywords),
    )


def _worsen(effects: dict[str, Effect], name: str, effect: Effect) -> None:
    known = effects.get(name, "pure")
    effects[name] = max(known, effect, key=_RANK.__getitem__)


def _declared(name: str, stability: str | None, *, is_of_zone: bool) -> Effect:
    if name in _REVEALING or name.startswith("__internal"):
        return "denied"
    if name in _RANDOM or name in _MISDECLARED:
        return "volatile"
    if stability == "CONSISTENT_WITHIN_QUERY":
        # Since 2.0.1 also a form such as date_trunc over a timestamp with time
        # zone. It depends on the session's zone, which the sandbox has fixed.
        return "pure" if is_of_zone else "volatile"
    return "pure" if stability == "CONSISTENT" else "denied"


def _of_body(
    name: str,
    body: Any,
    effects: dict[str, Effect],
    macros: dict[str, list[Any]],
    above: tuple[str, ...],
) -> Effect:
    """The worst effect of anything that a macro's body calls."""
    if body.get("error") or name in above:
        return "denied"
    worst: Effect = "pure"
    for kind, called in _called(body):
        if kind == "TABLE_FUNCTION":
            effect: Effect = "pure" if called in GENERATORS else "denied"
        elif kind == "COLUMN_REF":
            effect = "volatile" if called in VOLATILE_COLUMNS else "pure"
        elif kind == "BASE_TABLE":
            effect = "denied"
        elif called in macros and called != name:
            inner = (_of_body(called, b, effects, macros, (*above, name)) for b in macros[called])
            effect = functools.reduce(_worse, inner, effects.get(called, "pure"))
        else:
            effect = "pure" if called in _INSIDE_MACROS else effects.get(called, "denied")
        worst = _worse(worst, effect)
    return worst


def _worse(one: Effect, other: Effect) -> Effect:
    return max(one, other, key=_RANK.__getitem__)


def _called(tree: Any) -> list[tuple[str, str]]:
    """(kind, lower-case name) of every function, table and bare column in a body."""
    found: list[tuple[str, str]] = []
    for node in nodes(tree):
        kind = node.get("type")
        if kind == "TABLE_FUNCTION":
            found.append((kind, node["function"]["function_name"].lower()))
            node["function"].pop("function_name")
        elif kind == "BASE_TABLE":
            found.append((kind, node["table_name"].lower()))
        elif kind == "COLUMN_REF" and len(node["column_names"]) == 1:
            found.append((kind, node["column_names"][0].lower()))
        elif "function_name" in node:
            found.append(("FUNCTION", node["function_name"].lower()))
    return found
