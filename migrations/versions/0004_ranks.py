"""Trackings of ranks and their history."""

import sqlalchemy as sa
from alembic import op

revision: str = "0004"
down_revision: str | None = "0003"

_ID = sa.BigInteger().with_variant(sa.Integer(), "sqlite")
_IN_FORCE = sa.text("status <> 'ended'")


def upgrade() -> None:
    """To 0004."""
    op.create_table(
        "rank_trackings",
        sa.Column("tracking_id", _ID, nullable=False),
        sa.Column("rank_type", sa.Text(), nullable=False),
        sa.Column("keyword", sa.Text(), nullable=False),
        sa.Column("target", sa.Text(), nullable=False),
        sa.Column("customer", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("status_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("current_session", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tracking_id", name="pk_rank_trackings"),
        sqlite_autoincrement=True,
    )
    op.create_index(
        "ix_rank_trackings_in_force",
        "rank_trackings",
        ["customer", "rank_type", "keyword", "target"],
        unique=True,
        sqlite_where=_IN_FORCE,
        postgresql_where=_IN_FORCE,
    )
    op.create_table(
        "rank_histories",
        sa.Column("tracking_id", _ID, nullable=False),
        sa.Column("checked_on", sa.Text(), nullable=False),
        sa.Column("rank", sa.Integer(), nullable=True),
        sa.Column("session_number", sa.Integer(), nullable=False),
        sa.Column("result_count", sa.Integer(), nullable=False),
        sa.Column("page_key", sa.Text(), nullable=False),
        sa.Column("captured_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("tracking_id", "checked_on", name="pk_rank_histories"),
        sa.ForeignKeyConstraint(
            ["tracking_id"],
            ["rank_trackings.tracking_id"],
            name="fk_rank_histories_rank_trackings",
            ondelete="CASCADE",
        ),
    )
    op.create_index("ix_rank_histories_checked_on", "rank_histories", ["checked_on"])


def downgrade() -> None:
    """Back to 0003."""
    op.drop_table("rank_histories")
    op.drop_table("rank_trackings")
