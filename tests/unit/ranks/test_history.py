"""Histories as text for other programs."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta, timezone

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.ranks.history import COLUMNS, write_csv, write_json_lines
from platform_assets.ranks.tracking import Capture, RankRecord

AT = datetime(2026, 11, 19, 16, 0, 1, 500, tzinfo=UTC)


def record(day: str, rank: int | None, session: int = 1, count: int = 30) -> RankRecord:
    return RankRecord(Capture(7, day, rank, count, f"pages/{day}", AT), session)


RECORDS = [record("2026-11-20", 3), record("2026-11-21", None, count=0), record("2026-11-22", 1, 2)]


def test_a_csv_has_a_heading_and_a_line_per_record():
    assert write_csv(RECORDS) == (
        "checked_on,rank,session_number,result_count,captured_at\r\n"
        "2026-11-20,3,1,30,2026-11-19T16:00:01.000500+00:00\r\n"
        "2026-11-21,,1,0,2026-11-19T16:00:01.000500+00:00\r\n"
        "2026-11-22,1,2,30,2026-11-19T16:00:01.000500+00:00\r\n"
    )


def test_a_csv_without_records_is_its_heading():
    assert write_csv([]) == ",".join(COLUMNS) + "\r\n"


def test_json_lines_have_the_columns_of_the_csv_and_null_for_no_rank():
    first, second, third = write_json_lines(RECORDS).splitlines()
    assert json.loads(first) == {
        "checked_on": "2026-11-20",
        "rank": 3,
        "session_number": 1,
        "result_count": 30,
        "captured_at": "2026-11-19T16:00:01.000500+00:00",
    }
    assert json.loads(second)["rank"] is None
    assert tuple(json.loads(third)) == COLUMNS


def test_json_lines_without_records_are_empty():
    assert write_json_lines([]) == ""


def test_neither_tells_where_a_page_is_stored():
    assert "pages/" not in write_csv(RECORDS) + write_json_lines(RECORDS)


MOMENTS = st.datetimes(
    min_value=datetime(2000, 1, 1),  # noqa: DTZ001 - the strategy adds the zone
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=9))]),
)
CAPTURES = st.builds(
    Capture,
    tracking_id=st.just(7),
    checked_on=st.dates().map(str),
    rank=st.none() | st.integers(1, 2**31 - 1),
    result_count=st.integers(0, 2**31 - 1),
    page_key=st.text(),
    captured_at=MOMENTS,
)
HISTORIES = st.lists(st.builds(RankRecord, CAPTURES, st.integers(1, 10_000)), max_size=20)


@given(HISTORIES)
def test_both_are_read_back_as_they_were_written(records: list[RankRecord]):
    lines = list(csv.DictReader(io.StringIO(write_csv(records))))
    objects = [json.loads(line) for line in write_json_lines(records).splitlines()]
    assert len(lines) == len(objects) == len(records)
    for line, fields, stored in zip(lines, objects, records, strict=True):
        capture = stored.capture
        assert (int(line["rank"]) if line["rank"] else None) == fields["rank"] == capture.rank
        assert line["checked_on"] == fields["checked_on"] == capture.checked_on
        assert int(line["session_number"]) == fields["session_number"] == stored.session_number
        assert int(line["result_count"]) == fields["result_count"] == capture.result_count
        assert datetime.fromisoformat(line["captured_at"]) == capture.captured_at
        assert line["captured_at"] == fields["captured_at"]
