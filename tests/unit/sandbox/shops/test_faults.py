from collections import Counter
from pathlib import Path

import pytest
from aiohttp import ClientError

from platform_assets.core.errors import PermanentError, RefusedError
from sandbox.shops.exchange import Admission
from sandbox.shops.faults import Fault, FaultDice, FaultPlan, decode_faults, read_faults
from sandbox.shops.shop import Limits
from tests.fakes.clock import FakeClock
from tests.unit.sandbox.shops.test_wires import SHOPS
from tests.unit.sandbox.shops.visitor import make_shop, read_truth, serve, visit, write_plan

WIDE = Limits(1000, 1000)


@pytest.mark.parametrize("name", SHOPS)
@pytest.mark.parametrize(
    ("fault", "kind"), [("changed_structure", "changed_structure"), ("no_price", "no_price")]
)
async def test_data_that_is_spoilt_is_read_as_the_error_that_it_is(
    name: str, fault: str, kind: str, tmp_path: Path
):
    async with serve(faults=write_plan(tmp_path / "plan", rates={fault: 1})) as client:
        product_id = next(iter(await read_truth(client, name)))
        with pytest.raises(PermanentError) as caught:
            await visit(client, name).read_product(product_id)
        assert caught.value.kind == kind
        stats = await (await client.get("/_control/stats")).json()
        assert stats["shops"][name]["faults"] == {fault: 1}


@pytest.mark.parametrize("name", ["hwahae", "musinsa", "zigzag", "kurly"])
async def test_a_captcha_page_comes_with_status_200_and_is_read_as_a_block(
    name: str, tmp_path: Path
):
    async with serve(faults=write_plan(tmp_path / "plan", rates={"captcha": 1})) as client:
        product_id = next(iter(await read_truth(client, name)))
        with pytest.raises(PermanentError) as caught:
            await visit(client, name).read_product(product_id)
        assert caught.value.kind == "blocked"


@pytest.mark.parametrize(
    ("fault", "status"),
    [
        (Fault.HTTP_404, 404),
        (Fault.HTTP_500, 500),
        (Fault.HTTP_503, 503),
        (Fault.HTTP_429, 429),
        (Fault.BLOCKED, 403),
        (Fault.CAPTCHA, 200),
    ],
)
@pytest.mark.parametrize("name", SHOPS)
def test_a_status_on_order_is_sent(name: str, fault: Fault, status: int):
    shop, call = make_shop(name, WIDE, FakeClock(), FaultPlan(rates={fault: 1.0}))
    assert shop.answer(call, Admission()).status == status
    assert shop.stats.faults == {fault: 1}
    assert shop.stats.statuses == {str(status): 1}


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.DROP, Fault.TRUNCATE])
def test_a_fault_of_the_sending_keeps_the_reply(fault: Fault):
    shop, call = make_shop("musinsa", WIDE, FakeClock(), FaultPlan(rates={fault: 1.0}))
    whole, _ = make_shop("musinsa", WIDE, FakeClock())
    reply = shop.answer(call, Admission())
    assert reply.fault is fault
    assert reply.slow_seconds == 5.0
    assert reply.body == whole.answer(call, Admission()).body


@pytest.mark.parametrize("fault", ["drop", "truncate"])
async def test_a_cut_connection_is_seen_as_one(fault: str, tmp_path: Path):
    async with serve(faults=write_plan(tmp_path / "plan", rates={fault: 1})) as client:
        with pytest.raises(ClientError):
            await visit(client, "musinsa").read_product("1000001")


async def test_a_broken_shop_denies_the_same_share_of_its_products_again_and_again():
    async with serve(broken=[{"musinsa": 0.4}]) as client:
        truth = await read_truth(client, "musinsa")
        shop = visit(client, "musinsa")
        rounds = [
            [of for of in truth if (await shop.read_product(of)).sale_status == "not_found"]
            for _ in range(2)
        ]
        assert rounds[0] == rounds[1]
        assert 0.3 < len(rounds[0]) / len(truth) < 0.5
        await client.post("/_control/broken", json={"platform": "musinsa", "share": 0})
        assert (await shop.read_product(rounds[0][0])).name == truth[rounds[0][0]]["name"]


async def test_other_faults_can_be_ordered_while_it_runs():
    async with serve() as client:
        product_id = next(iter(await read_truth(client, "musinsa")))
        request = f"/musinsa/api2/goods/{product_id}"
        plan = {"products": {"musinsa": {product_id: "http_500"}}}
        assert (await client.post("/_control/faults", json=plan)).status == 200
        assert [(await client.get(request)).status for _ in range(3)] == [500] * 3
        await client.post("/_control/faults", json={})
        assert (await client.get(request)).status == 200


def test_a_fault_hits_its_share_of_the_requests_and_a_retry_draws_anew():
    dice = FaultDice(FaultPlan(rates={Fault.HTTP_500: 0.1, Fault.DROP: 0.05}), "musinsa")
    counts = Counter(dice.draw(f"GET /{number}") for number in range(4000))
    assert 320 < counts[Fault.HTTP_500] < 480
    assert 140 < counts[Fault.DROP] < 260
    assert len({dice.draw("GET /1") for _ in range(100)}) > 1


def test_rates_of_a_shop_stand_instead_of_those_for_all():
    plan = FaultPlan(rates={Fault.DROP: 1.0}, platforms={"ably": {Fault.SLOW: 1.0}})
    assert FaultDice(plan, "ably").draw("x") is Fault.SLOW
    assert FaultDice(plan, "kurly").draw("x") is Fault.DROP


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "truncated"),
        ('{"rate": {}}', "unknown field"),
        ('{"rates": {"http_418": 1}}', "Invalid enum value"),
        ('{"rates": {"drop": 0.6, "slow": 0.6}}', "more than 1"),
    ],
)
def test_a_wrong_plan_is_refused_with_the_reason(text: str, said: str):
    with pytest.raises(RefusedError, match=said):
        decode_faults(text.encode(), "plan")


def test_a_missing_faults_file_is_named(tmp_path: Path):
    with pytest.raises(RefusedError, match=r"nothing\.json"):
        read_faults(tmp_path / "nothing.json")
