from collections import Counter
from itertools import pairwise

from sandbox.shops.generated import GeneratedCatalogue, Numbering
from sandbox.shops.goods import Sale, find_changes
from sandbox.shops.wires import WIRES


def make(seed: int = 1, shop: str = "musinsa", products: int = 1000) -> GeneratedCatalogue:
    return GeneratedCatalogue(shop, Numbering(1000, 97), products, seed)


def test_the_same_seed_makes_the_same_days_in_any_order():
    one, other = make(), make()
    late = other.on(5)
    assert [one.on(day) for day in range(6)] == [other.on(day) for day in range(6)]
    assert one.on(5) == late


def test_another_seed_or_shop_has_other_products():
    assert make().on(0) != make(seed=2).on(0)
    assert make().on(0) != make(shop="hwahae").on(0)


def test_no_id_is_given_twice():
    numbers = [product.number for product in make().on(6)]
    assert len(set(numbers)) == len(numbers)


def test_prices_are_possible_ones():
    for product in make().on(6):
        if product.sale in {Sale.ON_SALE, Sale.SOLD_OUT}:
            assert product.original
            assert product.discounted
            assert 0 < product.discounted <= product.original
            assert product.original % 10 == product.discounted % 10 == 0


def test_days_bring_every_kind_of_change():
    wire, catalogue = WIRES["musinsa"], make()
    days = [
        {str(product.number): wire.expect(product) for product in catalogue.on(day)}
        for day in range(7)
    ]
    kinds = Counter(
        change["kind"] for before, now in pairwise(days) for change in find_changes(before, now)
    )
    assert set(kinds) == {"price", "sale_status", "name", "new", "gone", "back"}
    assert kinds["new"] == 6 * 10


def test_a_day_changes_a_small_part():
    before, now = make().on(3), make().on(4)
    same = sum(
        (old.original, old.discounted, old.name, old.sale)
        == (new.original, new.discounted, new.name, new.sale)
        for old, new in zip(before, now, strict=False)
    )
    assert 0.8 < same / len(before) < 0.98
