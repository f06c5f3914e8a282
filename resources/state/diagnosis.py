"""What a doctor asks of the state database: is it whole, and what do dead processes still hold in it."""

import sqlite3
from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import func, select, text, update

from platform_assets.core.engine.units import UnitState
from platform_assets.core.errors import RefusedError
from platform_assets.core.processes.owner import is_dead
from resources.state.database import StateDatabase
from resources.state.tables import leases, plans, rank_histories, search_requests, units

MOST_FAULTS = 10
"""Lines of an integrity check that are told; one damage can make thousands."""


@dataclass(frozen=True, slots=True)
class HeldUnit:
    """A unit that a process which is gone still has in hand.

    Attributes:
        plan_id: Its plan.
        pipeline: Its pipeline.
        partition: Its partition.
        unit_id: Which.
        attempt_id: Of the process that is gone.
        reason: Why nobody works on it.
    """

    plan_id: int
    pipeline: str
    partition: str
    unit_id: str
    attempt_id: str
    reason: str


def check_file(path: Path) -> list[str]:
    """What is wrong with a SQLite file, found by reading all of it; nothing if it is whole. It is not changed."""
    try:
        with closing(sqlite3.connect(f"file:{quote(str(path))}?mode=ro", uri=True)) as connection:
            rows = connection.execute(f"PRAGMA integrity_check({MOST_FAULTS})").fetchall()
    except (sqlite3.Error, UnicodeDecodeError) as error:
        return [f"{type(error).__name__}: {error}"]
    return [str(row[0]) for row in rows if row[0] != "ok"]


class SqlDiagnosis:
    """Questions about a state database, and what is safe to put right in it.

    Args:
        database: The state database; its clock says which leases have run out.
        is_dead: Whether the owner of a lease is known to be gone.
    """

    def __init__(self, database: StateDatabase, is_dead: Callable[[str], bool] = is_dead) -> None:
        self._database = database
        self._is_dead = is_dead

    def check_integrity(self) -> list[str]:
        """What SQLite says of its file, read whole; on PostgreSQL the server's own matter."""
        if self._database.dialect != "sqlite":
            return []
        try:
            with self._database.read() as connection:
                rows = connection.execute(text(f"PRAGMA integrity_check({MOST_FAULTS})")).all()
        except RefusedError as error:  # so damaged that SQLite gives up
            return [error.message]
        return [str(row[0]) for row in rows if row[0] != "ok"]

    def find_held_units(self) -> list[HeldUnit]:
        """Units of the ledger that are RUNNING and that nobody works on."""
        statement = (
            select(units, plans.c.pipeline, plans.c.partition)
            .join_from(units, plans)
            .where(units.c.state == UnitState.RUNNING)
            .order_by(units.c.plan_id, units.c.position)
        )
        with self._database.read() as connection:
            rows = connection.execute(statement).all()
            now = self._database.now(connection)
        found: list[HeldUnit] = []
        for row in rows:
            dead = self._is_dead(row.owner or "")
            if not dead and row.lease_until is not None and row.lease_until > now:
                continue
            reason = "its process is gone" if dead else f"its lease ran out at {row.lease_until}"
            found.append(
                HeldUnit(
                    row.plan_id,
                    row.pipeline,
                    row.partition,
                    row.unit_id,
                    row.attempt_id or "",
                    reason,
                )
            )
        return found

    def give_back(self, held: Iterable[HeldUnit]) -> int:
        """Makes them pending, unless another process has taken them meanwhile; how many."""
        now = self._database.clock.now()
        with self._database.write() as connection:
            return sum(
                connection.execute(
                    update(units)
                    .where(
                        units.c.plan_id == unit.plan_id,
                        units.c.unit_id == unit.unit_id,
                        units.c.state == UnitState.RUNNING,
                        func.coalesce(units.c.attempt_id, "") == unit.attempt_id,
                    )
                    .values(
                        state=UnitState.PENDING,
                        attempt_id=None,
                        owner=None,
                        lease_until=None,
                        updated_at=now,
                    )
                ).rowcount
                for unit in held
            )

    def find_dead_leases(self) -> list[str]:
        """Names of leases whose owner is known to be gone."""
        with self._database.read() as connection:
            rows = connection.execute(select(leases.c.name, leases.c.owner)).all()
        return sorted(row.name for row in rows if row.owner and self._is_dead(row.owner))

    def release(self, names: Sequence[str]) -> int:
        """Releases those of the leases whose owner is still known to be gone; how many."""
        count = 0
        with self._database.write() as connection:
            for name in names:
                row = connection.execute(
                    select(leases).where(leases.c.name == name).with_for_update()
                ).first()
                if row is not None and row.owner and self._is_dead(row.owner):
                    count += connection.execute(
                        update(leases)
                        .where(leases.c.name == name)
                        .values(owner=None, attempt_id=None, until=None)
                    ).rowcount
        return count

    def find_dead_searches(self) -> list[int]:
        """Numbers of search requests whose process is gone."""
        with self._database.read() as connection:
            rows = connection.execute(
                select(search_requests.c.request_id, search_requests.c.owner).where(
                    search_requests.c.state == "running"
                )
            ).all()
        return [row.request_id for row in rows if self._is_dead(row.owner or "")]

    def find_units(self, pipeline: str, state: UnitState) -> list[tuple[str, str, str]]:
        """Tenant, partition and id of the units of a pipeline in a state, of the newest plan of each partition."""
        newest = (
            select(func.max(plans.c.plan_id))
            .where(plans.c.pipeline == pipeline)
            .group_by(plans.c.tenant, plans.c.partition)
        )
        statement = (
            select(plans.c.tenant, plans.c.partition, units.c.unit_id)
            .join_from(units, plans)
            .where(plans.c.plan_id.in_(newest), units.c.state == state)
        )
        with self._database.read() as connection:
            return [(row[0], row[1], row[2]) for row in connection.execute(statement)]

    def count_rank_days(self) -> dict[str, int]:
        """Records of each day of ranks."""
        statement = select(rank_histories.c.checked_on, func.count()).group_by(
            rank_histories.c.checked_on
        )
        with self._database.read() as connection:
            return {row[0]: row[1] for row in connection.execute(statement)}
