"""What holds for a decision about any facts, driven by hypothesis."""

import random
from dataclasses import replace
from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.months import list_months
from platform_assets.tenants.decide import Facts, Limits, decide, describe, slice_lanes
from platform_assets.tenants.tenant import MonthStatus, Tenant, TenantMonth, TenantType
from tests.unit.tenants.builders import NOW, make_month, make_tenant

MONTHS = list_months("2025-10", "2026-02")
MINUTES = st.integers(-120_000, 3)
"""Minutes from now: back to before the grace of some of the months ended."""


@st.composite
def month_states(draw: st.DrawFn, tenant_id: str, month: str) -> TenantMonth:
    status = draw(st.sampled_from(MonthStatus))
    retry_count = draw(st.integers(1, 4)) if status is MonthStatus.FAILED else 0
    next_attempt_at = NOW + timedelta(minutes=draw(MINUTES)) if 0 < retry_count < 4 else None
    return make_month(
        month,
        status,
        tenant_id,
        read_at=NOW + timedelta(minutes=min(0, draw(MINUTES))),
        retry_count=retry_count,
        next_attempt_at=next_attempt_at,
    )


@st.composite
def tenants_with_months(draw: st.DrawFn, tenant_id: str) -> tuple[Tenant, list[TenantMonth]]:
    with_state = draw(st.sets(st.sampled_from(MONTHS)))
    months = [draw(month_states(tenant_id, month)) for month in sorted(with_state)]
    done = [month.month for month in months if month.status is MonthStatus.COMPLETED]
    tenant = make_tenant(
        tenant_id,
        tenant_type=draw(st.sampled_from(TenantType)),
        active=draw(st.booleans()),
        last_completed_month=max(done, default=draw(st.none() | st.sampled_from(MONTHS))),
        created_at=NOW - timedelta(days=draw(st.integers(0, 300))),
    )
    return tenant, months


@st.composite
def all_facts(draw: st.DrawFn) -> Facts:
    ids = draw(st.lists(st.sampled_from("abcdef"), unique=True, max_size=5))
    drawn = [draw(tenants_with_months(tenant_id)) for tenant_id in ids]
    cells = [(tenant_id, month) for tenant_id in ids for month in MONTHS[-2:]]
    fingerprint = st.sampled_from(["seen", "more"])
    return Facts(
        tenants=[tenant for tenant, _ in drawn],
        months=[month for _, months in drawn for month in months],
        now=NOW,
        busy=frozenset(draw(st.sets(st.sampled_from("abcdef"), max_size=2))),
        fingerprints=draw(st.dictionaries(st.sampled_from(cells), fingerprint)) if cells else {},
        running=draw(st.integers(0, 3)),
        queued=draw(st.integers(0, 5)),
    )


LIMITS = st.builds(Limits, st.integers(0, 5), st.integers(0, 5), st.integers(0, 40))


@given(all_facts(), LIMITS)
def test_no_more_lanes_than_the_limits_leave_room_for(facts: Facts, limits: Limits) -> None:
    decision = decide(facts, limits)
    room = limits.in_flight + limits.queued - facts.running - facts.queued

    assert len(decision.lanes) <= max(0, room)
    assert not decision.waiting or len(decision.lanes) == max(0, room)


@given(all_facts(), LIMITS)
def test_a_busy_or_inactive_tenant_is_never_handed_out(facts: Facts, limits: Limits) -> None:
    decision = decide(facts, limits)
    active = {tenant.tenant_id for tenant in facts.tenants if tenant.active}
    handed = {lane.tenant_id for lane in decision.lanes} | set(decision.waiting)

    assert handed <= active - facts.busy


@given(all_facts(), LIMITS)
def test_each_tenant_has_at_most_one_lane_of_months_in_order(facts: Facts, limits: Limits) -> None:
    decision = decide(facts, limits)
    handed = [*(lane.tenant_id for lane in decision.lanes), *decision.waiting]

    assert len(handed) == len(set(handed))
    for lane in decision.lanes:
        assert lane.months
        assert list(lane.months) == sorted(set(lane.months))
        assert lane.months[-1] <= "2026-02"


