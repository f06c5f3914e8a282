"""Every platform against every case. A platform without payloads, or without one of the cases, fails here."""

import copy
import json
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.products.platform import ShopPlatform, WorkerKind, not_found_snapshot
from platform_assets.products.product import ProductSnapshot, SaleStatus
from tests.unit.products.payloads import (
    BLOCK_PAGES,
    BRAND,
    DISCOUNTED,
    KEYWORD,
    NAME,
    NOW,
    ORIGINAL,
    PAYLOADS,
    SHOPS,
    Payloads,
    to_json,
)

Case = tuple[ShopPlatform, Payloads]


@pytest.fixture(params=sorted(SHOPS))
def case(request: pytest.FixtureRequest) -> Case:
    assert request.param in PAYLOADS, f"add payloads of {request.param} to payloads.py"
    return SHOPS[request.param], PAYLOADS[request.param]


def read(case: Case, document: object) -> ProductSnapshot:
    shop, payloads = case
    return shop.read_product(payloads.product_id, payloads.wrap(document), NOW)


def refuse(case: Case, document: object) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        read(case, document)
    assert caught.value.message.startswith(f"{case[0].name} product {case[1].product_id}: ")
    return caught.value


def test_payloads_are_of_platforms_that_there_are():
    assert set(PAYLOADS) == set(SHOPS)


def test_a_product_on_sale_is_read_whole_and_its_promotional_prefix_stays(case: Case):
    shop, payloads = case
    rating, reviews = payloads.has_rating
    assert read(case, payloads.on_sale) == ProductSnapshot(
        platform=shop.name,
        product_id=payloads.product_id,
        name=NAME,
        brand=BRAND,
        original_price=ORIGINAL,
        discounted_price=DISCOUNTED,
        currency="KRW",
        sale_status=SaleStatus.ON_SALE,
        rating=rating,
        review_count=reviews,
        url=shop.product_url(payloads.product_id),
        scanned_at=NOW,
    )


def test_a_sold_out_product_keeps_its_prices(case: Case):
    found = read(case, case[1].sold_out)
    assert (found.sale_status, found.name) == (SaleStatus.SOLD_OUT, NAME)
    assert (found.original_price, found.discounted_price) == (ORIGINAL, DISCOUNTED)


def test_a_product_off_sale_may_have_no_price(case: Case):
    found = read(case, case[1].off_sale)
    assert (found.sale_status, found.name) == (SaleStatus.OFF_SALE, NAME)
    assert (found.original_price, found.discounted_price) == (None, None)


def test_a_gone_product_is_not_found(case: Case):
    shop, payloads = case
    found = read(case, payloads.gone)
    assert found == not_found_snapshot(shop, payloads.product_id, NOW)
    assert (found.sale_status, found.name, found.original_price) == ("not_found", None, None)


def test_a_product_on_sale_without_a_price_is_an_error(case: Case):
    assert refuse(case, case[1].no_price).kind == "no_price"


def test_a_discounted_price_above_the_original_is_a_changed_structure(case: Case):
    error = refuse(case, case[1].too_dear)
    assert error.kind == "changed_structure"
    assert "30001 is above the original price 30000" in error.message


def test_a_missing_field_is_named_by_its_path(case: Case):
    document, said = case[1].changed
    error = refuse(case, document)
    assert error.kind == "changed_structure"
    assert said in error.message


def test_a_reply_about_another_product_is_a_changed_structure(case: Case):
    shop, payloads = case
    with pytest.raises(PermanentError, match="which was asked for") as caught:
        shop.read_product(payloads.other_id, payloads.wrap(payloads.on_sale), NOW)
    assert caught.value.kind == "changed_structure"


