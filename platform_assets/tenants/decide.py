"""What the orchestrator starts now: facts in, a decision out. Pure: no clock, no state table, no source.

The rules for one tenant are in `rules.py`; here are the limits that tenants share, their turns, and the tick's log.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from platform_assets.tenants.rules import (
    Calendar,
    Fingerprints,
    Judgement,
    judge_tenant,
    list_open_months,
)
from platform_assets.tenants.tenant import MonthStatus, Tenant, TenantMonth, name_cell
from platform_assets.tenants.transitions import is_exhausted
from platform_assets.tenants.verdicts import Rule, Verdict, give_verdict

_NEVER = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Limits:
    """How much may be handed to runs.

    Attributes:
        in_flight: Tenants that are worked on at the same time, over all runs.
        queued: Tenants that wait in runs beyond those.
        grace_days: Days after its end that a month stays open for late events.
    """

    in_flight: int = 20
    queued: int = 100
    grace_days: int = 3


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that a decision depends on.

    Attributes:
        tenants: All tenants.
        months: All states of their months, in any order.
        now: Aware UTC.
        busy: Ids of tenants that a queued or running run has in hand.
        fingerprints: What the sources say now about the months of `open_months`.
        running: Tenant-months that are RUNNING.
        queued: Tenants that wait in runs.
    """

    tenants: Sequence[Tenant]
    months: Sequence[TenantMonth]
    now: datetime
    busy: frozenset[str]
    fingerprints: Fingerprints
    running: int
    queued: int


@dataclass(frozen=True, slots=True)
class Lane:
    """Months of one tenant that are processed one after another.

    Attributes:
        tenant_id: The tenant.
        months: Oldest first.
    """

    tenant_id: str
    months: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Decision:
    """What is started now, and why.

    Attributes:
        verdicts: By tenant and month; every tenant has one at least.
        lanes: To be handed to runs now, by turn.
        waiting: Ids of tenants that are due but beyond the limits, by turn.
    """

    verdicts: tuple[Verdict, ...]
    lanes: tuple[Lane, ...]
    waiting: tuple[str, ...]


def decide(facts: Facts, limits: Limits) -> Decision:
    """What is due, what of it is handed to runs now, and the reason for every yes and no.

    The turn goes to months that are due for a retry, then to the tenant whose states have not changed for longest.
    """
    rows = _group(facts.months)
    judged = {tenant.tenant_id: judgement for tenant, judgement in _judge_all(facts, rows, limits)}
    due = [tenant_id for tenant_id, judgement in judged.items() if judgement.months]
    turns = sorted(due, key=lambda tenant_id: _turn(judged[tenant_id], rows.get(tenant_id, ())))
    room = max(0, limits.in_flight + limits.queued - facts.running - facts.queued)
    waiting = tuple(turns[room:])
    for tenant_id in waiting:
        judged[tenant_id] = _put_off(judged[tenant_id], limits)
    return Decision(
        verdicts=tuple(verdict for judgement in judged.values() for verdict in judgement.verdicts),
        lanes=tuple(Lane(tenant_id, judged[tenant_id].months) for tenant_id in turns[:room]),
        waiting=waiting,
    )


def open_months(tenant: Tenant, now: datetime, grace_days: int) -> tuple[str, ...]:
    """Months whose fingerprints `decide` asks for: those of an active EXISTING tenant that are complete but open."""
    return list_open_months(tenant, Calendar(now, grace_days))


def slice_lanes(lanes: Sequence[Lane], size: int) -> list[tuple[Lane, ...]]:
    """The lanes in their order, at most `size` for each run.

    Raises:
        ValueError: `size` is less than 1.
    """
    if size < 1:
        raise ValueError(f"a run takes at least one lane, not {size}")
    return [tuple(lanes[start : start + size]) for start in range(0, len(lanes), size)]


def list_disabled(tenants: Sequence[Tenant], months: Sequence[TenantMonth]) -> dict[str, str]:
    """Tenant -> reason, of those that are disabled because a month failed too often."""
    exhausted = {month.tenant_id for month in months if is_exhausted(month)}
    return {
        tenant.tenant_id: tenant.disabled_reason or ""
        for tenant in tenants
        if not tenant.active and tenant.tenant_id in exhausted
    }


def list_backfilled(tenants: Sequence[Tenant], months: Sequence[TenantMonth]) -> dict[str, str]:
    """Tenant -> from which month on, of those whose backfill has finished, unless no row of it could be kept."""
    rows = _group(months)
    found: dict[str, str] = {}
    for tenant in tenants:
        if not tenant.backfill_completed or tenant.backfill_start_month is None:
            continue
        known = rows.get(tenant.tenant_id, ())
        good = sum(row.processed_records for row in known)
        if good or not any(row.failed_records for row in known):
            empty = "" if good or not known else "; its source has no event in any of these months"
            start = tenant.backfill_start_month
            found[tenant.tenant_id] = f"its history from {start} on is complete{empty}"
    return found


def list_lossy(months: Sequence[TenantMonth], share: float) -> dict[str, str]:
    """`YYYY-MM|tenant` -> what was lost, of the complete months that kept nothing, or lost more than a share."""
    return {
        name_cell(row.tenant_id, row.month): (
            f"{row.failed_records} of {row.processed_records + row.failed_records} rows could not be kept; look at "
            "their dead letters, correct the source, and process the month again"
        )
        for row in months
        if row.status is MonthStatus.COMPLETED
        and row.failed_records
        and (
            not row.processed_records
            or row.failed_records > share * (row.processed_records + row.failed_records)
        )
    }


