"""How far a tenant's months are, and when the rest will be done. Pure: rows in, numbers out."""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta

from api.schemas import BackfillProgressOut
from platform_assets.tenants.tenant import MonthStatus, Tenant, TenantMonth


def measure_progress(
    tenant: Tenant, months: Sequence[TenantMonth], now: datetime
) -> BackfillProgressOut:
    """The progress of a tenant at a moment."""
    counts = Counter(month.status for month in months)
    completed = counts[MonthStatus.COMPLETED]
    mean = _mean_seconds(months)
    return BackfillProgressOut(
        tenant_id=tenant.tenant_id,
        tenant_type=tenant.tenant_type,
        active=tenant.active,
        backfill_completed=tenant.backfill_completed,
        current_month=_find_current(months) or tenant.current_processing_month,
        total=len(months),
        completed=completed,
        failed=counts[MonthStatus.FAILED],
        running=counts[MonthStatus.RUNNING],
        pending=counts[MonthStatus.PENDING],
        percent=_percent(completed, len(months), done=tenant.backfill_completed),
        mean_seconds=mean,
        estimated_end_at=_estimate_end(tenant, len(months) - completed, mean, now),
    )


def _find_current(months: Sequence[TenantMonth]) -> str | None:
    """The oldest running month, or the oldest that is left."""
    running = [month.month for month in months if month.status is MonthStatus.RUNNING]
    left = [month.month for month in months if month.status is not MonthStatus.COMPLETED]
    return min(running or left, default=None)


def _percent(completed: int, total: int, *, done: bool) -> float:
    if total == 0:
        return 100.0 if done else 0.0
    return round(100 * completed / total, 1)


def _mean_seconds(months: Sequence[TenantMonth]) -> float | None:
    """Mean time of the months that are complete; None before the first."""
    times = [
        (month.completed_at - month.started_at).total_seconds()
        for month in months
        if month.status is MonthStatus.COMPLETED and month.started_at and month.completed_at
    ]
    return round(sum(times) / len(times), 3) if times else None


def _estimate_end(
    tenant: Tenant, left: int, mean_seconds: float | None, now: datetime
) -> datetime | None:
    """Months of a tenant come one after another; waiting for their turn is not foreseen."""
    if not tenant.active or not left or mean_seconds is None:
        return None
    return now + timedelta(seconds=left * mean_seconds)
