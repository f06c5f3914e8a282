"""The ledger of one run over tenant-months: implements `UnitLedger` of `platform_assets/core/engine/ledger.py`.

A cell is a unit, its row in `tenant_month_states` says who may work on it, over all runs. The rules are values:
`claims.py` says who gets what, `platform_assets/tenants/transitions.py` what follows from an end. Questions and
changes outside of a run are in `months.py`.
"""

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from itertools import islice

from sqlalchemy import Connection, func, or_, select, text, update

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
from platform_assets.core.processes.owner import MOST_DEATHS, is_dead
from platform_assets.tenants.state.claims import ClaimRound, Refusal, Terms
from platform_assets.tenants.state.outcomes import write_outcomes
from platform_assets.tenants.state.rows import (
    Cell,
    count_running,
    insert_months,
    is_held,
    is_one_of,
    lock_months,
    lock_tenants,
    write_months,
    write_tenants,
)
from platform_assets.tenants.tenant import (
    MonthStatus,
    Tenant,
    TenantMonth,
    TenantType,
    name_cell,
    split_cell,
)
from resources.state.columns import read_enum
from resources.state.database import StateDatabase
from resources.state.tables import tenant_month_states as states

CELLS = 400
"""Cells per statement: two variables each, see `statements.CHUNK`."""

_ADVISORY_LOCK = 714_305_226
"""An arbitrary number that means "claiming tenant-months" among PostgreSQL's advisory locks."""

# By schema too: installations that share a database have limits of their own.
_LOCK_CLAIMS = text("SELECT pg_advisory_xact_lock(:key, hashtext(current_schema()))")