def due_customers(
    tenants: Sequence[Tenant], months: Sequence[TenantMonth], busy: Collection[str]
) -> list[str]:
    """Ids of active tenants that completed a month since their table of customers was built, with nothing in hand."""
    completed = dict[str, datetime]()
    running = set[str]()
    for row in months:
        if row.status is MonthStatus.RUNNING:
            running.add(row.tenant_id)
        elif row.status is MonthStatus.COMPLETED and row.completed_at is not None:
            latest = completed.get(row.tenant_id, row.completed_at)
            completed[row.tenant_id] = max(latest, row.completed_at)
    return sorted(
        tenant.tenant_id
        for tenant in tenants
        if tenant.active
        and tenant.tenant_id in completed
        and tenant.tenant_id not in running
        and tenant.tenant_id not in busy
        and (tenant.customers_at is None or tenant.customers_at < completed[tenant.tenant_id])
    )


def describe(decision: Decision, limit: int = 50) -> list[str]:
    """Lines for the log of a tick: what is started, each with its reason; then what is not, counted by rule.

    Args:
        decision: The decision.
        limit: Most lines for what is not started; the counts are always complete.
    """
    lanes = {lane.tenant_id: lane for lane in decision.lanes}
    yes = [verdict for verdict in decision.verdicts if verdict.due and verdict.tenant_id in lanes]
    no = [each for each in decision.verdicts if not each.due or each.tenant_id not in lanes]
    months = sum(len(lane.months) for lane in decision.lanes)
    tenants = len({verdict.tenant_id for verdict in decision.verdicts})
    lines = [
        f"{len(lanes)} of {tenants} tenants start, {months} months; {len(decision.waiting)} wait"
    ]
    lines += [f"yes {_name(verdict)}{_more(verdict, lanes)}: {verdict.reason}" for verdict in yes]
    if no:
        lines.append(f"no: {_count_rules(no)}")
        lines += [f"no {_name(verdict)}: {verdict.reason}" for verdict in no[:limit]]
    if len(no) > limit:
        lines.append(f"no: {len(no) - limit} more are not listed")
    return lines


def _group(months: Sequence[TenantMonth]) -> Mapping[str, Sequence[TenantMonth]]:
    rows = defaultdict[str, list[TenantMonth]](list)
    for row in months:
        rows[row.tenant_id].append(row)
    return rows


def _judge_all(
    facts: Facts, rows: Mapping[str, Sequence[TenantMonth]], limits: Limits
) -> Iterator[tuple[Tenant, Judgement]]:
    calendar = Calendar(facts.now, limits.grace_days)
    for tenant in sorted(facts.tenants, key=lambda tenant: tenant.tenant_id):
        if (refused := _refuse(tenant, facts.busy)) is not None:
            yield tenant, Judgement((refused,))
        else:
            known = rows.get(tenant.tenant_id, ())
            yield tenant, judge_tenant(tenant, known, calendar, facts.fingerprints)


def _refuse(tenant: Tenant, busy: frozenset[str]) -> Verdict | None:
    """The no to a tenant of which no month is looked at."""
    if not tenant.active:
        reason = f"inactive: {tenant.disabled_reason or 'no reason given'}"
        return give_verdict(tenant.tenant_id, None, Rule.INACTIVE, reason)
    if tenant.tenant_id in busy:
        reason = "a run that is queued or running has it in hand"
        return give_verdict(tenant.tenant_id, None, Rule.IN_HAND, reason)
    return None


def _turn(judgement: Judgement, rows: Sequence[TenantMonth]) -> tuple[bool, datetime, str]:
    """Sorts tenants by their turn. A tenant that was just served has just changed, so that each gets its turn."""
    retries = any(verdict.rule is Rule.RETRY for verdict in judgement.verdicts)
    changed_at = max((row.updated_at for row in rows), default=_NEVER)
    return not retries, changed_at, judgement.verdicts[0].tenant_id


def _put_off(judgement: Judgement, limits: Limits) -> Judgement:
    """The same with the reason for which it has to wait."""
    most = f"{limits.in_flight} running and {limits.queued} queued are the most"
    verdicts = tuple(
        replace(verdict, reason=f"waits: {most} ({verdict.reason})") if verdict.due else verdict
        for verdict in judgement.verdicts
    )
    return replace(judgement, verdicts=verdicts)


def _name(verdict: Verdict) -> str:
    return f"{verdict.tenant_id} {verdict.month}" if verdict.month else verdict.tenant_id


def _more(verdict: Verdict, lanes: Mapping[str, Lane]) -> str:
    """The later months of a backfill, which one verdict stands for."""
    months = lanes[verdict.tenant_id].months
    if verdict.rule is not Rule.BACKFILL or len(months) == 1:
        return ""
    return f" to {months[-1]}"


def _count_rules(verdicts: Sequence[Verdict]) -> str:
    """Counts of tenant-months by rule, the largest first: `612 no new events, 20 inactive`."""
    counts = Counter("waiting for a turn" if each.due else each.rule.value for each in verdicts)
    return ", ".join(f"{count} {word}" for word, count in counts.most_common())
