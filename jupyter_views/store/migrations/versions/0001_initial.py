"""The first tables: queries, statements, results, views and who may read them."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Bring an empty store to this revision."""
    op.create_table(
        "api_keys",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.Column("label", sa.String(), nullable=False),
        sa.Column("scopes", sa.JSON(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("last_used_at", sa.BigInteger(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_keys_token_hash")),
    )
    op.create_table(
        "frames",
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("uploaded_by", sa.String(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("uploaded_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("sha256", "uploaded_by", name=op.f("pk_frames")),
    )
    op.create_table(
        "idempotency",
        sa.Column("actor", sa.String(), nullable=False),
        sa.Column("route", sa.String(), nullable=False),
        sa.Column("key", sa.String(), nullable=False),
        sa.Column("body_hash", sa.String(), nullable=False),
        sa.Column("answer", sa.JSON(), nullable=True),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("actor", "route", "key", name=op.f("pk_idempotency")),
    )
    op.create_table(
        "queries",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("definition_hash", sa.String(), nullable=False),
        sa.Column("sql", sa.Text(), nullable=False),
        sa.Column("normalized_sql", sa.Text(), nullable=False),
        sa.Column("connection", sa.String(), nullable=False),
        sa.Column("base_dir", sa.String(), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("frames", sa.JSON(), nullable=False),
        sa.Column("reads", sa.JSON(), nullable=False),
        sa.Column("volatile", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_queries")),
        sa.UniqueConstraint("definition_hash", name=op.f("uq_queries_definition_hash")),
    )
    op.create_table(
        "results",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("sha256", sa.String(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("columns", sa.JSON(), nullable=False),
        sa.Column("truncated", sa.String(), nullable=True),
        sa.Column("computed_at", sa.BigInteger(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("saved_at", sa.BigInteger(), nullable=False),
        sa.Column("signatures", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_results")),
    )
    op.create_index(op.f("ix_results_sha256"), "results", ["sha256"], unique=False)
    op.create_table(
        "statements",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("query_id", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("fingerprint", sa.String(), nullable=False),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("primary_id", sa.String(), nullable=True),
        sa.Column("result_id", sa.String(), nullable=True),
        sa.Column("view_id", sa.Integer(), nullable=True),
        sa.Column("server_id", sa.String(), nullable=False),
        sa.Column("submitted_by", sa.String(), nullable=False),
        sa.Column("client_id", sa.String(), nullable=True),
        sa.Column("row_limit", sa.BigInteger(), nullable=False),
        sa.Column("byte_limit", sa.BigInteger(), nullable=False),
        sa.Column("ttl_minutes", sa.Integer(), nullable=True),
        sa.Column("format_hint", sa.String(), nullable=True),
        sa.Column("meta", sa.JSON(), nullable=True),
        sa.Column("error", sa.JSON(), nullable=True),
        sa.Column("submitted_at", sa.BigInteger(), nullable=False),
        sa.Column("started_at", sa.BigInteger(), nullable=True),
        sa.Column("completed_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["primary_id"], ["statements.id"], name=op.f("fk_statements_primary_id")
        ),
        sa.ForeignKeyConstraint(["query_id"], ["queries.id"], name=op.f("fk_statements_query_id")),
        sa.ForeignKeyConstraint(
            ["result_id"], ["results.id"], name=op.f("fk_statements_result_id")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_statements")),
    )
    op.create_index("ix_statements_completed_at", "statements", ["completed_at"], unique=False)
    op.create_index(
        "ix_statements_fingerprint_completed_at",
        "statements",
        ["fingerprint", "completed_at"],
        unique=False,
    )
    op.create_index(op.f("ix_statements_primary_id"), "statements", ["primary_id"], unique=False)
    op.create_index(op.f("ix_statements_result_id"), "statements", ["result_id"], unique=False)
    op.create_index(
        "ix_statements_submitted_by_submitted_at",
        "statements",
        ["submitted_by", "submitted_at"],
        unique=False,
    )
    op.create_index(op.f("ix_statements_view_id"), "statements", ["view_id"], unique=False)
    op.create_index(
        "uq_statements_in_flight",
        "statements",
        ["fingerprint"],
        unique=True,
        sqlite_where=sa.text("status IN ('QUEUED','RUNNING') AND strategy = 'execute'"),
        postgresql_where=sa.text("status IN ('QUEUED','RUNNING') AND strategy = 'execute'"),
    )
    op.create_index(
        "uq_statements_submitted_by_client_id",
        "statements",
        ["submitted_by", "client_id"],
        unique=True,
    )
    op.create_table(
        "views",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("short_id", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("tags", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("auto_refresh", sa.Boolean(), nullable=False),
        sa.Column("notebook", sa.JSON(), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("current_version", sa.Integer(), nullable=False),
        sa.Column("current_statement_id", sa.String(), nullable=False),
        sa.Column("refreshing_statement_id", sa.String(), nullable=True),
        sa.Column("last_refresh_statement_id", sa.String(), nullable=True),
        sa.Column("failures", sa.Integer(), nullable=False),
        sa.Column("retry_at", sa.BigInteger(), nullable=False),
        sa.Column("refreshed_at", sa.BigInteger(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["current_statement_id"], ["statements.id"], name=op.f("fk_views_current_statement_id")
        ),
        sa.ForeignKeyConstraint(
            ["last_refresh_statement_id"],
            ["statements.id"],
            name=op.f("fk_views_last_refresh_statement_id"),
        ),
        sa.ForeignKeyConstraint(
            ["refreshing_statement_id"],
            ["statements.id"],
            name=op.f("fk_views_refreshing_statement_id"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_views")),
        sa.UniqueConstraint("short_id", name=op.f("uq_views_short_id")),
        sqlite_autoincrement=True,
    )
    op.create_index(
        op.f("ix_views_current_statement_id"), "views", ["current_statement_id"], unique=False
    )
    op.create_index(op.f("ix_views_owner"), "views", ["owner"], unique=False)
    op.create_index("ix_views_updated_at_id", "views", ["updated_at", "id"], unique=False)
    op.create_table(
        "grants",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_grants_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("view_id", "user", name=op.f("pk_grants")),
    )
    op.create_index("ix_grants_user", "grants", ["user"], unique=False)
    op.create_table(
        "perspectives",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("slug", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_perspectives_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_perspectives")),
        sa.UniqueConstraint("id", name=op.f("uq_perspectives_id")),
        sa.UniqueConstraint("slug", name=op.f("uq_perspectives_slug")),
    )
    op.create_table(
        "versions",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), autoincrement=False, nullable=False),
        sa.Column("query_id", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("statement_id", sa.String(), nullable=False),
        sa.Column("note", sa.Text(), nullable=True),
        sa.Column("author", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(["query_id"], ["queries.id"], name=op.f("fk_versions_query_id")),
        sa.ForeignKeyConstraint(
            ["statement_id"], ["statements.id"], name=op.f("fk_versions_statement_id")
        ),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_versions_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("view_id", "n", name=op.f("pk_versions")),
    )
