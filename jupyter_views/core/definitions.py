"""When two definitions are the same, and how a version is made of one."""

from __future__ import annotations

from typing import Any

from .charts import Chart
from .model import Actor, Instant, Query, Statement, Version, View


def is_same(statement: Statement, view: View) -> bool:
    """Whether a statement runs the view's definition; new rows of a frame are no new definition."""

    def definition(query: Query, params: dict[str, Any]) -> tuple[Any, ...]:
        reads = [(r.kind, r.name, None if r.kind == "frame" else r.path) for r in query.reads]
        return query.connection, query.normalized_sql, query.declared, reads, params

    mine = definition(view.version.query, view.version.params)
    return definition(statement.query, statement.params) == mine


def version_of(
    n: int,
    statement: Statement,
    note: str | None,
    actor: Actor,
    now: Instant,
    query_object: dict[str, Any] | None = None,
    chart: Chart | None = None,
) -> Version:
    """A statement's definition as a view's numbered one."""
    return Version(
        n=n,
        query=statement.query,
        params=statement.params,
        statement_id=statement.id,
        note=note,
        author=actor.name,
        created_at=now,
        query_object=query_object,
        chart=chart,
    )
