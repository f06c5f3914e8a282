"""What holds for any reply, driven by hypothesis: a reader answers, or raises an error of the platform's tree."""

import copy
from collections.abc import Callable
from contextlib import suppress
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_assets.core.errors import PlatformError
from platform_assets.products.platform import ShopPlatform
from platform_assets.products.platforms.configured import declare_platform
from platform_assets.products.product import SaleStatus
from tests.unit.products.payloads import DECLARED, NOW, PAYLOADS, SHOPS, to_json

Value = TypeVar("Value")
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers(-(10**20), 10**20)
    | st.just(10**400)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=8)
    | st.sampled_from(["", " ", "0", "-1", "1e999", "30,000원", "9" * 40, "\0", "ON_SALE"])
)
VALUES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=4), inner),
    max_leaves=6,
)
STARTS = st.sampled_from(
    [b"", b"{", b"[", b"<html>", b'<script id="__NEXT_DATA__">', b"\xef\xbb\xbf"]
)
HASTY = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def list_places(value: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    """Where a document can be changed: every key and list place of it."""
    if isinstance(value, dict):
        inner = value.items()
    elif isinstance(value, list):
        inner = enumerate(value)
    else:
        return [path]
    return [path, *(place for key, item in inner for place in list_places(item, (*path, key)))]


@st.composite
def mutated(draw: st.DrawFn, document: Any) -> Any:
    """A document with one to three of its places removed or replaced."""
    changed = copy.deepcopy(document)
    for _ in range(draw(st.integers(1, 3))):
        *above, last = draw(st.sampled_from([place for place in list_places(changed) if place]))
        holder = changed
        for key in above:
            holder = holder[key]
        if draw(st.booleans()):
            holder[last] = draw(VALUES)
        else:
            del holder[last]
        if not any(list_places(changed)):
            break
    return changed


def attempt(read: Callable[[], Value]) -> Value | PlatformError:
    """What came of it; any error outside the tree fails the test."""
    try:
        return read()
    except PlatformError as error:
        return error


def read_all(shop: ShopPlatform, product_id: str, body: bytes) -> None:
    """Reads a body as everything it could be."""
    readers: list[Callable[[], object]] = [
        lambda: shop.read_product(product_id, body, NOW),
        lambda: shop.read_list(body, None),
        lambda: shop.read_search(body, None),
    ]
    for read in readers:
        with suppress(PlatformError):
            read()


@pytest.mark.parametrize("name", sorted(SHOPS))
@HASTY
@given(data=st.data())
def test_arbitrary_bytes_raise_errors_of_the_tree_only(name: str, data: st.DataObject):
    body = data.draw(STARTS) + data.draw(st.binary(max_size=60))
    read_all(SHOPS[name], PAYLOADS[name].product_id, body)


@pytest.mark.parametrize("name", sorted(SHOPS))
@HASTY
@given(data=st.data())
def test_arbitrary_json_raises_errors_of_the_tree_only(name: str, data: st.DataObject):
    document = data.draw(VALUES)
    read_all(SHOPS[name], PAYLOADS[name].product_id, to_json(document))
    read_all(SHOPS[name], PAYLOADS[name].product_id, PAYLOADS[name].wrap(document))


@pytest.mark.parametrize("name", sorted(SHOPS))
@HASTY
@given(data=st.data())
def test_a_product_with_mutations_is_read_within_the_rules_or_refused(
    name: str, data: st.DataObject
):
    payloads = PAYLOADS[name]
    document = data.draw(st.sampled_from([payloads.on_sale, payloads.sold_out, payloads.off_sale]))
    body = payloads.wrap(data.draw(mutated(document)))
    found = attempt(lambda: SHOPS[name].read_product(payloads.product_id, body, NOW))
    if isinstance(found, PlatformError):
        assert found.kind in {"changed_structure", "no_price", "blocked", "shop_error"}
        return
    assert found.product_id == payloads.product_id
    assert found.sale_status is SaleStatus.NOT_FOUND or found.name or "odd:name" in found.notes
    if found.sale_status is SaleStatus.ON_SALE:
        assert found.original_price
        assert found.discounted_price
    if found.original_price is not None and found.discounted_price is not None:
        assert 0 < found.discounted_price <= found.original_price < 10**15
    assert found.rating is None or 0 < found.rating <= 5
    assert found.review_count is None or found.review_count >= 0


@pytest.mark.parametrize("name", sorted(SHOPS))
@HASTY
@given(data=st.data())
def test_a_list_with_mutations_has_good_ids_or_is_refused(name: str, data: st.DataObject):
    shop, payloads = SHOPS[name], PAYLOADS[name]
    body = to_json(data.draw(mutated(payloads.first_page)))
    with suppress(PlatformError):
        page = shop.read_list(body, None)
        assert all(shop.check_id(found.product_id) and found.name for found in page.products)
        assert page.products or page.next_cursor is None


@HASTY
@given(text=st.text(max_size=40), at=st.integers(0, len(DECLARED)), length=st.integers(0, 60))
def test_a_mutated_declaration_is_read_or_refused_with_its_mistakes(
    text: str, at: int, length: int
):
    content = DECLARED[:at] + text + DECLARED[at + length :]
    shop = attempt(lambda: declare_platform(content.encode("utf-8", "replace"), "shop.toml"))
    if isinstance(shop, PlatformError):
        assert shop.kind == "bad_platform"
        assert "\n- " in shop.message
        return
    read_all(shop, "7", to_json(PAYLOADS["default"].on_sale))
