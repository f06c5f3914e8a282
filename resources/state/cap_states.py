"""The shared state of caps: one row per cap, changed under its lock with the time taken while the lock is held.

What the state means is the limiter's business (`resources/caps/limiter.py`); this is the row, the lock and the clock.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import TypeVar

from sqlalchemy import Connection, Double, bindparam, select, text, update

from platform_assets.core.engine.units import JsonObject
from resources.state.columns import JsonText
from resources.state.database import StateDatabase
from resources.state.statements import insert_if_missing
from resources.state.tables import cap_states

T = TypeVar("T")

_READ = select(cap_states.c.state).where(cap_states.c.name == bindparam("b_name"))

# A FOR UPDATE in a WITH query is finished before the outer query reads the clock. In one plain SELECT PostgreSQL may
# read the clock first and wait for the lock afterwards: the time would be older than the last holder's.
_READ_LOCKED = text(
    "WITH locked AS MATERIALIZED (SELECT state FROM cap_states WHERE name = :b_name FOR UPDATE) "
    "SELECT state, CAST(extract(epoch FROM clock_timestamp()) AS double precision) AS now FROM locked"
).columns(state=JsonText(), now=Double())

_WRITE = (
    update(cap_states)
    .where(cap_states.c.name == bindparam("b_name"))
    .values(state=bindparam("b_state"), updated_at=bindparam("b_now"))
)


class SqlCapStates:
    """States of caps in the state database. Safe to use from several threads.

    Args:
        database: The state database.
        wall: Seconds since the epoch. None takes the database's clock: the server's with PostgreSQL, so that machines
            whose clocks differ agree; this machine's with SQLite.
    """

    def __init__(self, database: StateDatabase, wall: Callable[[], float] | None = None) -> None:
        self._database = database
        self._wall = wall

    def change(
        self, name: str, decide: Callable[[JsonObject | None, float], tuple[JsonObject, T]]
    ) -> T:
        """Lets `decide` replace the state of a cap while no other process can see or change it.

        Args:
            name: The cap.
            decide: Gets the stored state (None the first time) and the time in seconds since the epoch, taken under the
                lock; answers with the state to store and the result. The very same object as state stores nothing. It
                must be quick and must not use the database; what it raises leaves the state as it was.

        Returns:
            The result of `decide`.
        """
        with self._database.write() as connection:
            state, now = self._lock(connection, name)
            new, result = decide(state, now)
            if new is not state:
                updated_at = datetime.fromtimestamp(now, UTC)
                connection.execute(_WRITE, {"b_name": name, "b_state": new, "b_now": updated_at})
            return result

    def read(self, name: str) -> JsonObject | None:
        """The stored state of a cap, without waiting for anyone; None if there is none yet."""
        with self._database.read() as connection:
            return connection.scalar(_READ, {"b_name": name})

    def _lock(self, connection: Connection, name: str) -> tuple[JsonObject | None, float]:
        """The stored state and the time, both under the lock of the row; creates the row if there is none."""
        found = self._read_locked(connection, name)
        if found is None:
            missing = insert_if_missing(connection, cap_states)
            connection.execute(missing.values(name=name, updated_at=self._database.clock.now()))
            found = self._read_locked(connection, name)
        assert found is not None
        return found

    def _read_locked(
        self, connection: Connection, name: str
    ) -> tuple[JsonObject | None, float] | None:
        # SQLite: the transaction has the only write lock already, and the machine's clock is the database's.
        statement = _READ_LOCKED if self._database.dialect == "postgresql" else _READ
        row = connection.execute(statement, {"b_name": name}).first()
        if row is None:
            return None
        if self._wall is not None:
            return row[0], self._wall()
        return row[0], row[1] if len(row) > 1 else self._database.clock.now().timestamp()
