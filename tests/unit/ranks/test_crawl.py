"""Fetching a day's pages over a played Naver: each once, again later, slower when turned away, never another day's."""

import asyncio
from dataclasses import replace

import pytest

from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.units import FailedUnit, Progress, StopReason
from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.ranks.crawl import STOP_AFTER, Crawler, crawl_pages, find_failures
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.search_page import (
    PageHost,
    RankSource,
    RankView,
    SearchPage,
    list_pages,
)
from platform_assets.ranks.stored_page import find_note, list_page_ids, read_body
from tests.unit.ranks.bench import (
    BLOCK_PAGE,
    POLICY,
    TODAY,
    Bench,
    make_body,
    make_tracking,
    post,
    run,
)
from tests.unit.ranks.pages.builders import make_place_page, make_state

PLACES = make_place_page(make_state(["HospitalSummary:1234"]))


def policy_of(concurrency: int) -> RunPolicy:
    return replace(POLICY, concurrency=concurrency)


def blocked(retry_after: float | None = None) -> TransientError:
    return TransientError("HTTP 403", kind="blocked", retry_after=retry_after)


def test_every_page_is_fetched_once_and_stored():
    bench = Bench([make_tracking(number) for number in range(10)])
    crawl = bench.crawl()
    assert crawl.report.complete
    assert crawl.pages == 10
    assert set(bench.naver.asked.values()) == {1}
    assert len(list_page_ids(bench.objects, TODAY)) == 10
    assert crawl.fetched_bytes == sum(len(make_body(f"keyword {n}")) for n in range(10))


def test_trackings_that_share_type_and_keyword_share_a_page():
    bench = Bench([make_tracking(n, "shared", post("shared", n)) for n in range(5)])
    assert bench.crawl().pages == 1
    assert bench.naver.asked == {"shared": 1}


def test_a_rerun_of_the_day_fetches_only_what_is_missing():
    bench = Bench([make_tracking(number) for number in range(3)])
    bench.naver.faults["keyword 1"] = [PermanentError("no", kind="bad_request")]
    assert bench.crawl().report.failed == 1
    bench.trackings.append(make_tracking(9))
    again = bench.crawl()
    assert (again.report.total, again.report.skipped, again.report.done) == (4, 2, 2)
    assert bench.naver.asked == {"keyword 0": 1, "keyword 1": 2, "keyword 2": 1, "keyword 9": 1}


def test_a_page_that_is_stored_is_not_fetched_again_though_the_ledger_does_not_know():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.crawl([bench.trackings[0]], group="1")
    assert bench.naver.asked == {"keyword 1": 1}
    assert bench.crawl().report.complete
    assert bench.naver.asked == {"keyword 1": 1, "keyword 2": 1}


def test_a_page_is_tried_three_times_about_a_minute_and_two_minutes_apart():
    bench = Bench([make_tracking(1)])
    bench.naver.faults["keyword 1"] = [TransientError("HTTP 503", kind="server_error")] * 3
    times: list[float] = []

    async def crawl() -> FailedUnit:
        original = bench.naver.fetch

        async def fetch(page: SearchPage) -> bytes:
            times.append(asyncio.get_running_loop().time())
            return await original(page)

        bench.naver.fetch = fetch
        return (await bench.acrawl()).report.failures[0]

    failure = run(crawl())
    assert failure.kind == "server_error"
    assert bench.naver.asked == {"keyword 1": 3}
    assert 54 <= times[1] - times[0] <= 61
    assert 108 <= times[2] - times[1] <= 121


def test_a_page_that_waits_for_its_next_try_holds_no_place():
    bench = Bench([make_tracking(number) for number in range(20)])
    for number in range(5):
        bench.naver.faults[f"keyword {number}"] = [TransientError("HTTP 503", kind="server_error")]

    async def crawl() -> float:
        await bench.acrawl()
        return asyncio.get_running_loop().time()

    assert run(crawl()) < 70
    assert bench.naver.order[:20] == [f"keyword {number}" for number in range(20)]


def test_a_block_page_is_no_page_and_is_asked_for_again():
    bench = Bench([make_tracking(1)])
    bench.naver.faults["keyword 1"] = [BLOCK_PAGE]
    crawl = bench.crawl()
    assert crawl.report.complete
    assert bench.naver.asked == {"keyword 1": 2}


def test_a_page_that_another_run_is_fetching_is_waited_for_and_not_fetched_twice():
    bench = Bench([make_tracking(1), make_tracking(2)])

    async def crawl_both() -> None:
        alone, day = bench.acrawl([bench.trackings[0]], group="1"), bench.acrawl()
        crawls = await asyncio.gather(alone, day)
        assert [crawl.report.complete for crawl in crawls] == [True, True]

    run(crawl_both())
    assert bench.naver.asked == {"keyword 1": 1, "keyword 2": 1}
    assert bench.claims.held == set()


