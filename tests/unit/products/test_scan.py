"""Scanning a batch over a played shop: what is asked, skipped, published, resumed, and read again."""

import asyncio
from collections import Counter
from collections.abc import Coroutine
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from platform_assets.core.engine.units import Attempt, PlanState, Progress, Scope, Unit, UnitState
from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.products.batch_result import BatchResult, FailedItem
from platform_assets.products.batches import SCAN_PIPELINE, Batch
from platform_assets.products.blocking import (
    BLOCK_PAUSE_SECONDS,
    MOST_BLOCKS,
    THROTTLE_PAUSE_SECONDS,
)
from platform_assets.products.changes import ChangeKind
from platform_assets.products.latest import latest_key
from platform_assets.products.product import SaleStatus
from platform_assets.products.publishing import changes_key, snapshots_key
from platform_assets.products.scan import scan_batch
from tests.fakes.clock import START
from tests.fakes.virtual_time import run_virtual
from tests.unit.products.shop import NAME, POLICY, PRICE, Bench, make_snapshot

REFUSED = RefusedError("the shop refuses this address: ask its owner", kind="address_refused")
BLOCK_PAGE = PermanentError("it shows a captcha: try again later", kind="blocked")


def told(bench: Bench, batch: Batch | None = None) -> list[tuple[str, str]]:
    return [(each.product_id, each.kind.value) for each in bench.changes(batch)]


def run_for(seconds: float, *runs: Coroutine[Any, Any, BatchResult]) -> None:
    """Lets runs go on for that long, then stops them in the middle."""

    async def cut() -> None:
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(seconds):
                await asyncio.gather(*runs)

    run_virtual(cut())


def test_every_product_is_asked_for_once_and_published():
    bench = Bench(50)
    result = bench.scan()
    assert sorted(bench.source.asked) == bench.ids
    assert (result.products, result.reason, result.failures) == (50, None, ())
    assert result.statuses == {"on_sale": 50}
    assert result.changes == {"new": 50}
    assert [each.product_id for each in bench.snapshots()] == bench.ids
    assert sorted(bench.latest()) == bench.ids
    assert bench.found().state is UnitState.DONE


def test_a_snapshot_says_what_the_shop_says_and_when():
    bench = Bench(1)
    bench.scan()
    (snapshot,) = bench.snapshots()
    assert snapshot == make_snapshot(
        bench.ids[0], START, brand=None, rating=None, review_count=None
    )


def test_only_the_products_of_the_batch_are_asked_for():
    bench = Bench(120)
    third = bench.planned[2].batch
    bench.scan(third)
    assert sorted(bench.source.asked) == bench.ids[100:]
    assert [each.state for each in map(bench.found, (p.batch for p in bench.planned))] == [
        UnitState.PENDING,
        UnitState.PENDING,
        UnitState.DONE,
    ]


def test_all_batches_together_make_the_latest_table():
    bench = Bench(120)
    for each in bench.planned:
        bench.scan(each.batch)
    assert sorted(bench.latest()) == bench.ids


def test_no_more_products_are_read_at_once_than_the_policy_says():
    bench = Bench(40)
    bench.source.seconds = 1.0
    running: list[int] = []

    async def watch() -> BatchResult:
        scan = asyncio.ensure_future(bench.ascan())
        while not scan.done():
            await asyncio.sleep(0.1)
            running.append(len(bench.source.asked) - len(bench.source.answered))
        return await scan

    run_virtual(watch())
    assert max(running) == POLICY.concurrency


def test_a_day_is_compared_with_the_day_before():
    bench = Bench(6)
    bench.scan()
    cheap, empty, away, *_ = bench.ids
    bench.source.prices[cheap] = {"2026-11-21": 8_000}
    bench.source.sold_out.add(empty)
    bench.source.gone.add(away)
    batch = bench.begin_day()
    result = bench.scan(batch)
    assert [
        (each.product_id, each.field, each.before, each.after) for each in bench.changes(batch)
    ] == [
        (cheap, "discounted_price", str(PRICE), "8000"),
        (cheap, "original_price", str(PRICE), "8000"),
        (empty, "sale_status", "on_sale", "sold_out"),
        (away, "", None, None),
    ]
    assert result.changes == {"price": 2, "sale_status": 1, "gone": 1}
    assert result.statuses == {"on_sale": 4, "sold_out": 1, "not_found": 1}
    assert bench.latest()[away].sale_status is SaleStatus.NOT_FOUND


