"""A day in batches: how it is split, found again, and how batches end."""

import threading
from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    PlanState,
    Scope,
    Unit,
    UnitRecord,
    UnitState,
)
from platform_assets.core.errors import PermanentError
from platform_assets.products.batches import (
    DAY_PIPELINE,
    Batch,
    PlannedBatch,
    find_batch,
    find_day,
    mark_batch,
    read_batch,
    read_opening,
    split_day,
)
from tests.fakes.clock import START, FakeClock
from tests.fakes.memory_ledger import MemoryLedger
from tests.unit.products.shop import DAY, NAME, make_ids

OPENED_AT = START.isoformat()


def make_ledger() -> MemoryLedger:
    return MemoryLedger(FakeClock())


def split(ledger: MemoryLedger, count: int, day: str = DAY) -> list[PlannedBatch]:
    return split_day(ledger, NAME, day, make_ids(count), OPENED_AT)


def all_products(planned: list[PlannedBatch]) -> list[str]:
    return [product for each in planned for product in each.products]


def test_1400_products_are_28_batches_of_50():
    planned = split(make_ledger(), 1_400)
    assert [len(each.products) for each in planned] == [50] * 28
    assert [each.batch for each in planned] == [Batch(NAME, DAY, n, 28) for n in range(1, 29)]
    assert all_products(planned) == make_ids(1_400)


@pytest.mark.parametrize(
    ("count", "sizes"), [(1, [1]), (50, [50]), (51, [50, 1]), (149, [50, 50, 49])]
)
def test_the_last_batch_has_the_rest(count: int, sizes: list[int]):
    assert [len(each.products) for each in split(make_ledger(), count)] == sizes


def test_a_product_that_is_known_twice_counts_once():
    ids = make_ids(50)
    planned = split_day(make_ledger(), NAME, DAY, [*ids, *reversed(ids)], OPENED_AT)
    assert [list(each.products) for each in planned] == [ids]


@given(st.lists(st.text(min_size=1, max_size=20), max_size=300))
def test_each_product_is_in_exactly_one_batch(ids: list[str]):
    planned = split_day(make_ledger(), NAME, DAY, ids, OPENED_AT)
    assert Counter(all_products(planned)) == Counter(set(ids))
    assert all(1 <= len(each.products) <= 50 for each in planned)
    assert {each.batch.total for each in planned} <= {len(planned)}


def test_the_order_in_which_products_are_known_does_not_matter():
    shuffled = make_ids(120)[::-1]
    assert split_day(make_ledger(), NAME, DAY, shuffled, OPENED_AT) == split(make_ledger(), 120)


def test_a_day_without_products_has_no_batch_and_can_be_split_later():
    ledger = make_ledger()
    assert split(ledger, 0) == []
    assert find_day(ledger, NAME, DAY) == []
    assert read_opening(ledger, NAME, DAY) is None
    assert len(split(ledger, 60)) == 2


def test_a_day_once_split_stays_so_and_new_products_wait():
    ledger = make_ledger()
    first = split(ledger, 120)
    assert split(ledger, 400) == first
    assert split(ledger, 3) == first, "nor do products that are no longer known go"
    assert split(ledger, 0) == first
    assert find_day(ledger, NAME, DAY) == first
    assert all_products(split(ledger, 400, "2026-11-21")) == make_ids(400)


def test_a_day_stays_split_when_all_of_its_batches_are_done():
    ledger = make_ledger()
    for each in split(ledger, 60):
        mark_batch(ledger, each.batch, UnitState.DONE, {})
    again = split(ledger, 200)
    assert [each.state for each in again] == [UnitState.DONE] * 2
    assert all_products(again) == make_ids(60)


def test_days_and_platforms_do_not_share_batches():
    ledger = make_ledger()
    split(ledger, 60)
    assert find_day(ledger, NAME, "2026-11-21") == []
    assert find_day(ledger, "othershop", DAY) == []


def test_a_day_notes_when_it_was_split_and_keeps_that():
    ledger = make_ledger()
    split(ledger, 60)
    split_day(ledger, NAME, DAY, make_ids(60), "2026-11-20T23:00:00+00:00")
    assert read_opening(ledger, NAME, DAY) == OPENED_AT


