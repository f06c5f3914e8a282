"""What tenants share in a decision: who is left out, limits and turns; and what a tick asks, slices and logs."""

from datetime import timedelta

import pytest

from platform_assets.tenants.decide import (
    Lane,
    Limits,
    describe,
    due_customers,
    list_backfilled,
    list_disabled,
    open_months,
    slice_lanes,
)
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
)

COMPLETED = MonthStatus.COMPLETED
FAILED = MonthStatus.FAILED
RUNNING = MonthStatus.RUNNING


def test_an_inactive_tenant_gets_nothing_and_its_reason_is_said() -> None:
    tenant = make_tenant(active=False, disabled_reason="2026-01 failed 4 times", **NEW)
    decision = decide_on(tenant, make_backfill())

    assert decision.lanes == ()
    assert only(decision) == Verdict(
        "acme", None, False, "inactive: 2026-01 failed 4 times", Rule.INACTIVE
    )


def test_a_tenant_that_a_run_has_in_hand_gets_nothing() -> None:
    decision = decide_on(make_tenant(**NEW), make_backfill(), busy=frozenset({"acme"}))

    assert decision.lanes == ()
    assert only(decision).rule is Rule.IN_HAND


def test_200_tenants_that_are_due_at_once_become_120_lanes() -> None:
    tenants = [make_tenant(f"t{n:03}", **NEW) for n in range(200)]
    months = [each for tenant in tenants for each in make_backfill(tenant_id=tenant.tenant_id)]
    decision = decide_on(tenants, months)

    assert len(decision.lanes) == 120
    assert len(decision.waiting) == 80


@pytest.mark.parametrize(
    ("running", "queued", "lanes"), [(20, 99, 1), (20, 100, 0), (30, 110, 0), (0, 118, 2)]
)
def test_what_runs_and_waits_already_counts_against_the_limits(
    running: int, queued: int, lanes: int
) -> None:
    tenants = [make_tenant(f"t{n}") for n in range(3)]
    decision = decide_on(tenants, running=running, queued=queued)

    assert len(decision.lanes) == lanes
    assert len(decision.waiting) == 3 - lanes


def test_a_tenant_beyond_the_limits_is_told_that_it_waits_and_what_for() -> None:
    decision = decide_on(make_tenant(last_completed_month=None), running=20, queued=100)

    assert decision.waiting == ("acme",)
    assert only(decision).due
    assert only(decision).reason == (
        "waits: 20 running and 100 queued are the most (not processed yet)"
    )


def test_retries_come_first_then_the_tenant_that_was_served_longest_ago() -> None:
    tenants = [make_tenant(name) for name in ("a", "b", "c", "d")]
    months = [
        make_month("2026-02", COMPLETED, "a", read_at=NOW - timedelta(minutes=5)),
        make_month("2026-02", COMPLETED, "b", read_at=NOW - timedelta(minutes=9)),
        make_month("2026-02", FAILED, "c", read_at=NOW - timedelta(minutes=1), retry_count=1),
        make_month("2026-02", COMPLETED, "d", read_at=NOW - timedelta(minutes=5)),
    ]
    decision = decide_on(tenants, months, Limits(in_flight=2, queued=0))

    assert [lane.tenant_id for lane in decision.lanes] == ["c", "b"]
    assert decision.waiting == ("a", "d")


def test_only_complete_and_open_months_of_an_existing_tenant_are_asked_for() -> None:
    now = at("2026-02-02 09:00")

    assert open_months(make_tenant(), now, 3) == ("2026-01", "2026-02")
    assert open_months(make_tenant(last_completed_month="2026-01"), now, 3) == ("2026-01",)
    assert open_months(make_tenant(last_completed_month="2025-12"), now, 3) == ()
    assert open_months(make_tenant(), NOW, 3) == ("2026-02",)
    assert open_months(make_tenant(last_completed_month=None), now, 3) == ()
    assert open_months(make_tenant(**NEW), now, 3) == ()
    assert open_months(make_tenant(active=False), now, 3) == ()


