"""The readers on what the shops really sent, and on real rows put into the shape of their pages."""

import csv
import gzip
import io
import json
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

import pytest

from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.product import ListPage, ProductSnapshot, SaleStatus
from tests.real_data.conftest import ROOT, find_data

NOW = datetime(2026, 11, 20, tzinfo=UTC)


@pytest.fixture(scope="module")
def products_data(give_up: Callable[[str], NoReturn]) -> Path:
    """The folder of real products."""
    data = find_data()
    if data is None or not (data / "products" / "zigzag").is_dir():
        give_up(
            f"no real products beside {ROOT}: looked for shared/data/products in the folders above it; "
            "SLUICE_TEST_DATA names another place"
        )
    return data / "products"


def read_rows(path: Path) -> list[dict[str, str]]:
    content = path.read_bytes()
    text = gzip.decompress(content) if path.suffix == ".gz" else content
    return list(csv.DictReader(io.StringIO(text.decode("utf-8-sig"))))


def read(platform: str, product_id: str, document: Any) -> ProductSnapshot:
    body = document if isinstance(document, bytes) else json.dumps(document).encode()
    return PLATFORMS[platform].read_product(product_id, body, NOW)


@pytest.mark.parametrize(
    ("case", "product_id", "brand", "prices", "status"),
    [
        (1, "117931583", "달바", (59_800, 44_850), SaleStatus.ON_SALE),
        (2, "116580170", "넘버즈인", (30_000, 27_000), SaleStatus.SOLD_OUT),
        (3, "155514630", "이니스프리", (57_000, 34_200), SaleStatus.ON_SALE),
    ],
    ids=["coupon price", "sold out", "the shop's own pick"],
)
def test_each_real_zigzag_product_is_read(
    products_data: Path,
    case: int,
    product_id: str,
    brand: str,
    prices: tuple[int, int],
    status: SaleStatus,
):
    body = (products_data / "zigzag" / f"zigzag_case{case}.json").read_bytes()
    found = read("zigzag", product_id, body)
    assert (found.original_price, found.discounted_price) == prices
    assert (found.brand, found.sale_status, found.rating) == (brand, status, None)
    assert found.name == json.loads(body)["data"]["pdp_option_info"]["catalog_product"]["name"]


def test_promotional_prefixes_of_real_names_stay(products_data: Path):
    body = (products_data / "zigzag" / "zigzag_case3.json").read_bytes()
    name = read("zigzag", "155514630", body).name
    assert name is not None
    assert name.startswith("[직잭픽/속광홈케어] ")


def test_of_a_real_zigzag_search_the_50_goods_are_found_and_the_8_other_cards_are_not(
    products_data: Path,
):
    body = gzip.decompress((products_data / "zigzag" / "search_result_page.json.gz").read_bytes())
    result = json.loads(body)["data"]["search_result"]
    page = PLATFORMS["zigzag"].read_search(body, None)
    assert (len(result["ui_item_list"]), len(page.products)) == (58, 50)
    cards = [card for card in result["ui_item_list"] if card.get("catalog_product_id")]
    assert [found.product_id for found in page.products] == [
        card["catalog_product_id"] for card in cards
    ]
    assert [found.name for found in page.products] == [card["title"].strip() for card in cards]
    assert page.next_cursor == result["end_cursor"]
    request = PLATFORMS["zigzag"].search_request("수분크림", page.next_cursor)
    assert request.body is not None
    assert request.body["variables"]["input"]["after"] == result["end_cursor"]


def test_a_real_oliveyoung_search_is_read_and_its_goods_are_read_as_products(products_data: Path):
    path = products_data / "oliveyoung" / "unified_search_api_response.json"
    response = json.loads(path.read_bytes())["response"]
    page = PLATFORMS["oliveyoung"].read_search(json.dumps(response).encode(), None)
    goods = response["data"]["oliveGoods"]["data"]
    assert [found.product_id for found in page.products] == [item["goodsNumber"] for item in goods]
    assert page.products[0].name.startswith("[더블기획/1+1] 토리든")
    assert page.products[0].url.endswith("/m/goods/getGoodsDetail.do?goodsNo=A000000165598")
    assert page.next_cursor is None
    snapshots = [read("oliveyoung", item["goodsNumber"], {"data": item}) for item in goods]
    assert [(item.original_price, item.discounted_price) for item in snapshots] == [
        (42_000, 27_930),
        (24_000, 17_100),
        (24_000, 17_100),
    ]
    assert [item.review_count for item in snapshots] == [11_777, 13_102, 7_353]
    assert {item.sale_status for item in snapshots} == {SaleStatus.ON_SALE}


def test_real_musinsa_rankings_are_discounted_already_on_every_row(products_data: Path):
    files = sorted((products_data / "musinsa").glob("ranking-*-6days.csv.gz"))
    rows = [row for file in files for row in read_rows(file)]
    assert (len(files), len(rows)) == (4, 7_176)
    undiscounted = 0
    for row in rows:
        rate, price = int(row["discountRate"]), int(row["price"])
        assert 0 <= rate < 100, "a percentage, not a share"
        prices: dict[str, int] = {"price": price, "discountRate": rate}
        if rate:
            prices = {"normalPrice": round(price / (1 - rate / 100)), "salePrice": price}
        undiscounted += not rate
        found = read("musinsa", row["productId"], {"data": as_goods(row) | {"goodsPrice": prices}})
        assert (found.name, found.brand) == (row["productName"].strip(), row["brandName"].strip())
        assert found.discounted_price == price
        assert found.original_price is not None
        assert (found.original_price > price) is (rate > 0)
    assert 0 < undiscounted < len(rows)


