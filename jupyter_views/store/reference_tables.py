"""The tables of query references."""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    String,
    Table,
    Text,
)

from ..core.parameters import Parameter
from .structs import Structs
from .tables import metadata

query_references = Table(
    "query_references",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("short_id", String, nullable=False, unique=True),
    Column("owner", String, nullable=False, index=True),
    Column("title", String, nullable=False),
    Column("description", Text),
    Column("query_id", ForeignKey("queries.id"), nullable=False, index=True),
    Column("params", JSON, nullable=False),
    # Gone with its rows once nobody can follow the reference any more.
    Column("statement_id", ForeignKey("statements.id", ondelete="SET NULL"), index=True),
    # Without its view a reference stays with the query that it was made with.
    Column("view_id", ForeignKey("views.id", ondelete="SET NULL"), index=True),
    Column("version", Integer),
    Column("visualization", JSON),
    Column("declared", Structs(tuple[Parameter, ...] | None)),
    Column("is_public", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("deleted_at", BigInteger),
    Index("ix_query_references_created_at_id", "created_at", "id"),
    sqlite_autoincrement=True,
)

reference_grants = Table(
    "reference_grants",
    metadata,
    Column("reference_id", ForeignKey("query_references.id", ondelete="CASCADE"), primary_key=True),
    Column("user", String, primary_key=True),
    Index("ix_reference_grants_user", "user"),
)
