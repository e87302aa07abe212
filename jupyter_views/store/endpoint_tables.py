"""The tables of the endpoint door: what is published under which name, and when it was run."""

from __future__ import annotations

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
    false,
    true,
)

from .tables import metadata

endpoints = Table(
    "endpoints",
    metadata,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String, nullable=False, unique=True),
    # That of the view, which never moves: names are unique within it.
    Column("project_id", Integer, nullable=False),
    Column("name", String, nullable=False),
    Column("is_active", Boolean, nullable=False, server_default=true()),
    Column("is_materialized", Boolean, nullable=False, server_default=false()),
    Column("derived_from_insight", String),
    Column("paused_schedule", String),
    Index("uq_endpoints_project_id_name", "project_id", "name", unique=True),
)

executions = Table(
    "executions",
    metadata,
    Column("id", String, primary_key=True),
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), nullable=False),
    Column("n", Integer, nullable=False),
    Column("at", BigInteger, nullable=False),
    # inline, materialized or materialized_fallback.
    Column("path", String, nullable=False),
    # hit or miss.
    Column("cache", String, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("rows", BigInteger),
    # success, failed, or refused where nothing was run.
    Column("status", String, nullable=False),
    Column("error", Text),
    # key, person or server: what kind of caller it was, never who.
    Column("client", String, nullable=False),
    Index("ix_executions_view_id_at", "view_id", "at"),
    Index("ix_executions_at", "at"),
)
