"""A row becomes an event or a reason, in exactly one month, whatever types the database gave."""

import json
import math
from datetime import UTC, date, datetime, timedelta, timezone
from decimal import ROUND_HALF_EVEN, Decimal, localcontext
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.months import add_months, list_months
from platform_assets.core.times import find_month, read_time
from platform_assets.tenants.events import (
    CANONICAL,
    BadEventError,
    Event,
    bounds_of,
    describe_bad,
    find_earlier_customer,
    read_event,
)
from platform_assets.tenants.values import count_microseconds, read_amount
from tests.fakes.event_source import make_row

MONTH = "2024-02"
NOON = count_microseconds(datetime(2024, 2, 10, 12))  # noqa: DTZ001 - wall time


def read(**values: Any) -> Event:
    event = read_event(make_row("e1", **values), MONTH)
    assert event is not None
    return event


def refuse(**values: Any) -> str:
    with pytest.raises(BadEventError) as caught:
        read_event({**make_row("e1"), **values}, MONTH)
    return caught.value.kind


def test_a_full_row_becomes_an_event():
    row = {
        "event_id": "e1",
        "customer_id": "ann",
        "event_at": "2024-02-10T12:00:00",
        "event_type": "refund",
        "order_id": "o1",
        "quantity": -2,
        "amount": "-58.90",
        "updated_at": "2024-02-10 12:00:00",
    }
    assert set(row) == set(CANONICAL)
    assert read_event(row, MONTH) == Event("e1", "ann", NOON, "refund", "o1", -2, -589000, NOON)


def test_what_is_not_given_has_a_default():
    event = read_event({"event_id": 7, "event_at": datetime(2024, 2, 10, 12)}, MONTH)  # noqa: DTZ001
    assert event == Event("7", "", NOON, "purchase", "7", 1, 0, None)
    assert (
        read_event(
            {
                "event_id": "7",
                "event_at": "2024-02-10 12:00",
                **dict.fromkeys(list(CANONICAL)[3:], ""),
            }
            | {"customer_id": " \t"},
            MONTH,
        )
        == event
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("58.9", 589000),
        (58.9, 589000),
        (0.1 + 0.2, 3000),
        (5, 50000),
        (Decimal("0.00005"), 0),
        (Decimal("0.00015"), 2),
        ("-0.00025", -2),
        (" 12.50 ", 125000),
        ("1e3", 10_000_000),
        (".5", 5000),
        (-0.0, 0),
        ("99999999999999.9999", 10**18 - 1),
        ("1e-400", 0),
    ],
)
def test_an_amount_is_exact_to_four_places_and_rounds_half_to_even(given: object, expected: int):
    assert read(amount=given).amount == expected


@pytest.mark.parametrize(
    "given",
    [
        math.nan,
        math.inf,
        -math.inf,
        Decimal("NaN"),
        Decimal("sNaN"),
        Decimal("Infinity"),
        "nan",
        "12,50",
        "1_000",
        "\uff11\uff12",
        "€5",
        b"5",
        True,
        10**14,
        "99999999999999.99995",
        1e300,
        Decimal("1e999999"),
        "9" * 41,
        datetime(2024, 2, 1, tzinfo=UTC),
    ],
)
def test_an_amount_that_is_no_finite_number_of_its_size_is_bad(given: object):
    assert refuse(amount=given) == "bad_amount"


@given(st.decimals(-(10**13), 10**13, places=6))
def test_an_amount_is_what_decimal_rounds_it_to(amount: Decimal):
    with localcontext() as context:
        context.prec = 60
        expected = amount.quantize(Decimal("0.0001"), ROUND_HALF_EVEN) * 10_000
    assert read_amount(amount) == read_amount(str(amount)) == int(expected)


@given(st.integers(-(10**9), 10**9))
def test_a_float_of_cents_is_exact(cents: int):
    assert read_amount(cents / 100) == cents * 100


@pytest.mark.parametrize("given", [3, 3.0, "3", "3.0", Decimal(3), Decimal("3.00")])
def test_a_quantity_is_whole_however_it_is_written(given: object):
    assert read(quantity=given).quantity == 3


@pytest.mark.parametrize(
    "given", [2.5, "three", "2.5", math.nan, 10**9, -(10**30), 2**63 - 1, "1e200", b"3", False]
)
def test_a_quantity_that_is_a_fraction_or_no_number_or_huge_is_bad(given: object):
    assert refuse(quantity=given) == "bad_quantity"


@pytest.mark.parametrize("given", [None, "", "   "])
def test_an_event_needs_an_id(given: object):
    assert refuse(event_id=given) == "missing_event_id"


@pytest.mark.parametrize(
    ("name", "length"),
    [("event_id", 200), ("customer_id", 200), ("order_id", 200), ("event_type", 100)],
)
def test_a_text_that_is_too_long_or_holds_bytes_is_bad(name: str, length: int):
    assert refuse(**{name: "x" * (length + 1)}) == "too_long"
    assert refuse(**{name: b"bytes"}) == "bad_text"
    assert refuse(**{name: memoryview(b"bytes")}) == "bad_text"
    assert refuse(**{name: "\udcff half a pair"}) == "bad_text"
    assert refuse(**{name: True}) == "bad_text"
    assert (
        getattr(read_event({**make_row("e1"), name: "한" * length}, MONTH), name) == "한" * length
    )


