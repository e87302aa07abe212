"""Query objects: SQL, bare or wrapped in a node that says how it is shown."""

from __future__ import annotations

from typing import Any

from msgspec import Struct

from ..core.errors import Invalid
from ..core.model import Version

_BARE = ("HogQLQuery", "SQLQuery")
_WRAPPERS = ("DataVisualizationNode", "DataTableNode")
_SUPPORTED = (
    f"Supported are {' and '.join(_BARE)} with SQL in query, bare or as the source of "
    f"{' or '.join(_WRAPPERS)}."
)
_SQL_LENGTH = 262_144


class Definition(Struct, frozen=True, kw_only=True):
    """What a query object asks for.

    Attributes
    ----------
    params
        The object's ``values``: bound to ``$name``, never put into the text.
    query_object
        As it came.
    """

    sql: str
    params: dict[str, Any]
    query_object: dict[str, Any]


def definition_from(query_object: Any) -> Definition:
    """The SQL of a query object.

    Raises
    ------
    Invalid
        Of every other kind, naming those that are supported.
    """
    if not isinstance(query_object, dict):
        raise _invalid("A query must be a valid JSON object.")
    kind = query_object.get("kind")
    source = query_object.get("source") if kind in _WRAPPERS else query_object
    if not isinstance(source, dict) or source.get("kind") not in _BARE:
        named = source.get("kind") if isinstance(source, dict) else kind
        raise _invalid(f"A query of the kind {str(named)[:60]!r} cannot be run here. {_SUPPORTED}")
    sql, values = source.get("query"), source.get("values")
    if not isinstance(sql, str) or not sql.strip() or len(sql) > _SQL_LENGTH:
        raise _invalid(f"query holds 1 to {_SQL_LENGTH:,} characters of SQL.")
    if values is not None and not isinstance(values, dict):
        raise _invalid("values is an object: one value for each name.")
    return Definition(sql=sql, params=values or {}, query_object=query_object)


def query_object_of(version: Version) -> dict[str, Any] | None:
    """The query object of a definition: as it came, or made from its SQL; None without one."""
    if version.query_object is not None:
        return version.query_object
    if not version.query.sql:
        return None
    source: dict[str, Any] = {"kind": "HogQLQuery", "query": version.query.sql}
    if version.params:
        source["values"] = version.params
    return {"kind": "DataVisualizationNode", "source": source}


def _invalid(message: str) -> Invalid:
    return Invalid(message, field="query")