@pytest.mark.parametrize("page", BLOCK_PAGES)
def test_a_block_page_is_told_from_a_changed_structure(case: Case, page: str):
    shop, payloads = case
    body = BLOCK_PAGES[page]
    for read_page in (
        lambda: shop.read_product(payloads.product_id, body, NOW),
        lambda: shop.read_list(body, None),
        lambda: shop.read_search(body, None),
    ):
        with pytest.raises(PermanentError, match="instead of content") as caught:
            read_page()
        assert caught.value.kind == "blocked"


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{}", b'"x"', b"{", b"\xff", b"[" * 9000, b"9" * 5000]
)
def test_a_reply_without_structure_is_a_changed_structure(case: Case, body: bytes):
    shop, payloads = case
    for read_page in (
        lambda: shop.read_product(payloads.product_id, body, NOW),
        lambda: shop.read_list(body, None),
        lambda: shop.read_search(body, None),
    ):
        with pytest.raises(PermanentError) as caught:
            read_page()
        assert caught.value.kind == "changed_structure"


def test_a_list_has_each_product_once_and_names_the_next_page(case: Case):
    shop, payloads = case
    page = shop.read_list(to_json(payloads.first_page), None)
    assert [found.product_id for found in page.products] == [payloads.product_id, payloads.other_id]
    assert page.products[0].name == NAME
    assert page.products[0].url == shop.product_url(payloads.product_id)
    assert page.next_cursor == payloads.next_cursor
    assert shop.list_request(page.next_cursor) != shop.list_request(None)


def find_rows(document: Any, product_id: str) -> list[Any]:
    """The list of a document that has the rows of products."""
    waiting = [document]
    while waiting:
        value = waiting.pop(0)
        if isinstance(value, list) and any(is_row(row, product_id) for row in value):
            return value
        waiting += value if isinstance(value, list) else []
        waiting += list(value.values()) if isinstance(value, dict) else []
    raise AssertionError(f"no rows with {product_id}")


def is_row(value: Any, product_id: str) -> bool:
    """Whether a value has the id and no list in it."""
    named = product_id in json.dumps(value)
    return named and not any(isinstance(each, list) for each in walk(value))


def walk(value: Any) -> Iterator[Any]:
    yield value
    inner = value.values() if isinstance(value, dict) else value if isinstance(value, list) else ()
    for each in inner:
        yield from walk(each)


def make_nameless(row: Any) -> Any:
    """A row without the fields that are texts in Korean: what is left of a banner."""
    if isinstance(row, dict):
        return {key: make_nameless(value) for key, value in row.items() if value != NAME}
    return row


def make_odd_id(row: Any, ids: Sequence[str]) -> Any:
    """A row, or a whole list, whose ids are none."""
    if isinstance(row, dict):
        return {key: make_odd_id(value, ids) for key, value in row.items()}
    if isinstance(row, list):
        return [make_odd_id(value, ids) for value in row]
    return "banner 7" if str(row) in ids else row


@pytest.mark.parametrize("kind", ["nameless", "odd id", "another shape"])
def test_an_odd_row_of_a_list_costs_itself_and_is_told(case: Case, kind: str):
    shop, payloads = case
    document = copy.deepcopy(payloads.last_page)
    rows = find_rows(document, payloads.product_id)
    good = next(row for row in rows if is_row(row, payloads.product_id))
    odd = {
        "nameless": make_nameless(good),
        "odd id": make_odd_id(good, [payloads.product_id]),
        "another shape": ["advertisement"],
    }[kind]
    rows.insert(rows.index(good) + 1, odd)
    page = shop.read_list(to_json(document), None)
    assert [found.product_id for found in page.products] == [payloads.product_id, payloads.other_id]
    assert len(page.odd) == 1
    assert page.odd[0].startswith(f"{shop.name} list: ")


def test_a_list_of_odd_rows_alone_is_a_changed_structure(case: Case):
    shop, payloads = case
    document = make_odd_id(payloads.last_page, [payloads.product_id, payloads.other_id])
    with pytest.raises(PermanentError) as caught:
        shop.read_list(to_json(document), None)
    assert caught.value.kind == "changed_structure"


def test_an_odd_name_is_empty_and_noted(case: Case):
    def spoil(value: Any) -> Any:
        if isinstance(value, dict):
            return {key: spoil(inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [spoil(inner) for inner in value]
        return 7 if value == NAME else value

    found = read(case, spoil(case[1].on_sale))
    assert (found.name, found.notes) == (None, ("odd:name",))
    assert (found.original_price, found.discounted_price) == (ORIGINAL, DISCOUNTED)


def test_the_last_page_of_a_list_has_no_next_one(case: Case):
    shop, payloads = case
    page = shop.read_list(to_json(payloads.last_page), None)
    assert (len(page.products), page.next_cursor) == (2, None)


def test_a_search_finds_products_and_finding_none_is_no_error(case: Case):
    shop, payloads = case
    page = shop.read_search(to_json(payloads.found), None)
    assert [found.product_id for found in page.products] == [payloads.product_id, payloads.other_id]
    nothing = shop.read_search(to_json(payloads.nothing_found), None)
    assert (nothing.products, nothing.next_cursor) == ((), None)


def test_a_keyword_reaches_the_shop_as_it_is(case: Case):
    request = case[0].search_request(KEYWORD, None)
    query = parse_qs(urlsplit(request.path).query)
    assert [KEYWORD] in query.values() or (
        request.body is not None and request.body["variables"]["input"]["q"] == KEYWORD
    )


def test_requests_go_to_hosts_of_the_platform_and_browsers_only_get(case: Case):
    shop, payloads = case
    for request in (
        shop.list_request(None),
        shop.search_request(KEYWORD, None),
        shop.product_request(payloads.product_id),
    ):
        assert shop.hosts[request.host].startswith("https://")
        assert request.path.startswith("/")
        assert request.path.isascii()
        if shop.kind is WorkerKind.BROWSER:
            assert (request.method, request.body) == ("GET", None)
        else:
            assert request.capture is None


def test_an_id_that_the_shop_cannot_have_given_never_becomes_a_request(case: Case):
    shop, payloads = case
    assert shop.check_id(payloads.product_id) == payloads.product_id
    for use in (shop.check_id, shop.product_request, shop.product_url):
        with pytest.raises(PermanentError) as caught:
            use(payloads.bad_id)
        assert caught.value.kind == "bad_product_id"
