"""The platform at a glance: totals of tenants, months, runs and caps, and the orchestrator's last tick. Only reads."""

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict
from datetime import UTC, datetime

from api.run_desk import RunDesk
from api.schemas import (
    CapUsageOut,
    LastTickOut,
    MonthCountsOut,
    RunCountsOut,
    StatusOut,
    TenantCountsOut,
    UsageOut,
)
from platform_assets.core.engine.units import JsonObject
from platform_assets.products.progress import DayProgress
from platform_assets.ranks.daily import DAILY_PIPELINE
from platform_assets.ranks.state.days import SqlRankDays
from platform_assets.services import Services
from platform_assets.tenants.runs import RunInHand
from platform_assets.tenants.state.tenants import SqlTenants, TenantFilter
from platform_assets.tenants.tenant import TenantType
from resources.caps.limits import CAPS, Cap
from resources.caps.state import CapState, load_state
from resources.state.cap_states import SqlCapStates

TICK_NOTE = "tenants/orchestrator"
"""The note in which the orchestrator leaves its last decision."""


def read_status(services: Services, runs: RunDesk) -> StatusOut:
    """The totals now."""
    now = services.clock.now()
    months = MonthCountsOut.model_validate(
        {status.value: n for status, n in services.tenant_months.count_by_status().items()}
    )
    rank_days = SqlRankDays(services.state)
    return StatusOut(
        at=now,
        months=months,
        tenants=_count_tenants(services.tenants),
        runs=_count_runs(runs.runs_in_hand()),
        months_in_flight=UsageOut(used=months.RUNNING, limit=services.settings.tenants_in_flight),
        caps=list(_read_caps(services, now)),
        product_batches_waiting=_count_batches(services.shops.measure_recent()),
        rank_trackings={str(status): n for status, n in rank_days.count_trackings().items()},
        rank_day=asdict(rank_days.count_day(services.ranks.today, DAILY_PIPELINE)),
        last_tick=_read_tick(services.notes.get(TICK_NOTE), now),
    )


def _count_tenants(tenants: SqlTenants) -> TenantCountsOut:
    total = tenants.count(TenantFilter())
    active = tenants.count(TenantFilter(active=True))
    new = tenants.count(TenantFilter(tenant_type=TenantType.NEW))
    return TenantCountsOut(
        total=total, active=active, disabled=total - active, new=new, existing=total - new
    )


def _count_batches(days: Iterable[DayProgress]) -> dict[str, int]:
    waiting = Counter[str]()
    for day in days:
        waiting[day.platform] += day.waiting
    return dict(waiting)


def _count_runs(runs: Sequence[RunInHand]) -> RunCountsOut:
    queued = sum(run.status == "queued" for run in runs)
    return RunCountsOut(running=len(runs) - queued, queued=queued)


def _read_caps(services: Services, now: datetime) -> Iterator[CapUsageOut]:
    """The caps that were used at least once."""
    states = SqlCapStates(services.state)
    for cap in CAPS.values():
        known = services.igdb_cap if cap.name == services.igdb_cap.name else cap
        if (stored := states.read(cap.name)) is not None:
            yield _describe_cap(known, load_state(stored), now)


def _describe_cap(cap: Cap, state: CapState, now: datetime) -> CapUsageOut:
    moment = now.timestamp()
    held = sum(grant.until > moment for grant in state.open.values())
    paused = state.paused_until > moment
    return CapUsageOut(
        name=cap.name,
        open_requests=UsageOut(used=held, limit=cap.in_flight),
        used_today=None if cap.per_day is None else state.used,
        per_day=cap.per_day,
        paused_until=datetime.fromtimestamp(state.paused_until, UTC) if paused else None,
    )


def _read_tick(note: tuple[JsonObject, datetime] | None, now: datetime) -> LastTickOut | None:
    if note is None:
        return None
    value, at = note
    return LastTickOut(
        at=at,
        age_seconds=round((now - at).total_seconds(), 1),
        due=value.get("due"),
        handed=value.get("handed"),
        waiting=value.get("waiting"),
    )
