"""Named leases: at most one holder of a name at a time, over processes and machines.

For work that must not run twice at once (a sensor's tick, a table's merge). Leases of units are in `ledger.py`.
"""

from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import Connection, Update, select, update

from platform_assets.core.engine.units import Attempt
from platform_assets.core.processes.owner import is_dead
from resources.state.database import StateDatabase
from resources.state.statements import insert_if_missing
from resources.state.tables import leases


class SqlLeases:
    """Leases in the state database. Safe to use from several threads.

    Args:
        database: The state database; its `now` judges the leases.
        is_dead: Whether the owner of a lease is known to be gone.
    """

    def __init__(self, database: StateDatabase, is_dead: Callable[[str], bool] = is_dead) -> None:
        self._database = database
        self._is_dead = is_dead

    def acquire(self, name: str, attempt: Attempt, seconds: float) -> int | None:
        """Takes the lease for `seconds`, or extends it if the attempt holds it; None if another one holds it.

        Returns:
            The fence: a number that grows with every new holder. Whoever writes under the lease can send it along, and
            the receiver refuses a smaller one than it has seen.
        """
        with self._database.write() as connection:
            fence = self._find_fence(connection, name, attempt)
            if fence is not None:
                until = self._database.now(connection) + timedelta(seconds=seconds)
                connection.execute(
                    update(leases)
                    .where(leases.c.name == name)
                    .values(
                        owner=attempt.owner,
                        attempt_id=attempt.attempt_id,
                        fence=fence,
                        until=until,
                    )
                )
            return fence

    def renew(self, name: str, attempt: Attempt, seconds: float) -> bool:
        """Extends the lease to now + `seconds`; False if the attempt does not hold it any more."""
        with self._database.write() as connection:
            until = self._database.now(connection) + timedelta(seconds=seconds)
            return connection.execute(_held(name, attempt).values(until=until)).rowcount == 1

    def release(self, name: str, attempt: Attempt) -> bool:
        """Gives the lease back at once; False if the attempt does not hold it any more."""
        statement = _held(name, attempt).values(owner=None, attempt_id=None, until=None)
        with self._database.write() as connection:
            return connection.execute(statement).rowcount == 1

    def _find_fence(self, connection: Connection, name: str, attempt: Attempt) -> int | None:
        """Locks the row of the lease; the fence that the attempt would hold it with, None if it cannot."""
        connection.execute(insert_if_missing(connection, leases).values(name=name, fence=0))
        row = connection.execute(
            select(leases).where(leases.c.name == name).with_for_update()
        ).one()
        if row.attempt_id == attempt.attempt_id:
            return row.fence
        if row.attempt_id is None or row.until <= self._database.now(connection):
            return row.fence + 1
        return row.fence + 1 if self._is_dead(row.owner) else None


def _held(name: str, attempt: Attempt) -> Update:
    return update(leases).where(leases.c.name == name, leases.c.attempt_id == attempt.attempt_id)
