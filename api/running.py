"""What is being processed now, and which runs of Dagster have what in hand. Only reads."""

from collections.abc import Iterable, Sequence

from api.run_desk import RunDesk
from api.schemas import RunningJobsOut, RunningMonthOut, RunOut
from platform_assets.core.errors import PermanentError
from platform_assets.services import Services
from platform_assets.tenants.runs import RunInHand
from platform_assets.tenants.state.tenants import SqlTenants
from platform_assets.tenants.tenant import MonthStatus, Tenant, TenantMonth, TenantType, name_cell

MOST_MONTHS = 500
"""Running months that one answer lists."""


def read_running(services: Services, runs: RunDesk) -> RunningJobsOut:
    """The running months, each with the progress of its tenant, and the runs."""
    running = services.tenant_months.find(MonthStatus.RUNNING, limit=MOST_MONTHS)
    progress = {
        tenant_id: _count_completed(services.tenants, tenant_id)
        for tenant_id in {month.tenant_id for month in running}
    }
    return RunningJobsOut(
        months=[_describe_month(month, progress[month.tenant_id]) for month in running],
        runs=[RunOut.model_validate(run) for run in runs.runs_in_hand()],
    )


def find_holder(
    tenant: Tenant, months: Sequence[TenantMonth], runs: Iterable[RunInHand]
) -> str | None:
    """What has the tenant in hand, in words; None if nothing has.

    A running run has let go of a tenant when none of its months is left to it; a NEW tenant's also when one failed, for
    the months after that one are left out. A run that names no cells is known by the months that it has claimed.
    """
    for month in months:
        if month.status is MonthStatus.RUNNING:
            run = f"run {month.run_id}" if month.run_id else "a process outside Dagster"
            return f"{run} is processing {month.month}"
    for run in runs:
        left = _list_left(tenant, months, run)
        if left:
            return f"run {run.run_id} is {run.status} and has {left[0]} in hand"
    return None


def _list_left(tenant: Tenant, months: Iterable[TenantMonth], run: RunInHand) -> Sequence[str]:
    """The run's cells of the tenant that it has still to do."""
    cells = [cell for cell in run.cells if cell.partition("|")[2] == tenant.tenant_id]
    if run.status == "queued":
        return cells
    over = [month for month in months if month.run_id == run.run_id]
    failed = any(month.status is MonthStatus.FAILED for month in over)
    if failed and tenant.tenant_type is TenantType.NEW:
        return []
    done = {name_cell(tenant.tenant_id, month.month) for month in over}
    return [cell for cell in cells if cell not in done]


def _count_completed(tenants: SqlTenants, tenant_id: str) -> tuple[int, int]:
    """(completed, all) months of a tenant; none if it was removed meanwhile."""
    try:
        months = tenants.months(tenant_id)
    except PermanentError:
        return 0, 0
    return sum(month.status is MonthStatus.COMPLETED for month in months), len(months)


def _describe_month(month: TenantMonth, progress: tuple[int, int]) -> RunningMonthOut:
    completed, total = progress
    return RunningMonthOut(
        tenant_id=month.tenant_id,
        month=month.month,
        run_id=month.run_id or None,
        since=month.started_at,
        heartbeat_at=month.heartbeat_at,
        months_completed=completed,
        months_total=total,
    )
