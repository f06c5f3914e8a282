"""How a tenant-month and its tenant change: each arrow of the drawing, and what holds after any sequence of them."""

from collections.abc import Callable
from datetime import datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.engine.units import Attempt
from platform_assets.core.months import list_months
from platform_assets.tenants import transitions
from platform_assets.tenants.tenant import MAX_RETRIES, MonthStatus, TenantMonth, TenantType
from platform_assets.tenants.transitions import MonthNumbers
from tests.unit.tenants.builders import NOW, make_backfill, make_month, make_tenant

ATTEMPT = Attempt("attempt-1", "host|boot|namespace|1|2")
NUMBERS = MonthNumbers(100, 3, "fingerprint")
LATER = NOW + timedelta(minutes=5)
NEW = make_tenant(
    tenant_type=TenantType.NEW,
    backfill_completed=False,
    last_completed_month=None,
    current_processing_month="2025-12",
)


def fresh() -> TenantMonth:
    return transitions.new_month("acme", "2026-01", NOW)


def claimed(month: TenantMonth | None = None) -> TenantMonth:
    return transitions.claim(month or fresh(), ATTEMPT, "run-1", NOW)


def failed(times: int) -> TenantMonth:
    month = fresh()
    for _ in range(times):
        month = transitions.fail(claimed(month), "source_unreachable: no answer", NOW)
    return month


def test_a_month_begins_pending_with_three_retries() -> None:
    month = fresh()

    assert month.status is MonthStatus.PENDING
    assert (month.retry_count, month.max_retries, month.watermark) == (0, MAX_RETRIES, None)
    assert MAX_RETRIES == 3


def test_a_claimed_month_runs_under_the_attempt_with_a_heartbeat() -> None:
    month = claimed()

    assert month.status is MonthStatus.RUNNING
    assert (month.attempt_id, month.owner, month.run_id) == ("attempt-1", ATTEMPT.owner, "run-1")
    assert month.started_at == month.heartbeat_at == month.updated_at == NOW


@pytest.mark.parametrize("month", [claimed(), failed(4)], ids=["running", "exhausted"])
def test_a_running_or_exhausted_month_cannot_be_claimed(month: TenantMonth) -> None:
    with pytest.raises(ValueError, match="cannot be claimed"):
        claimed(month)


def test_a_completed_month_has_its_numbers_and_no_failures_left() -> None:
    month = transitions.complete(claimed(failed(2)), NUMBERS, LATER)

    assert month.status is MonthStatus.COMPLETED
    assert (month.processed_records, month.failed_records) == (100, 3)
    assert month.watermark == "fingerprint"
    assert (month.retry_count, month.error_message, month.next_attempt_at) == (0, None, None)
    assert month.completed_at == LATER


def test_a_completed_month_keeps_its_numbers_while_it_is_done_again() -> None:
    again = claimed(transitions.complete(claimed(), NUMBERS, NOW))

    assert again.status is MonthStatus.RUNNING
    assert again.watermark == "fingerprint"
    assert again.completed_at == NOW


@pytest.mark.parametrize(("times", "minutes"), [(1, 1), (2, 2), (3, 4)])
def test_a_failed_month_is_due_again_after_1_2_and_4_minutes(times: int, minutes: int) -> None:
    month = failed(times)

    assert month.status is MonthStatus.FAILED
    assert month.next_attempt_at == NOW + timedelta(minutes=minutes)
    assert not transitions.is_exhausted(month)


def test_the_fourth_failure_exhausts_a_month() -> None:
    month = failed(4)

    assert month.next_attempt_at is None
    assert transitions.is_exhausted(month)
    assert transitions.describe_exhausted(month) == (
        "2026-01 failed 4 times, last: source_unreachable: no answer"
    )


def test_a_failure_keeps_1000_characters_of_its_message() -> None:
    assert transitions.fail(claimed(), "x" * 5000, NOW).error_message == "x" * 1000


def test_a_month_that_is_given_back_is_pending_without_a_failure_more() -> None:
    month = transitions.give_back(claimed(failed(2)), LATER)

    assert month.status is MonthStatus.PENDING
    assert month.retry_count == 2
    assert (month.attempt_id, month.owner) == (None, None)


def test_a_reset_month_can_be_claimed_as_if_it_had_never_failed() -> None:
    month = transitions.reset(failed(4), LATER)

    assert (month.status, month.retry_count, month.next_attempt_at) == (
        MonthStatus.PENDING,
        0,
        None,
    )
    assert claimed(month).status is MonthStatus.RUNNING


@pytest.mark.parametrize(("age", "stale"), [(1799.0, False), (1800.0, True)])
def test_a_running_month_is_stale_after_30_minutes_without_a_heartbeat(
    age: float, *, stale: bool
) -> None:
    now = NOW + timedelta(seconds=age)

    assert transitions.is_stale(claimed(), now, 1800) is stale
    assert not transitions.is_stale(fresh(), now, 1800)
    assert not transitions.is_stale(failed(1), now, 1800)