def as_goods(row: dict[str, str]) -> dict[str, Any]:
    return {
        "goodsNo": int(row["productId"]),
        "goodsNm": row["productName"],
        "goodsSaleType": "SALE",
        "brandInfo": {"brandName": row["brandName"]},
    }


def test_real_musinsa_ratings_are_read_of_every_product_that_has_one(products_data: Path):
    rows = [
        row
        for file in sorted((products_data / "musinsa").glob("detail-*.csv.gz"))
        for row in read_rows(file)
    ]
    rated = 0
    for row in rows:
        review = {"satisfactionScore": row["rating"], "totalCount": row["ratingCount"]}
        goods = {
            "goodsNo": row["productId"],
            "goodsNm": "name",
            "goodsSaleType": "SALE",
            "goodsPrice": {"normalPrice": 2, "salePrice": 1},
            "goodsReview": {key: value or None for key, value in review.items()},
        }
        found = read("musinsa", row["productId"], {"data": goods})
        assert found.rating == (float(row["rating"] or 0) or None)
        rated += found.rating is not None
    assert rated > len(rows) / 2


def test_real_kurly_rows_are_read_from_their_pages_and_from_a_list(products_data: Path):
    rows = read_rows(products_data / "kurly" / "kurly.csv")
    assert len(rows) == 576
    items = [{"no": number, "name": row["이름"]} for number, row in enumerate(rows, 1)]
    sections = {"listSections": [{"data": {"items": items}}]}
    listed = {"data": {**sections, "meta": {"pagination": {"totalPages": 1}}}}
    page: ListPage = PLATFORMS["kurly"].read_list(json.dumps(listed).encode(), None)
    assert [found.name for found in page.products] == [row["이름"].strip() for row in rows]
    for number, row in enumerate(rows, 1):
        price = int(row["가격"].replace(",", ""))
        product = {"no": number, "name": row["이름"], "basePrice": price, "isSoldOut": False}
        script = json.dumps({"props": {"pageProps": {"product": product}}}, ensure_ascii=False)
        body = f'<script id="__NEXT_DATA__" type="application/json">{script}</script>'.encode()
        found = read("kurly", str(number), body)
        assert (found.name, found.discounted_price) == (row["이름"].strip(), price)


def test_real_hwahae_items_are_read_down_to_a_price_of_520(products_data: Path):
    content = gzip.decompress((products_data / "hwahae" / "items_1000.json.gz").read_bytes())
    items = [item["fields"] for item in json.loads(content)]
    prices: list[int | None] = []
    for item in items:
        goods = {
            "id": item["id"],
            "name": item["name"],
            "consumer_price": item["price"],
            "price": item["price"],
            "sale_status": "SELNG",
        }
        found = read("hwahae", str(item["id"]), {"meta": {"code": 1000}, "data": goods})
        assert found.name == item["name"].strip()
        prices.append(found.discounted_price)
    assert (len(prices), prices) == (1_000, [item["price"] for item in items])
    assert prices[0] == 520


def test_a_real_table_of_hwahae_products_is_what_the_reader_makes_of_such_goods(
    products_data: Path,
):
    words = {"on_sale": "SELNG", "sold_out": "SLDOT", "off_sale": "STSEL"}
    rows = read_rows(products_data / "product_sets" / "hwahae_sample.csv")
    assert len(rows) == 6
    for row in rows:
        goods_id = row["link_url"].rsplit("/", 1)[1]
        goods = {
            "id": int(goods_id),
            "name": row["product_name"],
            "consumer_price": json.loads(row["original_price"]),
            "price": json.loads(row["discounted_price"]),
            "sale_status": words[row["sale_status"]],
        }
        found = read("hwahae", goods_id, {"meta": {"code": 1000}, "data": goods})
        assert (found.url, found.name) == (row["link_url"], row["product_name"])
        assert found.sale_status == row["sale_status"]
        assert found.original_price == goods["consumer_price"]
        assert found.discounted_price == goods["price"]


def test_real_oliveyoung_ranking_prices_are_read_from_their_text(products_data: Path):
    rows = read_rows(products_data / "oliveyoung" / "ranking_2025-06_suncare_etc.csv.gz")
    assert len(rows) == 200
    for row in rows:
        product_id = row["Product URL"].split("goodsNo=")[1].split("&")[0]
        goods = {
            "goodsNumber": product_id,
            "goodsName": row["Product Name"],
            "originalPrice": row["Original Price"] or None,
            "priceToPay": row["Sale Price"] or None,
            "soldOutFlag": False,
        }
        found = read("oliveyoung", product_id, {"data": goods})
        assert found.name == row["Product Name"].strip()
        assert found.discounted_price is not None
        said = row["Sale Price"] or row["Original Price"]
        assert f"{found.discounted_price:,}원" == said
