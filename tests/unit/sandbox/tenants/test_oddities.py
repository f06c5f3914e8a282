from decimal import Decimal

import pytest

from sandbox.tenants.events import Event
from sandbox.tenants.oddities import TYPED, Odd, OddKind, make_odd
from tests.unit.sandbox.tenants.recount import is_time

EVENT = Event("E1", "C1", "2024-01-15 10:00:00", "purchase", "O1", 2, "12.50", None)
DRAWN = range(0, 4000, 37)
BROKEN = tuple(kind for kind in OddKind if make_odd(kind, EVENT, 0).units is None)


def make(kind: OddKind, drawn: int = 0) -> Odd:
    return make_odd(kind, EVENT, drawn)


def test_five_kinds_break_a_rule_and_five_are_good():
    assert {"null_id", "blank_id", "no_such_day"} < {*BROKEN}
    assert len(BROKEN) == 5
    assert len(OddKind) == 10


@pytest.mark.parametrize("kind", BROKEN)
@pytest.mark.parametrize("drawn", DRAWN[:20])
def test_a_broken_row_comes_once_and_differs_in_one_value(kind: OddKind, drawn: int):
    (row,) = make(kind, drawn).rows
    assert sum(ours != theirs for ours, theirs in zip(row, EVENT, strict=True)) == 1


@pytest.mark.parametrize("kind", [OddKind.NO_SUCH_DAY, OddKind.UNPADDED_DATE])
@pytest.mark.parametrize("month", range(1, 13))
def test_an_odd_date_is_a_time_in_every_month_or_in_none(kind: OddKind, month: int):
    event = EVENT._replace(event_at=f"2024-{month:02}-15 10:00:00")
    times = {make_odd(kind, event, drawn).rows[0].event_at for drawn in DRAWN}
    assert {is_time(time) for time in times} == {kind is OddKind.UNPADDED_DATE}
    assert all(time.endswith(" 10:00:00") for time in times)


def test_a_cancellation_takes_back_pieces_and_money():
    odd = make(OddKind.CANCELLED)
    assert odd.rows == (EVENT._replace(event_type="cancellation", quantity=-2, amount="-12.50"),)
    assert odd.units == -125_000


def test_an_anonymous_event_counts_as_it_is():
    odd = make(OddKind.ANONYMOUS)
    assert odd == Odd((EVENT._replace(customer_id=None),), 125_000)


def test_copies_are_the_same_row_two_or_three_times():
    assert {make(OddKind.COPIED, drawn) for drawn in DRAWN} == {
        Odd((EVENT,) * 2, 125_000),
        Odd((EVENT,) * 3, 125_000),
    }


@pytest.mark.parametrize("drawn", DRAWN)
def test_of_restated_rows_the_newest_has_the_amount_that_counts(drawn: int):
    odd = make(OddKind.RESTATED, drawn)
    newest = sorted(odd.rows, key=lambda row: row.updated_at or "")
    times = [row.updated_at for row in newest]
    assert times[0] is None
    assert None not in times[1:]
    assert len({*times}) == len(times)
    assert odd.units == int(Decimal(newest[-1].amount) * 10_000) > 125_000
    assert {(row.event_id, row.event_at) for row in odd.rows} == {("E1", EVENT.event_at)}


def test_the_newest_version_comes_first_or_last():
    firsts = [make(OddKind.RESTATED, drawn).rows[0].updated_at is None for drawn in DRAWN]
    assert {*firsts} == {True, False}


def test_a_typed_table_is_spared_what_it_cannot_hold():
    assert {*OddKind} - {*TYPED} == {"no_such_day", "unpadded_date", "word_quantity"}
