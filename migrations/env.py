"""Alembic runs this file for each of its commands, on the connection that `resources/state/schema.py` put in place."""

from typing import Literal

from alembic import context
from alembic.autogenerate.api import AutogenContext
from sqlalchemy.types import TypeDecorator

from resources.state.schema import VERSION_TABLE
from resources.state.tables import metadata


def render_item(kind: str, item: object, _context: AutogenContext) -> str | Literal[False]:
    """Writes the plain type behind one of ours: a migration must not change when our code does."""
    if kind == "type" and isinstance(item, TypeDecorator):
        return f"sa.{item.impl_instance!r}"
    return False


context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=metadata,
    version_table=VERSION_TABLE,
    render_item=render_item,
    compare_type=True,
    # SQLite cannot alter most of a column in place: the table is rebuilt.
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