def test_a_page_that_another_run_never_gives_back_fails_alone():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.claims.others = {
        page.page_id for page in list_pages([bench.trackings[0]], RankSource.OPENAPI, RankView.TAB)
    }
    report = bench.crawl().report
    assert [failure.kind for failure in report.failures] == ["in_hand"]
    assert report.done == 1


def test_a_page_that_failed_is_given_back():
    bench = Bench([make_tracking(1)])
    bench.naver.faults["keyword 1"] = [PermanentError("no", kind="bad_request")]
    bench.crawl()
    assert bench.claims.held == set()


def test_the_error_page_of_a_gateway_with_status_200_is_asked_for_again():
    bench = Bench([make_tracking(1)])
    bench.naver.faults["keyword 1"] = [b"<html><body><h1>502 Bad Gateway</h1></body></html>"]
    crawl = bench.crawl()
    assert crawl.report.complete
    assert bench.naver.asked == {"keyword 1": 2}


def test_results_for_adults_only_fail_their_page_at_once_and_are_not_kept():
    bench = Bench([make_tracking(1), make_tracking(2)])
    notice = "<html><body>이 검색어는 연령 확인이 필요합니다</body></html>"
    bench.naver.bodies["keyword 1"] = notice.encode()
    crawl = bench.crawl()
    assert [failure.kind for failure in crawl.report.failures] == ["adult_notice"]
    assert bench.naver.asked == {"keyword 1": 1, "keyword 2": 1}
    assert len(list_page_ids(bench.objects, TODAY)) == 1


def test_a_page_that_nobody_understands_is_kept():
    bench = Bench([make_tracking(1)])
    bench.naver.bodies["keyword 1"] = b'{"entries": []}'
    (failure,) = bench.crawl().report.failures
    assert failure.kind == "changed_structure"
    assert bench.naver.asked == {"keyword 1": 1}
    (page_id,) = list_page_ids(bench.objects, TODAY)
    note = find_note(bench.objects, TODAY, page_id)
    assert note is not None
    assert not note.understood
    assert read_body(bench.objects, TODAY, note) == b'{"entries": []}'


def test_a_page_that_was_not_understood_is_replaced_by_one_that_is():
    bench = Bench([make_tracking(1)])
    bench.naver.faults["keyword 1"] = [b'{"entries": []}', b'{"other": []}']
    bench.crawl()
    bench.crawl()
    (page_id,) = list_page_ids(bench.objects, TODAY)
    first = find_note(bench.objects, TODAY, page_id)
    assert first is not None
    assert read_body(bench.objects, TODAY, first) == b'{"entries": []}'
    assert bench.crawl().report.complete
    assert bench.crawl().report.skipped == 1
    note = find_note(bench.objects, TODAY, page_id)
    assert note is not None
    assert note.understood
    assert read_body(bench.objects, TODAY, note) == make_body("keyword 1")
    assert bench.naver.asked == {"keyword 1": 3}


def test_being_turned_away_slows_down_more_each_time():
    bench = Bench([make_tracking(number) for number in range(4)], policy_of(1))
    for number in range(3):
        bench.naver.faults[f"keyword {number}"] = [blocked()]
    crawl = bench.crawl()
    assert crawl.report.complete
    assert crawl.turned_away == 3
    assert bench.naver.slowed == [(PageHost.OPENAPI, seconds) for seconds in (4.0, 8.0, 16.0)]


def test_a_page_that_comes_starts_the_count_anew():
    bench = Bench([make_tracking(number) for number in range(4)], policy_of(1))
    bench.naver.faults = {"keyword 0": [blocked()], "keyword 2": [blocked()]}
    bench.crawl()
    assert [seconds for _, seconds in bench.naver.slowed] == [4.0, 4.0]


def test_the_time_that_the_host_asks_for_is_kept():
    bench = Bench([make_tracking(1)])
    bench.naver.faults["keyword 1"] = [
        TransientError("HTTP 429", kind="throttled", retry_after=45.0)
    ]
    bench.crawl()
    assert bench.naver.slowed == [(PageHost.OPENAPI, 45.0)]


def test_a_host_that_goes_on_turning_us_away_stops_the_crawl():
    bench = Bench([make_tracking(number) for number in range(30)], policy_of(1))
    for number in range(30):
        bench.naver.faults[f"keyword {number}"] = [blocked()] * 3
    report = bench.crawl().report
    assert sum(bench.naver.asked.values()) == STOP_AFTER
    assert report.stop is not None
    assert "turned 10 requests in a row away" in report.stop.message
    assert report.left == 29
    assert max(seconds for _, seconds in bench.naver.slowed) == 300.0


