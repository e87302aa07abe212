"""Insights, endpoints, dashboards, links, activity: more doors, and what leaves the notebook."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables; every view there is gets an insight door in project 1."""
    op.create_table(
        "activities",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("scope", sa.String(), nullable=False),
        sa.Column("item_id", sa.Integer(), nullable=False),
        sa.Column("short_id", sa.String(), nullable=True),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("person", sa.String(), nullable=True),
        sa.Column("activity", sa.String(), nullable=False),
        sa.Column("changes", sa.JSON(), nullable=True),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("door_id", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_activities")),
    )
    op.create_index("ix_activities_project_id_at", "activities", ["project_id", "at"], unique=False)
    op.create_index(
        "ix_activities_scope_item_id_at", "activities", ["scope", "item_id", "at"], unique=False
    )
    op.create_table(
        "dashboards",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("filters", sa.JSON(), nullable=False),
        sa.Column("variables", sa.JSON(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_dashboards")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_dashboards_project_id"), "dashboards", ["project_id"], unique=False)
    op.create_table(
        "choices",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("hash", sa.String(), nullable=False),
        sa.Column("query_id", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("uses", sa.Integer(), nullable=False),
        sa.Column("used_at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["view_id"],
            ["views.id"],
            name=op.f("fk_choices_view_id_views"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("view_id", "hash", name=op.f("pk_choices")),
    )
    op.create_table(
        "projects",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_projects")),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "insights",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("derived_name", sa.String(), nullable=True),
        sa.Column("order", sa.Integer(), nullable=True),
        sa.Column("favorited", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("saved", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("deleted", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("last_modified_at", sa.BigInteger(), nullable=False),
        sa.Column("last_modified_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_insights_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_insights")),
    )
    op.create_index("ix_insights_deleted_order", "insights", ["deleted", "order"], unique=False)
    op.create_table(
        "endpoints",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("project_id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), server_default=sa.text("1"), nullable=False),
        sa.Column("is_materialized", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("derived_from_insight", sa.String(), nullable=True),
        sa.Column("paused_schedule", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_endpoints_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("view_id", name=op.f("pk_endpoints")),
        sa.UniqueConstraint("id", name=op.f("uq_endpoints_id")),
    )
    op.create_index(
        "uq_endpoints_project_id_name", "endpoints", ["project_id", "name"], unique=True
    )
    op.create_table(
        "executions",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("n", sa.Integer(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.Column("path", sa.String(), nullable=False),
        sa.Column("cache", sa.String(), nullable=False),
        sa.Column("duration_us", sa.BigInteger(), nullable=False),
        sa.Column("rows", sa.BigInteger(), nullable=True),
        sa.Column("status", sa.String(), nullable=False),
        sa.Column("error", sa.Text(), nullable=True),
        sa.Column("client", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_executions_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_executions")),
    )
    op.create_index("ix_executions_at", "executions", ["at"], unique=False)
    op.create_index("ix_executions_view_id_at", "executions", ["view_id", "at"], unique=False)
    op.create_table(
        "shares",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("view_id", sa.Integer(), nullable=True),
        sa.Column("dashboard_id", sa.Integer(), nullable=True),
        sa.Column("token_hash", sa.String(), nullable=False),
        sa.Column("hint", sa.String(), nullable=False),
        sa.Column("enabled", sa.Boolean(), nullable=False),
        sa.Column("enabled_by", sa.String(), nullable=True),
        sa.Column("settings", sa.JSON(), nullable=True),
        sa.Column("password_required", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.Column("expires_at", sa.BigInteger(), nullable=True),
        sa.Column("replaced_until", sa.BigInteger(), nullable=True),
        sa.Column("opened_count", sa.Integer(), server_default="0", nullable=False),
        sa.Column("last_opened_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["dashboard_id"],
            ["dashboards.id"],
            name=op.f("fk_shares_dashboard_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_shares_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_shares")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_shares_token_hash")),
    )
    op.create_index(op.f("ix_shares_dashboard_id"), "shares", ["dashboard_id"], unique=False)
    op.create_index(op.f("ix_shares_view_id"), "shares", ["view_id"], unique=False)
    for column in ("view_id", "dashboard_id"):
        op.create_index(
            f"uq_shares_{column}_shown",
            "shares",
            [column],
            unique=True,
            sqlite_where=sa.text("replaced_until IS NULL"),
            postgresql_where=sa.text("replaced_until IS NULL"),
        )
    op.create_table(
        "tiles",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("dashboard_id", sa.Integer(), nullable=False),
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("color", sa.String(), nullable=True),
        sa.Column("layouts", sa.JSON(), nullable=False),
        sa.Column("deleted", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["dashboard_id"],
            ["dashboards.id"],
            name=op.f("fk_tiles_dashboard_id"),
            ondelete="CASCADE",
        ),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_tiles_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tiles")),
        sqlite_autoincrement=True,
    )
    op.create_index(op.f("ix_tiles_view_id"), "tiles", ["view_id"], unique=False)
    op.create_index(
        "uq_tiles_dashboard_id_view_id", "tiles", ["dashboard_id", "view_id"], unique=True
    )
    op.create_table(
        "viewings",
        sa.Column("view_id", sa.Integer(), nullable=False),
        sa.Column("person", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name=op.f("fk_viewings_view_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("view_id", "person", name=op.f("pk_viewings")),
    )
    op.create_index("ix_viewings_at", "viewings", ["at"], unique=False)
    op.create_index("ix_viewings_person_at", "viewings", ["person", "at"], unique=False)
    op.create_table(
        "share_passwords",
        sa.Column("id", sa.String(), nullable=False),
        sa.Column("share_id", sa.String(), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("note", sa.String(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("created_by", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["share_id"],
            ["shares.id"],
            name=op.f("fk_share_passwords_share_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_passwords")),
    )
    op.create_index(
        op.f("ix_share_passwords_share_id"), "share_passwords", ["share_id"], unique=False
    )
    op.create_table(
        "share_visits",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("share_id", sa.String(), nullable=False),
        sa.Column("kind", sa.String(), nullable=False),
        sa.Column("address", sa.String(), nullable=False),
        sa.Column("at", sa.BigInteger(), nullable=False),
        sa.ForeignKeyConstraint(
            ["share_id"], ["shares.id"], name=op.f("fk_share_visits_share_id"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_share_visits")),
    )
    op.create_index("ix_share_visits_share_id_at", "share_visits", ["share_id", "at"], unique=False)
    op.create_table(
        "query_references",
        sa.Column("id", sa.Integer(), autoincrement=True, nullable=False),
        sa.Column("short_id", sa.String(), nullable=False),
        sa.Column("owner", sa.String(), nullable=False),
        sa.Column("title", sa.String(), nullable=False),
        sa.Column("description", sa.Text(), nullable=True),
        sa.Column("query_id", sa.String(), nullable=False),
        sa.Column("params", sa.JSON(), nullable=False),
        sa.Column("statement_id", sa.String(), nullable=True),
        sa.Column("view_id", sa.Integer(), nullable=True),
        sa.Column("version", sa.Integer(), nullable=True),
        sa.Column("visualization", sa.JSON(), nullable=True),
        sa.Column("declared", sa.JSON(), nullable=True),
        sa.Column("is_public", sa.Boolean(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.BigInteger(), nullable=False),
        sa.Column("updated_at", sa.BigInteger(), nullable=False),
        sa.Column("deleted_at", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(
            ["query_id"], ["queries.id"], name=op.f("fk_query_references_query_id")
        ),
        sa.ForeignKeyConstraint(
            ["statement_id"],
            ["statements.id"],
            name=op.f("fk_query_references_statement_id"),
            ondelete="SET NULL",
        ),
        sa.ForeignKeyConstraint(
            ["view_id"],
            ["views.id"],
            name=op.f("fk_query_references_view_id"),
            ondelete="SET NULL",
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_query_references")),
        sa.UniqueConstraint("short_id", name=op.f("uq_query_references_short_id")),
        sqlite_autoincrement=True,
    )
    for column in ("owner", "query_id", "statement_id", "view_id"):
        op.create_index(
            op.f(f"ix_query_references_{column}"), "query_references", [column], unique=False
        )
    op.create_index(
        "ix_query_references_created_at_id", "query_references", ["created_at", "id"], unique=False
    )
    op.create_table(
        "reference_grants",
        sa.Column("reference_id", sa.Integer(), nullable=False),
        sa.Column("user", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["reference_id"],
            ["query_references.id"],
            name=op.f("fk_reference_grants_reference_id"),
            ondelete="CASCADE",
        ),
        sa.PrimaryKeyConstraint("reference_id", "user", name=op.f("pk_reference_grants")),
    )
    op.create_index("ix_reference_grants_user", "reference_grants", ["user"], unique=False)
    op.add_column("statements", sa.Column("reference_id", sa.Integer(), nullable=True))
    op.create_index("ix_statements_query_id", "statements", ["query_id"], unique=False)
    op.create_index("ix_versions_statement_id", "versions", ["statement_id"], unique=False)
    op.add_column("api_keys", sa.Column("project_id", sa.Integer(), nullable=True))
    op.add_column("versions", sa.Column("query_object", sa.JSON(), nullable=True))
    op.add_column("statements", sa.Column("variant_of", sa.Integer(), nullable=True))
    op.add_column("statements", sa.Column("bound", sa.JSON(), nullable=True))
    op.add_column("queries", sa.Column("declared", sa.JSON(), nullable=False, server_default="[]"))
    op.add_column("versions", sa.Column("chart", sa.JSON(), nullable=True))
    op.add_column(
        "views", sa.Column("project_id", sa.Integer(), server_default="1", nullable=False)
    )
    op.add_column("views", sa.Column("folder", sa.String(), nullable=True))
    op.create_index("ix_views_project_id", "views", ["project_id"], unique=False)
    # Without a number of its own, so that a sequence goes on behind it: the first is 1.
    op.execute("INSERT INTO projects (name, created_at, created_by) VALUES ('Default', 0, '')")
    op.execute(
        "INSERT INTO insights (view_id, last_modified_at, last_modified_by)"
        " SELECT id, updated_at, updated_by FROM views"
    )
