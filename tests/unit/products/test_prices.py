from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.products.json_reading import Node
from platform_assets.products.platform import Goods, ShopPlatform
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.prices import read_price
from platform_assets.products.product import SaleStatus

NOW = datetime(2026, 11, 20, tzinfo=UTC)


def read(value: Any, decimals: int = 0) -> int:
    return read_price(Node(value, "price", "shop product 7"), decimals)


@pytest.mark.parametrize(
    ("value", "decimals", "price"),
    [
        (30000, 0, 30000),
        (30000.0, 0, 30000),
        ("30,000원", 0, 30000),
        ("₩ 30,000", 0, 30000),
        ("30000", 0, 30000),
        ("1,234,567 원", 0, 1234567),
        (0, 0, 0),
        ("$12.50", 2, 1250),
        (12.5, 2, 1250),
        (19.99, 2, 1999),
        ("12", 2, 1200),
        (1.15, 2, 115),
    ],
)
def test_a_price_is_read_exactly(value: Any, decimals: int, price: int):
    assert read(value, decimals) == price


@pytest.mark.parametrize(
    "value",
    [
        "30,000원 ~ 40,000원",
        "30,00원",
        "3만원",
        "",
        "free",
        "-100",
        -100,
        True,
        None,
        [],
        12.5,
        "12.50",
        10**15,
        "\uff11\uff12",
    ],
)
def test_what_is_not_one_whole_price_is_refused(value: Any):
    with pytest.raises(PermanentError, match="shop product 7: price is .*, expected") as caught:
        read(value)
    assert caught.value.kind == "changed_structure"


@given(price=st.integers(0, 10**15 - 1))
def test_every_way_of_writing_a_price_gives_the_same_number(price: int):
    assert read(price) == read(str(price)) == read(f"{price:,}원") == read(f"₩{price:,}") == price


@given(cents=st.integers(0, 10**10))
def test_cents_are_not_lost_to_floats(cents: int):
    assert read(cents / 100, 2) == read(f"{cents // 100}.{cents % 100:02}", 2) == cents


def settle(
    original: int | None, discounted: int | None, status: SaleStatus = SaleStatus.ON_SALE
) -> tuple[int | None, int | None]:
    shop: ShopPlatform = PLATFORMS["hwahae"]
    found = shop.snapshot("7", Goods("name", status, original, discounted), NOW)
    return found.original_price, found.discounted_price


def test_a_missing_price_is_the_other_one():
    assert settle(300, None) == (300, 300)
    assert settle(None, 240) == (240, 240)
    assert settle(0, 240) == (240, 240)


@pytest.mark.parametrize("prices", [(None, None), (300, 0), (0, None), (0, 0), (None, 0)])
def test_0_is_no_price(prices: tuple[int | None, int | None]):
    with pytest.raises(PermanentError, match="hwahae product 7: it is on sale, but") as caught:
        settle(*prices)
    assert caught.value.kind == "no_price"


@pytest.mark.parametrize("status", [SaleStatus.SOLD_OUT, SaleStatus.OFF_SALE])
def test_what_cannot_be_bought_needs_no_price(status: SaleStatus):
    assert settle(None, None, status) == settle(0, 0, status) == (None, None)
    assert settle(300, 240, status) == (300, 240)


@pytest.mark.parametrize("zone", [None, timezone(timedelta(hours=9))])
def test_a_snapshot_is_stamped_in_utc_only(zone: timezone | None):
    goods = Goods("name", SaleStatus.ON_SALE, 300, 240)
    with pytest.raises(ValueError, match="must be aware and UTC"):
        PLATFORMS["hwahae"].snapshot("7", goods, NOW.replace(tzinfo=zone))


@pytest.mark.parametrize(
    ("value", "cents"),
    [
        ("US $28.79", 2879),
        ("US$28.79", 2879),
        ("USD 28.79", 2879),
        ("$1,299.00", 129_900),
        ("1.299,00", 129_900),
        ("28,79", 2879),
        ("1.299.000", 129_900_000),
        ("1 299,00", 129_900),
        ("1,299", 129_900),
    ],
)
def test_a_price_in_dollars_is_read_where_its_text_means_one_thing(value: str, cents: int):
    assert read_price(Node(value, "price", "shop product 7"), 2, "USD") == cents


@pytest.mark.parametrize(
    "value", ["1.299", "£28.79", "28.79 €", "€ 28.79 USD", "12.99 - 15.99", "1,29,9", "28.7.9"]
)
def test_a_price_of_two_meanings_or_in_another_currency_is_refused(value: str):
    with pytest.raises(PermanentError) as caught:
        read_price(Node(value, "price", "shop product 7"), 2, "USD")
    assert caught.value.kind == "changed_structure"