def test_a_refusal_ends_the_crawl_and_names_its_reason():
    bench = Bench([make_tracking(number) for number in range(5)], policy_of(1))
    bench.naver.faults["keyword 1"] = [RefusedError("the day's budget is used", kind="budget_used")]
    report = bench.crawl().report
    assert (report.done, report.failed, report.left) == (1, 1, 3)
    assert str(report.stop) == "refused: the day's budget is used"


def test_the_deadline_ends_the_batch_and_the_rest_is_left():
    bench = Bench(
        [make_tracking(n) for n in range(10)], replace(policy_of(1), deadline_seconds=5.0)
    )
    bench.naver.seconds = 1.1
    report = bench.crawl().report
    assert (report.done, report.left) == (4, 6)
    assert report.stop is not None
    assert report.stop.reason is StopReason.DEADLINE


def test_what_is_left_is_taken_first_by_a_rerun_of_the_day():
    bench = Bench([make_tracking(n) for n in range(6)], replace(policy_of(1), deadline_seconds=4.0))
    bench.naver.seconds = 1.1
    bench.naver.faults["keyword 0"] = [PermanentError("no", kind="bad_request")]
    bench.crawl()
    assert bench.naver.order == ["keyword 0", "keyword 1", "keyword 2"]
    bench.policy = policy_of(1)
    bench.crawl()
    assert bench.naver.order[3:] == ["keyword 3", "keyword 4", "keyword 5", "keyword 0"]


def test_a_past_or_future_day_is_refused_before_anything_is_asked():
    bench = Bench([make_tracking(1)])
    day = TODAY
    for days in (1, -1):
        bench.clock.advance(days * 86_400.0)
        with pytest.raises(PermanentError, match=r"cannot be fetched.*reparse_ranks") as caught:
            run(crawl_day(bench, day))
        assert caught.value.kind == "past_day"
        bench.clock.advance(-days * 86_400.0)
    assert not bench.naver.asked


async def crawl_day(bench: Bench, day: str) -> None:
    crawler = Crawler(
        bench.naver, bench.objects, bench.ledger, bench.clock, bench.policy, bench.claims, 2.0
    )
    await crawl_pages(crawler, day, [])


def test_a_page_that_comes_after_midnight_is_not_stored_as_the_day_before():
    bench = Bench([make_tracking(1)])
    original = bench.naver.fetch

    async def fetch(page: SearchPage) -> bytes:
        body = await original(page)
        bench.clock.advance(86_400.0)
        return body

    bench.naver.fetch = fetch
    report = bench.crawl().report
    assert [failure.kind for failure in report.failures] == ["day_over"]
    assert list_page_ids(bench.objects, TODAY) == set()


def test_failures_of_a_day_are_found_by_page():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.naver.faults["keyword 1"] = [PermanentError("no", kind="bad_request")]
    bench.crawl()
    (failure,) = find_failures(bench.ledger, TODAY, "").values()
    assert (failure.kind, failure.message) == ("bad_request", "no")
    assert find_failures(bench.ledger, "2020-01-01", "") == {}


def test_a_host_that_refuses_stops_nothing_but_itself():
    places = [make_tracking(number, rank_type=RankType.PLACE) for number in range(10, 14)]
    bench = Bench([*(make_tracking(number) for number in range(4)), *places], policy_of(1))
    for place in places:
        bench.naver.bodies[place.keyword] = PLACES
    bench.naver.faults["keyword 0"] = [RefusedError("budget used up", kind="budget_used")]
    report = bench.crawl().report
    assert (report.total, report.done, report.failed, report.left) == (8, 4, 1, 3)
    assert str(report.stop) == "refused: budget used up"
    assert all(bench.naver.asked[place.keyword] == 1 for place in places)


def test_progress_of_all_hosts_is_told_as_one():
    bench = Bench([make_tracking(1), make_tracking(2, rank_type=RankType.PLACE)])
    bench.naver.bodies["keyword 2"] = PLACES
    told: list[Progress] = []
    pages = list_pages(bench.trackings, RankSource.OPENAPI, RankView.TAB)
    crawler = Crawler(
        bench.naver,
        bench.objects,
        bench.ledger,
        bench.clock,
        bench.policy,
        bench.claims,
        2.0,
        told.append,
    )
    run(crawl_pages(crawler, TODAY, pages))
    assert (told[-1].total, told[-1].done) == (2, 2)
