"""`run_months`: many tenant-months through the unit engine.

A cell is a unit; the ledger over the state table says who may work on it. What a month's work is stands in
`process.py`, what is due in `decide.py`; no Dagster here.
"""

import asyncio
import threading
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Protocol

import anyio.to_thread

from platform_assets.core.clock import Clock
from platform_assets.core.engine.ledger import UnitLedger
from platform_assets.core.engine.loop_thread import Emit
from platform_assets.core.engine.run import run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    Progress,
    Report,
    Unit,
    UnitOutcome,
)
from platform_assets.core.errors import LeaseLostError, PermanentError
from platform_assets.core.objects import ObjectStore
from platform_assets.tenants.process import DeadLetterSink, EventSource, process_month
from platform_assets.tenants.tenant import (
    SourceSettings,
    Tenant,
    TenantMonth,
    TenantType,
    split_cell,
)


class MonthLedger(UnitLedger, Protocol):
    """A ledger over the cells of one run, with the plan that names them."""

    @property
    def plan(self) -> Plan:
        """One unit per cell."""
        ...


class SourceOpener(Protocol):
    """Opens tenants' event tables."""

    def open(self, source: SourceSettings) -> EventSource:
        """The table of events.

        Raises:
            TransientError: The database cannot be reached.
            PermanentError: There is no such table, or it has other columns.
        """
        ...


class TenantReader(Protocol):
    """What a run needs to know of tenants."""

    def get(self, tenant_id: str) -> Tenant:
        """The tenant; PermanentError of kind `unknown_tenant` if there is none."""
        ...

    def months(self, tenant_id: str) -> list[TenantMonth]:
        """Its months, oldest first."""
        ...


@dataclass(frozen=True, slots=True)
class Processor:
    """What the work of tenant-months needs.

    Attributes:
        tenants: Tenants and their months as they are stored.
        sources: Opens their events.
        objects: Where tables go.
        letters: Where bad records go.
        clock: The wall clock.
        policy: How many months at once, and how long one may take. A month is not tried again inside a run: when it
            failed it is due again minutes later.
        slice_records: Most events per read.
        chunk_records: Events per write.
    """

    tenants: TenantReader
    sources: SourceOpener
    objects: ObjectStore
    letters: DeadLetterSink
    clock: Clock
    policy: RunPolicy
    slice_records: int = 1000
    chunk_records: int = 50


async def run_months(
    processor: Processor,
    ledger: MonthLedger,
    emit: Emit[UnitOutcome | Progress] | None = None,
    *,
    force: bool,
    in_order: bool = True,
) -> Report:
    """Processes the cells of a ledger's plan.

    Args:
        processor: What the work needs.
        ledger: Says which cells, and who may work on them.
        emit: Is handed every outcome, and the progress at a human pace.
        force: Whether a month whose source has not changed is processed all the same.
        in_order: Whether months of a NEW tenant are done one after another, and left once one of them fails.

    Raises:
        TransientError: The state database does not answer.
    """
    work = _MonthWork(processor, ledger, force=force)
    after = await asyncio.to_thread(work.chain) if in_order else {}
    return await run_units(
        ledger.plan,
        work,
        ledger=ledger,
        policy=processor.policy,
        clock=processor.clock,
        after=after,
        on_progress=emit,
        on_outcome=emit,
    )


def chain_cells(cells: Iterable[str], is_new: Callable[[str], bool]) -> dict[str, str]:
    """Cell -> the cell of the same NEW tenant that comes before it in the run, months in order."""
    after: dict[str, str] = {}
    last: dict[str, str] = {}
    for cell in sorted(cells):
        tenant_id, _ = split_cell(cell)
        if not is_new(tenant_id):
            continue
        if tenant_id in last:
            after[cell] = last[tenant_id]
        last[tenant_id] = cell
    return after


@dataclass(frozen=True, slots=True)
class _Known:
    """A tenant and its months as they were when this run first looked."""

    tenant: Tenant
    months: Mapping[str, TenantMonth]


class _MonthWork:
    """The work of one unit: processes one tenant-month in a thread of its own."""

    def __init__(self, processor: Processor, ledger: MonthLedger, *, force: bool) -> None:
        self._processor = processor
        self._ledger = ledger
        self._force = force
        self._known: dict[str, _Known] = {}
        self._knowing = threading.Lock()
        self._threads = anyio.CapacityLimiter(processor.policy.concurrency)

    def chain(self) -> dict[str, str]:
        """Which cell comes after which; reads every tenant of the run. An unknown tenant is the ledger's to refuse."""
        records = self._ledger.read_units(self._ledger.plan)
        return chain_cells((record.unit.unit_id for record in records), self._is_new)

    async def __call__(self, unit: Unit, run: UnitRun) -> JsonObject:
        # Not the default pool of threads: the ledger's writes must not wait behind slow sources.
        return await anyio.to_thread.run_sync(
            partial(self._process, unit, run), limiter=self._threads, abandon_on_cancel=True
        )

    def _process(self, unit: Unit, run: UnitRun) -> JsonObject:
        tenant_id, month = split_cell(unit.unit_id)
        known = self._know(tenant_id)
        result = process_month(
            tenant_id,
            month,
            self._processor.sources.open(known.tenant.source),
            self._processor.objects,
            self._processor.letters,
            check_held=partial(self._check_held, run),
            last=known.months.get(month),
            force=self._force,
            slice_records=self._processor.slice_records,
            chunk_records=self._processor.chunk_records,
        )
        return result.detail()

    def _check_held(self, run: UnitRun) -> None:
        """Asks the state table, not only this process: one that was asleep for long does not know what it lost."""
        run.ensure_held()
        attempt = Attempt(run.attempt_id, "")
        if self._ledger.save_checkpoints(self._ledger.plan, attempt, {run.unit.unit_id: {}}):
            raise LeaseLostError(
                f"tenant-month {run.unit.unit_id}: another run has it, or it was given up; nothing is written"
            )

    def _is_new(self, tenant_id: str) -> bool:
        try:
            return self._know(tenant_id).tenant.tenant_type is TenantType.NEW
        except PermanentError:
            return False

    def _know(self, tenant_id: str) -> _Known:
        with self._knowing:
            if tenant_id not in self._known:
                tenants = self._processor.tenants
                months = {month.month: month for month in tenants.months(tenant_id)}
                self._known[tenant_id] = _Known(tenants.get(tenant_id), months)
            return self._known[tenant_id]
