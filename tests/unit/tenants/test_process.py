"""One tenant-month: every row once, three tables whole, the same bytes again, and nothing from a stale worker."""

import io
import json
import random
from dataclasses import replace
from datetime import datetime
from decimal import Decimal
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import LeaseLostError, TransientError
from platform_assets.core.objects import ObjectInfo
from platform_assets.tenants.month_result import MonthResult
from platform_assets.tenants.outputs import ROW_GROUP_ROWS, month_key
from platform_assets.tenants.process import TABLES, Row, process_month
from platform_assets.tenants.tenant import TenantMonth
from platform_assets.tenants.transitions import MonthNumbers, complete, new_month
from tests.fakes.clock import START, FakeClock
from tests.fakes.event_source import FakeEventSource, MemoryLetters, make_row, refuse_nothing
from tests.fakes.memory_objects import MemoryObjectStore

MONTH = "2024-02"

ROWS: list[Row] = [
    make_row("e1", "2024-02-01 00:00:00", order_id="o1", quantity=2, amount="20.10"),
    make_row("e2", "2024-02-10 09:00:00", order_id="o1", quantity=1, amount=9.9),
    make_row("e3", "2024-02-11", customer_id="bob", order_id="o2", amount="0.0001"),
    make_row("e4", "2024-02-12", customer_id="bob", order_id="o2", quantity=-1, amount="-0.0001"),
    make_row("e5", "2024-02-29 23:59:59.999999", customer_id=None, order_id="o3", amount=5),
]


