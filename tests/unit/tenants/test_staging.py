"""A month in the staging database: one row per id whatever came first, exact sums, in order."""

import sqlite3
from itertools import permutations
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import RefusedError
from platform_assets.tenants.events import BadRecord, Event, bounds_of
from platform_assets.tenants.staging import Scratch, Staging, Totals

START = bounds_of("2024-02").start
END = bounds_of("2024-02").end
DAY = 86_400_000_000


def make_event(event_id: str, day: float = 1, **values: Any) -> Event:
    event = Event(event_id, "ann", START + int((day - 1) * DAY), "purchase", event_id, 1, 100, None)
    return event._replace(**values)


def settle(*events: Event, earlier: tuple[str, ...] = ()) -> Staging:
    staging = Staging()
    staging.add(events)
    staging.add_earlier(earlier)
    staging.settle()
    return staging


def read_events(staging: Staging) -> list[tuple[Any, ...]]:
    return [row for rows in staging.read_events(3) for row in rows]


def read_profiles(staging: Staging) -> dict[str, tuple[Any, ...]]:
    return {row[0]: row[1:] for rows in staging.read_profiles(END, 2) for row in rows}


def test_events_come_by_time_and_id_in_groups():
    staging = settle(make_event("b", 2), make_event("c", 1), make_event("a", 2), make_event("d", 1))
    assert [row[0] for row in read_events(staging)] == ["c", "d", "a", "b"]
    assert [len(rows) for rows in staging.read_events(3)] == [3, 1]


def test_of_one_id_the_newest_change_stays_whatever_came_first():
    versions = [
        make_event("a", 9),
        make_event("a", 2, updated_at=START, amount=300),
        make_event("a", 1, updated_at=START + 1, amount=200),
    ]
    for order in permutations(versions):
        staging = settle(*order)
        assert read_events(staging) == [tuple(versions[2])]
        assert (staging.added, staging.read_totals().events) == (3, 1)


@given(
    st.permutations(
        [
            make_event("a", day, amount=n, customer_id=c)
            for day in (1, 2)
            for n in (1, 2)
            for c in "xy"
        ]
    )
)
def test_without_a_change_time_the_later_event_stays_and_the_order_does_not_matter(
    versions: list[Event],
):
    assert read_events(settle(*versions)) == [tuple(make_event("a", 2, amount=2, customer_id="y"))]


def test_an_anonymous_event_counts_but_has_no_profile():
    staging = settle(make_event("a"), make_event("b", customer_id="", amount=50))
    assert read_events(staging)[1][1] is None
    assert set(read_profiles(staging)) == {"ann"}
    totals = staging.read_totals()
    assert (totals.events, totals.anonymous, totals.revenue) == (2, 1, 150)


def test_orders_are_distinct_ids_with_a_positive_quantity():
    staging = settle(
        make_event("a", order_id="o1", quantity=2),
        make_event("b", order_id="o1"),
        make_event("c", order_id="o2", quantity=-1, amount=-100),
        make_event("d", order_id="o3", quantity=0),
        make_event("e", order_id="o1", customer_id="bob"),
    )
    profiles = read_profiles(staging)
    assert profiles["ann"][:4] == (4, 1, 2, 200)
    assert profiles["bob"][:4] == (1, 1, 1, 100)
    totals = staging.read_totals()
    assert (totals.orders, totals.items) == (1, 3), "one order over two customers is one order"


@given(st.lists(st.integers(-(10**18) + 1, 10**18 - 1), max_size=40))
def test_sums_are_exact_beyond_64_bits(amounts: list[int]):
    staging = settle(*(make_event(str(n), amount=amount) for n, amount in enumerate(amounts)))
    assert staging.read_totals().revenue == sum(amounts)
    if amounts:
        assert read_profiles(staging)["ann"][3] == sum(amounts)


def test_a_profile_has_first_and_last_event_recency_and_whether_the_customer_returns():
    staging = settle(
        make_event("a", 1),
        make_event("b", 29.999),
        make_event("c", 28, customer_id="bob"),
        earlier=("bob", "bob", "eve"),
    )
    first, last = START, START + int(28.999 * DAY)
    assert read_profiles(staging)["ann"][4:] == (first, last, 0, False)
    at = START + 27 * DAY
    assert read_profiles(staging)["bob"][4:] == (at, at, 1, True)


def test_an_empty_month_adds_up_to_nothing():
    staging = settle()
    assert read_events(staging) == []
    assert staging.read_totals() == Totals(0, 0, 0, 0, 0, None, None)
    assert staging.count_bad() == 0


def test_bad_records_come_back_as_they_went_in():
    records = [BadRecord("kind", f"message {n}", '{"한": "\\\\udcff"}') for n in range(5)]
    staging = Staging()
    staging.add_bad(records)
    assert [len(found) for found in staging.read_bad(2)] == [2, 2, 1]
    assert [bad for found in staging.read_bad(2) for bad in found] == records
    assert staging.count_bad() == 5


def fill(scratch: Scratch) -> None:
    scratch.connection.execute("PRAGMA max_page_count = 3")
    rows = ((f"{n:0999}",) for n in range(50))
    scratch.connection.executemany("INSERT INTO t VALUES (?)", rows)


def test_a_full_disk_asks_for_a_person():
    with (
        pytest.raises(RefusedError, match="TMPDIR") as caught,
        Scratch("CREATE TABLE t (x);") as scratch,
    ):
        fill(scratch)
    assert caught.value.kind == "temporary_folder"


def test_any_other_error_is_a_defect_and_stays_what_it_is():
    with pytest.raises(sqlite3.OperationalError), Scratch("") as scratch:
        scratch.connection.execute("SELECT nothing")
