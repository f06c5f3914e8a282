"""What counts as a change between two looks at a product, and what does not."""

from datetime import timedelta
from typing import Any

import pytest

from platform_assets.products.changes import Change, ChangeKind, compare
from platform_assets.products.product import SaleStatus
from tests.fakes.clock import START
from tests.unit.products.shop import NAME, make_gone, make_snapshot

LATER = START + timedelta(days=1)


def described(changes: list[Change]) -> list[tuple[str, str, str | None, str | None]]:
    return [(each.kind.value, each.field, each.before, each.after) for each in changes]


@pytest.mark.parametrize(
    ("before", "now", "expected"),
    [
        ({"original_price": 100}, {"original_price": 90}, ("price", "original_price", "100", "90")),
        (
            {"discounted_price": None},
            {"discounted_price": 5},
            ("price", "discounted_price", None, "5"),
        ),
        (
            {"original_price": 100},
            {"original_price": None},
            ("price", "original_price", "100", None),
        ),
        (
            {},
            {"sale_status": SaleStatus.SOLD_OUT},
            ("sale_status", "sale_status", "on_sale", "sold_out"),
        ),
        (
            {"sale_status": SaleStatus.SOLD_OUT},
            {"sale_status": SaleStatus.OFF_SALE},
            ("sale_status", "sale_status", "sold_out", "off_sale"),
        ),
        (
            {"name": "슬리퍼"},
            {"name": "[특가] 슬리퍼"},
            ("name", "name", "슬리퍼", "[특가] 슬리퍼"),
        ),
    ],
)
def test_one_difference_is_one_change(
    before: dict[str, Any], now: dict[str, Any], expected: tuple[str, str, str | None, str | None]
):
    changes = compare(make_snapshot(**before), make_snapshot(at=LATER, **now))
    assert described(changes) == [expected]
    (change,) = changes
    assert (change.platform, change.product_id) == (NAME, "1")
    assert (change.previous_at, change.scanned_at) == (START, LATER)


def test_several_differences_are_told_one_by_one():
    now = make_snapshot(
        at=LATER,
        name="other",
        original_price=9_000,
        discounted_price=8_000,
        sale_status=SaleStatus.SOLD_OUT,
    )
    assert [each.field for each in compare(make_snapshot(), now)] == [
        "original_price",
        "discounted_price",
        "sale_status",
        "name",
    ]


@pytest.mark.parametrize(
    "now",
    [
        {},
        {"rating": 1.0},
        {"review_count": 999},
        {"brand": "other"},
        {"url": "http://127.0.0.1/elsewhere"},
    ],
)
def test_what_is_not_compared_is_no_change(now: dict[str, Any]):
    assert compare(make_snapshot(), make_snapshot(at=LATER, **now)) == []


@pytest.mark.parametrize("status", [s for s in SaleStatus if s is not SaleStatus.NOT_FOUND])
def test_a_product_that_is_seen_first_is_new_whatever_its_status(status: SaleStatus):
    (change,) = compare(None, make_snapshot(sale_status=status))
    assert change.kind is ChangeKind.NEW
    assert (change.field, change.before, change.after, change.previous_at) == ("", None, None, None)


def test_a_product_that_was_never_seen_and_is_not_found_is_no_news():
    assert compare(None, make_gone()) == []


def test_a_product_that_is_not_found_any_more_is_gone_and_nothing_else():
    assert described(compare(make_snapshot(), make_gone(at=LATER))) == [("gone", "", None, None)]


def test_a_product_that_is_found_again_is_back_and_nothing_else():
    now = make_snapshot(at=LATER, original_price=1, discounted_price=1)
    assert described(compare(make_gone(), now)) == [("back", "", None, None)]


def test_a_product_that_stays_away_is_no_news():
    assert compare(make_gone(), make_gone(at=LATER)) == []
