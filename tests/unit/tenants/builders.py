"""Tenants, their months and decisions for tests: only what a test is about has to be said.

`NOW` is a moment of February 2026.
"""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from platform_assets.core.months import list_months
from platform_assets.tenants import transitions
from platform_assets.tenants.decide import Decision, Facts, Limits, decide
from platform_assets.tenants.tenant import (
    MonthStatus,
    SourceSettings,
    Tenant,
    TenantMonth,
    TenantType,
)
from platform_assets.tenants.verdicts import Verdict

SOURCE = SourceSettings("sqlite:////data/shop.db")


def at(text: str) -> datetime:
    """A moment written in the platform's timezone (Asia/Seoul is nine hours ahead), in UTC."""
    return datetime.fromisoformat(f"{text}+09:00").astimezone(UTC)


NOW = at("2026-02-10 12:00")

NEW: dict[str, Any] = {
    "tenant_type": TenantType.NEW,
    "last_completed_month": None,
    "backfill_start_month": "2024-02",
    "backfill_completed": False,
}
"""Makes `make_tenant` give a NEW one."""


def make_tenant(tenant_id: str = "acme", **said: Any) -> Tenant:
    """An active EXISTING tenant that completed the current month."""
    values: dict[str, Any] = {
        "tenant_id": tenant_id,
        "name": tenant_id.title(),
        "tenant_type": TenantType.EXISTING,
        "active": True,
        "disabled_reason": None,
        "current_processing_month": "2026-02",
        "backfill_start_month": None,
        "backfill_completed": True,
        "last_completed_month": "2026-02",
        "customers_at": None,
        "source": SOURCE,
        "created_at": NOW,
        "updated_at": NOW,
    }
    return Tenant(**values | said)


def make_month(
    month: str,
    status: MonthStatus = MonthStatus.PENDING,
    tenant_id: str = "acme",
    *,
    read_at: datetime | None = None,
    **said: Any,
) -> TenantMonth:
    """A tenant-month; `read_at` is when its last attempt began (and, if it is COMPLETED, ended)."""
    blank = transitions.new_month(tenant_id, month, NOW - timedelta(days=400))
    values = {name: getattr(blank, name) for name in TenantMonth.__slots__}
    values |= {"status": status, "started_at": read_at, "updated_at": read_at or blank.updated_at}
    if status is MonthStatus.COMPLETED:
        values |= {"completed_at": read_at, "watermark": "seen"}
    return TenantMonth(**values | said)


def make_backfill(
    first: str = "2024-02", last: str = "2026-02", done: int = 0, tenant_id: str = "acme"
) -> list[TenantMonth]:
    """The months of a NEW tenant, the first `done` of them COMPLETED."""
    return [
        make_month(month, MonthStatus.COMPLETED, tenant_id, read_at=NOW)
        if number < done
        else make_month(month, MonthStatus.PENDING, tenant_id)
        for number, month in enumerate(list_months(first, last))
    ]


def decide_on(
    tenants: Tenant | Sequence[Tenant],
    months: Sequence[TenantMonth] = (),
    limits: Limits | None = None,
    **said: Any,
) -> Decision:
    """The decision at `NOW` with nothing in hand, about sources that cannot tell."""
    facts: dict[str, Any] = {
        "tenants": [tenants] if isinstance(tenants, Tenant) else tenants,
        "months": months,
        "now": NOW,
        "busy": frozenset[str](),
        "fingerprints": {},
        "running": 0,
        "queued": 0,
    }
    return decide(Facts(**facts | said), limits or Limits())


def only(decision: Decision) -> Verdict:
    """The one verdict of a decision."""
    assert len(decision.verdicts) == 1
    return decision.verdicts[0]


def verdict_on(decision: Decision, month: str) -> Verdict:
    """The verdict on a month of the only tenant."""
    return next(verdict for verdict in decision.verdicts if verdict.month == month)
