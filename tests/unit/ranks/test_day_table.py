"""The Parquet copy of a day: what the history has, also where two runs write at once."""

import io
from collections.abc import Mapping, Sequence

import pyarrow.parquet as pq

from platform_assets.ranks.day_table import SCHEMA, day_key, publish_day, write_day
from platform_assets.ranks.tracking import Capture, RankRecord, Tracking
from tests.fakes.clock import START
from tests.fakes.memory_objects import MemoryObjectStore
from tests.unit.ranks.bench import make_tracking

DAY = "2026-11-20"


def record(number: int, rank: int | None = 3) -> RankRecord:
    return RankRecord(Capture(number, DAY, rank, 30, f"page {number}", START), 1)


TRACKINGS = {number: make_tracking(number) for number in range(1, 6)}


def test_the_table_has_a_row_per_record_by_number():
    table = pq.read_table(io.BytesIO(write_day([record(2, None), record(1)], TRACKINGS)))
    assert table.schema.equals(SCHEMA)
    rows = table.to_pylist()
    assert [(row["tracking_id"], row["rank"], row["keyword"]) for row in rows] == [
        (1, 3, "keyword 1"),
        (2, None, "keyword 2"),
    ]
    assert rows[0]["captured_at"] == START


def test_the_same_records_are_the_same_bytes():
    assert write_day([record(1), record(2)], TRACKINGS) == write_day(
        [record(2), record(1)], TRACKINGS
    )


def test_a_day_without_records_is_an_empty_table():
    assert pq.read_table(io.BytesIO(write_day([], TRACKINGS))).num_rows == 0


def test_what_another_run_wrote_meanwhile_is_not_lost():
    objects, known = MemoryObjectStore(), [record(1)]
    reads = 0

    def read() -> tuple[Sequence[RankRecord], Mapping[int, Tracking]]:
        nonlocal reads
        reads += 1
        seen = list(known)
        if reads == 1:  # another run records and writes between our look and our write
            known.append(record(2))
            objects.put(day_key(DAY), write_day(known, TRACKINGS))
        return seen, TRACKINGS

    assert publish_day(objects, DAY, read) == 2
    assert reads == 2
    assert pq.read_table(io.BytesIO(objects.get(day_key(DAY)))).num_rows == 2