def test_ids_of_other_types_are_written_as_text():
    uuid = UUID(int=5)
    assert read(customer_id=14075.0).customer_id == "14075.0"
    assert read(customer_id=2**63).customer_id == str(2**63)
    assert read(customer_id=Decimal("1E+2")).customer_id == "100"
    assert read(customer_id=uuid).customer_id == str(uuid)
    assert refuse(customer_id=Decimal("1E+500")) == "too_long"


@pytest.mark.parametrize(
    "given",
    [
        "2024-02-30",
        "2024-02-32 10:00:00",
        "2024-02-10 25:00",
        "2024-02-10 12:00:00 CET",
        "10/02/2024",
        "24.02.10",
        "2024-W06-1",
        None,
        "",
        "garbage",
        20240231,
        1.5,
        b"2024-02-10",
        "infinity",
        "\udcff",
    ],
)
def test_a_time_that_is_none_is_bad(given: object):
    assert refuse(event_at=given) == "bad_event_at"


@pytest.mark.parametrize("given", [datetime(2024, 3, 1), date(2024, 1, 31), datetime(9999, 12, 31)])  # noqa: DTZ001
def test_a_native_time_of_another_month_is_outside(given: object):
    assert refuse(event_at=given) == "outside_month"


@pytest.mark.parametrize(
    "given", ["20240210", "2024-2-10", "2024/02/10", "2024. 2. 10.", 20240210, 1_707_523_200]
)
def test_a_time_is_taken_by_the_month_of_its_value_however_it_sorts(given: object):
    row = make_row("e1", event_at=given)
    assert read_event(row, MONTH) is not None
    assert read_event(row, "2024-12") is None
    assert read_event(row, "2024-09") is None


def test_a_broken_time_is_refused_by_the_month_that_it_is_written_as_of_and_by_no_other():
    row = make_row("e1", event_at="2024.02.31 10:00")
    assert refuse(event_at="2024.02.31 10:00") == "bad_event_at"
    assert read_event(row, "2024-12") is None


def test_a_time_with_a_zone_counts_in_the_platforms_zone():
    edge = make_row("e1", event_at="2024-01-31T20:00:00+00:00")
    event = read_event(edge, MONTH)
    assert event is not None
    assert event.event_at == count_microseconds(datetime(2024, 2, 1, 5))  # noqa: DTZ001
    assert read_event(edge, "2024-01") is None
    aware = datetime(2024, 2, 29, 15, 0, tzinfo=UTC)
    assert refuse(event_at=aware) == "outside_month"
    assert read(event_at=aware - timedelta(seconds=1)).event_at == bounds_of(MONTH).end - 10**6
    assert (
        refuse(event_at=datetime.max.replace(tzinfo=timezone(timedelta(hours=-5))))
        == "bad_event_at"
    )


@given(
    st.datetimes(datetime(2023, 11, 1), datetime(2024, 4, 30)),  # noqa: DTZ001
    st.one_of(st.none(), st.integers(-12 * 60, 14 * 60)),
    st.sampled_from([" ", "T"]),
)
def test_every_time_is_written_as_of_its_month_or_of_one_beside_it(
    wall: datetime, minutes: int | None, between: str
):
    zone = None if minutes is None else timezone(timedelta(minutes=minutes))
    text = wall.replace(tzinfo=zone).isoformat(between)
    months = list_months("2023-09", "2024-06")
    taking = [m for m in months if read_event(make_row("e1", event_at=text), m) is not None]
    moment, written = read_time(text), find_month(text)
    assert moment is not None
    assert written is not None
    assert taking == [f"{moment:%Y-%m}"]
    beside = (-1, 0, 1) if zone else (0,)
    assert taking[0] in {add_months(written, count) for count in beside}


def test_a_bad_change_time_is_bad():
    assert refuse(updated_at="yesterday") == "bad_updated_at"
    assert refuse(updated_at="infinity") == "bad_updated_at"
    assert read(updated_at=None).updated_at is None


def test_rows_before_the_month_name_returning_customers():
    early = make_row("e1", event_at="2024-01-31T10:00:00+00:00")
    assert find_earlier_customer(early, MONTH) == "ann"
    assert find_earlier_customer({**early, "customer_id": None}, MONTH) is None
    assert find_earlier_customer({**early, "customer_id": b"x"}, MONTH) is None
    assert (
        find_earlier_customer(make_row("e1", event_at="2024-02-01T00:00:00+09:00"), MONTH) is None
    )
    assert find_earlier_customer(make_row("e1", event_at="2024-01-99"), MONTH) is None


def test_a_dead_letter_shows_the_row_as_json_that_any_database_stores():
    row = {
        "event_id": "\udcffx",
        "customer_id": b"\x00\xff",
        "amount": math.nan,
        "order_id": "한" * 1500,
    }
    record = describe_bad(row, BadEventError("bad_text", "why"))
    assert (record.kind, record.message) == ("bad_text", "why")
    shown = json.loads(record.record)
    assert shown["event_id"] == "\udcffx"
    assert shown["customer_id"] == "bytes 00ff"
    assert shown["order_id"] == "한" * 1000 + "... (1500 characters)"
    record.record.encode()


@given(st.sampled_from(list_months("1000-02", "1000-12") + list_months("2960-01", "2999-12")))
def test_bounds_of_neighbours_meet(month: str):
    if month != "2999-12":
        assert bounds_of(month).end == bounds_of(add_months(month, 1)).start
