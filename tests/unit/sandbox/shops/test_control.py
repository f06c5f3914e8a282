import pytest

from platform_assets.products.changes import compare
from tests.unit.sandbox.shops.test_wires import SHOPS
from tests.unit.sandbox.shops.visitor import read_truth, serve, visit


async def test_it_is_the_first_day_until_it_is_told_otherwise():
    async with serve() as client:
        assert await (await client.get("/_control/day")).json() == {"day": 0, "days": 7}
        reply = await client.post("/_control/day", json={"day": 3})
        assert await reply.json() == {"day": 3, "days": 7}
        assert await read_truth(client, "kurly") == await read_truth(client, "kurly", 3)


@pytest.mark.parametrize("body", [{"day": 7}, {"day": -1}, {"day": "x"}, {}])
async def test_a_day_that_there_is_not_is_refused(body: dict[str, object]):
    async with serve() as client:
        reply = await client.post("/_control/day", json=body)
        assert reply.status == 400
        assert (await reply.json())["message"]


@pytest.mark.parametrize("name", SHOPS)
async def test_what_is_read_on_two_days_differs_by_the_expected_changes(name: str):
    async with serve(products=200) as client:
        shop = visit(client, name)
        ids = list(await read_truth(client, name, 4))
        days = []
        for day in (2, 4):
            await client.post("/_control/day", json={"day": day})
            days.append({of: await shop.read_product(of) for of in ids})
        known = await read_truth(client, name, 2)
        found = [
            {"product_id": of, "kind": change.kind.value, "field": change.field}
            | {"before": change.before, "after": change.after}
            for of in ids
            for change in compare(days[0][of] if of in known else None, days[1][of])
        ]
        query = {"platform": name, "day": "4", "since": "2"}
        told = await (await client.get("/_control/changes", params=query)).json()
        assert told["changes"] == found != []


async def test_changes_are_those_since_the_day_before_unless_asked_otherwise():
    async with serve() as client:
        query = {"platform": "ably", "day": "3"}
        told = await (await client.get("/_control/changes", params=query)).json()
        assert (told["since"], told["day"]) == (2, 3)


async def test_stats_tell_of_each_shop():
    async with serve(rate=None, open=None) as client:
        codes = [(await client.get("/kurly/goods/1")).status for _ in range(2)]
        stats = await (await client.get("/_control/stats")).json()
        assert set(stats["shops"]) == set(SHOPS)
        assert stats["shops"]["kurly"]["by_product"] == {"1": 2}
        assert sum(stats["shops"]["kurly"]["by_status"].values()) == len(codes)
        assert stats["shops"]["ably"]["requests"] == 0
        assert (await (await client.post("/_control/reset")).json())["violations"] == 0


@pytest.mark.parametrize("path", ["truth?platform=coupang", "truth?platform=ably&day=x"])
async def test_a_question_about_what_there_is_not_is_refused(path: str):
    async with serve() as client:
        assert (await client.get(f"/_control/{path}")).status == 400
