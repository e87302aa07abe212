"""Freshness without readers: rules, schedules, leases, causes, decisions."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add what a view's freshness rule, its history and the leases of its refreshes need."""
    op.add_column("results", sa.Column("method", sa.String, nullable=False, server_default="full"))
    for column in (
        sa.Column("changed_when", sa.Text),
        sa.Column("is_strict", sa.Boolean, nullable=False, server_default=sa.false()),
        sa.Column("cause", sa.JSON),
        sa.Column("changes", sa.JSON),
        sa.Column("fence", sa.Integer, nullable=False, server_default="0"),
        sa.Column("beat", sa.Integer, nullable=False, server_default="0"),
    ):
        op.add_column("statements", column)
    op.drop_index("ix_statements_view_id", "statements")
    op.create_index("ix_statements_view_id_submitted_at", "statements", ["view_id", "submitted_at"])
    for column in (
        sa.Column("rule", sa.JSON, nullable=False, server_default="{}"),
        sa.Column("changed_at", sa.BigInteger),
        sa.Column("next_due_at", sa.BigInteger),
    ):
        op.add_column("views", column)
    op.create_index("ix_views_next_due_at", "views", ["next_due_at"])
    op.create_table(
        "upstreams",
        sa.Column("view_id", sa.Integer, nullable=False),
        sa.Column("slug", sa.String, nullable=False),
        sa.PrimaryKeyConstraint("view_id", "slug", name="pk_upstreams"),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name="fk_upstreams_view_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_upstreams_slug", "upstreams", ["slug"])
    op.create_table(
        "decisions",
        sa.Column("id", sa.Integer, nullable=False, autoincrement=True),
        sa.Column("view_id", sa.Integer, nullable=False),
        sa.Column("at", sa.BigInteger, nullable=False),
        sa.Column("last_at", sa.BigInteger, nullable=False),
        sa.Column("kind", sa.String, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
        sa.Column("count", sa.Integer, nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_decisions"),
        sa.ForeignKeyConstraint(
            ["view_id"], ["views.id"], name="fk_decisions_view_id", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_decisions_view_id_id", "decisions", ["view_id", "id"])