def test_a_product_that_comes_back_the_day_after_is_told():
    bench = Bench(3)
    bench.source.gone.add(bench.ids[0])
    bench.scan()
    assert (bench.ids[0], "new") not in told(bench), "not found and never seen is no news"
    bench.source.gone.clear()
    batch = bench.begin_day()
    bench.scan(batch)
    assert told(bench, batch) == [(bench.ids[0], "back")]


def test_a_day_without_changes_has_an_empty_table_of_changes():
    bench = Bench(3)
    bench.scan()
    batch = bench.begin_day()
    assert bench.scan(batch).changes == {}
    assert bench.changes(batch) == []
    assert {each.scanned_at for each in bench.latest().values()} == {START + timedelta(days=1)}


def test_a_batch_that_is_done_is_not_read_again():
    bench = Bench(10)
    bench.scan()
    content = bench.objects.content()
    bench.clock.advance(3_600)
    result = bench.scan()
    assert bench.source.asked == []
    assert (result.report.skipped, result.reason, result.changes) == (10, None, {"new": 10})
    assert bench.objects.content() == content


def test_a_batch_that_nobody_split_is_refused():
    bench = Bench(10)
    with pytest.raises(PermanentError) as caught:
        bench.scan(Batch(NAME, "2026-12-01", 1, 1))
    assert caught.value.kind == "unknown_batch"
    assert bench.source.asked == []


def test_failed_products_are_listed_and_the_others_published():
    bench = Bench(10)
    broken = bench.ids[3:5]
    bench.source.fail(broken)
    result = bench.scan()
    message = "the page has no end: look at it"
    assert bench.failed_items.items[bench.batch] == tuple(
        FailedItem(each, "broken_page", message, 1) for each in broken
    )
    assert [(each.unit_id, each.kind, each.message) for each in result.failures] == [
        (each, "broken_page", message) for each in broken
    ]
    others = [each for each in bench.ids if each not in broken]
    assert [each.product_id for each in bench.snapshots()] == others
    assert sorted(bench.latest()) == others
    assert bench.found().state is UnitState.DONE


def test_a_second_run_reads_only_what_failed_and_takes_it_off_the_list():
    bench = Bench(10)
    broken = bench.ids[3:5]
    bench.source.fail(broken, times=1)
    bench.scan()
    bench.clock.advance(60)
    result = bench.scan()
    assert sorted(bench.source.asked) == broken
    assert bench.failed() == []
    assert (result.failures, result.report.skipped) == ((), 8)
    assert [each.product_id for each in bench.snapshots()] == bench.ids
    assert told(bench) == [(each, "new") for each in bench.ids]
    assert sorted(bench.latest()) == bench.ids


def test_the_plan_of_a_batch_is_closed_when_all_of_it_was_read():
    bench = Bench(10)
    bench.source.fail(bench.ids[:1], times=1)
    states: list[str] = []
    for _ in range(2):
        bench.scan()
        plan = bench.ledger.find_plan(Scope(SCAN_PIPELINE, NAME, bench.batch.key))
        assert plan is not None
        states.append(plan.state)
    assert states == [PlanState.OPEN, PlanState.CLOSED]


def test_attempts_are_counted_over_all_runs():
    bench = Bench(2)
    bench.source.fail(bench.ids[:1], TransientError("a storm", kind="http_503"))
    bench.scan()
    bench.scan()
    assert [(each.kind, each.attempts) for each in bench.failed_items.items[bench.batch]] == [
        ("http_503", 6)
    ]


def test_an_error_that_passes_is_tried_again_and_leaves_no_trace():
    bench = Bench(5)
    bench.source.fail(bench.ids[:1], TransientError("a storm", kind="http_503"), times=2)
    result = bench.scan()
    assert Counter(bench.source.asked)[bench.ids[0]] == 3
    assert (result.report.retries, result.failures, bench.failed()) == (2, (), [])


