"""The orchestrator's rules for one tenant: which of its months are due, and why the others are not. Pure.

A month that was completed stays open for late events until its grace is over. It is settled when the attempt that
completed it began after that; one that was completed earlier gets a final pass. What several tenants share, such as
limits and turns, is in `decide.py`.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from operator import attrgetter

from platform_assets.core.months import add_months, list_months, month_end, month_of
from platform_assets.tenants.tenant import MonthStatus, Tenant, TenantMonth, TenantType
from platform_assets.tenants.transitions import is_exhausted
from platform_assets.tenants.verdicts import (
    Rule,
    Verdict,
    give_verdict,
    show_time,
    word_exhausted,
    word_retry,
    word_retry_later,
    word_running,
)

Fingerprints = Mapping[tuple[str, str], str]
"""(tenant id, month) -> what identifies the events that its source holds now; absent where it cannot tell."""

_BY_MONTH = attrgetter("month")


class Calendar:
    """The moment of a decision: its month, and when each month is closed.

    Args:
        now: Aware.
        grace_days: Days after its end that a month stays open for late events.
    """

    __slots__ = ("_closings", "_grace", "_since", "current", "now")

    def __init__(self, now: datetime, grace_days: int) -> None:
        self.now = now
        self.current = month_of(now)
        self._grace = timedelta(days=grace_days)
        self._closings = dict[str, datetime]()
        self._since = dict[str, tuple[str, ...]]()

    def closes_at(self, month: str) -> datetime:
        """The first moment at which no late events of the month are waited for, in UTC."""
        found = self._closings.get(month)
        if found is None:
            found = self._closings[month] = (month_end(month) + self._grace).astimezone(UTC)
        return found

    def months_since(self, first: str) -> tuple[str, ...]:
        """All months from `first` to the current one."""
        found = self._since.get(first)
        if found is None:
            found = self._since[first] = tuple(list_months(first, self.current))
        return found

    def is_open(self, month: str) -> bool:
        """Whether late events of the month are still waited for; so it is for the current one."""
        return self.now < self.closes_at(month)

    def is_settled(self, row: TenantMonth) -> bool:
        """Whether the month was completed by an attempt that began after it was closed."""
        read_at = row.started_at or row.completed_at
        return (
            row.status is MonthStatus.COMPLETED
            and read_at is not None
            and read_at >= self.closes_at(row.month)
        )

    def is_ready(self, row: TenantMonth) -> bool:
        """Whether the month need not wait for its next attempt."""
        return row.next_attempt_at is None or row.next_attempt_at <= self.now


@dataclass(frozen=True, slots=True)
class Judgement:
    """What the rules say about one tenant.

    Attributes:
        verdicts: At least one, by month.
        months: The months that are due, oldest first.
    """

    verdicts: tuple[Verdict, ...]
    months: tuple[str, ...] = ()


def judge_tenant(
    tenant: Tenant, rows: Sequence[TenantMonth], calendar: Calendar, fingerprints: Fingerprints
) -> Judgement:
    """The rules applied to an active tenant that no run has in hand.

    Args:
        tenant: The tenant.
        rows: All of its months that have a state, in any order.
        calendar: The moment of the decision.
        fingerprints: What its source says now about the months of `list_open_months`.
    """
    if (held := _find_hold(rows)) is not None:
        return Judgement((held,))
    if tenant.tenant_type is TenantType.NEW:
        return _judge_backfill(tenant, rows, calendar)
    return _judge_upkeep(tenant, rows, calendar, fingerprints)


def list_open_months(tenant: Tenant, calendar: Calendar) -> tuple[str, ...]:
    """Months of an active EXISTING tenant that are complete and open, so that only new events make them due."""
    last = tenant.last_completed_month
    if not tenant.active or tenant.tenant_type is TenantType.NEW or last is None:
        return ()
    month, found = calendar.current, list[str]()
    while calendar.is_open(month):
        if month <= last:
            found.append(month)
        month = add_months(month, -1)
    return tuple(reversed(found))


def _find_hold(rows: Sequence[TenantMonth]) -> Verdict | None:
    """The oldest month that holds back the whole tenant: one is worked on, or failed too often."""
    held = [
        row
        for row in rows
        if row.status is MonthStatus.RUNNING
        or (row.status is MonthStatus.FAILED and is_exhausted(row))
    ]
    if not held:
        return None
    row = min(held, key=_BY_MONTH)
    if row.status is MonthStatus.RUNNING:
        return give_verdict(row.tenant_id, row.month, Rule.RUNNING, word_running(row))
    return give_verdict(row.tenant_id, row.month, Rule.EXHAUSTED, word_exhausted(row))


def _judge_backfill(tenant: Tenant, rows: Sequence[TenantMonth], calendar: Calendar) -> Judgement:
    """NEW: what is left, oldest first, up to the first month that has to wait."""
    left = sorted((row for row in rows if row.status is not MonthStatus.COMPLETED), key=_BY_MONTH)
    if not left:
        reason = "its backfill has no month left; process any of its months to make it EXISTING"
        return Judgement((give_verdict(tenant.tenant_id, None, Rule.NOTHING_LEFT, reason),))
    oldest = left[0]
    if oldest.status is MonthStatus.FAILED or not calendar.is_ready(oldest):
        verdict = _judge_failed(oldest, calendar)
    else:
        reason = f"backfill, {len(left)} of {len(rows)} months left"
        verdict = give_verdict(tenant.tenant_id, oldest.month, Rule.BACKFILL, reason)
    return Judgement((verdict,), tuple(row.month for row in takewhile(calendar.is_ready, left)))


def _judge_upkeep(
    tenant: Tenant, rows: Sequence[TenantMonth], calendar: Calendar, fingerprints: Fingerprints
) -> Judgement:
    """EXISTING: every month that is not settled, each by itself."""
    known = {row.month: row for row in rows if row.month <= calendar.current}
    wanted = {month for month, row in known.items() if not calendar.is_settled(row)}
    wanted.update(_list_expected(tenant, known, calendar) - known.keys())
    # Always said, for who reads the log: about the current month, and whether the one before is closed.
    wanted.update(known.keys() & set(calendar.months_since(add_months(calendar.current, -1))))
    verdicts = tuple(
        _judge_known(known[month], calendar, fingerprints)
        if month in known
        else _judge_unknown(tenant, month, calendar)
        for month in sorted(wanted)
    )
    due = tuple(verdict.month for verdict in verdicts if verdict.due and verdict.month)
    return Judgement(verdicts, due)


def _list_expected(tenant: Tenant, known: Collection[str], calendar: Calendar) -> set[str]:
    """Months that must have a state at some time: those from the last completed one, or from the current one, on.

    And those after the first known one, back to the registration: where a later month was completed first (somebody
    asked for it, or a run ended between two months), the ones in between are not forgotten.
    """
    expected = set(calendar.months_since(tenant.last_completed_month or calendar.current))
    if known:
        expected.update(calendar.months_since(max(min(known), month_of(tenant.created_at))))
    return expected


def _judge_known(row: TenantMonth, calendar: Calendar, fingerprints: Fingerprints) -> Verdict:
    match row.status:
        case MonthStatus.COMPLETED:
            return _judge_completed(row, calendar, fingerprints)
        case MonthStatus.FAILED:
            return _judge_failed(row, calendar)
        case _ if not calendar.is_ready(row):
            return _judge_failed(row, calendar)
        case _:
            return give_verdict(row.tenant_id, row.month, Rule.UNPROCESSED, "not processed yet")


def _judge_unknown(tenant: Tenant, month: str, calendar: Calendar) -> Verdict:
    """A month without a state; the last completed one has none when it was completed elsewhere, before an import."""
    if month != tenant.last_completed_month:
        rule, reason = Rule.UNPROCESSED, "not processed yet"
    elif calendar.is_open(month):
        rule, reason = Rule.CANNOT_TELL, "completed elsewhere, and late events are still possible"
    else:
        rule, reason = Rule.CLOSED, f"completed elsewhere, {_word_closing(month, calendar)}"
    return give_verdict(tenant.tenant_id, month, rule, reason)


def _judge_failed(row: TenantMonth, calendar: Calendar) -> Verdict:
    if row.next_attempt_at is None or calendar.is_ready(row):
        return give_verdict(row.tenant_id, row.month, Rule.RETRY, word_retry(row))
    reason = word_retry_later(row, row.next_attempt_at, calendar.now)
    return give_verdict(row.tenant_id, row.month, Rule.RETRY_LATER, reason)


def _judge_completed(row: TenantMonth, calendar: Calendar, fingerprints: Fingerprints) -> Verdict:
    read_at = row.started_at or row.completed_at or row.updated_at
    if calendar.is_settled(row):
        rule, reason = Rule.CLOSED, _word_closing(row.month, calendar)
    elif not calendar.is_open(row.month):
        rule = Rule.FINAL
        reason = f"final pass: {_word_closing(row.month, calendar)}, last read {show_time(read_at)}"
    else:
        fingerprint = fingerprints.get((row.tenant_id, row.month))
        if fingerprint is None:
            rule, reason = Rule.CANNOT_TELL, "its source cannot tell whether there are new events"
        elif fingerprint == row.watermark:
            rule, reason = Rule.NO_NEW_EVENTS, f"no new events since {show_time(read_at)}"
        else:
            rule, reason = Rule.NEW_EVENTS, f"new events since {show_time(read_at)}"
    return give_verdict(row.tenant_id, row.month, rule, reason)


def _word_closing(month: str, calendar: Calendar) -> str:
    return f"closed for good on {show_time(calendar.closes_at(month))[:10]}"