def test_many_that_split_a_day_at_once_get_the_same_batches():
    ledger, start = make_ledger(), threading.Barrier(6)
    got: list[list[PlannedBatch]] = []

    def split_some(count: int) -> None:
        start.wait()
        got.append(split(ledger, count))

    threads = [threading.Thread(target=split_some, args=(100 + n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(got) == 6
    assert all(each == got[0] for each in got)


@given(
    st.from_regex(r"[a-z][a-z0-9_]{0,39}", fullmatch=True),
    st.dates(),
    st.integers(1, 99_999).flatmap(lambda total: st.tuples(st.integers(1, total), st.just(total))),
)
def test_a_key_reads_back_as_its_batch(platform: str, day: Any, place: tuple[int, int]):
    batch = Batch(platform, day.isoformat(), *place)
    assert read_batch(batch.key) == batch


def test_keys_sort_as_batches_do():
    batches = [Batch(NAME, DAY, n, 120) for n in range(1, 121)]
    assert sorted(batches, key=lambda each: each.key) == batches
    assert batches[6].key == f"{NAME}/{DAY}/007-of-120"


@pytest.mark.parametrize(
    "key",
    [
        "",
        "musinsa",
        "musinsa/2026-11-20",
        "musinsa/2026-11-20/",
        "musinsa/2026-11-20/7-of-28",
        "musinsa/2026-11-20/007-of-28",
        "musinsa/2026-11-20/07-of-028",
        "musinsa/2026-11-20/00-of-28",
        "musinsa/2026-11-20/0-of-0",
        "musinsa/2026-11-20/29-of-28",
        "musinsa/2026-11-20/-7-of-28",
        "musinsa/2026-11-20/07_of_28",
        "musinsa/2026-11-20/07-OF-28",
        "musinsa/2026-11-20/07-of-28/",
        "musinsa/2026-11-20/07-of-28\n",
        " musinsa/2026-11-20/07-of-28",
        "musinsa/2026-11-20/07 -of-28",
        "musinsa/2026-11-31/07-of-28",
        "musinsa/2026-00-20/07-of-28",
        "musinsa/0000-11-20/07-of-28",
        "musinsa/2026-11-2/07-of-28",
        "musinsa/20261120/07-of-28",
        "musinsa/2026-W47-5/07-of-28",
        "Musinsa/2026-11-20/07-of-28",
        "7musinsa/2026-11-20/07-of-28",
        "mu-sinsa/2026-11-20/07-of-28",
        "../2026-11-20/07-of-28",
        "/2026-11-20/07-of-28",
        f"{'m' * 41}/2026-11-20/07-of-28",
        "musinsa/2026-11-20/000001-of-100000",
        "무신사/2026-11-20/07-of-28",
        "musinsa/2026-11-20/٠٧-of-٢٨",  # noqa: RUF001 - digits of another script, on purpose
        "musinsa/٢٠٢٦-١١-٢٠/07-of-28",  # noqa: RUF001 - as above
    ],
)
def test_what_is_no_batch_is_refused_with_an_example(key: str):
    with pytest.raises(PermanentError, match="such as musinsa/2026-11-20/07-of-28") as caught:
        read_batch(key)
    assert caught.value.kind == "bad_partition"


def test_a_long_key_is_not_repeated_in_whole():
    with pytest.raises(PermanentError) as caught:
        read_batch("x" * 5_000)
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "batch",
    [
        Batch(NAME, DAY, 1, 4),
        Batch(NAME, DAY, 4, 3),
        Batch(NAME, "2026-11-21", 1, 3),
        Batch("othershop", DAY, 1, 3),
    ],
)
def test_a_batch_that_its_day_does_not_have_is_refused(batch: Batch):
    ledger = make_ledger()
    split(ledger, 150)
    with pytest.raises(PermanentError, match="let its schedule split the day first") as caught:
        find_batch(ledger, batch)
    assert caught.value.kind == "unknown_batch"
    assert batch.key in str(caught.value)


def test_a_batch_that_has_not_ended_is_pending():
    ledger = make_ledger()
    second = split(ledger, 150)[1]
    assert find_batch(ledger, second.batch) == second
    assert (second.state, second.detail, second.reason) == (UnitState.PENDING, None, None)


def test_a_failed_batch_says_why_and_can_become_done():
    ledger = make_ledger()
    batch = split(ledger, 60)[0].batch
    mark_batch(ledger, batch, UnitState.FAILED, {"failed": 2}, "the shop is down")
    found = find_batch(ledger, batch)
    assert (found.state, found.reason) == (UnitState.FAILED, "the shop is down")
    mark_batch(ledger, batch, UnitState.FAILED, {}, "the shop is still down")
    assert find_batch(ledger, batch).reason == "the shop is still down"
    mark_batch(ledger, batch, UnitState.DONE, {"failed": 0})
    found = find_batch(ledger, batch)
    assert (found.state, found.detail, found.reason) == (UnitState.DONE, {"failed": 0}, None)


def test_a_done_batch_stays_done():
    ledger = make_ledger()
    batch = split(ledger, 60)[0].batch
    mark_batch(ledger, batch, UnitState.DONE, {"failed": 0})
    mark_batch(ledger, batch, UnitState.FAILED, {"failed": 9}, "too late")
    found = find_batch(ledger, batch)
    assert (found.state, found.detail, found.reason) == (UnitState.DONE, {"failed": 0}, None)


def count(failed: int, minute: int) -> JsonObject:
    return {"failed": failed, "counted_at": f"2026-11-20T09:{minute:02}:00+00:00"}


def test_the_detail_of_a_done_batch_is_that_of_its_last_run():
    ledger = make_ledger()
    batch = split(ledger, 60)[0].batch
    mark_batch(ledger, batch, UnitState.DONE, count(3, 10))
    mark_batch(ledger, batch, UnitState.DONE, count(0, 11))
    assert find_batch(ledger, batch).detail == count(0, 11)


def test_a_late_run_that_counted_earlier_does_not_undo_the_detail():
    ledger = make_ledger()
    batch = split(ledger, 60)[0].batch
    mark_batch(ledger, batch, UnitState.DONE, count(0, 11))
    mark_batch(ledger, batch, UnitState.DONE, count(3, 10))
    assert find_batch(ledger, batch).detail == count(0, 11)


def test_of_two_runs_that_end_at_once_the_one_that_published_counts():
    ledger, start = make_ledger(), threading.Barrier(2)
    batch = split(ledger, 60)[0].batch

    def mark(state: UnitState, reason: str | None) -> None:
        start.wait()
        mark_batch(ledger, batch, state, count(0, 11), reason)

    ends = [(UnitState.DONE, None), (UnitState.FAILED, "another run has them")]
    threads = [threading.Thread(target=mark, args=end) for end in ends]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert find_batch(ledger, batch).state is UnitState.DONE


def test_a_day_is_closed_with_its_last_batch_and_not_before():
    ledger = make_ledger()
    planned = split(ledger, 60)
    states: list[str] = []
    for each, state in zip(
        [*planned, planned[0]],
        [UnitState.FAILED, UnitState.DONE, UnitState.DONE],
        strict=True,
    ):
        mark_batch(ledger, each.batch, state, {}, "down" if state is UnitState.FAILED else None)
        plan = ledger.find_plan(Scope(DAY_PIPELINE, NAME, DAY))
        assert plan is not None
        states.append(plan.state)
    assert states == [PlanState.OPEN, PlanState.OPEN, PlanState.CLOSED]


def test_marking_a_batch_leaves_the_others_alone():
    ledger = make_ledger()
    planned = split(ledger, 150)
    mark_batch(ledger, planned[1].batch, UnitState.DONE, {})
    states = [each.state for each in find_day(ledger, NAME, DAY)]
    assert states == [UnitState.PENDING, UnitState.DONE, UnitState.PENDING]


def test_a_batch_whose_day_was_purged_meanwhile_is_not_marked():
    ledger = make_ledger()
    mark_batch(ledger, Batch(NAME, DAY, 1, 2), UnitState.DONE, {})
    assert find_day(ledger, NAME, DAY) == []


def test_a_mark_that_a_dead_process_left_unfinished_is_taken_over():
    clock = FakeClock()
    ledger = MemoryLedger(clock, is_dead=lambda owner: owner == "dead")
    batch = split(ledger, 60)[0].batch
    plan = ledger.find_plan(Scope(DAY_PIPELINE, NAME, DAY))
    assert isinstance(plan, Plan)
    held = ledger.claim(plan, [batch.unit_id], Attempt("other", "dead"), 60.0)
    assert held == [UnitRecord(Unit(batch.unit_id, held[0].unit.payload), UnitState.RUNNING, 1)]
    mark_batch(ledger, batch, UnitState.DONE, {})
    assert find_batch(ledger, batch).state is UnitState.DONE
