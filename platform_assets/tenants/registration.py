"""A tenant as it is registered: its values checked, and the months that get a state at once. Pure.

What is stored, and that an id is taken, is the repository's to say (`platform_assets/tenants/state/tenants.py`).
"""

from datetime import datetime

from platform_assets.core.errors import PermanentError
from platform_assets.core.months import add_months, check_month, list_months, month_of
from platform_assets.tenants.event_tables import check_source
from platform_assets.tenants.tenant import (
    BACKFILL_MONTHS,
    SourceSettings,
    Tenant,
    TenantType,
    check_tenant_id,
)

NAME_LENGTH = 200
"""Characters of a tenant's name at most."""


def plan_tenant(
    tenant_id: str,
    name: str,
    tenant_type: TenantType,
    source: SourceSettings,
    *,
    now: datetime,
    first_month: str,
    backfill_start: str | None = None,
    last_completed_month: str | None = None,
) -> tuple[Tenant, list[str]]:
    """The tenant, and the months that it gets PENDING states for.

    NEW: from `backfill_start` to the current month. EXISTING: the months since its last completed one, so that none
    is forgotten when a later one is completed first; none without such a month, as it begins with the current one.

    Args:
        tenant_id: See `check_tenant_id`.
        name: Name for people; the id if it is empty.
        tenant_type: NEW has its history backfilled, EXISTING comes from elsewhere.
        source: Where its events are.
        now: Aware UTC.
        first_month: First month that any tenant can be processed for; a backfill begins no earlier.
        backfill_start: NEW only: first month of the backfill; 24 months before the current one, or `first_month`
            if that is later, if omitted.
        last_completed_month: EXISTING only: the last month that was completed elsewhere.

    Raises:
        PermanentError: kinds `bad_tenant_id`, `bad_name`, `bad_month`, `bad_source`.
    """
    current = month_of(now)
    is_new = tenant_type is TenantType.NEW
    start = _check_start(tenant_type, backfill_start, first_month, current)
    last = _check_last(tenant_type, last_completed_month, first_month, current)
    tenant = Tenant(
        tenant_id=check_tenant_id(tenant_id),
        name=check_name(name) or tenant_id,
        tenant_type=tenant_type,
        active=True,
        disabled_reason=None,
        current_processing_month=start if is_new else last,
        backfill_start_month=start,
        backfill_completed=not is_new,
        last_completed_month=last,
        customers_at=None,
        source=check_source(source),
        created_at=now,
        updated_at=now,
    )
    first = start if last is None else add_months(last, 1)
    return tenant, list_months(first, current) if first is not None else []


def check_name(name: str) -> str:
    """The name without blanks around it.

    Raises:
        PermanentError: kind `bad_name`: too long, or with characters that cannot be shown.
    """
    name = name.strip()
    if len(name) > NAME_LENGTH or not name.isprintable():
        raise PermanentError(
            f"{name[:60]!r} is no name of a tenant; use one line of at most {NAME_LENGTH} characters",
            kind="bad_name",
        )
    return name


def check_last_completed(month: str, first_month: str, current: str) -> str:
    """The last completed month itself.

    Raises:
        PermanentError: kind `bad_month`: no month, later than the current one, or so early that months after it
            would be due which no tenant can be processed for.
    """
    earliest = add_months(first_month, -1)
    if not earliest <= check_month(month) <= current:
        raise _refuse_month(
            f"last completed month {month} is not within {earliest} (the months after it are processed here, and "
            f"{first_month} is the first that can be, see SLUICE_TENANTS_FIRST_MONTH) and {current}, the current one"
        )
    return month


def _check_start(
    tenant_type: TenantType, start: str | None, first_month: str, current: str
) -> str | None:
    if tenant_type is TenantType.EXISTING:
        if start is not None:
            raise _refuse_month(
                "only a NEW tenant is backfilled; leave the start of the backfill out"
            )
        return None
    if start is None:
        start = max(first_month, add_months(current, -BACKFILL_MONTHS))
    if not first_month <= check_month(start) <= current:
        raise _refuse_month(
            f"a backfill cannot begin in {start}: it has to be within {first_month} "
            f"(SLUICE_TENANTS_FIRST_MONTH) and {current}, the current month"
        )
    return start


def _check_last(
    tenant_type: TenantType, month: str | None, first_month: str, current: str
) -> str | None:
    if month is None:
        return None
    if tenant_type is TenantType.NEW:
        raise _refuse_month(
            "a NEW tenant has no completed month; register it as EXISTING, or leave the month out"
        )
    return check_last_completed(month, first_month, current)


def _refuse_month(reason: str) -> PermanentError:
    return PermanentError(reason, kind="bad_month")
