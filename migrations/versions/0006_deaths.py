"""Whose fault an end was: workers that died with a unit or tenant-month in hand, and faults of the platform."""

import sqlalchemy as sa
from alembic import op

revision: str = "0006"
down_revision: str | None = "0005"

_COLUMNS = (
    ("units", "deaths"),
    ("tenant_month_states", "deaths"),
    ("tenant_month_states", "faults"),
)


def upgrade() -> None:
    """To 0006."""
    for table, name in _COLUMNS:
        op.add_column(
            table, sa.Column(name, sa.Integer(), nullable=False, server_default=sa.text("0"))
        )


def downgrade() -> None:
    """Back to 0005."""
    for table, name in reversed(_COLUMNS):
        op.drop_column(table, name)