def test_a_product_that_never_answers_is_cut_off_and_listed():
    bench = Bench(10)
    bench.source.hanging.add(bench.ids[0])
    result = bench.scan()
    assert [
        (each.product_id, each.kind, each.attempts)
        for each in bench.failed_items.items[bench.batch]
    ] == [(bench.ids[0], "timeout", 3)]
    assert len(bench.snapshots()) == 9
    assert result.report.seconds == pytest.approx(3 * 30 + 2 + 4, abs=1.0)


def test_an_id_that_the_shop_cannot_have_is_a_failed_product():
    bench = Bench(3)
    bench.ids.append("what is this")
    batch = bench.begin_day()
    bench.scan(batch)
    assert [(each.product_id, each.kind) for each in bench.failed_items.items[batch]] == [
        ("what is this", "bad_product_id")
    ]
    assert len(bench.snapshots(batch)) == 3


def test_a_defect_in_reading_one_product_does_not_stop_the_others():
    bench = Bench(5)
    bench.source.fail(bench.ids[:1], ZeroDivisionError("division by zero"))
    bench.scan()
    (item,) = bench.failed_items.items[bench.batch]
    assert (item.product_id, item.kind) == (bench.ids[0], "unexpected")
    assert len(bench.snapshots()) == 4


def test_a_batch_of_which_nothing_can_be_read_has_failed_and_says_with_which_kinds():
    bench = Bench(5)
    bench.source.fail(bench.ids)
    result = bench.scan()
    assert (len(result.failures), result.statuses, result.changes) == (5, {}, {})
    assert result.reason == "5 of 5 products could not be read: broken_page 5."
    assert [(each.name, each.passed) for each in result.findings if not each.passed] == [
        ("few_failures", False)
    ]
    assert bench.found().state is UnitState.FAILED
    assert bench.failed() == bench.ids
    assert bench.objects.content() == {}


MOVED = PermanentError("it points to a category: look at it", kind="redirected")


def test_a_product_that_redirects_costs_itself_and_the_other_49_are_published():
    bench = Bench(50)
    bench.source.fail(bench.ids[3:4], MOVED)
    result = bench.scan()
    assert result.reason is None
    assert [(each.unit_id, each.kind) for each in result.failures] == [(bench.ids[3], "redirected")]
    assert [each.product_id for each in bench.snapshots()] == [
        each for each in bench.ids if each != bench.ids[3]
    ]
    assert bench.found().state is UnitState.DONE


def test_a_run_that_was_stopped_and_redriven_publishes_all_but_what_stopped_it():
    bench = Bench(50)
    bench.source.seconds = 1.0
    bench.source.fail(bench.ids[3:4], REFUSED)
    first = bench.scan()
    assert first.reason is not None
    assert [each.name for each in first.findings] == ["few_failures"]
    assert [bench.scan().reason for _ in range(2)][-1] is None
    assert sorted(bench.latest()) == [each for each in bench.ids if each != bench.ids[3]]
    assert bench.failed() == [bench.ids[3]]
    assert bench.found().state is UnitState.DONE


def test_a_block_page_for_one_product_costs_that_product():
    bench = Bench(50)
    bench.source.fail(bench.ids[3:4], BLOCK_PAGE)
    assert bench.scan().reason is None
    assert bench.failed() == [bench.ids[3]]
    assert bench.source.pauses == []


def test_a_shop_that_blocks_is_asked_for_a_few_products_and_then_left_alone():
    bench = Bench(50)
    bench.source.seconds = 1.0
    bench.source.fail(bench.ids, BLOCK_PAGE)
    result = bench.scan()
    assert result.reason is not None
    assert "refused: it shows a captcha" in result.reason
    assert len(bench.source.asked) <= MOST_BLOCKS + POLICY.concurrency
    assert POLICY.unit_timeout_seconds is not None
    longest = POLICY.unit_timeout_seconds / 2
    assert bench.source.pauses[0] == min(BLOCK_PAUSE_SECONDS, longest), "waiting costs no try"
    assert {each.kind for each in result.failures} == {"blocked"}
    bench.source.failing.clear()
    assert bench.scan().reason is None
    assert sorted(bench.latest()) == bench.ids


def test_a_shop_that_says_in_its_replies_that_it_is_asked_too_fast_is_paused():
    bench = Bench(5)
    bench.source.fail(bench.ids[:1], TransientError("too many", kind="throttled"), times=1)
    assert bench.scan().reason is None
    assert bench.source.pauses == [THROTTLE_PAUSE_SECONDS]


