import pytest

from sandbox.shops.exchange import Admission, Reply
from sandbox.shops.shop import Limits, Shop
from sandbox.shops.wires import WIRES
from sandbox.shops.wires.wire import Call
from tests.fakes.clock import FakeClock
from tests.unit.sandbox.shops.visitor import make_shop


def take(shop: Shop, call: Call) -> Admission:
    taken = shop.judge(call)
    assert isinstance(taken, Admission)
    return taken


def test_a_request_over_the_rate_is_refused_and_counted():
    clock = FakeClock()
    shop, call = make_shop("musinsa", Limits(5, 8), clock)
    for _ in range(5):
        shop.release(take(shop, call))
    refused = shop.judge(call)
    assert isinstance(refused, Reply)
    assert refused.status == 429
    assert (shop.describe()["over_rate"], shop.describe()["violations"]) == (1, 1)
    clock.advance(1.0)
    assert isinstance(shop.judge(call), Admission)


def test_a_request_over_the_open_ones_is_refused_until_one_ends():
    shop, call = make_shop("musinsa", Limits(100, 8), FakeClock())
    taken = [take(shop, call) for _ in range(8)]
    assert isinstance(shop.judge(call), Reply)
    shop.release(taken[0])
    assert isinstance(shop.judge(call), Admission)
    assert shop.describe()["over_open"] == 1
    assert shop.describe()["max_open"] == 8


@pytest.mark.parametrize(
    ("name", "limits"),
    [
        ("hwahae", (5, 8)),
        ("musinsa", (5, 8)),
        ("zigzag", (5, 8)),
        ("ably", (2, 4)),
        ("kurly", (2, 4)),
        ("oliveyoung", (2, 4)),
    ],
)
def test_the_limits_are_those_that_the_platform_promises_to_keep(
    name: str, limits: tuple[int, int]
):
    assert (WIRES[name].per_second, WIRES[name].open_limit) == limits


def test_hwahae_fails_for_about_13_percent_when_more_than_10_are_open():
    shop, call = make_shop("hwahae", Limits(10_000, 8), FakeClock())
    for _ in range(10):
        take(shop, call)
    assert shop.answer(call, Admission()).status == 200
    failed = 0
    for _ in range(1000):
        admission = take(shop, call)
        failed += shop.answer(call, admission).status == 500
        shop.release(admission)
    assert 90 < failed < 170
    assert shop.describe()["crowded"] == failed
    assert shop.describe()["over_open"] == 2 + 1000


def test_hwahae_does_not_fail_while_10_or_fewer_are_open():
    shop, call = make_shop("hwahae", Limits(10_000, 8), FakeClock())
    for _ in range(9):
        take(shop, call)
    for _ in range(200):
        admission = take(shop, call)
        assert shop.answer(call, admission).status == 200
        shop.release(admission)


def test_the_script_of_a_page_is_outside_the_limits_once():
    shop, call = make_shop("ably", Limits(2, 4), FakeClock())
    page = shop.answer(call, take(shop, call))
    assert page.content_type == "text/html"
    asked = Call("GET", f"/api/v3{call.path}/basic/", headers={"x-page": "ably-1"})
    by_script = take(shop, asked)
    assert by_script.by_script
    assert shop.answer(asked, by_script).content_type == "application/json"
    shop.release(by_script)
    assert not take(shop, asked).by_script
    assert isinstance(shop.judge(asked), Reply)
    told = shop.describe()
    assert (told["by_script"], told["requests"], told["over_rate"]) == (1, 4, 1)


def test_fetches_are_counted_by_product_and_a_page_with_its_script_once():
    shop, call = make_shop("oliveyoung", Limits(100, 4), FakeClock())
    product_id = call.query["goodsNo"]
    for count in (1, 2):
        shop.answer(call, take(shop, call))
        mark = {"x-page": f"oliveyoung-{count}"}
        asked = Call("GET", "/goods/api/v1/detail", {"goodsNumber": product_id}, mark)
        assert shop.answer(asked, take(shop, asked)).status == 200
    assert shop.describe()["by_product"] == {product_id: 2}
    assert shop.describe()["by_kind"] == {"product": 2}


def test_a_reset_forgets_the_counters_and_not_the_window():
    shop, call = make_shop("musinsa", Limits(1, 8), FakeClock())
    shop.answer(call, take(shop, call))
    shop.reset()
    assert shop.describe()["requests"] == 0
    assert isinstance(shop.judge(call), Reply)


def test_the_same_request_takes_the_same_time():
    (one, call), (other, _) = (
        make_shop("kurly", Limits(9, 9), FakeClock()),
        make_shop("kurly", Limits(9, 9), FakeClock()),
    )
    seconds = one.answer(call, Admission()).delay_seconds
    assert seconds == other.answer(call, Admission()).delay_seconds > 0