def test_lanes_are_sliced_in_their_order() -> None:
    lanes = [Lane(f"t{n}", ("2026-02",)) for n in range(5)]

    assert slice_lanes(lanes, 2) == [tuple(lanes[:2]), tuple(lanes[2:4]), (lanes[4],)]
    assert slice_lanes([], 2) == []
    with pytest.raises(ValueError, match="at least one lane"):
        slice_lanes(lanes, 0)


def test_customers_are_due_when_a_month_was_completed_since_they_were_built() -> None:
    months = [make_month("2026-02", COMPLETED, read_at=NOW)]

    assert due_customers([make_tenant()], months, ()) == ["acme"]
    earlier = make_tenant(customers_at=NOW - timedelta(seconds=1))
    assert due_customers([earlier], months, ()) == ["acme"]
    assert due_customers([make_tenant(customers_at=NOW)], months, ()) == []


def test_customers_wait_while_anything_of_their_tenant_is_in_hand() -> None:
    done = make_month("2026-01", COMPLETED, read_at=NOW)

    assert due_customers([make_tenant()], [done], {"acme"}) == []
    running = make_month("2026-02", RUNNING, read_at=NOW)
    assert due_customers([make_tenant()], [done, running], ()) == []
    assert due_customers([make_tenant(active=False)], [done], ()) == []
    assert due_customers([make_tenant()], [make_month("2026-02")], ()) == []


def test_a_tenant_is_disabled_by_its_failures_if_one_of_its_months_is_exhausted() -> None:
    tenants = [
        make_tenant("broken", active=False, disabled_reason="2026-02 failed 4 times"),
        make_tenant("stopped", active=False, disabled_reason="on holiday"),
        make_tenant("trying"),
    ]
    months = [
        make_month("2026-02", FAILED, tenant_id="broken", retry_count=4),
        make_month("2026-02", FAILED, tenant_id="stopped", retry_count=3),
        make_month("2026-02", FAILED, tenant_id="trying", retry_count=3),
    ]
    assert list_disabled(tenants, months) == {"broken": "2026-02 failed 4 times"}


def test_a_finished_backfill_is_news_and_a_tenant_that_never_had_one_is_none() -> None:
    tenants = [
        make_tenant("new", **NEW),
        make_tenant("caught-up", backfill_start_month="2024-03", backfill_completed=True),
        make_tenant("old", backfill_start_month=None, backfill_completed=True),
    ]
    assert list_backfilled(tenants, []) == {
        "caught-up": "its history from 2024-03 on is complete",
    }


def test_the_log_of_a_tick_names_each_start_and_counts_what_is_not_started() -> None:
    tenants = [
        make_tenant("new", **NEW),
        make_tenant("off", active=False, disabled_reason="stopped by ops"),
        *(make_tenant(f"quiet{n}") for n in range(3)),
    ]
    months = make_backfill(tenant_id="new") + [
        make_month("2026-02", COMPLETED, f"quiet{n}", read_at=at("2026-02-03 10:00"))
        for n in range(3)
    ]
    fingerprints = {(f"quiet{n}", "2026-02"): "seen" for n in range(3)}

    assert describe(decide_on(tenants, months, fingerprints=fingerprints), limit=2) == [
        "1 of 5 tenants start, 25 months; 0 wait",
        "yes new 2024-02 to 2026-02: backfill, 25 of 25 months left",
        "no: 3 no new events, 1 inactive",
        "no off: inactive: stopped by ops",
        "no quiet0 2026-02: no new events since 2026-02-03 10:00",
        "no: 2 more are not listed",
    ]


def test_the_log_of_a_tick_counts_tenants_that_wait_for_a_turn_as_not_started() -> None:
    decision = decide_on(make_tenant(last_completed_month=None), limits=Limits(0, 0))

    assert describe(decision) == [
        "0 of 1 tenants start, 0 months; 1 wait",
        "no: 1 waiting for a turn",
        "no acme 2026-02: waits: 0 running and 0 queued are the most (not processed yet)",
    ]


def test_the_log_of_a_tick_without_tenants_says_so() -> None:
    assert describe(decide_on([])) == ["0 of 0 tenants start, 0 months; 0 wait"]
