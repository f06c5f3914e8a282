"""Watermarks: how far a pipeline has read an upstream, as one growing number per name."""

from sqlalchemy import bindparam, select, text

from resources.state.columns import UtcDateTime
from resources.state.database import StateDatabase
from resources.state.tables import watermarks

# The same text on both databases. The comparison is made under the row's lock, so no write can be lost.
_STORE = (
    "INSERT INTO watermarks (pipeline, name, value, updated_at) VALUES (:pipeline, :name, :value, :now) "
    "ON CONFLICT (pipeline, name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"
)
_NOW = bindparam("now", type_=UtcDateTime())
_SET = text(_STORE).bindparams(_NOW)
_ADVANCE = text(f"{_STORE} WHERE watermarks.value < excluded.value").bindparams(_NOW)
_GET = select(watermarks.c.value).where(
    watermarks.c.pipeline == bindparam("pipeline"), watermarks.c.name == bindparam("name")
)


class SqlWatermarks:
    """Watermarks in the state database. Safe to use from several threads.

    Args:
        database: The state database.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def get(self, pipeline: str, name: str) -> int | None:
        """The stored value; None if there is none yet."""
        with self._database.read() as connection:
            return connection.scalar(_GET, {"pipeline": pipeline, "name": name})

    def advance(self, pipeline: str, name: str, value: int) -> int:
        """Stores the value if it is larger than the stored one; returns what is stored then. Never goes back.

        Args:
            pipeline: Asset or step name.
            name: What is read, such as an entity.
            value: In the upstream's own unit, such as seconds since the epoch; at most 64 bits.
        """
        key = {"pipeline": pipeline, "name": name}
        with self._database.write() as connection:
            connection.execute(_ADVANCE, {**key, "value": value, "now": self._database.clock.now()})
            return connection.execute(_GET, key).scalar_one()

    def set(self, pipeline: str, name: str, value: int) -> None:
        """Stores the value even if that goes back: for a person who wants something read again."""
        key = {"pipeline": pipeline, "name": name}
        with self._database.write() as connection:
            connection.execute(_SET, {**key, "value": value, "now": self._database.clock.now()})