@pytest.mark.parametrize("seconds", [0.5, 3.5, 7.5, 12.9])
def test_a_run_that_is_cut_off_is_resumed_at_what_was_not_read(seconds: float):
    bench = Bench(50)
    bench.source.seconds = 1.0
    run_for(seconds, bench.ascan())
    answered = set(bench.source.answered)
    in_flight = set(bench.source.asked) - answered
    assert len(in_flight) <= POLICY.concurrency
    assert bench.objects.content() == {}
    assert bench.found().state is UnitState.PENDING
    result = bench.scan()
    assert set(bench.source.asked) == set(bench.ids) - answered
    assert len(bench.source.asked) == len(set(bench.source.asked))
    assert result.report.skipped == len(answered)
    assert [each.product_id for each in bench.snapshots()] == bench.ids
    assert bench.found().state is UnitState.DONE


def test_a_run_that_is_cut_off_again_and_again_comes_to_its_end():
    bench = Bench(50)
    bench.source.seconds = 1.0
    for _ in range(6):
        run_for(2.5, bench.ascan())
    asked = list(bench.source.asked)
    bench.scan()
    asked += bench.source.asked
    assert set(asked) == set(bench.ids)
    assert len(asked) <= 50 + 6 * POLICY.concurrency
    assert sorted(bench.latest()) == bench.ids


def test_products_that_a_dead_worker_holds_are_read_once_its_lease_has_ended():
    bench = Bench(10)
    plan = bench.ledger.open_plan(
        Scope(SCAN_PIPELINE, NAME, bench.batch.key), [Unit(each, {}) for each in bench.ids], {}
    )
    dead = Attempt("dead", "elsewhere|boot|ns|1|1")
    bench.ledger.claim(plan, bench.ids[:4], dead, 60.0)
    bench.clock.advance(61)
    assert bench.scan().reason is None
    assert sorted(bench.source.asked) == bench.ids


def test_products_that_another_run_holds_are_left_if_nobody_waits():
    bench = Bench(10, replace(POLICY, wait_for_others=False))
    plan = bench.ledger.open_plan(
        Scope(SCAN_PIPELINE, NAME, bench.batch.key), [Unit(each, {}) for each in bench.ids], {}
    )
    bench.ledger.claim(plan, bench.ids[:4], Attempt("other", "elsewhere|boot|ns|1|1"), 60.0)
    result = bench.scan()
    assert result.reason == "4 products are left (another run has them)"
    assert sorted(bench.source.asked) == bench.ids[4:]
    assert bench.objects.content() == {}
    assert (bench.found().state, bench.found().reason) == (UnitState.FAILED, result.reason)


def test_two_runs_of_one_batch_at_once_ask_for_no_product_twice():
    bench = Bench(50)
    bench.source.seconds = 1.0

    async def both() -> list[BatchResult]:
        return await asyncio.gather(*(bench.ascan() for _ in range(2)))

    results = run_virtual(both())
    assert sorted(bench.source.asked) == bench.ids
    assert [each.reason for each in results] == [None, None]
    assert sum(each.report.done for each in results) == 50
    assert told(bench) == [(each, "new") for each in bench.ids]
    assert [each.product_id for each in bench.snapshots()] == bench.ids
    assert bench.found().state is UnitState.DONE


def test_two_batches_at_once_both_get_into_the_latest_table():
    bench = Bench(100)

    async def both() -> list[BatchResult]:
        return await asyncio.gather(*(bench.ascan(each.batch) for each in bench.planned))

    assert [each.reason for each in run_virtual(both())] == [None, None]
    assert sorted(bench.latest()) == bench.ids


class Vanished:
    """Twenty products that were found, and a next day on which ten are not."""

    def __init__(self) -> None:
        self.bench = Bench(20)
        self.bench.scan()
        self.latest = self.bench.objects.get(latest_key(NAME))
        self.lost = self.bench.ids[5:15]
        self.bench.source.gone.update(self.lost)
        self.batch = self.bench.begin_day()


