# pyright: standard, reportAttributeAccessIssue=false
"""Snapshots and changes as Parquet: what is written is read, same rows are same bytes, damage is named."""

import io
import random
from datetime import UTC, datetime, timedelta
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.products.changes import Change, ChangeKind
from platform_assets.products.product import ProductSnapshot, SaleStatus
from platform_assets.products.tables import (
    CHANGES,
    SNAPSHOTS,
    read_changes,
    read_snapshots,
    write_changes,
    write_snapshots,
)
from tests.fakes.clock import START
from tests.unit.products.shop import NAME, make_gone, make_ids, make_snapshot

URL = "memory:///products/latest/playshop.parquet"
TIMES = st.datetimes(timezones=st.just(UTC))
COUNTS = st.integers(0, 10**15)
TEXTS = st.text(max_size=30)

SNAPSHOT_LISTS = st.lists(
    st.builds(
        ProductSnapshot,
        platform=TEXTS,
        product_id=TEXTS,
        name=st.none() | TEXTS,
        brand=st.none() | TEXTS,
        original_price=st.none() | COUNTS,
        discounted_price=st.none() | COUNTS,
        currency=TEXTS,
        sale_status=st.sampled_from(SaleStatus),
        rating=st.none() | st.floats(0, 5),
        review_count=st.none() | COUNTS,
        url=TEXTS,
        scanned_at=TIMES,
    ),
    max_size=20,
    unique_by=lambda each: each.product_id,
)

CHANGE_LISTS = st.lists(
    st.builds(
        Change,
        platform=TEXTS,
        product_id=TEXTS,
        kind=st.sampled_from(ChangeKind),
        field=TEXTS,
        before=st.none() | TEXTS,
        after=st.none() | TEXTS,
        scanned_at=TIMES,
        previous_at=st.none() | TIMES,
    ),
    max_size=20,
    unique_by=lambda each: (each.product_id, each.scanned_at, each.kind, each.field),
)


def order(change: Change) -> tuple[str, datetime, str, str]:
    return change.product_id, change.scanned_at, change.kind, change.field


def make_change(kind: ChangeKind = ChangeKind.GONE, field: str = "") -> Change:
    return Change(NAME, "1", kind, field, None, None, START, None)


def make_file(columns: dict[str, Any]) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file)
    return file.getvalue()


@given(SNAPSHOT_LISTS)
def test_snapshots_are_read_as_they_were_written_by_id(rows: list[ProductSnapshot]):
    read = read_snapshots(write_snapshots(rows), URL)
    assert read == sorted(rows, key=lambda each: each.product_id)


@given(CHANGE_LISTS)
def test_changes_are_read_as_they_were_written_by_id(rows: list[Change]):
    assert read_changes(write_changes(rows), URL) == sorted(rows, key=order)


@given(SNAPSHOT_LISTS, CHANGE_LISTS, st.randoms(use_true_random=False))
def test_the_same_rows_in_any_order_are_the_same_bytes(
    snapshots: list[ProductSnapshot], changes: list[Change], shuffler: random.Random
):
    files = write_snapshots(snapshots), write_changes(changes)
    shuffler.shuffle(snapshots)
    shuffler.shuffle(changes)
    assert (write_snapshots(snapshots), write_changes(changes)) == files


def test_what_a_product_does_not_have_stays_missing():
    (read,) = read_snapshots(write_snapshots([make_gone()]), URL)
    assert read == make_gone()
    assert (read.name, read.original_price, read.rating, read.review_count) == (None,) * 4


def test_an_empty_text_is_not_a_missing_one():
    (read,) = read_snapshots(write_snapshots([make_snapshot(name="", brand=None)]), URL)
    assert (read.name, read.brand) == ("", None)


def test_korean_names_are_kept():
    name = "[1+1] 라운드랩 독도 토너 200mL (한정) 🎁"
    (read,) = read_snapshots(write_snapshots([make_snapshot(name=name)]), URL)
    assert read.name == name


def test_times_are_kept_to_the_microsecond_and_in_utc():
    at = datetime(2026, 11, 20, 23, 59, 59, 999_999, tzinfo=UTC)
    (read,) = read_snapshots(write_snapshots([make_snapshot(at=at)]), URL)
    assert read.scanned_at == at
    assert read.scanned_at.utcoffset() == timedelta(0)


def test_tables_without_rows_have_their_columns():
    assert read_snapshots(write_snapshots([]), URL) == []
    assert read_changes(write_changes([]), URL) == []
    assert pq.read_schema(io.BytesIO(write_snapshots([]))).names == SNAPSHOTS.names
    assert pq.read_schema(io.BytesIO(write_changes([]))).names == CHANGES.names


def test_the_columns_of_snapshots_are_the_fields_of_a_snapshot():
    assert tuple(SNAPSHOTS.names) == ProductSnapshot.__struct_fields__
    assert tuple(CHANGES.names) == Change.__match_args__


def test_changes_of_one_product_are_in_a_fixed_order():
    price = make_change(ChangeKind.PRICE, "original_price")
    discount = make_change(ChangeKind.PRICE, "discounted_price")
    name = make_change(ChangeKind.NAME, "name")
    assert read_changes(write_changes([price, name, discount]), URL) == [name, discount, price]


WHOLE = write_snapshots([make_snapshot(each) for each in make_ids(50)])
WHOLE_CHANGES = write_changes([make_change()])

DAMAGED = {
    "empty": b"",
    "no parquet": b"<html>not here</html>",
    "cut": WHOLE[: len(WHOLE) // 2],
    "without its end": WHOLE[:-1],
    "overwritten in the middle": WHOLE[:200] + bytes(200) + WHOLE[400:],
    "other columns": make_file({"color": ["red"]}),
    "a time after all years": make_file(
        {"scanned_at": pa.array([2**62], pa.timestamp("us", "UTC"))}
    ),
    "text for a price": make_file({"original_price": ["cheap"], "product_id": ["1"]}),
}


@pytest.mark.parametrize("data", DAMAGED.values(), ids=DAMAGED)
def test_a_damaged_file_is_named_with_what_to_do(data: bytes):
    for read in (read_snapshots, read_changes):
        with pytest.raises(PermanentError, match="move it away and run its batch again") as caught:
            read(data, URL)
        assert caught.value.kind == "bad_table"
        assert str(caught.value).startswith(URL)


def test_a_file_of_the_other_table_is_damaged_too():
    for read, data in ((read_snapshots, WHOLE_CHANGES), (read_changes, WHOLE)):
        with pytest.raises(PermanentError) as caught:
            read(data, URL)
        assert caught.value.kind == "bad_table"


def test_a_word_that_is_no_status_or_kind_is_damage():
    table = pq.read_table(io.BytesIO(WHOLE)).to_pydict()
    table["sale_status"] = ["melted"] * 50
    with pytest.raises(PermanentError) as caught:
        read_snapshots(make_file(table), URL)
    assert caught.value.kind == "bad_table"
    table = pq.read_table(io.BytesIO(WHOLE_CHANGES)).to_pydict()
    table["kind"] = ["melted"]
    with pytest.raises(PermanentError) as caught:
        read_changes(make_file(table), URL)
    assert caught.value.kind == "bad_table"
