"""Tenants and their months, the audit log, notes."""

import sqlalchemy as sa
from alembic import op

revision: str = "0002"
down_revision: str | None = "0001"


def upgrade() -> None:
    """To 0002."""
    _create_tenants()
    _create_tenant_month_states()
    _create_audit_log()
    _create_notes()


def downgrade() -> None:
    """Back to 0001."""
    for name in ("notes", "audit_log", "tenant_month_states", "tenants"):
        op.drop_table(name)


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _create_tenants() -> None:
    op.create_table(
        "tenants",
        _text("tenant_id"),
        _text("name"),
        _text("tenant_type"),
        sa.Column("active", sa.Boolean(), nullable=False),
        _text("disabled_reason", nullable=True),
        _text("current_processing_month", nullable=True),
        _text("backfill_start_month", nullable=True),
        sa.Column("backfill_completed", sa.Boolean(), nullable=False),
        _text("last_completed_month", nullable=True),
        _time("customers_at", nullable=True),
        _text("source_url"),
        _text("source_table"),
        _text("source_columns"),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("tenant_id", name="pk_tenants"),
    )


def _create_tenant_month_states() -> None:
    op.create_table(
        "tenant_month_states",
        _text("tenant_id"),
        _text("processing_month"),
        _text("status"),
        _time("started_at", nullable=True),
        _time("heartbeat_at", nullable=True),
        _time("completed_at", nullable=True),
        sa.Column("processed_records", sa.BigInteger(), nullable=False),
        sa.Column("failed_records", sa.BigInteger(), nullable=False),
        _text("error_message", nullable=True),
        sa.Column("retry_count", sa.Integer(), nullable=False),
        sa.Column("max_retries", sa.Integer(), nullable=False),
        _time("next_attempt_at", nullable=True),
        _text("attempt_id", nullable=True),
        _text("owner", nullable=True),
        _text("run_id", nullable=True),
        _text("watermark", nullable=True),
        _time("created_at"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("tenant_id", "processing_month", name="pk_tenant_month_states"),
        sa.ForeignKeyConstraint(
            ["tenant_id"],
            ["tenants.tenant_id"],
            name="fk_tenant_month_states_tenants",
            ondelete="CASCADE",
        ),
    )
    op.create_index(
        "ix_tenant_month_states_status",
        "tenant_month_states",
        ["status", "tenant_id", "processing_month"],
    )
    op.create_index(
        "ix_tenant_month_states_tenant_id", "tenant_month_states", ["tenant_id", "status"]
    )


def _create_audit_log() -> None:
    op.create_table(
        "audit_log",
        sa.Column("id", sa.BigInteger().with_variant(sa.Integer(), "sqlite"), nullable=False),
        _time("at"),
        _text("actor"),
        _text("role", nullable=True),
        _text("method"),
        _text("path"),
        _text("tenant", nullable=True),
        sa.Column("status", sa.Integer(), nullable=False),
        _text("detail"),
        sa.PrimaryKeyConstraint("id", name="pk_audit_log"),
        sqlite_autoincrement=True,
    )


def _create_notes() -> None:
    op.create_table(
        "notes",
        _text("name"),
        _text("value"),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("name", name="pk_notes"),
    )