def test_a_mass_change_fails_the_batch_and_touches_neither_latest_nor_changes():
    day = Vanished()
    result = day.bench.scan(day.batch)
    assert result.reason is not None
    assert result.reason.startswith("10 of 20 products are not found any more, above 30%")
    assert day.bench.objects.get(latest_key(NAME)) == day.latest
    assert day.bench.objects.head(changes_key(day.batch)) is None
    assert day.bench.objects.head(snapshots_key(day.batch)) is None
    found = day.bench.found(day.batch)
    assert (found.state, found.reason) == (UnitState.FAILED, result.reason)


def test_after_a_mass_change_exactly_what_was_not_found_is_read_again():
    day = Vanished()
    day.bench.scan(day.batch)
    assert day.bench.states(day.batch) == {UnitState.PENDING: 10, UnitState.DONE: 10}
    day.bench.source.gone.clear()
    day.bench.clock.advance(600)
    result = day.bench.scan(day.batch)
    assert sorted(day.bench.source.asked) == day.lost
    assert (result.reason, result.changes) == (None, {})
    assert result.statuses == {"on_sale": 20}
    assert day.bench.found(day.batch).state is UnitState.DONE


def test_a_mass_change_that_stays_fails_the_batch_each_time():
    day = Vanished()
    reasons = {day.bench.scan(day.batch).reason for _ in range(3)}
    assert len(reasons) == 1
    assert None not in reasons
    assert day.bench.objects.get(latest_key(NAME)) == day.latest


def test_a_mass_change_that_a_person_accepts_is_read_again_and_published():
    day = Vanished()
    day.bench.scan(day.batch)
    day.bench.clock.advance(600)
    accepting = replace(day.bench.scanner(), mass_accepted=True)
    day.bench.source.asked.clear()
    result = run_virtual(scan_batch(accepting, day.batch))
    assert sorted(day.bench.source.asked) == day.lost
    assert (result.reason, result.changes) == (None, {"gone": 10})
    assert day.bench.latest()[day.lost[0]].sale_status is SaleStatus.NOT_FOUND
    assert day.bench.found(day.batch).state is UnitState.DONE


def test_a_run_that_wakes_up_late_does_not_undo_what_another_one_has_published():
    bench = Bench(10)
    bench.source.fail(bench.ids[3:5], times=1)
    bench.objects.meddled = snapshots_key(bench.batch)
    # Both are at the end of their work; the other one reads what failed, and writes, before this one writes.
    with ThreadPoolExecutor(1) as other:
        bench.objects.meddlers.append(lambda: other.submit(run_virtual, bench.ascan()).result())
        result = bench.scan()
    assert [each.product_id for each in bench.snapshots()] == bench.ids
    assert sorted(bench.latest()) == bench.ids
    assert (result.failures, bench.failed()) == ((), [])
    detail = bench.found().detail
    assert detail is not None
    assert (detail["failed"], detail["statuses"]) == (0, {"on_sale": 10})


def test_the_counts_of_a_batch_are_those_of_its_last_run():
    bench = Bench(10)
    bench.source.fail(bench.ids[3:5], times=1)
    seen: list[int] = []
    for _ in range(2):
        bench.scan()
        bench.clock.advance(60)
        detail = bench.found().detail
        assert detail is not None
        seen.append(detail["failed"])
    assert seen == [2, 0]


def test_a_mass_change_among_products_read_later_keeps_what_was_told():
    bench = Bench(20)
    bench.scan()
    early, late = bench.ids[:5], bench.ids[5:13]
    bench.source.gone.update(early)
    bench.source.fail(late, times=1)
    batch = bench.begin_day()
    assert bench.scan(batch).reason is None
    bench.source.gone.update(late)
    bench.clock.advance(600)
    assert bench.scan(batch).reason is not None
    bench.source.gone.difference_update(late)
    bench.clock.advance(600)
    assert bench.scan(batch).reason is None
    assert told(bench, batch) == [(each, ChangeKind.GONE.value) for each in early]


def test_too_many_failed_products_fail_the_batch_and_the_next_run_does_the_rest():
    bench = Bench(10, replace(POLICY, concurrency=1, skip_limit=2))
    bench.source.seconds = 1.0
    bench.source.fail(bench.ids[:5], times=1)
    result = bench.scan()
    assert result.reason is not None
    assert "skip limit: more than 2 units failed" in result.reason
    assert (bench.found().state, bench.found().reason) == (UnitState.FAILED, result.reason)
    assert bench.objects.content() == {}
    read = set(bench.source.asked) - set(bench.failed())
    bench.source.failing.clear()
    assert bench.scan().reason is None
    assert sorted(bench.source.asked) == sorted(set(bench.ids) - read)
    assert bench.found().state is UnitState.DONE
    assert sorted(bench.latest()) == bench.ids


