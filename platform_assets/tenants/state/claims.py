"""Which of the tenant-months that a run asks for it gets, and why not the others. Values in, values out: no SQL here.

A cell is granted, or not to be had now (another run works on it or has just done it, an earlier month comes first, too
many are RUNNING), or not to be had by this run at all, which is a `Refusal`.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime

from platform_assets.core.engine.units import Attempt
from platform_assets.core.errors import PermanentError
from platform_assets.core.months import check_month, month_of
from platform_assets.core.processes.owner import MOST_DEATHS
from platform_assets.tenants import transitions
from platform_assets.tenants.state.rows import Cell
from platform_assets.tenants.tenant import (
    MonthStatus,
    Tenant,
    TenantMonth,
    TenantType,
)


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why this run can never have a cell: the kind and the message of a failed unit."""

    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Terms:
    """What a run may ask for.

    Attributes:
        attempt: Who asks.
        run_id: Dagster run; empty outside Dagster.
        since: When the run began: what was completed later is done as far as the run is concerned.
        stale_seconds: A RUNNING month without a heartbeat for so long is taken over.
        todo: Cells of the run that it has not ended yet.
        in_order: Whether a month of a NEW tenant waits for the months before it.
        is_dead: Whether the owner of an attempt is known to be gone.
        most_deaths: Workers that may die of a month that they had alone in hand, before it fails.
    """

    attempt: Attempt
    run_id: str
    since: datetime
    stale_seconds: float
    todo: Collection[Cell]
    in_order: bool
    is_dead: Callable[[str], bool]
    most_deaths: int = MOST_DEATHS


def describe_loss(
    month: TenantMonth, now: datetime, stale_seconds: float, is_dead: Callable[[str], bool]
) -> str | None:
    """Why nobody works on a RUNNING month any more; None if somebody does, as far as can be told."""
    if month.status is not MonthStatus.RUNNING:
        return None
    if transitions.is_stale(month, now, stale_seconds):
        return f"stale: no heartbeat for {stale_seconds:g} s, the last at {month.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC"
    if month.owner is not None and is_dead(month.owner):
        return "dead: the process that worked on it ended without a word"
    return None


def fail_month(
    tenant: Tenant, month: TenantMonth, message: str, now: datetime
) -> tuple[Tenant, TenantMonth]:
    """A failure, and what follows from it for the tenant."""
    return _judge_tenant(tenant, transitions.fail(month, message, now), now)


def lose_month(
    tenant: Tenant, month: TenantMonth, reason: str, now: datetime, most_deaths: int
) -> tuple[Tenant, TenantMonth]:
    """A month whose worker died, and what follows from it for the tenant: nothing, until it killed too many."""
    return _judge_tenant(tenant, transitions.lose(month, reason, now, most_deaths), now)


def _judge_tenant(tenant: Tenant, month: TenantMonth, now: datetime) -> tuple[Tenant, TenantMonth]:
    if transitions.is_exhausted(month):
        tenant = transitions.disable(tenant, transitions.describe_exhausted(month), now)
    return tenant, month


