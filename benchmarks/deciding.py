"""What does a decision of the tenants' orchestrator cost?

    python -m benchmarks.deciding [--tenants 1000] [--months 24] [--runs 15] [--json FILE]

All tenants are active, with a state for every month. `NEW`: all are being backfilled. `EXISTING, quiet`: the open
months have no new events. `EXISTING, due`: all of them have. `mixed`: a third of each. The description for the log of
the tick is measured by itself.
"""

import argparse
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median

from benchmarks.tables import Goal, describe_goals, format_goals, format_table, write_json
from platform_assets.core.months import add_months, month_of
from platform_assets.tenants.decide import Decision, Facts, Limits, decide, describe
from platform_assets.tenants.tenant import (
    MonthStatus,
    SourceSettings,
    Tenant,
    TenantMonth,
    TenantType,
)
from platform_assets.tenants.transitions import new_month

NOW = datetime(2026, 2, 2, 3, 0, tzinfo=UTC)
"""In the grace of the month before, so that every EXISTING tenant has two open months."""

GOAL_MS = 100.0
HEADERS = ("facts", "decide ms", "slowest", "describe ms", "verdicts", "lanes", "waiting")


@dataclass(frozen=True, slots=True)
class Cost:
    """One kind of facts.

    Attributes:
        name: Which.
        decide_ms: Median time of a decision.
        slowest_ms: The longest of the runs.
        describe_ms: Median time of the lines for the log.
        verdicts: Tenant-months that got a reason.
        lanes: Tenants handed out.
        waiting: Tenants that wait for a turn.
    """

    name: str
    decide_ms: float
    slowest_ms: float
    describe_ms: float
    verdicts: int
    lanes: int
    waiting: int


def make_tenant(number: int, tenant_type: TenantType) -> Tenant:
    """An active tenant that was registered two years ago."""
    created_at = NOW - timedelta(days=730)
    is_new = tenant_type is TenantType.NEW
    return Tenant(
        tenant_id=f"tenant-{number:05}",
        name=f"Tenant {number}",
        tenant_type=tenant_type,
        active=True,
        disabled_reason=None,
        current_processing_month=month_of(NOW),
        backfill_start_month=None,
        backfill_completed=not is_new,
        last_completed_month=None if is_new else month_of(NOW),
        customers_at=None,
        source=SourceSettings("sqlite:////data/shop.db"),
        created_at=created_at,
        updated_at=created_at,
    )


def make_months(tenant: Tenant, count: int) -> list[TenantMonth]:
    """The latest months: all COMPLETED, each after it was closed; of a NEW tenant the first half only."""
    is_new = tenant.tenant_type is TenantType.NEW
    return [
        complete(new_month(tenant.tenant_id, add_months(month_of(NOW), index - count + 1), NOW))
        if not is_new or index < count // 2
        else new_month(tenant.tenant_id, add_months(month_of(NOW), index - count + 1), NOW)
        for index in range(count)
    ]


def complete(month: TenantMonth) -> TenantMonth:
    """COMPLETED an hour ago."""
    at = NOW - timedelta(hours=1)
    return replace(
        month, status=MonthStatus.COMPLETED, started_at=at, completed_at=at, watermark="seen"
    )


def make_facts(kinds: Sequence[str], tenants: int, months: int) -> Facts:
    """Facts about tenants of these kinds, in turn."""
    numbered = [(number, kinds[number % len(kinds)]) for number in range(tenants)]
    made = [
        make_tenant(number, TenantType.NEW if kind == "new" else TenantType.EXISTING)
        for number, kind in numbered
    ]
    return Facts(
        tenants=made,
        months=[month for tenant in made for month in make_months(tenant, months)],
        now=NOW,
        busy=frozenset(),
        fingerprints={
            (tenant.tenant_id, add_months(month_of(NOW), back)): "more" if kind == "due" else "seen"
            for tenant, (_, kind) in zip(made, numbered, strict=True)
            for back in (-1, 0)
        },
        running=0,
        queued=0,
    )


def time_calls(call: Callable[[], object], runs: int) -> list[float]:
    """Milliseconds of each call."""
    taken = list[float]()
    for _ in range(runs):
        started = time.perf_counter()
        call()
        taken.append((time.perf_counter() - started) * 1e3)
    return taken


def measure(name: str, facts: Facts, runs: int) -> Cost:
    """Decides several times about the same facts."""
    decision: Decision = decide(facts, Limits())
    deciding = time_calls(lambda: decide(facts, Limits()), runs)
    describing = time_calls(lambda: describe(decision), runs)
    return Cost(
        name,
        median(deciding),
        max(deciding),
        median(describing),
        len(decision.verdicts),
        len(decision.lanes),
        len(decision.waiting),
    )


KINDS = {
    "NEW": ("new",),
    "EXISTING, quiet": ("quiet",),
    "EXISTING, due": ("due",),
    "mixed": ("new", "quiet", "due"),
}


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--tenants", type=int, default=1000)
    parser.add_argument("--months", type=int, default=24)
    parser.add_argument("--runs", type=int, default=15)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    costs = [
        measure(name, make_facts(kinds, options.tenants, options.months), options.runs)
        for name, kinds in KINDS.items()
    ]
    rows = [
        (
            cost.name,
            *(f"{ms:.1f}" for ms in (cost.decide_ms, cost.slowest_ms, cost.describe_ms)),
            *map(str, (cost.verdicts, cost.lanes, cost.waiting)),
        )
        for cost in costs
    ]
    worst = max(cost.decide_ms for cost in costs)
    goals = [Goal("a decision, slowest kind of facts, ms", GOAL_MS, worst)]
    print(f"{options.tenants} tenants x {options.months} months, median of {options.runs} runs\n")
    print(format_table(HEADERS, rows))
    print(f"\n{format_goals(goals)}")
    document = {"costs": [asdict(cost) for cost in costs], "goals": describe_goals(goals)}
    write_json(options.json, document)


if __name__ == "__main__":
    main()
