"""Customers over all months: added up from profiles, scored by rank, named by a complete grid."""

import io
from datetime import datetime
from decimal import Decimal
from itertools import product
from typing import Any

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import LeaseLostError, PermanentError
from platform_assets.tenants.customers import (
    CustomersResult,
    build_customers,
    list_processed_months,
)
from platform_assets.tenants.outputs import ROW_GROUP_ROWS, customers_key, month_key
from platform_assets.tenants.process import Row, process_month
from platform_assets.tenants.segments import SEGMENTS, name_segment
from tests.fakes.event_source import FakeEventSource, MemoryLetters, make_row, refuse_nothing
from tests.fakes.memory_objects import MemoryObjectStore


class Shop:
    """One tenant whose months are processed by hand."""

    def __init__(self) -> None:
        self.objects = MemoryObjectStore()

    def process(self, month: str, *rows: Row) -> None:
        process_month(
            "acme",
            month,
            FakeEventSource(rows),
            self.objects,
            MemoryLetters(),
            check_held=refuse_nothing,
            last=None,
        )

    def build(self) -> CustomersResult:
        return build_customers("acme", self.objects)

    def customers(self) -> dict[str, dict[str, Any]]:
        rows = pq.read_table(io.BytesIO(self.objects.get(customers_key("acme")))).to_pylist()
        assert [row["customer_id"] for row in rows] == sorted(row["customer_id"] for row in rows)
        return {row["customer_id"]: row for row in rows}


@pytest.fixture
def shop() -> Shop:
    return Shop()


def test_a_customer_is_the_sum_of_its_months(shop: Shop):
    shop.process(
        "2024-01",
        make_row("e1", "2024-01-05 08:00", order_id="o1", quantity=2, amount="99999999999999.9999"),
        make_row("e2", "2024-01-06", order_id="o1", amount="-5.5"),
    )
    shop.process(
        "2024-03", make_row("e3", "2024-03-31 23:59", order_id="o2", amount="99999999999999.9999")
    )
    shop.process("2024-04", make_row("e4", "2024-04-02 00:01", customer_id=None))
    result = shop.build()
    assert (result.customers, result.months) == (1, 3)
    assert result.bytes == len(shop.objects.get(customers_key("acme")))
    row = shop.customers()["ann"]
    assert row["first_event_at"] == datetime(2024, 1, 5, 8)  # noqa: DTZ001
    assert row["last_event_at"] == datetime(2024, 3, 31, 23, 59)  # noqa: DTZ001
    assert (row["months_active"], row["events"], row["orders"], row["items"]) == (2, 3, 2, 4)
    assert row["revenue"] == Decimal("199999999999994.4998")
    assert row["recency_days"] == 2, (
        "to the day of the tenant's last event, though it was anonymous"
    )


def test_scores_are_quintiles_by_rank_and_equal_values_score_the_same(shop: Shop):
    days = {"a": 1, "b": 2, "c": 2, "d": 9, "e": 29}
    shop.process(
        "2024-02",
        *(
            make_row(name, f"2024-02-{day:02}", customer_id=name, amount=day)
            for name, day in days.items()
        ),
    )
    result = shop.build()
    rows = shop.customers()
    assert [rows[name]["r_score"] for name in "abcde"] == [1, 2, 2, 4, 5]
    assert [rows[name]["f_score"] for name in "abcde"] == [1] * 5
    assert [rows[name]["m_score"] for name in "abcde"] == [1, 2, 2, 4, 5]
    assert rows["b"]["rfm"] == "212"
    assert rows["a"]["segment"] == "Lost"
    assert rows["e"]["segment"] == "Potential Loyalists"
    assert sum(result.segments.values()) == 5
    assert result.segments["Hibernating"] == 2


@given(st.lists(st.integers(0, 30), min_size=1, max_size=60))
def test_scores_follow_the_rule_of_the_module_docstring(cents: list[int]):
    shop = Shop()
    names = [f"c{n:03}" for n in range(len(cents))]
    shop.process(
        "2024-02",
        *(
            make_row(name, customer_id=name, amount=c / 100 - 0.1)
            for name, c in zip(names, cents, strict=True)
        ),
    )
    shop.build()
    rows = shop.customers()
    for name, value in zip(names, cents, strict=True):
        worse = sum(other < value for other in cents)
        assert rows[name]["m_score"] == 1 + 5 * worse // len(cents)


def test_every_score_has_a_segment_and_every_segment_a_score():
    named = {name_segment(r, f, m) for r, f, m in product(range(1, 6), repeat=3)}
    assert named == set(SEGMENTS)
    assert len(SEGMENTS) == 11
    assert name_segment(5, 5, 5) == "Champions"
    assert name_segment(1, 5, 4) == "Can't Lose"
    assert name_segment(1, 1, 1) == "Lost"
    assert name_segment(5, 1, 1) == "New"
    assert name_segment(5, 1, 2) == "Potential Loyalists", "halves count up"


def test_the_same_months_give_the_same_bytes_and_a_new_one_changes_them(shop: Shop):
    shop.process("2024-01", make_row("e1", "2024-01-05"))
    shop.build()
    before = shop.objects.get(customers_key("acme"))
    shop.build()
    assert shop.objects.get(customers_key("acme")) == before
    shop.process("2024-02", make_row("e2", "2024-02-05"))
    shop.build()
    assert shop.customers()["ann"]["months_active"] == 2


def test_more_customers_than_a_row_group_are_all_there(shop: Shop):
    count = ROW_GROUP_ROWS + 5
    shop.process("2024-02", *(make_row(f"e{n}", customer_id=f"c{n}") for n in range(count)))
    assert shop.build().customers == len(shop.customers()) == count


def test_months_of_nobody_make_an_empty_table(shop: Shop):
    shop.process("2024-02")
    assert shop.build() == CustomersResult(0, 1, {}, len(shop.objects.get(customers_key("acme"))))
    assert shop.customers() == {}


def test_a_month_whose_summary_is_not_written_yet_does_not_count(shop: Shop):
    shop.process("2024-01", make_row("e1", "2024-01-05"))
    shop.process("2024-02", make_row("e2", "2024-02-05"))
    shop.objects.delete(month_key("acme", "2024-02", "month_summary"))
    assert list_processed_months("acme", shop.objects) == ["2024-01"]
    assert shop.build().months == 1


def test_a_neighbour_whose_name_begins_alike_is_not_read(shop: Shop):
    shop.process("2024-01", make_row("e1", "2024-01-05"))
    for table in ("customer_profiles", "month_summary"):
        shop.objects.put(month_key("acme-2", "2024-02", table), b"not ours")
    assert shop.build().months == 1


def test_a_tenant_without_months_says_what_to_do(shop: Shop):
    with pytest.raises(PermanentError, match="materialize tenants/events") as caught:
        shop.build()
    assert caught.value.kind == "no_months"


def test_who_does_not_hold_it_any_more_writes_nothing(shop: Shop):
    shop.process("2024-01", make_row("e1", "2024-01-05"))

    def check_held() -> None:
        raise LeaseLostError("lost")

    with pytest.raises(LeaseLostError):
        build_customers("acme", shop.objects, check_held=check_held)
    assert shop.objects.head(customers_key("acme")) is None
