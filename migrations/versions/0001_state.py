"""The first tables: plans and units, leases, caps, dead letters, watermarks."""

import sqlalchemy as sa
from alembic import op

revision: str = "0001"
down_revision: str | None = None


def upgrade() -> None:
    """To 0001."""
    _create_plans()
    _create_units()
    _create_leases()
    _create_cap_states()
    _create_dead_letters()
    _create_watermarks()


def downgrade() -> None:
    """Back to nothing."""
    for name in ("watermarks", "dead_letters", "cap_states", "leases", "units", "plans"):
        op.drop_table(name)


def _id() -> sa.types.TypeEngine[int]:
    return sa.BigInteger().with_variant(sa.Integer(), "sqlite")


def _time(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.DateTime(timezone=True), nullable=nullable)


def _text(name: str, *, nullable: bool = False) -> sa.Column[object]:
    return sa.Column(name, sa.Text(), nullable=nullable)


def _create_plans() -> None:
    op.create_table(
        "plans",
        sa.Column("plan_id", _id(), nullable=False),
        _text("pipeline"),
        _text("tenant"),
        _text("partition"),
        sa.Column("generation", sa.Integer(), nullable=False),
        _text("state"),
        _text("context"),
        sa.Column("unit_count", sa.Integer(), nullable=False),
        _time("created_at"),
        _time("closed_at", nullable=True),
        sa.PrimaryKeyConstraint("plan_id", name="pk_plans"),
        sa.UniqueConstraint(
            "pipeline", "tenant", "partition", "generation", name="uq_plans_pipeline"
        ),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_plans_closed_at", "plans", ["closed_at"])


def _create_units() -> None:
    op.create_table(
        "units",
        sa.Column("plan_id", _id(), nullable=False),
        _text("unit_id"),
        sa.Column("position", sa.Integer(), nullable=False),
        _text("state"),
        sa.Column("attempts", sa.Integer(), nullable=False),
        _text("attempt_id", nullable=True),
        _text("owner", nullable=True),
        _time("lease_until", nullable=True),
        _text("payload"),
        _text("checkpoint", nullable=True),
        _text("detail", nullable=True),
        _text("error_kind", nullable=True),
        _text("error_message", nullable=True),
        sa.Column("seconds", sa.Float(), nullable=False),
        _time("created_at"),
        _time("started_at", nullable=True),
        _time("finished_at", nullable=True),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("plan_id", "unit_id", name="pk_units"),
        sa.ForeignKeyConstraint(
            ["plan_id"], ["plans.plan_id"], name="fk_units_plans", ondelete="CASCADE"
        ),
    )
    op.create_index("ix_units_state", "units", ["state", "plan_id", "error_kind"])


def _create_leases() -> None:
    op.create_table(
        "leases",
        _text("name"),
        _text("owner", nullable=True),
        _text("attempt_id", nullable=True),
        sa.Column("fence", sa.BigInteger(), nullable=False),
        _time("until", nullable=True),
        sa.PrimaryKeyConstraint("name", name="pk_leases"),
    )


def _create_cap_states() -> None:
    op.create_table(
        "cap_states",
        _text("name"),
        _text("state", nullable=True),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("name", name="pk_cap_states"),
    )


def _create_dead_letters() -> None:
    op.create_table(
        "dead_letters",
        sa.Column("id", _id(), nullable=False),
        _text("pipeline"),
        _text("tenant"),
        _text("partition"),
        _text("unit_id"),
        _text("kind"),
        _text("message"),
        _text("record", nullable=True),
        _time("created_at"),
        _time("expires_at"),
        sa.PrimaryKeyConstraint("id", name="pk_dead_letters"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_dead_letters_scope", "dead_letters", ["pipeline", "tenant", "partition"])
    op.create_index("ix_dead_letters_expires_at", "dead_letters", ["expires_at"])


def _create_watermarks() -> None:
    op.create_table(
        "watermarks",
        _text("pipeline"),
        _text("name"),
        sa.Column("value", sa.BigInteger(), nullable=False),
        _time("updated_at"),
        sa.PrimaryKeyConstraint("pipeline", "name", name="pk_watermarks"),
    )