@dataclass(slots=True)
class ClaimRound:
    """One claim, cell after cell; the attributes are kept as they will be once what it granted is written.

    Attributes:
        terms: What the run may ask for.
        now: Taken under the locks.
        room: How many more tenant-months may be RUNNING.
        tenants: The tenants of the cells, by id.
        months: The rows of the cells.
        unfinished: NEW tenant -> its months that are not COMPLETED, with their status.
        held: Months that the attempt works on.
        suspected: Whether one of those has killed a worker: nothing else is to be had beside it.
        changed: Rows of `months` that are to be written; `added` those that are to be inserted.
        disabled: Tenants that are to be written.
    """

    terms: Terms
    now: datetime
    room: int
    tenants: dict[str, Tenant]
    months: dict[Cell, TenantMonth]
    unfinished: Mapping[str, dict[str, MonthStatus]]
    held: int = 0
    suspected: bool = False
    changed: dict[Cell, TenantMonth] = field(default_factory=dict[Cell, TenantMonth])
    added: dict[Cell, TenantMonth] = field(default_factory=dict[Cell, TenantMonth])
    disabled: dict[str, Tenant] = field(default_factory=dict[str, Tenant])

    def ask(self, cell: Cell) -> TenantMonth | Refusal | None:
        """The cell as RUNNING under the attempt; None if it is not to be had now."""
        if refusal := self._judge_cell(cell):
            return refusal
        row = self.months.get(cell)
        if row is not None:
            row = self._expire(row)
            if (
                row.status is MonthStatus.RUNNING
                and row.attempt_id == self.terms.attempt.attempt_id
            ):
                return row  # an answer of before that did not arrive
            if row.status is MonthStatus.RUNNING or self._is_done(row):
                return None
        if refusal := self._judge_past(row) or self._judge_order(cell):
            return refusal
        if self.room <= 0 or self._must_wait(cell) or not self._may_share(row):
            return None
        return self._grant(cell, row)

    def _judge_cell(self, cell: Cell) -> Refusal | None:
        tenant_id, month = cell
        if (tenant := self.tenants.get(tenant_id)) is None:
            return Refusal("unknown_tenant", f"there is no tenant {tenant_id!r}, or not any more")
        if refusal := _judge_month(month, tenant, self.now):
            return refusal
        if not tenant.active:
            return Refusal(
                "tenant_disabled",
                f"tenant {tenant_id} is not active ({tenant.disabled_reason}); activate it first",
            )
        return None

    def _judge_past(self, row: TenantMonth | None) -> Refusal | None:
        if row is None or not transitions.is_exhausted(row):
            return None
        reason = transitions.describe_exhausted(row)
        return Refusal(
            "exhausted", f"{reason}; find the cause, then activate tenant {row.tenant_id}"
        )

    def _judge_order(self, cell: Cell) -> Refusal | None:
        """Why a month of a NEW tenant would wait for ever: an earlier one is not complete, and nobody is at it."""
        tenant_id, _ = cell
        if not self._is_ordered(tenant_id):
            return None
        for other, status in self._earlier(cell).items():
            if status is not MonthStatus.RUNNING and (tenant_id, other) not in self.terms.todo:
                return Refusal(
                    "month_order",
                    f"months of tenant {tenant_id} are processed in order until its history is complete, and {other} "
                    f"is {status}; process that one first",
                )
        return None

    def _must_wait(self, cell: Cell) -> bool:
        """Whether another month of a NEW tenant is to end first: an earlier one, or any that is RUNNING."""
        tenant_id, month = cell
        if not self._is_ordered(tenant_id):
            return False
        others = self.unfinished.get(tenant_id, {}).items()
        running = any(other != month and status is MonthStatus.RUNNING for other, status in others)
        return running or bool(self._earlier(cell))

    def _may_share(self, row: TenantMonth | None) -> bool:
        """Whether the attempt may have it beside what it holds: what was in hand at a death is had alone."""
        return not self.suspected and not (self.held and row is not None and row.deaths)

    def _is_ordered(self, tenant_id: str) -> bool:
        return self.terms.in_order and self.tenants[tenant_id].tenant_type is TenantType.NEW

    def _earlier(self, cell: Cell) -> dict[str, MonthStatus]:
        tenant_id, month = cell
        unfinished = sorted(self.unfinished.get(tenant_id, {}).items())
        return {other: status for other, status in unfinished if other < month}

    def _is_done(self, row: TenantMonth) -> bool:
        """Whether another run has done it since this one began."""
        since = self.terms.since
        completed = row.status is MonthStatus.COMPLETED
        return completed and row.completed_at is not None and row.completed_at > since

    def _expire(self, row: TenantMonth) -> TenantMonth:
        """The row as it is once an attempt that nobody works on any more is given up."""
        reason = describe_loss(row, self.now, self.terms.stale_seconds, self.terms.is_dead)
        if reason is None:
            return row
        mine = row.attempt_id == self.terms.attempt.attempt_id
        tenant, row = lose_month(
            self.tenants[row.tenant_id], row, reason, self.now, self.terms.most_deaths
        )
        self.room += 1
        if mine:
            self.held -= 1
            self.suspected = self.suspected and self.held > 0
        self._put(row)
        if not tenant.active:
            self.tenants[row.tenant_id] = self.disabled[row.tenant_id] = tenant
        return row

    def _grant(self, cell: Cell, row: TenantMonth | None) -> TenantMonth:
        new = row is None
        row = transitions.claim(
            row or transitions.new_month(*cell, self.now),
            self.terms.attempt,
            self.terms.run_id,
            self.now,
        )
        self.room -= 1
        self.held += 1
        self.suspected = self.suspected or row.deaths > 0
        if new:
            self.months[cell] = self.added[cell] = row
        else:
            self._put(row)
        return row

    def _put(self, row: TenantMonth) -> None:
        cell = (row.tenant_id, row.month)
        self.months[cell] = self.changed[cell] = row
        if row.tenant_id in self.unfinished:
            self.unfinished[row.tenant_id][row.month] = row.status


def _judge_month(month: str, tenant: Tenant, now: datetime) -> Refusal | None:
    try:
        check_month(month)
    except PermanentError as error:
        return Refusal(error.kind, error.message)
    current, first = month_of(now), tenant.backfill_start_month or month
    if month > current:
        return Refusal("bad_month", f"{month} is still to come: the current month is {current}")
    if tenant.tenant_type is TenantType.NEW and month < first:
        return Refusal(
            "bad_month",
            f"{month} is before {first}, where the history of tenant {tenant.tenant_id} begins; "
            "it can be processed once that is complete",
        )
    return None
