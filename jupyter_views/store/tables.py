"""The tables, as SQLAlchemy Core sees them. Alembic's revisions build them.

Instants are integer microseconds UTC. What must be unique is a constraint.
JSON columns hold only what nothing filters on.
"""

from __future__ import annotations

from sqlalchemy import (
    JSON,
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    false,
    text,
    true,
)

from ..core.parameters import Parameter
from ..core.ports import Signature
from .structs import Structs

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)

projects = Table(
    "projects",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("name", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    sqlite_autoincrement=True,
)

queries = Table(
    "queries",
    metadata,
    Column("id", String, primary_key=True),
    Column("definition_hash", String, nullable=False, unique=True),
    Column("sql", Text, nullable=False),
    Column("normalized_sql", Text, nullable=False),
    Column("connection", String, nullable=False),
    Column("base_dir", String, nullable=False),
    Column("parameters", JSON, nullable=False),
    Column("declared", Structs(tuple[Parameter, ...]), nullable=False, server_default="[]"),
    Column("frames", JSON, nullable=False),
    Column("reads", JSON, nullable=False),
    Column("volatile", JSON, nullable=False),
    Column("created_at", BigInteger, nullable=False),
)

results = Table(
    "results",
    metadata,
    Column("id", String, primary_key=True),
    Column("sha256", String, nullable=False, index=True),
    Column("row_count", BigInteger, nullable=False),
    Column("size_bytes", BigInteger, nullable=False),
    Column("columns", JSON, nullable=False),
    Column("truncated", String),
    Column("computed_at", BigInteger, nullable=False),
    Column("duration_us", BigInteger, nullable=False),
    Column("saved_at", BigInteger, nullable=False),
    Column("signatures", Structs(tuple[Signature, ...]), nullable=False),
    Column("method", String, nullable=False, server_default="full"),
)

statements = Table(
    "statements",
    metadata,
    Column("id", String, primary_key=True),
    Column("query_id", ForeignKey("queries.id"), nullable=False),
    Column("params", JSON, nullable=False),
    Column("fingerprint", String, nullable=False),
    Column("status", String, nullable=False),
    Column("strategy", String, nullable=False),
    Column("primary_id", ForeignKey("statements.id"), index=True),
    Column("result_id", ForeignKey("results.id"), index=True),
    Column("view_id", Integer),
    Column("server_id", String, nullable=False),
    Column("submitted_by", String, nullable=False),
    Column("client_id", String),
    Column("row_limit", BigInteger, nullable=False),
    Column("byte_limit", BigInteger, nullable=False),
    Column("ttl_minutes", Integer),
    Column("format_hint", String),
    Column("meta", JSON),
    Column("error", JSON),
    Column("changed_when", Text),
    Column("is_strict", Boolean, nullable=False, server_default=false()),
    Column("cause", JSON),
    Column("changes", JSON),
    # The view whose query runs with other values than its own.
    Column("variant_of", Integer),
    Column("bound", JSON),
    # The reference whose query runs, as it is no view's.
    Column("reference_id", Integer),
    Column("fence", Integer, nullable=False, server_default="0"),
    Column("beat", Integer, nullable=False, server_default="0"),
    Column("submitted_at", BigInteger, nullable=False),
    Column("started_at", BigInteger),
    Column("completed_at", BigInteger),
    Index("ix_statements_query_id", "query_id"),
    Index("ix_statements_fingerprint_completed_at", "fingerprint", "completed_at"),
    Index("ix_statements_submitted_by_submitted_at", "submitted_by", "submitted_at"),
    Index("ix_statements_completed_at", "completed_at"),
    Index("ix_statements_view_id_submitted_at", "view_id", "submitted_at"),
    Index("uq_statements_submitted_by_client_id", "submitted_by", "client_id", unique=True),
    Index(
        "uq_statements_in_flight",
        "fingerprint",
        unique=True,
        sqlite_where=text("status IN ('QUEUED','RUNNING') AND strategy = 'execute'"),
        postgresql_where=text("status IN ('QUEUED','RUNNING') AND strategy = 'execute'"),
    ),
)

views = Table(
    "views",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("short_id", String, nullable=False, unique=True),
    Column("project_id", Integer, nullable=False, server_default="1"),
    Column("name", String, nullable=False),
    Column("description", Text),
    Column("folder", String),
    Column("tags", JSON, nullable=False),
    Column("owner", String, nullable=False, index=True),
    Column("is_public", Boolean, nullable=False),
    Column("auto_refresh", Boolean, nullable=False),
    Column("notebook", JSON),
    Column("revision", Integer, nullable=False),
    Column("current_version", Integer, nullable=False),
    Column("current_statement_id", ForeignKey("statements.id"), nullable=False, index=True),
    Column("refreshing_statement_id", ForeignKey("statements.id")),
    Column("last_refresh_statement_id", ForeignKey("statements.id")),
    Column("failures", Integer, nullable=False),
    Column("retry_at", BigInteger, nullable=False),
    Column("rule", JSON, nullable=False, server_default="{}"),
    Column("changed_at", BigInteger),
    Column("next_due_at", BigInteger, index=True),
    Column("refreshed_at", BigInteger, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    Column("updated_by", String, nullable=False),
    Index("ix_views_updated_at_id", "updated_at", "id"),
    Index("ix_views_project_id", "project_id"),
    sqlite_autoincrement=True,
)

versions = Table(
    "versions",
    metadata,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    Column("n", Integer, primary_key=True, autoincrement=False),
    Column("query_id", ForeignKey("queries.id"), nullable=False),
    Column("params", JSON, nullable=False),
    Column("statement_id", ForeignKey("statements.id"), nullable=False),
    Column("note", Text),
    Column("query_object", JSON),
    Column("chart", JSON),
    Column("author", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Index("ix_versions_statement_id", "statement_id"),
)

choices = Table(
    "choices",
    metadata,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    Column("hash", String, primary_key=True),
    # No foreign key: a query goes when nothing runs it any more.
    Column("query_id", String, nullable=False),
    Column("params", JSON, nullable=False),
    Column("uses", Integer, nullable=False),
    Column("used_at", BigInteger, nullable=False),
)

upstreams = Table(
    "upstreams",
    metadata,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    Column("slug", String, primary_key=True),
    Index("ix_upstreams_slug", "slug"),
)

decisions = Table(
    "decisions",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), nullable=False),
    Column("at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
    Column("kind", String, nullable=False),
    Column("text", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Index("ix_decisions_view_id_id", "view_id", "id"),
)

grants = Table(
    "grants",
    metadata,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    Column("user", String, primary_key=True),
    Index("ix_grants_user", "user"),
)

perspectives = Table(
    "perspectives",
    metadata,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    Column("id", String, nullable=False, unique=True),
    Column("slug", String, nullable=False, unique=True),
)

insights = Table(
    "insights",
    metadata,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    Column("derived_name", String),
    Column("order", Integer),
    Column("favorited", Boolean, nullable=False, server_default=false()),
    Column("saved", Boolean, nullable=False, server_default=true()),
    Column("deleted", Boolean, nullable=False, server_default=false()),
    Column("last_modified_at", BigInteger, nullable=False),
    Column("last_modified_by", String, nullable=False),
    Index("ix_insights_deleted_order", "deleted", "order"),
)

viewings = Table(
    "viewings",
    metadata,
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), primary_key=True),
    # Empty for visitors of a link, who have no name.
    Column("person", String, primary_key=True),
    Column("at", BigInteger, nullable=False),
    Index("ix_viewings_person_at", "person", "at"),
    Index("ix_viewings_at", "at"),
)

activities = Table(
    "activities",
    metadata,
    Column("id", String, primary_key=True),
    Column("project_id", Integer, nullable=False),
    Column("scope", String, nullable=False),
    # No foreign keys: what was done stays known when its object is gone.
    Column("item_id", Integer, nullable=False),
    Column("short_id", String),
    Column("name", String, nullable=False),
    # None for the server itself and for visitors of a link.
    Column("person", String),
    Column("activity", String, nullable=False),
    Column("changes", JSON),
    Column("at", BigInteger, nullable=False),
    # The key of an endpoint, where the deed was done to one.
    Column("door_id", String),
    Index("ix_activities_scope_item_id_at", "scope", "item_id", "at"),
    Index("ix_activities_project_id_at", "project_id", "at"),
)

dashboards = Table(
    "dashboards",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("project_id", Integer, nullable=False, index=True),
    Column("name", String, nullable=False),
    Column("description", Text),
    Column("filters", JSON, nullable=False),
    Column("variables", JSON, nullable=False),
    Column("owner", String, nullable=False),
    Column("is_public", Boolean, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Column("revision", Integer, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("updated_at", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)

tiles = Table(
    "tiles",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("dashboard_id", ForeignKey("dashboards.id", ondelete="CASCADE"), nullable=False),
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("position", Integer, nullable=False),
    Column("color", String),
    Column("layouts", JSON, nullable=False),
    Column("deleted", Boolean, nullable=False),
    Index("uq_tiles_dashboard_id_view_id", "dashboard_id", "view_id", unique=True),
    sqlite_autoincrement=True,
)

shares = Table(
    "shares",
    metadata,
    Column("id", String, primary_key=True),
    Column("view_id", ForeignKey("views.id", ondelete="CASCADE"), index=True),
    Column("dashboard_id", ForeignKey("dashboards.id", ondelete="CASCADE"), index=True),
    Column("token_hash", String, nullable=False, unique=True),
    Column("hint", String, nullable=False),
    Column("enabled", Boolean, nullable=False),
    Column("enabled_by", String),
    Column("settings", JSON),
    Column("password_required", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
    Column("expires_at", BigInteger),
    # A rotated link answers until this instant; None for the link that is shown.
    Column("replaced_until", BigInteger),
    Column("opened_count", Integer, nullable=False, server_default="0"),
    Column("last_opened_at", BigInteger),
    *(
        Index(
            f"uq_shares_{column}_shown",
            column,
            unique=True,
            sqlite_where=text("replaced_until IS NULL"),
            postgresql_where=text("replaced_until IS NULL"),
        )
        for column in ("view_id", "dashboard_id")
    ),
)

share_passwords = Table(
    "share_passwords",
    metadata,
    Column("id", String, primary_key=True),
    Column("share_id", ForeignKey("shares.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("password_hash", String, nullable=False),
    Column("note", String),
    Column("is_active", Boolean, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("created_by", String, nullable=False),
)

share_visits = Table(
    "share_visits",
    metadata,
    Column("id", Integer, primary_key=True, autoincrement=True),
    Column("share_id", ForeignKey("shares.id", ondelete="CASCADE"), nullable=False),
    Column("kind", String, nullable=False),
    Column("address", String, nullable=False),
    Column("at", BigInteger, nullable=False),
    Index("ix_share_visits_share_id_at", "share_id", "at"),
)

frames = Table(
    "frames",
    metadata,
    Column("sha256", String, primary_key=True),
    Column("uploaded_by", String, primary_key=True),
    Column("size_bytes", BigInteger, nullable=False),
    Column("uploaded_at", BigInteger, nullable=False),
)

api_keys = Table(
    "api_keys",
    metadata,
    Column("id", String, primary_key=True),
    Column("token_hash", String, nullable=False, unique=True),
    Column("prefix", String, nullable=False),
    Column("user", String, nullable=False),
    Column("label", String, nullable=False),
    Column("scopes", JSON, nullable=False),
    Column("project_id", Integer),
    Column("created_by", String, nullable=False),
    Column("created_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger),
    Column("last_used_at", BigInteger),
)

idempotency = Table(
    "idempotency",
    metadata,
    Column("actor", String, primary_key=True),
    Column("route", String, primary_key=True),
    Column("key", String, primary_key=True),
    Column("body_hash", String, nullable=False),
    Column("answer", JSON),
    Column("created_at", BigInteger, nullable=False),
)
