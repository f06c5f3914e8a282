"""Small inputs in the forms in which shops answer, each with the right answer beside it (shared/cases)."""

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path

import httpx
import pytest

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.platforms.configured import declare_platform
from platform_assets.products.product import LOWEST_PRICE, ProductSnapshot, SaleStatus
from tests.fakes.virtual_time import run_virtual
from tests.unit.products.shop import Bench
from tests.unit.products.test_configured import LD_SHOP
from tests.unit.resources.shops.test_http import ask

NOW = datetime(2026, 11, 20, tzinfo=UTC)
KURLY, MUSINSA, HWAHAE = (PLATFORMS[name] for name in ("kurly", "musinsa", "hwahae"))
PLAIN_LD_SHOP = LD_SHOP.replace("offers[0].", "offers.")


def read_ld(body: bytes, shop: str = PLAIN_LD_SHOP) -> ProductSnapshot:
    return declare_platform(shop.encode(), "shop.toml").read_product("a-1", body, NOW)


def test_a_banner_row_between_the_goods_is_odd_and_the_4_goods_are_listed(cases: Path):
    body = (cases / "01-list-with-a-banner-row" / "musinsa_list.json").read_bytes()
    page = MUSINSA.read_list(body, None)
    assert [each.product_id for each in page.products] == [
        "7000001",
        "7000002",
        "7000003",
        "7000004",
    ]
    assert len(page.odd) == 1
    assert "data.list[2].goodsName is missing" in page.odd[0]


def test_a_product_that_redirects_or_is_unavailable_costs_itself_of_its_batch(cases: Path):
    said = json.loads((cases / "02-one-product-that-redirects" / "answers.json").read_bytes())
    (odd,) = [key for key in said if key.isdigit()]
    for answer in (said[odd], said["variant"][odd]):
        error = asyncio.run(_fail(answer))
        bench = Bench(50)
        bench.source.fail(bench.ids[3:4], error)
        result = bench.scan()
        assert (result.reason, len(bench.snapshots())) == (None, 49)
        assert bench.failed() == [bench.ids[3]]
        run_virtual(bench.ascan())
        assert len(bench.snapshots()) == 49, "after a redrive, too"


async def _fail(answer: dict[str, object]) -> PermanentError:
    headers = {"location": str(answer["location"])} if "location" in answer else {}
    status = int(str(answer["status"]))
    with pytest.raises(PermanentError) as caught:
        await ask(
            lambda _: httpx.Response(status, headers=headers), MUSINSA.product_request("1003")
        )
    return caught.value


@pytest.mark.parametrize(
    ("file", "prices"), [("sales_price.html", (1780, 1510)), ("zero.html", (1780, 1780))]
)
def test_kurlys_price_is_the_one_that_is_paid(cases: Path, file: str, prices: tuple[int, int]):
    folder = cases / "07-kurly-price-where-the-page-says-otherwise"
    found = KURLY.read_product("5000001", (folder / file).read_bytes(), NOW)
    assert (found.original_price, found.discounted_price) == prices


@pytest.mark.parametrize(
    ("shop", "file", "kind"),
    [
        ("musinsa", "musinsa_internal.json", "shop_error"),
        ("musinsa", "musinsa_throttled.json", "throttled"),
        ("hwahae", "hwahae_5000.json", "shop_error"),
    ],
)
def test_an_error_with_status_200_and_null_is_tried_again_and_no_gone_product(
    cases: Path, shop: str, file: str, kind: str
):
    body = (cases / "08-error-envelope-with-null-data" / file).read_bytes()
    with pytest.raises(TransientError) as caught:
        PLATFORMS[shop].read_product("7000001", body, NOW)
    assert caught.value.kind == kind


def test_an_odd_optional_field_is_empty_and_counted_and_the_product_is_read(cases: Path):
    folder = cases / "10-odd-optional-field"
    kurly = KURLY.read_product("5000001", (folder / "kurly_9999plus.html").read_bytes(), NOW)
    assert (kurly.discounted_price, kurly.sale_status) == (1780, SaleStatus.ON_SALE)
    assert (kurly.review_count, kurly.notes) == (None, ("odd:review_count",))
    musinsa = MUSINSA.read_product("7000001", (folder / "musinsa_98.json").read_bytes(), NOW)
    assert (musinsa.discounted_price, musinsa.review_count) == (29_700, 1200)
    assert (musinsa.rating, musinsa.notes) == (None, ("odd:rating",))
    ld = read_ld((folder / "ld_brand.html").read_bytes())
    assert (ld.discounted_price, ld.brand, ld.notes) == (2879, None, ("odd:brand",))


@pytest.mark.parametrize("shop", [LD_SHOP, PLAIN_LD_SHOP], ids=["offers[0].price", "offers.price"])
@pytest.mark.parametrize(
    ("file", "cents", "notes"),
    [
        ("offers_list.html", 2879, ()),
        ("aggregate.html", 2879, (LOWEST_PRICE,)),
        ("price_spec.html", 2879, ()),
        ("us_dollar.html", 2879, ()),
        ("comma_decimal.html", 129_900, ()),
        ("trailing_comma.html", 2879, ()),
        ("euc_kr.html", 2879, ()),
    ],
)
def test_schema_org_is_read_in_the_forms_in_which_shops_write_it(
    cases: Path, shop: str, file: str, cents: int, notes: tuple[str, ...]
):
    body = (cases / "13-ld-json-as-shops-write-it" / file).read_bytes()
    found = read_ld(body, shop)
    assert (found.original_price, found.discounted_price) == (cents, cents)
    assert (found.brand, found.sale_status, found.notes) == ("b", SaleStatus.ON_SALE, notes)


def test_a_name_in_euc_kr_is_read_in_korean(cases: Path):
    body = (cases / "13-ld-json-as-shops-write-it" / "euc_kr.html").read_bytes()
    name = read_ld(body).name
    assert name is not None
    assert name.encode("cp949") in body


def test_which_of_two_products_is_the_pages_own_is_not_guessed(cases: Path):
    body = (cases / "13-ld-json-as-shops-write-it" / "related_first.html").read_bytes()
    with pytest.raises(PermanentError, match="2 Products of different prices") as caught:
        read_ld(body)
    assert caught.value.kind == "changed_structure"
