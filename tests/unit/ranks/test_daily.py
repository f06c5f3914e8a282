"""Reading a day's ranks from its stored pages: every tracking has its record or its reason."""

from dataclasses import replace
from datetime import timedelta

import pytest

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.ranks.daily import choose_trackings
from platform_assets.ranks.search_page import RankSource, RankView, list_pages
from platform_assets.ranks.stored_page import body_key, find_note, list_page_ids, store_page
from platform_assets.ranks.tracking import Capture, RankRecord, TrackingStatus
from tests.fakes.clock import START
from tests.unit.ranks.bench import TODAY, Bench, make_body, make_tracking, post

DAY = timedelta(days=1)


def test_every_active_tracking_gets_its_rank():
    trackings = [make_tracking(n, "shared", post("shared", n)) for n in range(1, 8)]
    bench = Bench(trackings)
    bench.crawl()
    result = bench.read()
    assert bench.ranks() == {1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: None, 7: None}
    assert (result.total, result.exposed, result.complete) == (7, 5, True)


def test_a_record_names_its_page_and_when_it_was_fetched():
    bench = Bench([make_tracking(1)])
    bench.crawl()
    (record,) = bench.read().records
    (page_id,) = list_page_ids(bench.objects, TODAY)
    note = find_note(bench.objects, TODAY, page_id)
    assert note is not None
    assert record.capture.page_key == body_key(TODAY, note)
    assert (record.capture.captured_at, record.capture.result_count) == (START, 5)
    assert bench.objects.head(record.capture.page_key) is not None


def test_a_paused_or_ended_tracking_gets_none_today():
    bench = Bench(
        [
            make_tracking(1),
            make_tracking(2, status=TrackingStatus.PAUSED),
            make_tracking(3, status=TrackingStatus.ENDED),
        ]
    )
    bench.crawl()
    assert bench.read().total == 1
    assert list(bench.ranks()) == [1]


def test_a_tracking_whose_page_failed_fails_with_the_reason_of_the_page():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.naver.faults["keyword 1"] = [PermanentError("HTTP 400", kind="bad_request")]
    bench.crawl()
    result = bench.read()
    assert [(each.unit_id, each.kind, each.message) for each in result.failures] == [
        ("1", "bad_request", "HTTP 400")
    ]
    assert bench.ranks() == {2: 3}


def test_a_tracking_whose_page_nobody_got_to_is_left_and_not_failed():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.crawl([bench.trackings[1]])
    result = bench.read()
    assert (result.left, result.failures) == ((1,), ())
    bench.crawl()
    assert bench.read().complete


def test_a_tracking_that_failed_is_left_once_its_page_is_to_be_asked_for_again():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.naver.faults["keyword 1"] = [PermanentError("HTTP 400", kind="bad_request")]
    bench.crawl()
    bench.read()
    bench.policy = replace(bench.policy, deadline_seconds=0.01)
    bench.crawl()
    result = bench.read()
    assert (result.left, result.failures) == ((1,), ())


def test_a_page_that_is_not_understood_is_an_error_and_never_a_rank_of_null():
    bench = Bench([make_tracking(1)])
    bench.naver.bodies["keyword 1"] = b'{"entries": []}'
    bench.crawl()
    (failure,) = bench.read().failures
    assert failure.kind == "changed_structure"
    assert bench.ranks() == {}


def test_a_stored_page_that_is_damaged_fails_its_trackings_only():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.crawl()
    damaged = bench.read().records[0].capture.page_key
    bench.objects.put(damaged, b"\x1f\x8b\x08\x00 no gzip")
    result = bench.read()
    assert [(each.unit_id, each.kind) for each in result.failures] == [("1", "bad_page")]
    assert len(result.records) == 1


def test_a_day_can_be_read_again_as_often_as_one_likes():
    bench = Bench([make_tracking(1)])
    bench.crawl()
    first = bench.read()
    assert [each.records for each in (bench.read(), bench.read())] == [first.records] * 2
    assert bench.naver.asked == {"keyword 1": 1}


