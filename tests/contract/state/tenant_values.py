"""Tenants, runs and their cells for the suites of this folder."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

from sqlalchemy import Engine, event

from platform_assets.core.engine.units import Attempt, UnitOutcome, UnitRecord, UnitState
from platform_assets.tenants.state.ledger import SqlTenantLedger
from platform_assets.tenants.state.months import SqlTenantMonths
from platform_assets.tenants.state.tenants import SqlTenants
from platform_assets.tenants.tenant import (
    MonthStatus,
    SourceSettings,
    Tenant,
    TenantMonth,
    TenantType,
    name_cell,
)
from resources.state.database import StateDatabase
from tests.fakes.clock import START

STALE = 1800.0
ONE = Attempt("attempt-1", "owner-1")
TWO = Attempt("attempt-2", "owner-2")
MONTHS = ("2026-09", "2026-10", "2026-11")
"""The last of them is the month of `START`."""


def make_tenant(
    tenant_id: str = "acme",
    tenant_type: TenantType = TenantType.EXISTING,
    *,
    active: bool = True,
    last: str | None = None,
    first: str = MONTHS[0],
    at: datetime = START,
) -> Tenant:
    new = tenant_type is TenantType.NEW
    return Tenant(
        tenant_id=tenant_id,
        name=f"{tenant_id} 주식회사",
        tenant_type=tenant_type,
        active=active,
        disabled_reason=None if active else "left",
        current_processing_month=first if new else last,
        backfill_start_month=first if new else None,
        backfill_completed=False,
        last_completed_month=last,
        customers_at=None,
        source=SourceSettings("sqlite:////events.db", "shop.events", {"event_at": "ts"}),
        created_at=at,
        updated_at=at,
    )


@dataclass
class World:
    """The repositories on one database, and short words for what a test does with them."""

    database: StateDatabase
    dead: set[str] = field(default_factory=set[str])

    def __post_init__(self) -> None:
        self.tenants = SqlTenants(self.database)
        self.months = SqlTenantMonths(self.database, self.dead.__contains__)

    def add_new(self, tenant_id: str = "acme", months: Sequence[str] = MONTHS) -> None:
        now = self.database.clock.now()
        tenant = make_tenant(tenant_id, TenantType.NEW, first=min(months), at=now)
        self.tenants.register(tenant, months)

    def add_existing(self, tenant_id: str = "acme", months: Sequence[str] = ()) -> None:
        now = self.database.clock.now()
        self.tenants.register(make_tenant(tenant_id, at=now), months)

    def run(
        self,
        *cells: str,
        run_id: str = "run-1",
        limit: int = 20,
        skip: Sequence[str] = (),
        in_order: bool = True,
    ) -> SqlTenantLedger:
        return SqlTenantLedger(
            self.database,
            cells,
            run_id=run_id,
            limit=limit,
            stale_seconds=STALE,
            skip=skip,
            in_order=in_order,
            is_dead=self.dead.__contains__,
        )

    def month(self, cell: str) -> TenantMonth:
        month, _, tenant_id = cell.partition("|")
        return self.months.get(tenant_id, month)

    def statuses(self, tenant_id: str = "acme") -> dict[str, MonthStatus]:
        return {row.month: row.status for row in self.tenants.months(tenant_id)}

    def fail_until_disabled(self, cell: str) -> None:
        ledger = self.run(cell)
        for _ in range(4):
            assert states(claim(ledger, cell)) == {cell: UnitState.RUNNING}
            record(ledger, failed(cell))


def cells_of(tenant_id: str, months: Sequence[str] = MONTHS) -> list[str]:
    return [name_cell(tenant_id, month) for month in months]


def claim(ledger: SqlTenantLedger, *cells: str, by: Attempt = ONE) -> list[UnitRecord]:
    return ledger.claim(ledger.plan, cells, by, 60)


def record(ledger: SqlTenantLedger, *outcomes: UnitOutcome, by: Attempt = ONE) -> set[str]:
    return ledger.record(ledger.plan, by, outcomes)


def states(records: Sequence[UnitRecord]) -> dict[str, UnitState | str | None]:
    """Cell -> RUNNING, or the kind for which it was refused."""
    return {
        r.unit.unit_id: r.error_kind if r.state is UnitState.FAILED else r.state for r in records
    }


def done(cell: str, watermark: str | None = "3 events") -> UnitOutcome:
    detail = {"processed_records": 3, "failed_records": 1, "watermark": watermark, "orders": 2}
    return UnitOutcome(cell, UnitState.DONE, detail=detail)


def failed(cell: str, message: str = "no such table") -> UnitOutcome:
    return UnitOutcome(
        cell, UnitState.FAILED, error_kind="source_table_missing", error_message=message
    )


def given_back(cell: str) -> UnitOutcome:
    return UnitOutcome(cell, UnitState.PENDING)


def count_statements(engine: Engine) -> list[str]:
    """A list that grows with every statement that is sent through the engine from now on."""
    seen: list[str] = []

    def note(_connection: object, _cursor: object, statement: str, *_rest: object) -> None:
        seen.append(statement)

    event.listen(engine, "before_cursor_execute", note)
    return seen
