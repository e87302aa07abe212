"""Query objects: SQL, bare or wrapped in a node that says how it is shown."""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Struct, field

from ..core.errors import Invalid
from ..core.model import Version
from ..core.parameters import Parameter
from .parameters import Parameters, declared_from, parameters_out

_BARE = ("HogQLQuery", "SQLQuery")
_WRAPPERS = ("DataVisualizationNode", "DataTableNode")
_SUPPORTED = (
    f"Supported are {' and '.join(_BARE)} with SQL in query, bare or as the source of "
    f"{' or '.join(_WRAPPERS)}."
)
_SQL_LENGTH = 262_144


class _Variable(Struct, frozen=True, kw_only=True):
    code_name: Annotated[str, Meta(pattern="^[A-Za-z_][A-Za-z0-9_]{0,99}$")]
    value: Any = UNSET
    is_null: bool = field(default=False, name="isNull")


class Definition(Struct, frozen=True, kw_only=True):
    """What a query object asks for.

    Attributes
    ----------
    params
        The object's ``values``, and the values of its ``variables``: bound to
        ``$name``, never put into the text.
    variables
        The names that its ``variables`` give values to.
    declared
        Its ``parameters``, as the page of query references writes them.
    query_object
        As it came.
    """

    sql: str
    params: dict[str, Any]
    declared: tuple[Parameter, ...]
    query_object: dict[str, Any]
    variables: frozenset[str] = frozenset()


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
    variables = _variables(source.get("variables"))
    return Definition(
        sql=sql,
        params=variables | (values or {}),
        variables=frozenset(variables) - (values or {}).keys(),
        declared=_declared(source.get("parameters")),
        query_object=query_object,
    )


def _variables(variables: Any) -> dict[str, Any]:
    """Values by name of what the page of endpoints keeps under ids of its own."""
    if variables is None:
        return {}
    try:
        known = msgspec.convert(variables, dict[str, _Variable])
    except msgspec.ValidationError:
        raise _invalid(
            'variables is an object such as {"id": {"code_name": "region", "value": "EU"}}.'
        ) from None
    return {
        each.code_name: None if each.is_null else each.value
        for each in known.values()
        if each.is_null or each.value is not UNSET
    }


def _declared(parameters: Any) -> tuple[Parameter, ...]:
    if parameters is None:
        return ()
    try:
        return declared_from(msgspec.convert(parameters, Parameters))
    except msgspec.ValidationError as error:
        raise _invalid(f"parameters cannot be read: {error}.") from None


def query_object_of(version: Version) -> dict[str, Any] | None:
    """The query object of a definition: as it came, or made from its SQL; None without one."""
    if version.query_object is not None:
        return version.query_object
    if not version.query.sql:
        return None
    source: dict[str, Any] = {"kind": "HogQLQuery", "query": version.query.sql}
    if version.params:
        source["values"] = version.params
    if version.query.declared:
        source["parameters"] = msgspec.to_builtins(parameters_out(version.query))
    return {"kind": "DataVisualizationNode", "source": source}


def _invalid(message: str) -> Invalid:
    return Invalid(message, field="query")