@given(all_facts(), LIMITS)
def test_a_backfill_takes_up_its_incomplete_months_from_the_oldest_without_a_gap(
    facts: Facts, limits: Limits
) -> None:
    new = {t.tenant_id for t in facts.tenants if t.tenant_type is TenantType.NEW}
    for lane in decide(facts, limits).lanes:
        if lane.tenant_id not in new:
            continue
        left = sorted(
            month.month
            for month in facts.months
            if month.tenant_id == lane.tenant_id and month.status is not MonthStatus.COMPLETED
        )
        assert list(lane.months) == left[: len(lane.months)]


@given(all_facts(), LIMITS)
def test_no_month_is_handed_out_that_runs_or_is_exhausted_or_waits_for_its_retry(
    facts: Facts, limits: Limits
) -> None:
    states = {(month.tenant_id, month.month): month for month in facts.months}
    for lane in decide(facts, limits).lanes:
        for month in lane.months:
            state = states.get((lane.tenant_id, month))
            if state is not None:
                assert state.status is not MonthStatus.RUNNING
                assert state.retry_count <= state.max_retries
                assert state.next_attempt_at is None or state.next_attempt_at <= facts.now


@given(all_facts(), LIMITS, st.randoms(use_true_random=False))
def test_the_order_of_the_facts_does_not_matter(
    facts: Facts, limits: Limits, shuffle: random.Random
) -> None:
    tenants, months = list(facts.tenants), list(facts.months)
    shuffle.shuffle(tenants)
    shuffle.shuffle(months)

    shuffled = replace(facts, tenants=tenants, months=months)
    assert decide(shuffled, limits) == decide(facts, limits)


@given(all_facts(), LIMITS)
def test_every_tenant_has_a_verdict_with_a_reason(facts: Facts, limits: Limits) -> None:
    decision = decide(facts, limits)

    assert {each.tenant_id for each in decision.verdicts} == {t.tenant_id for t in facts.tenants}
    assert all(verdict.reason for verdict in decision.verdicts)
    cells = [(verdict.tenant_id, verdict.month) for verdict in decision.verdicts]
    assert len(cells) == len(set(cells))


@given(all_facts(), LIMITS)
def test_a_tenant_starts_or_waits_exactly_when_one_of_its_months_is_due(
    facts: Facts, limits: Limits
) -> None:
    decision = decide(facts, limits)
    handed = {lane.tenant_id for lane in decision.lanes} | set(decision.waiting)

    assert handed == {verdict.tenant_id for verdict in decision.verdicts if verdict.due}


@given(all_facts(), LIMITS)
def test_a_tenant_waits_for_its_turn_only_until_those_before_it_were_served(
    facts: Facts, limits: Limits
) -> None:
    decision = decide(facts, limits)
    served = frozenset(lane.tenant_id for lane in decision.lanes)
    later = replace(facts, busy=facts.busy | served, running=0, queued=0)

    following = decide(later, Limits(1, 0, limits.grace_days))
    if decision.waiting:
        assert following.lanes[0].tenant_id == decision.waiting[0]


@given(all_facts(), LIMITS, st.integers(0, 5))
def test_the_log_names_every_start_and_keeps_to_its_limit(
    facts: Facts, limits: Limits, limit: int
) -> None:
    decision = decide(facts, limits)
    lines = describe(decision, limit)

    for lane in decision.lanes:
        assert any(line.startswith(f"yes {lane.tenant_id} ") for line in lines)
    assert sum(line.startswith("no ") for line in lines) <= limit


@given(all_facts(), st.integers(1, 4))
def test_slices_hold_all_lanes_in_order_and_none_is_too_large(facts: Facts, size: int) -> None:
    lanes = decide(facts, Limits()).lanes
    slices = slice_lanes(lanes, size)

    assert tuple(lane for each in slices for lane in each) == lanes
    assert all(1 <= len(each) <= size for each in slices)
