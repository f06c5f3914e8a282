import pytest

from platform_assets.products.platforms import PLATFORMS
from tests.unit.sandbox.shops.visitor import plain, read_truth, serve, visit

SHOPS = ["ably", "hwahae", "kurly", "musinsa", "oliveyoung", "zigzag"]
BROWSER_SHOPS = ["ably", "kurly", "oliveyoung"]
LAST_DAY = 6


@pytest.mark.parametrize("name", SHOPS)
async def test_every_product_is_read_as_the_truth_says(name: str):
    async with serve() as client:
        await client.post("/_control/day", json={"day": LAST_DAY})
        truth = await read_truth(client, name)
        shop = visit(client, name)
        read = {product_id: plain(await shop.read_product(product_id)) for product_id in truth}
        assert read == truth
        assert len({snapshot["sale_status"] for snapshot in truth.values()}) == 4


@pytest.mark.parametrize("name", SHOPS)
async def test_the_list_has_every_product_once_that_is_not_gone(name: str):
    async with serve() as client:
        await client.post("/_control/day", json={"day": LAST_DAY})
        truth = await read_truth(client, name)
        there = [of for of, product in truth.items() if product["sale_status"] != "not_found"]
        assert await visit(client, name).list_ids() == there


@pytest.mark.parametrize("name", SHOPS)
async def test_the_search_finds_what_has_the_words_in_brand_or_name(name: str):
    async with serve(products=400) as client:
        truth = await read_truth(client, name)
        expected = [
            of
            for of, product in truth.items()
            if "크림" in f"{product['brand']} {product['name']}" and "블랙" in product["name"]
        ]
        assert await visit(client, name).search_ids("크림 블랙") == expected != []
        assert await visit(client, name).search_ids("없는 물건") == []


@pytest.mark.parametrize("name", SHOPS)
async def test_a_search_of_many_pages_is_found_whole(name: str):
    async with serve(products=400) as client:
        truth = await read_truth(client, name)
        with_cream = [of for of, product in truth.items() if "크림" in product["name"]]
        assert await visit(client, name).search_ids("크림") == with_cream


@pytest.mark.parametrize("name", ["ably", "oliveyoung"])
async def test_a_browser_page_says_nothing_about_its_product_without_its_script(name: str):
    async with serve() as client:
        truth = await read_truth(client, name)
        shop = visit(client, name)
        for product_id, product in list(truth.items())[:5]:
            await shop.read_product(product_id)
            page = shop.page.decode()
            assert product["name"] not in page
            assert product["brand"] not in page
            assert str(product["discounted_price"]) not in page


async def test_an_unknown_product_is_not_found_in_all_shops():
    ids = dict.fromkeys(SHOPS, "9") | {"oliveyoung": "A000000000009"}
    async with serve() as client:
        for name, product_id in ids.items():
            snapshot = await visit(client, name).read_product(product_id)
            assert snapshot.sale_status == "not_found"


async def test_hwahae_searches_for_nobody_without_the_three_headers():
    async with serve() as client:
        reply = await client.get("/hwahae/v14/search/products/text", params={"query": "크림"})
        assert reply.status == 401
        assert (await reply.json())["meta"]["code"] == 2100


async def test_hwahae_lists_no_more_than_100_at_a_time():
    async with serve() as client:
        reply = await client.get("/hwahae/v14/rankings/1/details", params={"page_size": "101"})
        assert reply.status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/musinsa/api2/dp/v1/plp/goods?page=0",
        "/musinsa/api2/dp/v1/plp/goods?page=x",
        "/ably/category?next_token=%7B",
    ],
)
async def test_a_request_that_makes_no_sense_is_refused(path: str):
    async with serve() as client:
        assert (await client.get(path)).status == 400


@pytest.mark.parametrize("body", [b"", b"[]", b'{"operationName": "GetSearchResult"}'])
async def test_zigzag_refuses_what_is_no_query_of_the_operation(body: bytes):
    async with serve() as client:
        reply = await client.post("/zigzag/api/2/graphql/GetSearchResult", data=body)
        assert reply.status == 400


async def test_an_unknown_shop_or_path_is_answered_with_404():
    async with serve() as client:
        assert (await client.get("/coupang/goods/1")).status == 404
        assert (await client.get("/musinsa/goods/1")).status == 404


@pytest.mark.parametrize("name", SHOPS)
def test_what_a_platform_sends_are_headers_that_http_allows(name: str):
    platform = PLATFORMS[name]
    asked = (platform.list_request(None), platform.search_request("크림", None))
    for request in asked:
        for value in request.headers.values():
            assert value == value.strip()
            assert value.isascii()
