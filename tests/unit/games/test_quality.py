"""What is checked about a collected day and about a table."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.games.drift import Drift
from platform_assets.games.manifest import Part, Segment
from platform_assets.games.merge import Merged
from platform_assets.games.plan import Mode
from platform_assets.games.quality import (
    DRIFT_RECORDS,
    RAW_CHECKS,
    TABLE_CHECKS,
    Finding,
    check_drift,
    check_segment,
    check_table,
)
from platform_assets.games.ranges import cut_at
from tests.fakes.clock import START

EVERYTHING: list[tuple[int, int | None]] = [(-1, None)]


def part(number: int, first_id: int, last_id: int, count: int | None = None) -> Part:
    size = count if count is not None else last_id - first_id + 1
    return Part(f"part-{number}", size, first_id, last_id, None, 10, "0" * 64)


def segment(
    parts: list[Part],
    ranges: list[tuple[int, int | None]] | None = None,
    mode: Mode = Mode.FULL,
) -> Segment:
    covered = EVERYTHING if ranges is None else ranges
    return Segment(1, mode.value, None, None, covered, parts, [], 1, 0, START, START)


def records(count: int) -> Segment:
    return segment([part(0, 1, count)])


def check(of: Segment, api_count: int | str = 0) -> dict[str, Finding]:
    return {finding.name: finding for finding in check_segment(of, api_count)}


def test_findings_come_in_the_order_in_which_the_checks_are_declared():
    assert [finding.name for finding in check_segment(records(1), 1)] == list(RAW_CHECKS)
    merged = Merged("key", 0, 0, (), Drift(), None)
    assert tuple(finding.name for finding in check_table(merged)) == TABLE_CHECKS


@pytest.mark.parametrize(
    ("found", "counted", "passed"),
    [
        (1000, 1000, True),
        (1000, 1001, True),
        (1001, 1000, True),
        (1000, 1002, False),
        (344_000, 344_344, True),
        (344_000, 344_345, False),
        (0, 0, True),
        (0, 500, False),
    ],
)
def test_the_count_may_be_off_by_a_thousandth_because_rows_come_and_go(
    found: int, counted: int, passed: bool
):
    finding = check(records(found), counted)["count_matches_api"]
    assert finding.passed is passed
    assert finding.numbers == {
        "records": found,
        "api_count": counted,
        "apart": abs(found - counted),
    }
    assert finding.grave, "no table is built from a day that lacks rows"


def test_without_a_count_a_full_collection_is_not_called_good():
    finding = check(records(10), "games/count: HTTP 503")["count_matches_api"]
    assert not finding.passed
    assert "HTTP 503" in finding.text


def test_of_changes_only_there_is_no_count_to_compare_with():
    changes = segment([part(0, 1, 3)], mode=Mode.INCREMENTAL)
    finding = check(changes, "only changes were collected")["count_matches_api"]
    assert finding.passed
    assert "only changes were collected" in finding.text


@pytest.mark.parametrize("second", [(500, 900), (100, 200), (1, 500)])
def test_parts_that_overlap_have_an_id_twice_and_stop_what_depends_on_them(
    second: tuple[int, int],
):
    finding = check(segment([part(0, 1, 500), part(1, *second)]))["ids_unique"]
    assert not finding.passed
    assert finding.grave
    assert "part-0 and part-1" in finding.text
    assert finding.numbers == {"overlaps": 1}


def test_many_overlaps_are_counted_and_five_are_named():
    finding = check(segment([part(n, 1, 9) for n in range(20)]))["ids_unique"]
    assert finding.numbers == {"overlaps": 19}
    assert finding.text.count(" and ") == 5


@pytest.mark.parametrize(
    ("ranges", "named"),
    [
        ([(-1, 500), (600, None)], "500 to 600"),
        ([(-1, 600), (500, None)], "600 to 500"),
        ([(1, None)], "at an end"),
        ([(-1, 500)], "at an end"),
        ([], "at an end"),
    ],
)
def test_ids_that_nobody_asked_for_are_named_and_stop_what_depends_on_them(
    ranges: list[tuple[int, int | None]], named: str
):
    finding = check(segment([], ranges))["ranges_cover_all_ids"]
    assert (finding.passed, finding.grave) == (False, True)
    assert named in finding.text


@given(st.sets(st.integers(1, 10**6)))
def test_ranges_between_boundaries_always_cover_all_ids(boundaries: set[int]):
    ranges = [(ids.after, ids.upto) for ids in cut_at(sorted(boundaries))]
    assert check(segment([], ranges))["ranges_cover_all_ids"].passed


def test_an_entity_without_records_passes_every_check():
    assert all(finding.passed for finding in check_segment(segment([]), 0))


def test_new_fields_are_told_with_their_counts_and_break_nothing():
    drift = Drift(records=1000)
    drift.new.update({"category": 3, "tags": 1000})
    finding = check_drift(drift)
    assert finding.passed
    assert "category (3), tags (1000)" in finding.text
    assert finding.numbers["new_fields"] == {"category": 3, "tags": 1000}


def test_a_field_that_no_record_has_any_more_is_told():
    drift = Drift(records=DRIFT_RECORDS)
    drift.missing.update({"slug": DRIFT_RECORDS, "summary": DRIFT_RECORDS - 1})
    finding = check_drift(drift)
    assert not finding.passed
    assert "no record had: slug." in finding.text
    assert not finding.grave, "the table is merged already, and right"


def test_among_a_few_records_a_missing_field_is_no_news():
    drift = Drift(records=DRIFT_RECORDS - 1)
    drift.missing["storyline"] = DRIFT_RECORDS - 1
    assert check_drift(drift).passed


def test_a_merge_that_had_nothing_to_do_has_no_drift():
    finding = check_drift(Drift())
    assert finding.passed
    assert finding.numbers == {"records": 0, "new_fields": {}, "missing_fields": {}}
