"""What the orchestrator says about a tenant-month: yes or no, by which rule, in words for the log of a tick.

Which rule applies is in `rules.py`, how verdicts become lanes in `decide.py`.
"""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from zoneinfo import ZoneInfo

from platform_assets.core.months import TIMEZONE
from platform_assets.tenants.tenant import TenantMonth

_ZONE = ZoneInfo(TIMEZONE)


class Rule(StrEnum):
    """The rule that a verdict follows; its value is the word in a tick's summary."""

    BACKFILL = "backfill"
    UNPROCESSED = "not processed yet"
    RETRY = "due for a retry"
    NEW_EVENTS = "new events"
    CANNOT_TELL = "source cannot tell"
    FINAL = "final pass"

    INACTIVE = "inactive"
    IN_HAND = "in hand of a run"
    RUNNING = "running"
    EXHAUSTED = "failed too often"
    RETRY_LATER = "waiting for a retry"
    NO_NEW_EVENTS = "no new events"
    CLOSED = "closed for good"
    NOTHING_LEFT = "nothing left"


_YES = frozenset(
    {
        Rule.BACKFILL,
        Rule.UNPROCESSED,
        Rule.RETRY,
        Rule.NEW_EVENTS,
        Rule.CANNOT_TELL,
        Rule.FINAL,
    }
)


@dataclass(frozen=True, slots=True)
class Verdict:
    """Yes or no to one tenant-month, and why.

    Attributes:
        tenant_id: The tenant.
        month: `YYYY-MM`; None where the answer is about the tenant as a whole.
        due: Whether it is due; it may still have to wait for its turn.
        reason: Why, in words that need no other source.
        rule: Why, for counting.
    """

    tenant_id: str
    month: str | None
    due: bool
    reason: str
    rule: Rule


def give_verdict(tenant_id: str, month: str | None, rule: Rule, reason: str) -> Verdict:
    """A verdict whose yes or no follows from its rule."""
    return Verdict(tenant_id, month, rule in _YES, reason, rule)


def show_time(moment: datetime) -> str:
    """A moment in the platform's timezone, to the minute: `2026-02-03 10:00`."""
    return moment.astimezone(_ZONE).isoformat(" ", "minutes")[:16]


def word_failures(month: TenantMonth) -> str:
    """How often a month failed, or that the platform did: `failed 2 times`."""
    if month.faults:
        return f"put off for a fault of the platform ({(month.error_message or '')[:200]})"
    return f"failed {month.retry_count} time{'s' if month.retry_count != 1 else ''}"


def word_retry_later(month: TenantMonth, due_at: datetime, now: datetime) -> str:
    """When a failed month is due again, as a time and in seconds."""
    seconds = (due_at - now).total_seconds()
    at = due_at.astimezone(_ZONE)
    day = "" if at.date() == now.astimezone(_ZONE).date() else f"{at:%Y-%m-%d} "
    return f"{word_failures(month)}, due again at {day}{at:%H:%M} (in {seconds:.0f} s)"


def word_retry(month: TenantMonth) -> str:
    """Which of its retries a failed month is due for, and what failed."""
    return (
        f"{word_failures(month)}, retry {month.retry_count} of {month.max_retries} is due; "
        f"last: {month.error_message or 'no message'}"
    )


def word_running(month: TenantMonth) -> str:
    """Since when a month is worked on, and by which run."""
    since = show_time(month.started_at or month.updated_at)
    return f"running since {since}{f', run {month.run_id}' if month.run_id else ''}"


def word_exhausted(month: TenantMonth) -> str:
    """That nothing is tried again by itself, and what to do."""
    return (
        f"{word_failures(month)} of at most {month.max_retries + 1}; activate the tenant, "
        f"or reset the month, to try again; last: {month.error_message or 'no message'}"
    )
