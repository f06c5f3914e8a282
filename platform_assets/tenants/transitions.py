"""How a tenant-month and its tenant change: every transition as a pure function from a value to the next one.

               claim                 complete
    PENDING ----------->  RUNNING  ------------>  COMPLETED
       ^  ^                |  |                       |
       |  +-- give back, --+  |  fail                 |
       |      put off, lose   |                       | claim (done again: new events, or somebody asks)
       |                      v                       v
       +------ reset ------ FAILED ---- claim ---> RUNNING

A failure counts; the one after `max_retries` disables the tenant. A fault of the platform, or the death of a worker,
is none: the month is put off, or lost and had alone by the next worker. The repository calls these under the row's
lock and writes what they answer: nothing else changes a status.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from platform_assets.core.engine.units import Attempt
from platform_assets.core.months import add_months, list_months
from platform_assets.tenants.tenant import MAX_RETRIES, MonthStatus, Tenant, TenantMonth, TenantType

LONGEST_FAULT_WAIT_MINUTES = 15
"""Between two attempts while the platform has a fault."""

MESSAGE_LENGTH = 1000
"""Characters of an error that a state keeps."""


@dataclass(frozen=True, slots=True)
class MonthNumbers:
    """What a successful attempt leaves in the state.

    Attributes:
        processed_records: Good events.
        failed_records: Events that became dead letters.
        watermark: Fingerprint of the source's month when reading began; None where the source cannot tell.
    """

    processed_records: int
    failed_records: int
    watermark: str | None


def new_month(tenant_id: str, month: str, now: datetime) -> TenantMonth:
    """A tenant-month that nothing was done for yet."""
    return TenantMonth(
        tenant_id=tenant_id,
        month=month,
        status=MonthStatus.PENDING,
        started_at=None,
        heartbeat_at=None,
        completed_at=None,
        processed_records=0,
        failed_records=0,
        error_message=None,
        retry_count=0,
        max_retries=MAX_RETRIES,
        next_attempt_at=None,
        attempt_id=None,
        owner=None,
        run_id=None,
        watermark=None,
        created_at=now,
        updated_at=now,
    )


def is_exhausted(month: TenantMonth) -> bool:
    """Whether it failed once more than it may; only a reset or the tenant's activation makes it claimable again."""
    return month.status is MonthStatus.FAILED and month.retry_count > month.max_retries


def is_stale(month: TenantMonth, now: datetime, stale_seconds: float) -> bool:
    """Whether it is RUNNING without a heartbeat for `stale_seconds`."""
    return (
        month.status is MonthStatus.RUNNING
        and month.heartbeat_at is not None
        and month.heartbeat_at <= now - timedelta(seconds=stale_seconds)
    )


def claim(month: TenantMonth, attempt: Attempt, run_id: str, now: datetime) -> TenantMonth:
    """RUNNING under a new attempt.

    Raises:
        ValueError: It is RUNNING (expire it first) or exhausted: the caller did not look.
    """
    if month.status is MonthStatus.RUNNING or is_exhausted(month):
        raise ValueError(f"{month.tenant_id} {month.month} cannot be claimed while {month.status}")
    return replace(
        month,
        status=MonthStatus.RUNNING,
        started_at=now,
        heartbeat_at=now,
        next_attempt_at=None,
        attempt_id=attempt.attempt_id,
        owner=attempt.owner,
        run_id=run_id,
        updated_at=now,
    )


def complete(month: TenantMonth, numbers: MonthNumbers, now: datetime) -> TenantMonth:
    """COMPLETED, with failures forgotten."""
    return replace(
        month,
        status=MonthStatus.COMPLETED,
        completed_at=now,
        processed_records=numbers.processed_records,
        failed_records=numbers.failed_records,
        watermark=numbers.watermark,
        error_message=None,
        retry_count=0,
        next_attempt_at=None,
        updated_at=now,
        deaths=0,
        faults=0,
    )


def fail(month: TenantMonth, message: str, now: datetime) -> TenantMonth:
    """FAILED, one failure more; due again 1, 2, 4 minutes later, or never after too many."""
    failures = month.retry_count + 1
    wait = timedelta(minutes=2 ** (failures - 1))
    return replace(
        month,
        status=MonthStatus.FAILED,
        error_message=message[:MESSAGE_LENGTH],
        retry_count=failures,
        next_attempt_at=now + wait if failures <= month.max_retries else None,
        updated_at=now,
        deaths=0,
        faults=0,
    )


