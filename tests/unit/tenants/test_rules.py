"""The orchestrator's rules for one tenant, an example each; what holds for any facts is in `test_decide_any.py`."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from platform_assets.tenants.decide import Lane, Limits
from platform_assets.tenants.tenant import MonthStatus
from platform_assets.tenants.verdicts import Rule, Verdict
from tests.unit.tenants.builders import (
    NEW,
    NOW,
    at,
    decide_on,
    make_backfill,
    make_month,
    make_tenant,
    only,
    verdict_on,
)

COMPLETED = MonthStatus.COMPLETED
FAILED = MonthStatus.FAILED
RUNNING = MonthStatus.RUNNING
SAME = {("acme", "2026-02"): "seen", ("acme", "2026-01"): "seen"}


def test_the_current_month_without_a_state_is_due() -> None:
    decision = decide_on(make_tenant(last_completed_month=None))

    assert decision.lanes == (Lane("acme", ("2026-02",)),)
    assert only(decision) == Verdict("acme", "2026-02", True, "not processed yet", Rule.UNPROCESSED)


def test_the_current_month_is_due_when_its_source_has_new_events() -> None:
    months = [make_month("2026-02", COMPLETED, read_at=at("2026-02-03 10:00"))]
    decision = decide_on(make_tenant(), months, fingerprints={("acme", "2026-02"): "more"})

    assert decision.lanes == (Lane("acme", ("2026-02",)),)
    assert only(decision).reason == "new events since 2026-02-03 10:00"


def test_the_current_month_is_not_due_without_new_events() -> None:
    months = [make_month("2026-02", COMPLETED, read_at=at("2026-02-03 10:00"))]
    decision = decide_on(make_tenant(), months, fingerprints=SAME)

    assert decision.lanes == ()
    assert only(decision) == Verdict(
        "acme", "2026-02", False, "no new events since 2026-02-03 10:00", Rule.NO_NEW_EVENTS
    )


def test_the_current_month_is_due_when_its_source_cannot_tell() -> None:
    months = [make_month("2026-02", COMPLETED, read_at=at("2026-02-03 10:00"))]
    decision = decide_on(make_tenant(), months)

    assert decision.lanes == (Lane("acme", ("2026-02",)),)
    assert only(decision).rule is Rule.CANNOT_TELL


@pytest.mark.parametrize(
    ("now", "rule"),
    [
        (at("2026-02-03 23:59:59"), Rule.NO_NEW_EVENTS),
        (at("2026-02-04 00:00:00"), Rule.FINAL),
    ],
)
def test_a_month_stays_open_for_three_days_after_its_end(now: datetime, rule: Rule) -> None:
    months = [make_month("2026-01", COMPLETED, read_at=at("2026-02-03 10:00"))]
    decision = decide_on(
        make_tenant(last_completed_month="2026-01"), months, now=now, fingerprints=SAME
    )

    assert verdict_on(decision, "2026-01").rule is rule


def test_an_ended_month_in_its_grace_is_due_for_late_events_before_the_current_one() -> None:
    months = [make_month("2026-01", COMPLETED, read_at=at("2026-01-31 23:55"))]
    decision = decide_on(
        make_tenant(last_completed_month="2026-01"),
        months,
        now=at("2026-02-02 09:00"),
        fingerprints={("acme", "2026-01"): "late"},
    )

    assert decision.lanes == (Lane("acme", ("2026-01", "2026-02")),)
    assert verdict_on(decision, "2026-01").reason == "new events since 2026-01-31 23:55"


def test_a_closed_month_that_was_read_before_its_grace_ended_gets_one_final_pass() -> None:
    months = [
        make_month("2026-01", COMPLETED, read_at=at("2026-02-03 10:00")),
        make_month("2026-02", COMPLETED, read_at=NOW),
    ]
    decision = decide_on(make_tenant(), months, fingerprints=SAME)

    assert decision.lanes == (Lane("acme", ("2026-01",)),)
    assert verdict_on(decision, "2026-01").reason == (
        "final pass: closed for good on 2026-02-04, last read 2026-02-03 10:00"
    )


def test_a_pass_that_began_before_the_closing_is_not_the_final_one_though_it_ended_after_it() -> (
    None
):
    months = [
        make_month(
            "2026-01",
            COMPLETED,
            read_at=at("2026-02-03 23:59"),
            completed_at=at("2026-02-04 00:01"),
        ),
        make_month("2026-02", COMPLETED, read_at=NOW),
    ]
    decision = decide_on(make_tenant(), months, fingerprints=SAME)

    assert verdict_on(decision, "2026-01").rule is Rule.FINAL


def test_after_the_final_pass_a_month_is_closed_for_good_whatever_its_source_says() -> None:
    months = [
        make_month("2026-01", COMPLETED, read_at=at("2026-02-04 00:00")),
        make_month("2026-02", COMPLETED, read_at=NOW),
    ]
    fingerprints = {("acme", "2026-01"): "much later", ("acme", "2026-02"): "seen"}
    decision = decide_on(make_tenant(), months, fingerprints=fingerprints)

    assert decision.lanes == ()
    assert verdict_on(decision, "2026-01") == Verdict(
        "acme", "2026-01", False, "closed for good on 2026-02-04", Rule.CLOSED
    )


def test_the_days_of_grace_are_a_limit_that_can_be_set() -> None:
    months = [make_month("2026-01", COMPLETED, read_at=at("2026-02-09 10:00"))]
    decision = decide_on(
        make_tenant(last_completed_month="2026-01"),
        months,
        Limits(grace_days=10),
        fingerprints=SAME,
    )

    assert verdict_on(decision, "2026-01").rule is Rule.NO_NEW_EVENTS


def test_months_that_were_missed_since_the_last_completed_one_are_all_due() -> None:
    tenant = make_tenant(last_completed_month="2025-11", created_at=at("2025-06-01 00:00"))
    months = [make_month("2025-11", COMPLETED, read_at=at("2025-12-20 00:00"))]

    assert decide_on(tenant, months).lanes == (Lane("acme", ("2025-12", "2026-01", "2026-02")),)


def test_months_between_two_known_ones_are_due_though_the_later_one_was_completed_first() -> None:
    tenant = make_tenant(created_at=at("2025-11-15 00:00"))
    months = [
        make_month("2025-11", COMPLETED, read_at=at("2025-12-20 00:00")),
        make_month("2026-02", COMPLETED, read_at=NOW),
    ]

    assert decide_on(tenant, months, fingerprints=SAME).lanes == (
        Lane("acme", ("2025-12", "2026-01")),
    )


def test_months_before_the_registration_are_due_only_when_somebody_asked_for_them() -> None:
    months = [
        make_month("2025-03", COMPLETED, read_at=NOW),
        make_month("2026-02", COMPLETED, read_at=NOW),
    ]

    assert decide_on(make_tenant(), months, fingerprints=SAME).lanes == ()


def test_a_tenant_without_a_completed_month_begins_with_its_first_known_one() -> None:
    tenant = make_tenant(last_completed_month=None, created_at=at("2025-12-31 23:59"))
    months = [make_month("2025-12", FAILED, retry_count=1)]

    assert decide_on(tenant, months).lanes == (Lane("acme", ("2025-12", "2026-01", "2026-02")),)


def test_a_month_that_was_completed_before_an_import_is_closed_when_its_grace_is_over() -> None:
    decision = decide_on(make_tenant(last_completed_month="2026-01"))

    assert decision.lanes == (Lane("acme", ("2026-02",)),)
    assert verdict_on(decision, "2026-01").reason == (
        "completed elsewhere, closed for good on 2026-02-04"
    )


def test_a_month_that_was_completed_before_an_import_is_due_while_it_is_open() -> None:
    decision = decide_on(
        make_tenant(last_completed_month="2026-01", created_at=at("2026-02-02 00:00")),
        now=at("2026-02-02 09:00"),
    )

    assert decision.lanes == (Lane("acme", ("2026-01", "2026-02")),)


def test_an_older_month_that_somebody_asked_for_and_that_failed_is_tried_again() -> None:
    months = [
        make_month("2025-03", FAILED, retry_count=1, error_message="disk full"),
        make_month("2026-02", COMPLETED, read_at=NOW),
    ]
    decision = decide_on(make_tenant(), months, fingerprints=SAME)

    assert decision.lanes == (Lane("acme", ("2025-03",)),)
    assert (
        verdict_on(decision, "2025-03").reason
        == "failed 1 time, retry 1 of 3 is due; last: disk full"
    )


def test_a_new_tenant_gets_its_25_months_in_one_lane_oldest_first() -> None:
    decision = decide_on(make_tenant(**NEW), make_backfill())

    assert len(decision.lanes[0].months) == 25
    assert decision.lanes[0].months[0] == "2024-02"
    assert decision.lanes[0].months[-1] == "2026-02"
    assert only(decision).reason == "backfill, 25 of 25 months left"
    assert only(decision).month == "2024-02"


def test_a_new_tenant_continues_with_its_oldest_incomplete_month() -> None:
    decision = decide_on(make_tenant(**NEW), make_backfill(done=23))

    assert decision.lanes == (Lane("acme", ("2026-01", "2026-02")),)


def test_a_completed_month_between_two_that_are_left_is_not_done_again() -> None:
    months = make_backfill("2025-12")
    months[1] = make_month("2026-01", COMPLETED, read_at=NOW)

    assert decide_on(make_tenant(**NEW), months).lanes == (Lane("acme", ("2025-12", "2026-02")),)


def test_a_new_tenant_whose_oldest_month_waits_for_its_retry_waits_as_a_whole() -> None:
    months = make_backfill(done=23)
    months[23] = make_month(
        "2026-01", FAILED, retry_count=2, next_attempt_at=NOW + timedelta(seconds=70)
    )
    decision = decide_on(make_tenant(**NEW), months)

    assert decision.lanes == ()
    assert only(decision) == Verdict(
        "acme",
        "2026-01",
        False,
        "failed 2 times, due again at 12:01 (in 70 s)",
        Rule.RETRY_LATER,
    )


def test_a_retry_that_is_due_on_another_day_says_which() -> None:
    month = make_month("2026-02", FAILED, retry_count=3, next_attempt_at=at("2026-02-11 00:03"))
    decision = decide_on(
        make_tenant(last_completed_month=None), [month], now=at("2026-02-10 23:59")
    )

    assert only(decision).reason == "failed 3 times, due again at 2026-02-11 00:03 (in 240 s)"


def test_a_failed_month_is_due_at_the_moment_of_its_next_attempt() -> None:
    month = make_month("2026-02", FAILED, retry_count=1, next_attempt_at=NOW)
    tenant = make_tenant(last_completed_month=None)

    assert only(decide_on(tenant, [month])).rule is Rule.RETRY
    early = decide_on(tenant, [month], now=NOW - timedelta(microseconds=1))
    assert only(early).rule is Rule.RETRY_LATER


def test_a_backfill_goes_no_further_than_a_month_that_waits_for_its_retry() -> None:
    months = make_backfill("2025-11")
    months[2] = make_month(
        "2026-01", FAILED, retry_count=1, next_attempt_at=NOW + timedelta(seconds=30)
    )

    assert decide_on(make_tenant(**NEW), months).lanes == (Lane("acme", ("2025-11", "2025-12")),)


@pytest.mark.parametrize("said", [NEW, {}], ids=["new", "existing"])
def test_an_exhausted_month_holds_its_tenant_back(said: dict[str, Any]) -> None:
    months = make_backfill("2026-01")
    months[0] = make_month("2026-01", FAILED, retry_count=4, error_message="no such table")
    decision = decide_on(make_tenant(**said), months)

    assert decision.lanes == ()
    assert only(decision).rule is Rule.EXHAUSTED
    assert "failed 4 times of at most 4; activate the tenant" in only(decision).reason
    assert only(decision).reason.endswith("no such table")


@pytest.mark.parametrize("said", [NEW, {}], ids=["new", "existing"])
def test_a_running_month_holds_its_tenant_back(said: dict[str, Any]) -> None:
    months = make_backfill("2026-01")
    months[1] = make_month("2026-02", RUNNING, read_at=at("2026-02-10 11:58"), run_id="r1")
    decision = decide_on(make_tenant(**said), months)

    assert decision.lanes == ()
    assert only(decision) == Verdict(
        "acme", "2026-02", False, "running since 2026-02-10 11:58, run r1", Rule.RUNNING
    )


def test_a_new_tenant_without_a_month_left_is_told_how_it_turns_existing() -> None:
    decision = decide_on(make_tenant(**NEW), make_backfill("2026-01", done=2))

    assert only(decision).rule is Rule.NOTHING_LEFT
    assert "process any of its months" in only(decision).reason


def test_months_later_than_the_current_one_are_not_looked_at() -> None:
    months = [make_month("2026-02", COMPLETED, read_at=NOW), make_month("2026-03")]

    assert decide_on(make_tenant(), months, fingerprints=SAME).lanes == ()
