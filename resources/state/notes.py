"""Notes: one small JSON object per name, such as how the orchestrator's last tick went. The last writer wins."""

from collections.abc import Callable
from datetime import datetime

from sqlalchemy import bindparam, func, select, text

from platform_assets.core.engine.units import JsonObject
from resources.state.columns import JsonText, UtcDateTime
from resources.state.database import StateDatabase
from resources.state.tables import notes

# The same text on both databases.
_PUT = text(
    "INSERT INTO notes (name, value, updated_at) VALUES (:name, :value, :now) "
    "ON CONFLICT (name) DO UPDATE SET value = excluded.value, updated_at = excluded.updated_at"
).bindparams(bindparam("value", type_=JsonText()), bindparam("now", type_=UtcDateTime()))

_ADD = text(
    "INSERT INTO notes (name, value, updated_at) VALUES (:name, :value, :now) ON CONFLICT (name) DO NOTHING"
).bindparams(bindparam("value", type_=JsonText()), bindparam("now", type_=UtcDateTime()))

_LOCK = select(notes.c.value).where(notes.c.name == bindparam("b_name")).with_for_update()

_FIND = select(notes.c.name, notes.c.value).order_by(notes.c.name)

_GET = select(notes.c.value, notes.c.updated_at).where(notes.c.name == bindparam("b_name"))


class SqlNotes:
    """Notes in the state database. Safe to use from several threads.

    Args:
        database: The state database; its clock stamps the notes.
    """

    def __init__(self, database: StateDatabase) -> None:
        self._database = database

    def put(self, name: str, value: JsonObject) -> None:
        """Stores the note, in place of the one with this name."""
        now = self._database.clock.now()
        with self._database.write() as connection:
            connection.execute(_PUT, {"name": name, "value": value, "now": now})

    def update(self, name: str, change: Callable[[JsonObject, datetime], JsonObject]) -> JsonObject:
        """Stores what `change` makes of the note, of an empty one if there is none; nobody writes it meanwhile.

        Args:
            name: Of the note.
            change: Gets the note, and the time of the database (`StateDatabase.now`), taken under its lock.
        """
        with self._database.write() as connection:
            # Made first: a row that is not there cannot be locked.
            made = {"name": name, "value": {}, "now": self._database.clock.now()}
            connection.execute(_ADD, made)
            row = connection.execute(_LOCK, {"b_name": name}).one()
            now = self._database.now(connection)
            value = change(row[0], now)
            connection.execute(_PUT, {"name": name, "value": value, "now": now})
            return value

    def get(self, name: str) -> tuple[JsonObject, datetime] | None:
        """The note and when it was stored (aware UTC); None if there is none."""
        with self._database.read() as connection:
            row = connection.execute(_GET, {"b_name": name}).first()
        return None if row is None else (row[0], row[1])

    def find(self, prefix: str) -> dict[str, JsonObject]:
        """The notes whose names begin so: name -> value, by name."""
        # No LIKE: SQLite's does not tell case apart.
        statement = _FIND.where(func.substr(notes.c.name, 1, len(prefix)) == prefix)
        with self._database.read() as connection:
            return {row.name: row.value for row in connection.execute(statement)}