def give_back(month: TenantMonth, now: datetime) -> TenantMonth:
    """PENDING again, without a failure: the run ended before it could do the month."""
    return replace(month, status=MonthStatus.PENDING, attempt_id=None, owner=None, updated_at=now)


def put_off(month: TenantMonth, message: str, now: datetime) -> TenantMonth:
    """PENDING again without a failure, after a fault of the platform; due again 1, 2, 4, ... minutes later."""
    wait = timedelta(minutes=min(2**month.faults, LONGEST_FAULT_WAIT_MINUTES))
    return replace(
        give_back(month, now),
        error_message=message[:MESSAGE_LENGTH],
        next_attempt_at=now + wait,
        faults=month.faults + 1,
    )


def lose(month: TenantMonth, reason: str, now: datetime, most_deaths: int) -> TenantMonth:
    """Its worker died: PENDING again, or FAILED if that many had it alone in hand when they died.

    The first death was not alone, all later ones are: claims see to that.
    """
    deaths = month.deaths + 1
    if deaths <= most_deaths:
        lost = replace(give_back(month, now), error_message=reason[:MESSAGE_LENGTH])
        return replace(lost, next_attempt_at=None, deaths=deaths)
    message = f"worker_died: {deaths - 1} workers in a row died while they had it alone in hand; last: {reason}"
    return replace(fail(month, message, now), deaths=deaths)


def reset(month: TenantMonth, now: datetime) -> TenantMonth:
    """A failed month as if it had never failed."""
    return replace(
        month,
        deaths=0,
        faults=0,
        status=MonthStatus.PENDING,
        retry_count=0,
        next_attempt_at=None,
        attempt_id=None,
        owner=None,
        updated_at=now,
    )


def after_completion(
    tenant: Tenant, months: Iterable[TenantMonth], current: str, now: datetime
) -> tuple[Tenant, list[str]]:
    """The tenant after one of its months was completed, and months that are to be added to its rows.

    A NEW tenant whose months are all complete up to the current one turns EXISTING. If the calendar went on during
    its backfill, the months since are added first.

    Args:
        tenant: As it is stored.
        months: All of its months, the completed one included.
        current: The current month.
        now: Aware UTC.
    """
    months = sorted(months, key=lambda month: month.month)
    done = [month.month for month in months if month.status is MonthStatus.COMPLETED]
    left = [month.month for month in months if month.status is not MonthStatus.COMPLETED]
    latest = max((*done, tenant.last_completed_month or ""), default=None) or None
    tenant = replace(tenant, last_completed_month=latest, updated_at=now)
    if tenant.tenant_type is TenantType.EXISTING:
        return replace(tenant, current_processing_month=latest), []
    missing = _missing_months(tenant, months, current)
    if left or missing:
        return replace(tenant, current_processing_month=min((*left, *missing))), missing
    return (
        replace(
            tenant,
            tenant_type=TenantType.EXISTING,
            backfill_completed=True,
            current_processing_month=latest,
        ),
        [],
    )


def _missing_months(tenant: Tenant, months: Sequence[TenantMonth], current: str) -> list[str]:
    """Months of a history, up to the current one, that have no row. A person may have asked for a late one first."""
    present = {month.month for month in months}
    first = tenant.backfill_start_month or min(present, default=current)
    return [month for month in list_months(first, current) if month not in present]


def list_missed(tenant: Tenant, current: str) -> list[str]:
    """Months from the one after a tenant's last completed month up to the current one; none if it has no such month."""
    last = tenant.last_completed_month
    return list_months(add_months(last, 1), current) if last else []


def disable(tenant: Tenant, reason: str, now: datetime) -> Tenant:
    """Nothing of the tenant runs any more until it is activated."""
    return replace(tenant, active=False, disabled_reason=reason[:MESSAGE_LENGTH], updated_at=now)


def activate(tenant: Tenant, now: datetime) -> Tenant:
    """Active again; the repository resets its exhausted months in the same transaction."""
    return replace(tenant, active=True, disabled_reason=None, updated_at=now)


def describe_exhausted(month: TenantMonth) -> str:
    """The reason for which a tenant is disabled when a month is exhausted."""
    return f"{month.month} failed {month.retry_count} times, last: {month.error_message}"
