"""`TenantRedriver`: redrive for tenant-months, whose failures are in their state table and not in the ledger."""

from platform_assets.core.engine.units import Scope
from platform_assets.core.redrive import (
    Failure,
    FailureCount,
    FailureFilter,
    Requeued,
    count_failures,
    sum_by_cell,
)
from platform_assets.tenants.state.months import SqlTenantMonths
from platform_assets.tenants.tenant import MonthStatus, TenantMonth, name_cell

PIPELINE = "tenants"

MOST_MONTHS = 100_000
"""Failed months that are looked at: 4,000 tenants of 25 months."""


class TenantRedriver:
    """Satisfies `platform_assets.core.redrive.Redriver`. Safe to use from several threads.

    A unit is a month, as `2026-01`; its partition is the cell, as `2026-01|acme`. Months of tenants that are not
    active are left alone: activating a tenant resets them.

    Args:
        months: The months.
    """

    pipeline = PIPELINE
    next_step = "the sensor tenants_orchestrator starts what is due with its next tick"

    def __init__(self, months: SqlTenantMonths) -> None:
        self._months = months

    def count(self, wanted: FailureFilter) -> list[FailureCount]:
        """See `Redriver.count`."""
        return count_failures(self._find(wanted, active=None))

    def find(self, wanted: FailureFilter, limit: int) -> list[Failure]:
        """See `Redriver.find`."""
        found = self._find(wanted, active=None)
        found.sort(key=lambda failure: failure.failed_at, reverse=True)
        return found[:limit]

    def redrive(self, wanted: FailureFilter, *, dry_run: bool) -> list[Requeued]:
        """See `Redriver.redrive`."""
        found = self._find(wanted, active=True)
        if dry_run:
            return sum_by_cell(count_failures(found))
        cells = [(failure.scope.tenant, failure.unit_id) for failure in found]
        return [Requeued(_scope_of(month), 1) for month in self._months.reset_failed(cells)]

    def _find(self, wanted: FailureFilter, *, active: bool | None) -> list[Failure]:
        found = self._months.find(MonthStatus.FAILED, MOST_MONTHS, active=active)
        return [
            failure
            for failure in map(_describe, found)
            if wanted.matches(failure.scope, failure.unit_id, failure.error_kind)
        ]


def _describe(month: TenantMonth) -> Failure:
    # As `outcomes.py` and `claims.py` write it: `kind: message`.
    kind, separator, message = (month.error_message or "").partition(": ")
    return Failure(
        _scope_of(month),
        month.month,
        kind if separator else None,
        message if separator else month.error_message,
        month.updated_at,
    )


def _scope_of(month: TenantMonth) -> Scope:
    return Scope(PIPELINE, month.tenant_id, name_cell(month.tenant_id, month.month))