class SqlTenantLedger:
    """Tenant-months of one run in the state database. Safe to use from several threads.

    Args:
        database: The state database; its `now` stamps the rows and judges the heartbeats.
        cells: Partition keys, as `name_cell` writes them; one that is named twice counts once.
        run_id: Dagster run; empty outside Dagster.
        limit: Tenant-months that are RUNNING at the same time, over all runs and tenants.
        stale_seconds: A RUNNING month without a heartbeat for so long is taken over.
        skip: Those of the cells that are done already, as far as this run is concerned.
        in_order: Whether a month of a NEW tenant waits for the months before it: what the orchestrator starts does,
            what a person asks for does not.
        is_dead: Whether the owner of an attempt is known to be gone.
        most_deaths: Workers that may die of a month that they had alone in hand, before it fails.

    Raises:
        PermanentError: kind `bad_partition`: a cell is not of the form `YYYY-MM|tenant`.
    """

    def __init__(  # noqa: PLR0913 - what a run may ask for; options go by name
        self,
        database: StateDatabase,
        cells: Sequence[str],
        *,
        run_id: str,
        limit: int,
        stale_seconds: float,
        skip: Collection[str] = (),
        in_order: bool = True,
        is_dead: Callable[[str], bool] = is_dead,
        most_deaths: int = MOST_DEATHS,
    ) -> None:
        self._database = database
        self._cells = {key: split_cell(key) for key in cells}
        self._skip = frozenset(skip)
        self._limit = limit
        self._stale_seconds = stale_seconds
        self._in_order = in_order
        self._is_dead = is_dead
        self._most_deaths = most_deaths
        self._todo = {cell for key, cell in self._cells.items() if key not in self._skip}
        with database.read() as connection:
            self._created_at = database.now(connection)
        self.plan = Plan(0, Scope("tenants/months", "", run_id), 1, PlanState.OPEN, {})

    def read_units(self, plan: Plan) -> list[UnitRecord]:  # noqa: ARG002 (interface)
        """The cells, as PENDING whatever their rows say: a run that was asked for does its months again."""
        deaths = self._read_deaths()
        return [
            UnitRecord(self._unit(key), UnitState.DONE, detail={})
            if key in self._skip
            else UnitRecord(self._unit(key), UnitState.PENDING, deaths=deaths.get(cell, 0))
            for key, cell in self._cells.items()
        ]

    def _read_deaths(self) -> dict[Cell, int]:
        """Of the cells that had workers die, how many; one that a dead worker still has counts that one."""
        columns = (states.c.tenant_id, states.c.processing_month, states.c.deaths, states.c.status)
        found: dict[Cell, int] = {}
        with self._database.read() as connection:
            for chunk in _split(self._cells):
                statement = select(*columns).where(
                    is_one_of([self._cells[key] for key in chunk]),
                    or_(states.c.deaths > 0, states.c.status == MonthStatus.RUNNING),
                )
                for tenant_id, month, deaths, status in connection.execute(statement):
                    found[tenant_id, month] = deaths + (status == MonthStatus.RUNNING)
        return found

    def claim(
        self,
        plan: Plan,
        unit_ids: Sequence[str],
        attempt: Attempt,
        lease_seconds: float,  # noqa: ARG002 (interface: `stale_seconds` says it for every run)
    ) -> list[UnitRecord]:
        """Takes those of the cells that are to be had now, in the order given.

        A cell that this run can never have is answered as FAILED, kinds `unknown_tenant`, `tenant_disabled`,
        `exhausted`, `month_order` and `bad_month`. What is left out may be to be had later.
        """
        terms = Terms(
            attempt=attempt,
            run_id=plan.scope.partition,
            since=self._created_at,
            stale_seconds=self._stale_seconds,
            todo=self._todo,
            in_order=self._in_order,
            is_dead=self._is_dead,
            most_deaths=self._most_deaths,
        )
        wanted = [key for key in unit_ids if key in self._cells]
        answers: list[UnitRecord] = []
        for chunk in _split(wanted):
            with self._database.write() as connection:
                claimed = self._open_round(connection, terms, [self._cells[key] for key in chunk])
                records = [self._answer(key, claimed.ask(self._cells[key])) for key in chunk]
                write_months(connection, claimed.changed.values())
                insert_months(connection, claimed.added.values())
                write_tenants(connection, claimed.disabled.values())
            answers += [record for record in records if record is not None]
        self._todo -= {self._cells[r.unit.unit_id] for r in answers if r.state is UnitState.FAILED}
        return answers

    def renew(
        self,
        plan: Plan,  # noqa: ARG002 (interface)
        attempt: Attempt,
        lease_seconds: float,  # noqa: ARG002 (interface)
    ) -> set[str]:
        """A heartbeat for every cell that the attempt works on; returns their ids."""
        with self._database.write() as connection:
            held = lock_months(connection, *is_held(attempt))
            if held:
                connection.execute(
                    update(states)
                    .where(*is_held(attempt))
                    .values(heartbeat_at=self._database.now(connection))
                )
        return {_name(month) for month in held}

    def record(
        self,
        plan: Plan,  # noqa: ARG002 (interface)
        attempt: Attempt,
        outcomes: Sequence[UnitOutcome],
    ) -> set[str]:
        """Writes outcomes, with what follows for their tenants, in one transaction; returns the refused ids.

        A write is refused when the cell is no longer RUNNING under the attempt, or its tenant is gone.
        """
        known = [outcome for outcome in outcomes if outcome.unit_id in self._cells]
        with self._database.write() as connection:
            # The tenants first, and the clock under the locks: see `rows.py`.
            tenants = lock_tenants(connection, {self._cells[o.unit_id][0] for o in known})
            held = {_name(month): month for month in lock_months(connection, *is_held(attempt))}
            taken = [outcome for outcome in known if outcome.unit_id in held]
            write_outcomes(connection, tenants, held, taken, self._database.now(connection))
        ended = [outcome for outcome in taken if outcome.state is not UnitState.PENDING]
        self._todo -= {self._cells[outcome.unit_id] for outcome in ended}
        return {o.unit_id for o in outcomes} - {outcome.unit_id for outcome in taken}

    def save_checkpoints(
        self,
        plan: Plan,  # noqa: ARG002 (interface)
        attempt: Attempt,
        checkpoints: Mapping[str, JsonObject],
    ) -> set[str]:
        """Those of the cells that the attempt does not work on any more. No checkpoint is kept: a month starts anew."""
        statement = select(states.c.tenant_id, states.c.processing_month).where(*is_held(attempt))
        with self._database.read() as connection:
            held = {name_cell(*row) for row in connection.execute(statement)}
        return set(checkpoints) - held

    def read_done(self, plan: Plan, unit_ids: Collection[str]) -> set[str]:  # noqa: ARG002 (interface)
        """Those of the cells that were completed since this ledger was made, whoever did them."""
        done: set[str] = set()
        with self._database.read() as connection:
            for chunk in _split(unit_ids):
                statement = select(states.c.tenant_id, states.c.processing_month).where(
                    is_one_of([self._cells[key] for key in chunk if key in self._cells]),
                    states.c.status == MonthStatus.COMPLETED,
                    states.c.completed_at >= self._created_at,
                )
                done.update(name_cell(*row) for row in connection.execute(statement))
        return done

    def _open_round(
        self, connection: Connection, terms: Terms, cells: Sequence[Cell]
    ) -> ClaimRound:
        """Takes the locks of a claim and reads what it has to know."""
        if self._database.dialect == "postgresql":
            connection.execute(_LOCK_CLAIMS, {"key": _ADVISORY_LOCK})
        tenants = lock_tenants(connection, {tenant_id for tenant_id, _ in cells})
        months = lock_months(connection, is_one_of(cells))
        held, suspected = connection.execute(
            select(func.count(), func.max(states.c.deaths)).where(*is_held(terms.attempt))
        ).one()
        return ClaimRound(
            terms=terms,
            now=self._database.now(connection),
            room=self._limit - count_running(connection),
            tenants=tenants,
            months={(month.tenant_id, month.month): month for month in months},
            unfinished=_read_unfinished(connection, tenants),
            held=held,
            suspected=bool(suspected),
        )

    def _answer(self, key: str, answer: TenantMonth | Refusal | None) -> UnitRecord | None:
        if answer is None:
            return None
        if isinstance(answer, Refusal):
            return UnitRecord(
                self._unit(key),
                UnitState.FAILED,
                error_kind=answer.kind,
                error_message=answer.message,
            )
        return UnitRecord(self._unit(key), UnitState.RUNNING, attempts=answer.retry_count + 1)

    def _unit(self, key: str) -> Unit:
        tenant_id, month = self._cells[key]
        return Unit(key, {"tenant": tenant_id, "month": month})


def _read_unfinished(
    connection: Connection, tenants: Mapping[str, Tenant]
) -> dict[str, dict[str, MonthStatus]]:
    new = [t.tenant_id for t in tenants.values() if t.tenant_type is TenantType.NEW]
    unfinished: dict[str, dict[str, MonthStatus]] = {tenant_id: {} for tenant_id in new}
    if new:
        statement = select(states.c.tenant_id, states.c.processing_month, states.c.status).where(
            states.c.tenant_id.in_(new), states.c.status != MonthStatus.COMPLETED
        )
        for tenant_id, month, status in connection.execute(statement):
            unfinished[tenant_id][month] = read_enum(MonthStatus, status)
    return unfinished


def _name(month: TenantMonth) -> str:
    return name_cell(month.tenant_id, month.month)


def _split(keys: Collection[str]) -> Iterator[list[str]]:
    iterator = iter(keys)
    while chunk := list(islice(iterator, CELLS)):
        yield chunk