class Desk:
    """A store, letters and one tenant."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.objects = MemoryObjectStore(self.clock)
        self.letters = MemoryLetters()
        self.last: TenantMonth | None = None

    def process(self, source: FakeEventSource, **options: Any) -> MonthResult:
        self.clock.advance(60)
        options = {"check_held": refuse_nothing, "last": self.last, **options}
        result = process_month("acme", MONTH, source, self.objects, self.letters, **options)
        numbers = MonthNumbers(result.processed_records, result.failed_records, result.watermark)
        self.last = complete(new_month("acme", MONTH, START), numbers, START)
        return result

    def bytes(self) -> list[bytes]:
        return [self.objects.get(month_key("acme", MONTH, table)) for table in TABLES]

    def table(self, name: str) -> list[dict[str, Any]]:
        data = self.objects.get(month_key("acme", MONTH, name))
        return pq.read_table(io.BytesIO(data)).to_pylist()


@pytest.fixture
def desk() -> Desk:
    return Desk()


def test_a_month_becomes_three_tables_that_agree_with_the_result(desk: Desk):
    result = desk.process(FakeEventSource([*ROWS, ROWS[0]], earlier=["bob", "carl", None]))
    assert result == MonthResult(
        processed_records=5,
        failed_records=0,
        duplicates=1,
        customers=2,
        new_customers=1,
        returning_customers=1,
        anonymous_events=1,
        orders=3,
        items=4,
        revenue=Decimal("35.0000"),
        watermark="1",
        unchanged=False,
        bytes=sum(map(len, desk.bytes())),
    )
    assert [row["event_id"] for row in desk.table("events")] == ["e1", "e2", "e3", "e4", "e5"]
    assert desk.table("events")[4]["event_at"] == datetime(2024, 2, 29, 23, 59, 59, 999999)  # noqa: DTZ001
    ann, bob = desk.table("customer_profiles")
    assert (ann["events"], ann["orders"], ann["items"], ann["revenue"]) == (
        2,
        1,
        3,
        Decimal("30.0000"),
    )
    assert (ann["recency_days"], ann["returning"]) == (19, False)
    assert (bob["orders"], bob["items"], bob["revenue"], bob["returning"]) == (1, 0, 0, True)
    (summary,) = desk.table("month_summary")
    assert (summary["tenant_id"], summary["month"]) == ("acme", MONTH)
    assert summary["revenue"] == result.revenue
    assert (summary["duplicates"], summary["anonymous_events"]) == (1, 1)
    assert summary["first_event_at"] == datetime(2024, 2, 1)  # noqa: DTZ001


def test_the_result_is_a_small_json_object_for_the_ledger(desk: Desk):
    detail = json.loads(json.dumps(desk.process(FakeEventSource(ROWS)).detail()))
    assert detail["revenue"] == "35.0000"
    assert (detail["processed_records"], detail["failed_records"], detail["watermark"]) == (
        5,
        0,
        "1",
    )


def test_bad_rows_become_dead_letters_in_chunks_and_stop_nothing(desk: Desk):
    bad = [
        make_row(None),
        make_row("b1", "2024-02-32"),
        make_row("b2", datetime(2024, 3, 1)),  # noqa: DTZ001
        make_row("b3", quantity="some"),
        make_row("b4", amount="nan"),
        make_row("b5", order_id="x" * 201),
        make_row("b6", customer_id=b"\xff"),
        make_row("b7", updated_at="soon"),
    ]
    result = desk.process(FakeEventSource([*bad[:4], *ROWS, *bad[4:]]), chunk_records=3)
    assert (result.processed_records, result.failed_records) == (5, 8)
    assert desk.letters.kinds() == [
        "missing_event_id",
        "bad_event_at",
        "outside_month",
        "bad_quantity",
        "bad_amount",
        "too_long",
        "bad_text",
        "bad_updated_at",
    ]
    assert desk.letters.sizes == [3, 3, 2]
    assert json.loads(desk.letters.kept["acme", MONTH][3].record)["quantity"] == "some"
    assert desk.table("month_summary")[0]["failed_records"] == 8


def test_letters_of_the_last_time_are_replaced(desk: Desk):
    desk.process(FakeEventSource([make_row(None)]))
    assert desk.process(FakeEventSource(ROWS)).failed_records == 0
    assert desk.letters.kept == {("acme", MONTH): []}


def test_a_month_without_events_has_three_empty_tables(desk: Desk):
    result = desk.process(FakeEventSource())
    assert (result.processed_records, result.customers, result.revenue) == (0, 0, 0)
    assert desk.table("events") == desk.table("customer_profiles") == []
    assert desk.table("month_summary")[0]["first_event_at"] is None


@given(seed=st.integers(0, 10**6), slice_records=st.integers(1, 9), chunk_records=st.integers(1, 9))
def test_order_slices_and_chunks_do_not_change_a_byte(
    seed: int, slice_records: int, chunk_records: int
):
    rows = [*ROWS, make_row("e1", "2024-02-20", updated_at="2024-02-20"), make_row(None)]
    first, again = Desk(), Desk()
    first.process(FakeEventSource(rows))
    mixed = random.Random(seed).sample(rows, len(rows))
    again.process(FakeEventSource(mixed), slice_records=slice_records, chunk_records=chunk_records)
    assert again.bytes() == first.bytes()


def test_a_month_of_many_slices_is_drained_and_done_again_gives_the_same_bytes(desk: Desk):
    count = 2 * ROW_GROUP_ROWS + 7
    rows = [
        make_row(f"e{n}", f"2024-02-{n % 29 + 1:02}", customer_id=f"c{n % 9000}")
        for n in range(count)
    ]
    result = desk.process(FakeEventSource(rows))
    assert (result.processed_records, result.customers) == (count, 9000)
    assert result.revenue == 10 * count
    before = desk.bytes()
    assert desk.process(FakeEventSource(rows[::-1])) == result
    assert desk.bytes() == before
    assert sum(row["events"] for row in desk.table("customer_profiles")) == count


def test_rows_of_the_day_before_say_who_returns_and_count_nowhere_else(desk: Desk):
    early = make_row("e0", "2024-01-31T10:00:00Z", customer_id="bob")
    result = desk.process(FakeEventSource([early, *ROWS]))
    assert (result.processed_records, result.failed_records, result.returning_customers) == (
        5,
        0,
        1,
    )


def test_an_unchanged_source_is_not_read_again_unless_forced(desk: Desk):
    source = FakeEventSource([*ROWS, make_row(None)])
    first = desk.process(source)
    again = desk.process(source, force=False)
    assert again == replace(first, unchanged=True)
    assert source.reads == 1
    assert desk.letters.kinds() == ["missing_event_id"]
    assert not desk.process(source, force=True).unchanged
    source.print = "2"
    assert not desk.process(source, force=False).unchanged
    assert source.reads == 3


@pytest.mark.parametrize("table", TABLES)
def test_an_unchanged_source_is_read_again_where_a_table_is_missing(desk: Desk, table: str):
    source = FakeEventSource(ROWS)
    desk.process(source)
    desk.objects.delete(month_key("acme", MONTH, table))
    assert not desk.process(source, force=False).unchanged
    assert len(desk.bytes()) == 3


def test_a_source_that_cannot_tell_is_always_read(desk: Desk):
    source = FakeEventSource(ROWS, print=None)
    desk.process(source)
    assert not desk.process(source, force=False).unchanged


def test_tables_of_an_attempt_that_did_not_end_are_not_taken_for_those_of_last_time(desk: Desk):
    """The fingerprint may come back to what it was: a late event was added and removed again."""
    source = FakeEventSource(ROWS)
    desk.process(source)
    before = desk.bytes()
    desk.objects.clock = FakeClock(START.replace(year=2027))
    desk.objects.put(month_key("acme", MONTH, "events"), b"of a killed attempt")
    assert not desk.process(source, force=False).unchanged
    assert desk.bytes() == before


def test_a_source_that_breaks_off_leaves_everything_as_it_was(desk: Desk):
    desk.process(FakeEventSource([*ROWS, make_row(None)]))
    before = desk.bytes()

    def fail(number: int) -> None:
        if number == 2:
            raise TransientError("gone", kind="source_unreachable")

    with pytest.raises(TransientError):
        desk.process(FakeEventSource(ROWS[::-1], before_slice=fail), slice_records=2)
    assert desk.bytes() == before
    assert desk.letters.kinds() == ["missing_event_id"]


class FailingStore(MemoryObjectStore):
    """Is killed after some writes."""

    writes_left = 10**9

    def put_if(self, key: str, data: bytes, etag: str | None) -> ObjectInfo:
        if self.writes_left == 0:
            raise KeyboardInterrupt
        self.writes_left -= 1
        return super().put_if(key, data, etag)


@pytest.mark.parametrize("writes", [0, 1, 2])
def test_a_process_killed_between_two_tables_is_made_good_by_the_next(desk: Desk, writes: int):
    desk.process(FakeEventSource(ROWS))
    wanted = desk.bytes()
    desk.objects = killed = FailingStore(desk.clock)
    killed.writes_left = writes
    with pytest.raises(KeyboardInterrupt):
        desk.process(FakeEventSource(ROWS))
    killed.writes_left = 10**9
    assert not desk.process(FakeEventSource(ROWS), force=False).unchanged
    assert desk.bytes() == wanted


def test_a_stale_worker_that_wakes_up_between_reading_and_writing_changes_nothing(desk: Desk):
    held = True

    def check_held() -> None:
        if not held:
            raise LeaseLostError("another run has it")

    def lose(number: int) -> None:
        """The lease runs out, and somebody else does the month."""
        nonlocal held
        desk.process(FakeEventSource(ROWS, print="new"))
        held = False

    old = FakeEventSource([make_row("old"), make_row(None)], before_slice=lose)
    with pytest.raises(LeaseLostError):
        desk.process(old, check_held=check_held)
    assert len(desk.table("events")) == 5
    assert desk.letters.kinds() == []


def test_the_holder_wins_where_a_stale_worker_published_meanwhile(desk: Desk):
    def intrude(number: int) -> None:
        desk.process(FakeEventSource([make_row("stale")]))

    result = desk.process(FakeEventSource(ROWS, before_slice=intrude))
    assert len(desk.table("events")) == result.processed_records == 5