@pytest.mark.parametrize("count", [1, 4, 20])
def test_a_shop_that_refuses_fails_the_batch_and_the_next_run_does_the_rest(count: int):
    bench = Bench(count)
    bench.source.seconds = 1.0
    bench.source.fail(bench.ids, REFUSED)
    result = bench.scan()
    assert result.reason is not None
    assert "the shop refuses this address: ask its owner" in result.reason
    assert (bench.found().state, bench.found().reason) == (UnitState.FAILED, result.reason)
    assert len(bench.source.asked) <= POLICY.concurrency
    assert bench.objects.content() == {}
    bench.source.failing.clear()
    assert bench.scan().reason is None
    assert sorted(bench.source.asked) == bench.ids
    assert bench.found().state is UnitState.DONE


def test_a_shop_that_refuses_in_the_middle_loses_nothing_that_was_read():
    bench = Bench(20)
    bench.source.seconds = 1.0
    bench.source.fail(bench.ids[10:11], REFUSED, times=1)
    bench.scan()
    read = {each for each, record in bench.records().items() if record.state is UnitState.DONE}
    assert len(read) >= 8
    assert bench.scan().reason is None
    assert set(bench.source.asked) == set(bench.ids) - read


def test_a_refusal_while_failed_products_are_read_again_keeps_them_on_the_list():
    bench = Bench(20)
    broken = bench.ids[:8]
    bench.source.fail(broken)
    bench.scan()
    bench.source.seconds = 1.0
    bench.source.fail(broken, REFUSED)
    bench.scan()
    assert bench.failed() == broken
    assert bench.found().state is UnitState.DONE, "what was published stays so"


@pytest.mark.parametrize("write", [1, 2, 3], ids=["snapshots", "changes", "latest"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_crash_at_any_write_is_made_good_by_the_next_run(write: int, after: bool):
    undisturbed, disturbed = (prepare_next_day() for _ in range(2))
    batch = undisturbed.begin_day()
    undisturbed.scan(batch)
    assert disturbed.begin_day() == batch
    disturbed.objects.break_at = len(disturbed.objects.written) + write
    disturbed.objects.break_after = after
    with pytest.raises(TransientError):
        disturbed.scan(batch)
    assert disturbed.found(batch).state is UnitState.PENDING
    disturbed.objects.break_at = None
    disturbed.clock.advance(600)
    result = disturbed.scan(batch)
    assert disturbed.source.asked == []
    assert disturbed.objects.content() == undisturbed.objects.content()
    assert result.changes == {"price": 2, "gone": 1}
    assert disturbed.found(batch).state is UnitState.DONE


def prepare_next_day() -> Bench:
    bench = Bench(10)
    bench.scan()
    bench.source.prices[bench.ids[0]] = {"2026-11-21": 9_000}
    bench.source.gone.add(bench.ids[1])
    return bench


def test_a_database_that_is_away_at_the_end_costs_no_second_reading():
    bench = Bench(10)
    bench.failed_items.away = True
    with pytest.raises(TransientError):
        bench.scan()
    bench.failed_items.away = False
    assert bench.scan().reason is None
    assert bench.source.asked == []
    assert sorted(bench.latest()) == bench.ids


def test_the_ledger_keeps_each_snapshot_as_json():
    bench = Bench(3)
    bench.source.gone.add(bench.ids[2])
    bench.scan()
    details = [record.detail for record in bench.records().values()]
    assert msgspec.json.decode(msgspec.json.encode(details)) == details
    assert [detail and detail["sale_status"] for detail in details] == [
        "on_sale",
        "on_sale",
        "not_found",
    ]


def test_progress_is_told_and_ends_with_all_products():
    bench = Bench(10)
    bench.source.seconds = 1.0
    seen: list[Progress] = []
    run_virtual(scan_batch(replace(bench.scanner(), on_progress=seen.append), bench.batch))
    counts = [(each.done, each.total) for each in seen]
    assert counts[-1] == (10, 10)
    assert counts == sorted(counts)
    assert len(counts) > 2
