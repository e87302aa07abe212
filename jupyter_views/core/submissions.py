"""What somebody asks to run, and the statement that it becomes."""

from __future__ import annotations

import hashlib
from typing import Any

import msgspec
from msgspec import Struct, field

from .model import Actor, Cause, Instant, Query, Statement, Status, Strategy
from .names import new_id, new_query_id
from .parameters import Parameter, bound_names
from .ports import Draft, Plan
from .values import typed


class Submission(Struct, frozen=True, kw_only=True):
    """What somebody asks to run.

    Attributes
    ----------
    declared
        Parameters that have a type; ``params`` are then checked against it.
    max_age
        Seconds: 0 always runs, -1 takes any stored result, None decides by freshness.
    ttl_minutes
        Age after which the result is stale; 0 never, None by its sources.
    changed_when, is_strict
        How sources are verified; see :class:`~.ports.Draft`.
    cause
        Why a view's query runs.
    variant_of
        The view whose query this is, with other values than its own.
    reference_id
        The reference whose query this is.
    replaces
        The statement whose rows a run is for; it is needless once there are others, of the
        view or, without one, of the same query with the same values.
    """

    sql: str
    base_dir: str
    connection: str = "local"
    params: dict[str, Any] = field(default_factory=dict)
    declared: tuple[Parameter, ...] = ()
    frames: dict[str, str] = field(default_factory=dict)
    row_limit: int | None = None
    byte_limit: int | None = None
    ttl_minutes: int | None = None
    format_hint: str | None = None
    meta: dict[str, Any] | None = None
    client_id: str | None = None
    max_age: int | None = None
    retry_on_recent_failure: bool = False
    view_id: int | None = None
    changed_when: str | None = None
    is_strict: bool = False
    cause: Cause | None = None
    variant_of: int | None = None
    reference_id: int | None = None
    replaces: str | None = None


class Bounds(Struct, frozen=True, kw_only=True):
    """Limits of the server: of a result, and of the queue."""

    rows: int = 1_000_000
    bytes: int = 256 * 1024 * 1024
    queued: int = 100
    queued_per_person: int = 10


def statement_from(
    actor: Actor,
    asked: Submission,
    plan: Plan,
    views: dict[str, str],
    bounds: Bounds,
    now: Instant,
    bound: dict[str, Any] | None,
) -> Statement:
    """The statement that a submission becomes, before it has a strategy.

    Parameters
    ----------
    views
        The short ids of the views that it reads, by slug.
    bound
        See :class:`~.model.Statement`.
    """
    definition: dict[str, Any] = {
        "sql": asked.sql,
        "connection": asked.connection,
        "base_dir": asked.base_dir,
        "frames": asked.frames,
    }
    if asked.declared:
        definition["declared"] = asked.declared
    # A slug may come to name another view, whose rows are not these.
    reads = [[r.kind, r.name, views[r.name] if r.kind == "view" else r.path] for r in plan.reads]
    row_limit = min(asked.row_limit or bounds.rows, bounds.rows)
    byte_limit = min(asked.byte_limit or bounds.bytes, bounds.bytes)
    query = Query(
        id=new_query_id(),
        sql=asked.sql,
        normalized_sql=plan.normalized_sql,
        connection=asked.connection,
        base_dir=asked.base_dir,
        parameters=plan.parameters,
        declared=asked.declared,
        frames=asked.frames,
        reads=tuple(read for read in plan.reads if read.kind != "probe"),
        volatile=plan.volatile,
        definition_hash=hash_of(definition),
        created_at=now,
    )
    return Statement(
        id=new_id("stmt"),
        query=query,
        params=asked.params,
        fingerprint=hash_of(
            [
                asked.connection,
                plan.normalized_sql,
                reads,
                *_told(asked, plan, bound),
                row_limit,
                byte_limit,
                asked.changed_when,
                asked.is_strict,
            ]
        ),
        status=Status.QUEUED,
        strategy=Strategy.EXECUTE,
        submitted_by=actor.name,
        submitted_at=now,
        row_limit=row_limit,
        byte_limit=byte_limit,
        view_id=asked.view_id,
        client_id=asked.client_id,
        ttl_minutes=asked.ttl_minutes,
        format_hint=asked.format_hint,
        meta=asked.meta,
        changed_when=asked.changed_when,
        is_strict=asked.is_strict,
        cause=asked.cause,
        variant_of=asked.variant_of,
        bound=bound,
        reference_id=asked.reference_id,
    )


def _told(asked: Submission, plan: Plan, bound: dict[str, Any] | None) -> tuple[Any, ...]:
    """What the engine is told for the parameters: equal where the rows must be."""
    if bound is None:
        return (asked.params,)
    used = {name: bound[name] for name in plan.parameters if name in bound}
    kinds = {name: p.type for p in asked.declared for name in p.bound_names if name in used}
    return used, kinds


def draft_of(asked: Submission, bound: dict[str, Any] | None) -> Draft:
    """What the engine is to check for a submission."""
    return Draft(
        sql=asked.sql,
        base_dir=asked.base_dir,
        connection=asked.connection,
        params=typed(asked.declared, asked.params if bound is None else bound),
        declared=bound_names(asked.declared),
        frames=asked.frames,
        changed_when=asked.changed_when,
        is_strict=asked.is_strict,
    )


def hash_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value: keys sorted, no white space."""
    return hashlib.sha256(msgspec.json.encode(value, order="sorted")).hexdigest()