def test_a_stored_day_is_read_again_later_without_asking_naver():
    bench = Bench([make_tracking(1)])
    bench.naver.bodies["keyword 1"] = b'{"entries": []}'
    bench.crawl()
    assert bench.read().failures
    bench.clock.advance(30 * DAY.total_seconds())
    mend_page(bench)
    result = bench.read(TODAY)
    assert result.complete
    assert bench.ranks(TODAY) == {1: 3}
    assert bench.naver.asked == {"keyword 1": 1}


def mend_page(bench: Bench) -> None:
    """What a mended reader would see."""
    (page,) = list_pages(bench.trackings, RankSource.OPENAPI, RankView.TAB)
    store_page(bench.objects, TODAY, page, make_body("keyword 1"), START, understood=True)


def test_a_day_without_pages_says_so():
    bench = Bench([make_tracking(1)])
    bench.clock.advance(DAY.total_seconds())
    with pytest.raises(PermanentError, match=f"no page of {TODAY} is stored") as caught:
        bench.read(TODAY)
    assert caught.value.kind == "no_pages"


def test_a_day_without_trackings_is_complete_and_empty():
    result = Bench([]).read()
    assert (result.total, result.complete) == (0, True)


def test_a_tracking_whose_page_a_past_day_does_not_have_fails_there():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.crawl([bench.trackings[0]])
    bench.clock.advance(DAY.total_seconds())
    result = bench.read(TODAY)
    assert [(each.unit_id, each.kind) for each in result.failures] == [("2", "not_captured")]


def test_the_page_of_other_settings_is_found_too():
    bench = Bench([make_tracking(1)])
    bench.crawl()
    bench.read(source=RankSource.HTTP)
    assert bench.ranks() == {1: 3}


def test_a_database_that_fails_for_a_while_is_asked_again():
    bench = Bench([make_tracking(1)])
    bench.crawl()
    errors = [TransientError("busy"), TransientError("busy")]
    original = bench.histories.record

    def record(capture: Capture) -> RankRecord:
        if errors:
            raise errors.pop()
        return original(capture)

    bench.histories.record = record
    assert bench.read().complete


def test_one_failing_tracking_leaves_the_others_alone():
    bench = Bench([make_tracking(number) for number in range(1, 6)])
    bench.crawl()
    bench.histories.failing[3] = PermanentError("gone", kind="unknown_tracking")
    result = bench.read()
    assert [each.unit_id for each in result.failures] == ["3"]
    assert sorted(bench.ranks()) == [1, 2, 4, 5]
    assert result.total == len(result.records) + len(result.failures) + len(result.left)


def test_a_tracking_that_has_ended_since_is_no_failure_of_a_rerun():
    bench = Bench([make_tracking(1), make_tracking(2)])
    bench.naver.faults["keyword 1"] = [PermanentError("HTTP 400", kind="bad_request")]
    bench.crawl()
    assert len(bench.read().failures) == 1
    bench.trackings[0] = replace(bench.trackings[0], status=TrackingStatus.ENDED)
    result = bench.read()
    assert (result.total, result.complete) == (1, True)


def test_a_past_day_has_those_that_were_active_then():
    past = "2026-11-10"
    then, later = START - 20 * DAY, START - DAY
    trackings = [
        make_tracking(1, status_at=then),
        make_tracking(2, status_at=later),
        make_tracking(3, status=TrackingStatus.PAUSED, status_at=later),
        make_tracking(4, status=TrackingStatus.ENDED, status_at=later),
        make_tracking(5, status=TrackingStatus.PAUSED, status_at=then),
    ]
    chosen = choose_trackings(trackings, past, TODAY, recorded={3}, planned={4})
    assert [each.tracking_id for each in chosen] == [1, 3, 4]