def test_a_backfill_goes_on_with_its_next_month() -> None:
    tenant, added = transitions.after_completion(
        NEW, make_backfill("2025-12", done=1), "2026-02", LATER
    )

    assert added == []
    assert tenant.tenant_type is TenantType.NEW
    assert (tenant.current_processing_month, tenant.last_completed_month) == ("2026-01", "2025-12")
    assert tenant.updated_at == LATER


def test_with_its_last_month_a_new_tenant_turns_existing() -> None:
    tenant, added = transitions.after_completion(
        NEW, make_backfill("2025-12", done=3), "2026-02", LATER
    )

    assert added == []
    assert tenant.tenant_type is TenantType.EXISTING
    assert tenant.backfill_completed
    assert tenant.last_completed_month == tenant.current_processing_month == "2026-02"


def test_a_new_tenant_does_not_turn_existing_while_an_older_month_is_left() -> None:
    months = make_backfill("2025-12", done=3)
    months[1] = make_month("2026-01", MonthStatus.RUNNING)
    tenant, _ = transitions.after_completion(NEW, months, "2026-02", LATER)

    assert tenant.tenant_type is TenantType.NEW
    assert tenant.current_processing_month == "2026-01"


def test_months_that_began_during_a_backfill_are_added_before_it_ends() -> None:
    tenant, added = transitions.after_completion(
        NEW, make_backfill("2025-12", done=3), "2026-04", LATER
    )

    assert added == ["2026-03", "2026-04"]
    assert tenant.tenant_type is TenantType.NEW
    assert tenant.current_processing_month == "2026-03"


def test_the_order_of_the_months_does_not_matter_after_a_completion() -> None:
    months = make_backfill("2025-12", done=2)

    assert transitions.after_completion(NEW, months[::-1], "2026-02", LATER) == (
        transitions.after_completion(NEW, months, "2026-02", LATER)
    )


def test_an_older_month_done_again_does_not_take_back_the_last_completed_one() -> None:
    months = [make_month("2025-03", MonthStatus.COMPLETED, read_at=NOW)]
    tenant, added = transitions.after_completion(make_tenant(), months, "2026-02", LATER)

    assert added == []
    assert tenant.last_completed_month == "2026-02"


def test_a_disabled_tenant_says_why_until_it_is_activated() -> None:
    disabled = transitions.disable(make_tenant(), "x" * 2000, LATER)

    assert not disabled.active
    assert disabled.disabled_reason == "x" * 1000
    active = transitions.activate(disabled, LATER)
    assert active.active
    assert active.disabled_reason is None


Step = Callable[[TenantMonth, datetime], TenantMonth]


def start(month: TenantMonth, now: datetime) -> TenantMonth:
    free = month.status is not MonthStatus.RUNNING and not transitions.is_exhausted(month)
    return transitions.claim(month, ATTEMPT, "run-1", now) if free else month


def while_running(step: Step) -> Step:
    def take(month: TenantMonth, now: datetime) -> TenantMonth:
        return step(month, now) if month.status is MonthStatus.RUNNING else month

    return take


def reset_failed(month: TenantMonth, now: datetime) -> TenantMonth:
    return transitions.reset(month, now) if month.status is MonthStatus.FAILED else month


STEPS: dict[str, Step] = {
    "start": start,
    "complete": while_running(lambda month, now: transitions.complete(month, NUMBERS, now)),
    "fail": while_running(lambda month, now: transitions.fail(month, "failed", now)),
    "give back": while_running(transitions.give_back),
    "reset": reset_failed,
}


@given(st.lists(st.sampled_from(sorted(STEPS)), max_size=60))
def test_any_sequence_of_transitions_keeps_the_state_consistent(names: list[str]) -> None:
    month, now = fresh(), NOW
    for name in names:
        now += timedelta(minutes=1)
        month = STEPS[name](month, now)

        failed_but_not_for_good = (
            month.status is MonthStatus.FAILED and not transitions.is_exhausted(month)
        )
        assert 0 <= month.retry_count <= month.max_retries + 1
        assert (month.next_attempt_at is not None) == failed_but_not_for_good
        assert (month.attempt_id is None) <= (month.status is not MonthStatus.RUNNING)
        if month.status is MonthStatus.RUNNING:
            assert month.heartbeat_at is not None
        if month.status is MonthStatus.COMPLETED:
            assert (month.retry_count, month.error_message) == (0, None)
        assert (month.tenant_id, month.month, month.created_at) == ("acme", "2026-01", NOW)
        assert month.updated_at <= now


@given(st.integers(1, 25), st.integers(0, 25), st.integers(0, 3))
def test_a_new_tenant_turns_existing_exactly_when_nothing_is_left(
    count: int, done: int, months_gone_by: int
) -> None:
    months = make_backfill("2024-01", f"202{4 + (count - 1) // 12}-{(count - 1) % 12 + 1:02}", done)
    current = list_months(months[-1].month, "2030-01")[months_gone_by]
    tenant, added = transitions.after_completion(NEW, months, current, LATER)

    finished = done >= count and months_gone_by == 0
    assert (tenant.tenant_type is TenantType.EXISTING) == finished
    assert tenant.backfill_completed == finished
    assert len(added) == months_gone_by
