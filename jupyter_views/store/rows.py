"""Rows to nouns and back: the only place that knows both shapes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec
from sqlalchemy import Connection, RowMapping, bindparam, select

from ..core.model import Cause, Changes, Query, Result, Statement, Status, Strategy
from ..core.ports import Column, Read
from .tables import queries, results, statements

_STATEMENTS = select(statements, queries, results).select_from(
    statements.join(queries).outerjoin(results, statements.c.result_id == results.c.id)
)

_BY_ID = _STATEMENTS.where(statements.c.id.in_(bindparam("ids", expanding=True)))


def plain(value: Any) -> Any:
    """A struct, or a tuple of them, as what a JSON column stores."""
    return msgspec.to_builtins(value)


def _cells(row: RowMapping, table: Any) -> dict[str, Any]:
    return {column.name: row[column] for column in table.c}


def query_from(row: RowMapping, table: Any = queries) -> Query:
    """A Query from a row that holds every column of ``queries``, or of an alias of it."""
    cells = _cells(row, table)
    return Query(
        **cells
        | {
            "parameters": tuple(cells["parameters"]),
            "reads": msgspec.convert(cells["reads"], tuple[Read, ...]),
            "volatile": tuple(cells["volatile"]),
        }
    )


def result_from(row: RowMapping) -> Result | None:
    """A Result from a row with every column of ``results``; None where the join found none."""
    cells = _cells(row, results)
    if cells["id"] is None:
        return None
    return Result(
        **cells
        | {
            "columns": msgspec.convert(cells["columns"], tuple[Column, ...]),
        }
    )


def statement_from(row: RowMapping, table: Any = statements) -> Statement:
    """A Statement from a row joined with its query and, if any, its result."""
    cells = _cells(row, table)
    for not_a_field in ("query_id", "result_id", "server_id", "beat"):
        del cells[not_a_field]
    return Statement(
        **cells
        | {
            "query": query_from(row),
            "status": Status(cells["status"]),
            "strategy": Strategy(cells["strategy"]),
            "result": result_from(row),
            "cause": msgspec.convert(cells["cause"], Cause | None),
            "changes": msgspec.convert(cells["changes"], Changes | None),
        }
    )


def statements_where(connection: Connection, condition: Any) -> list[Statement]:
    """The statements that meet a condition, each with query and result."""
    found = connection.execute(_STATEMENTS.where(condition))
    return [statement_from(row) for row in found.mappings()]


def statements_by_id(connection: Connection, ids: set[str]) -> Mapping[str, Statement]:
    """Statements by id; unknown ids are left out."""
    if not ids:
        return {}
    found = connection.execute(_BY_ID, {"ids": list(ids)}).mappings()
    return {row[statements.c.id]: statement_from(row) for row in found}
