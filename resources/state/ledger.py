"""The ledger in SQL: implements `PlanLedger` and `UnitLedger` of `platform_assets/core/engine/ledger.py`.

Every write of a unit first locks the rows in plan order (two runs of one plan cannot deadlock) and names the attempt
that must hold them. Questions over many plans are in `ledger_queries.py`.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from sqlalchemy import Connection, Update, exists, func, select, update

from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    PlanState,
    Scope,
    Unit,
    UnitOutcome,
    UnitRecord,
    UnitState,
)
from platform_assets.core.processes.owner import ALONE_AFTER, MOST_DEATHS, is_dead
from resources.state import plans
from resources.state.database import StateDatabase
from resources.state.statements import split_chunks
from resources.state.tables import plans as plan_rows
from resources.state.tables import units
from resources.state.unit_statements import (
    RECORD,
    RECORD_COLUMNS,
    SAVE_CHECKPOINT,
    AnyRow,
    is_held,
    lock_held,
    lock_units,
    read_record,
    write_outcome,
)


class SqlLedger:
    """Plans and units in the state database. Safe to use from several threads.

    Args:
        database: The state database; its `now` stamps the rows and judges the leases.
        is_dead: Whether the owner of a lease is known to be gone.
        most_deaths: Workers that may die of a unit that they had alone in hand, before it fails.
    """

    def __init__(
        self,
        database: StateDatabase,
        is_dead: Callable[[str], bool] = is_dead,
        *,
        most_deaths: int = MOST_DEATHS,
    ) -> None:
        self._database = database
        self._is_dead = is_dead
        self._most_deaths = most_deaths
        self._suspecting: set[str] = set()

    def find_plan(self, scope: Scope) -> Plan | None:
        """The newest plan of the scope, open or closed; None when there was none yet."""
        with self._database.read() as connection:
            return plans.find_newest(connection, scope)

    def open_plan(self, scope: Scope, units: Sequence[Unit], context: JsonObject) -> Plan:
        """The open plan of the scope; stores `units` as its next generation when none is open.

        Raises:
            ValueError: Two units share an id, or an id is empty or longer than 200 characters.
        """
        plans.check_unit_ids(units)
        with self._database.write() as connection:
            return plans.open_newest(
                connection, scope, units, context, self._database.now(connection)
            )

    def extend_plan(self, plan: Plan, units: Sequence[Unit]) -> int:
        """Adds those of the units that the open plan does not have, after the others; how many.

        Raises:
            ValueError: Two of the units share an id, or an id is empty or longer than 200 characters.
        """
        plans.check_unit_ids(units)
        with self._database.write() as connection:
            return plans.extend(connection, plan, units, self._database.now(connection))

    def read_units(self, plan: Plan) -> list[UnitRecord]:
        """All units of the plan, in the order in which they were planned."""
        statement = (
            select(*RECORD_COLUMNS)
            .where(units.c.plan_id == plan.plan_id)
            .order_by(units.c.position)
        )
        with self._database.read() as connection:
            return [read_record(row) for row in connection.execute(statement)]

    def take_back(self, plan: Plan, unit_ids: Collection[str]) -> int:
        """Makes units that are DONE pending again, if the plan is open; returns how many."""
        now = self._database.clock.now()
        is_open = exists().where(
            plan_rows.c.plan_id == plan.plan_id, plan_rows.c.state == PlanState.OPEN
        )
        with self._database.write() as connection:
            return sum(
                connection.execute(
                    update(units)
                    .where(
                        units.c.plan_id == plan.plan_id,
                        units.c.unit_id.in_(chunk),
                        units.c.state == UnitState.DONE,
                        is_open,
                    )
                    .values(state=UnitState.PENDING, detail=None, finished_at=None, updated_at=now)
                ).rowcount
                for chunk in split_chunks(unit_ids)
            )

    def settle(
        self, plan: Plan, unit_id: str, decide: Callable[[UnitRecord], UnitOutcome | None]
    ) -> bool:
        """Ends a unit as `decide` says, under the lock of its row; whether it was written."""
        wanted = (units.c.plan_id == plan.plan_id, units.c.unit_id == unit_id)
        with self._database.write() as connection:
            row = connection.execute(
                select(*RECORD_COLUMNS).where(*wanted).with_for_update()
            ).first()
            outcome = None if row is None else decide(read_record(row))
            if outcome is None:
                return False
            key = {
                "b_plan_id": plan.plan_id,
                "b_unit_id": unit_id,
                "b_now": self._database.now(connection),
            }
            connection.execute(RECORD, {**key, **write_outcome(outcome)})
            return True

    def close_plan(self, plan: Plan) -> bool:
        """Marks the plan closed if all of its units are done; False (and no change) if some are not."""
        with self._database.write() as connection:
            return plans.close_if_done(connection, plan, self._database.now(connection))

    def close_abandoned(self, before: datetime) -> int:
        """Closes open plans of which nothing has happened since `before`, done or not; returns how many."""
        with self._database.write() as connection:
            return plans.close_abandoned(connection, before, self._database.now(connection))

    def claim(
        self, plan: Plan, unit_ids: Sequence[str], attempt: Attempt, lease_seconds: float
    ) -> list[UnitRecord]:
        """Takes those of the units that nobody holds; answers with them in plan order, as they are now."""
        claimed: list[AnyRow] = []
        with self._database.write() as connection:
            for chunk in split_chunks(unit_ids):
                claimed += self._claim_chunk(connection, plan, chunk, attempt, lease_seconds)
        return [read_record(row) for row in sorted(claimed, key=lambda row: row.position)]

    def renew(self, plan: Plan, attempt: Attempt, lease_seconds: float) -> set[str]:
        """Extends every lease that `attempt` still holds in the plan; returns the unit ids that it holds."""
        with self._database.write() as connection:
            held = set(connection.scalars(lock_held(plan, attempt)))
            if held:
                now = self._database.now(connection)
                until = now + timedelta(seconds=lease_seconds)
                connection.execute(
                    update(units)
                    .where(*is_held(plan, attempt))
                    .values(lease_until=until, updated_at=now)
                )
            return held

    def record(self, plan: Plan, attempt: Attempt, outcomes: Sequence[UnitOutcome]) -> set[str]:
        """Writes outcomes in one transaction; returns the unit ids that were refused (fencing)."""
        rows = {outcome.unit_id: write_outcome(outcome) for outcome in outcomes}
        return self._write_held(plan, attempt, RECORD, rows)

    def save_checkpoints(
        self, plan: Plan, attempt: Attempt, checkpoints: Mapping[str, JsonObject]
    ) -> set[str]:
        """Stores checkpoints of running units in one transaction; returns the unit ids that were refused."""
        rows = {unit_id: {"b_checkpoint": value} for unit_id, value in checkpoints.items()}
        return self._write_held(plan, attempt, SAVE_CHECKPOINT, rows)

    def read_done(self, plan: Plan, unit_ids: Collection[str]) -> set[str]:
        """Those of the units that are DONE by now, whoever did them."""
        done: set[str] = set()
        with self._database.read() as connection:
            for chunk in split_chunks(unit_ids):
                statement = select(units.c.unit_id).where(
                    units.c.plan_id == plan.plan_id,
                    units.c.unit_id.in_(chunk),
                    units.c.state == UnitState.DONE,
                )
                done.update(connection.scalars(statement))
        return done

    def _claim_chunk(
        self,
        connection: Connection,
        plan: Plan,
        chunk: Sequence[str],
        attempt: Attempt,
        lease_seconds: float,
    ) -> list[AnyRow]:
        wanted = (units.c.plan_id == plan.plan_id, units.c.unit_id.in_(chunk))
        holders = connection.execute(lock_units(*wanted)).all()
        # The clock is read under the locks: a claim that had to wait for them must not judge by an older time.
        now, mine = self._database.now(connection), attempt.attempt_id
        # An answer of before that did not arrive: given again.
        held = [
            row.unit_id
            for row in holders
            if row.attempt_id == mine
            and row.state == UnitState.RUNNING
            and not self._is_free(row, now)
        ]
        free = [row for row in holders if row.unit_id not in held and self._is_free(row, now)]
        # An attempt that claims is alive, however late it renewed what it had.
        lost = [r for r in free if r.state == UnitState.RUNNING and r.attempt_id != mine]
        self._count_deaths(connection, plan, lost, now)
        taken = self._choose(connection, plan, attempt, free, {row.unit_id for row in lost})
        again = self._read_rows(connection, plan, held)
        worn = self._read_rows(
            connection, plan, [row.unit_id for row in lost if self._is_worn(row)]
        )
        return again + worn + self._take(connection, plan, taken, attempt, now, lease_seconds)

    def _take(
        self,
        connection: Connection,
        plan: Plan,
        unit_ids: Sequence[str],
        attempt: Attempt,
        now: datetime,
        lease_seconds: float,
    ) -> list[AnyRow]:
        if not unit_ids:
            return []
        statement = (
            update(units)
            .where(units.c.plan_id == plan.plan_id, units.c.unit_id.in_(unit_ids))
            .values(
                state=UnitState.RUNNING,
                attempts=units.c.attempts + 1,
                attempt_id=attempt.attempt_id,
                owner=attempt.owner,
                lease_until=now + timedelta(seconds=lease_seconds),
                started_at=now,
                finished_at=None,
                updated_at=now,
            )
            .returning(*RECORD_COLUMNS, units.c.position)
        )
        return list(connection.execute(statement).all())

    def _count_deaths(
        self, connection: Connection, plan: Plan, lost: Sequence[AnyRow], now: datetime
    ) -> None:
        """Notes of units whose worker died that it did: they are free, or they have failed."""
        for row in lost:
            failed = {
                "state": UnitState.FAILED,
                "error_kind": "worker_died",
                "error_message": f"{row.deaths + 1 - ALONE_AFTER} workers in a row died while they had it alone "
                "in hand: look at the last runs",
                "finished_at": now,
            }
            connection.execute(
                update(units)
                .where(units.c.plan_id == plan.plan_id, units.c.unit_id == row.unit_id)
                .values(
                    deaths=units.c.deaths + 1,
                    owner=None,
                    lease_until=None,
                    updated_at=now,
                    **(failed if self._is_worn(row) else {"state": UnitState.PENDING}),
                )
            )

    def _is_worn(self, row: AnyRow) -> bool:
        """Whether one death more is one too many; the first ones were not alone."""
        return row.deaths + 1 >= self._most_deaths + ALONE_AFTER

    def _choose(
        self,
        connection: Connection,
        plan: Plan,
        attempt: Attempt,
        free: Sequence[AnyRow],
        lost: Collection[str],
    ) -> list[str]:
        """Those of the free units that the attempt gets: what was in hand at a death, only by itself."""
        mine = attempt.attempt_id
        deaths = {row.unit_id: row.deaths + (row.unit_id in lost) for row in free}
        worn = {row.unit_id for row in free if row.unit_id in lost and self._is_worn(row)}
        suspects = [u for u in deaths if deaths[u] >= ALONE_AFTER and u not in worn]
        if not suspects and mine not in self._suspecting:
            return [unit_id for unit_id in deaths if unit_id not in worn]
        statement = select(func.count(), func.max(units.c.deaths)).where(*is_held(plan, attempt))
        held, suspected = connection.execute(statement).one()
        if (suspected or 0) >= ALONE_AFTER:
            return []
        self._suspecting.discard(mine)
        if innocent := [u for u in deaths if u not in worn and u not in suspects]:
            return innocent
        if held or not suspects:
            return []
        self._suspecting.add(mine)
        return [min(suspects, key=lambda unit_id: deaths[unit_id])]

    def _read_rows(
        self, connection: Connection, plan: Plan, unit_ids: Sequence[str]
    ) -> list[AnyRow]:
        if not unit_ids:
            return []
        statement = select(*RECORD_COLUMNS, units.c.position).where(
            units.c.plan_id == plan.plan_id, units.c.unit_id.in_(unit_ids)
        )
        return list(connection.execute(statement).all())

    def _is_free(self, row: AnyRow, now: datetime) -> bool:
        if row.state != UnitState.RUNNING:
            return row.state != UnitState.DONE
        return row.lease_until <= now or self._is_dead(row.owner)

    def _write_held(
        self,
        plan: Plan,
        attempt: Attempt,
        statement: Update,
        rows: Mapping[str, Mapping[str, object]],
    ) -> set[str]:
        """Runs `statement` once per unit that the attempt holds; returns the other unit ids."""
        with self._database.write() as connection:
            held: set[str] = set()
            for chunk in split_chunks(rows):
                held.update(connection.scalars(lock_held(plan, attempt, chunk)))
            if held:
                now = self._database.now(connection)
                connection.execute(
                    statement,
                    [
                        {"b_plan_id": plan.plan_id, "b_unit_id": unit_id, "b_now": now, **values}
                        for unit_id, values in rows.items()
                        if unit_id in held
                    ],
                )
        return set(rows) - held
