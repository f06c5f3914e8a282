"""Shops over HTTP: where requests go, and what statuses become."""

import codecs
import json
from collections.abc import Callable

import httpx
import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.products.platform import PageRequest
from platform_assets.products.platforms import PLATFORMS
from resources.caps.limits import shop_cap
from resources.http.client import HttpPolicy
from resources.shops.http import SHOP_ERRORS, HttpShops
from tests.fakes.clock import FakeClock
from tests.fakes.memory_caps import MemoryCapStates

MUSINSA, ZIGZAG = PLATFORMS["musinsa"], PLATFORMS["zigzag"]
Answer = Callable[[httpx.Request], httpx.Response]


def make_shops(answer: Answer) -> HttpShops:
    clock = FakeClock()
    policy = HttpPolicy(table=SHOP_ERRORS, retry=RetryPolicy(attempts=1))
    states = MemoryCapStates(lambda: clock.now().timestamp())
    return HttpShops(states, clock, policy, httpx.MockTransport(answer))


async def ask(answer: Answer, request: PageRequest, url: str | None = None) -> bytes | None:
    platform = MUSINSA
    async with make_shops(answer).open(platform, shop_cap("musinsa"), url) as shop:
        return await shop.fetch(request)


async def test_a_request_goes_to_the_host_that_it_names():
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(f"{request.method} {request.url}")
        return httpx.Response(200, content=b"{}")

    assert await ask(answer, MUSINSA.product_request("4507335")) == b"{}"
    await ask(answer, MUSINSA.list_request(None))
    assert seen[0] == "GET https://goods-detail.musinsa.com/api2/goods/4507335"
    assert seen[1].startswith("GET https://api.musinsa.com/api2/dp/v1/plp/goods?")


async def test_another_url_takes_the_place_of_all_hosts():
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(str(request.url))
        return httpx.Response(200, content=b"{}")

    for request in (MUSINSA.product_request("1"), MUSINSA.list_request(None)):
        await ask(answer, request, "http://127.0.0.1:8100/musinsa/")
    assert all(url.startswith("http://127.0.0.1:8100/musinsa/api2/") for url in seen)


async def test_a_body_is_sent_as_json_in_korean():
    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == "application/json"
        assert "수분" in request.content.decode()
        return httpx.Response(200, content=json.dumps({"ok": True}).encode())

    async with make_shops(answer).open(ZIGZAG, shop_cap("zigzag")) as shop:
        assert await shop.fetch(ZIGZAG.search_request("수분 크림", None)) == b'{"ok": true}'


@pytest.mark.parametrize("status", [404, 410])
async def test_what_is_not_there_is_no_error(status: int):
    request = MUSINSA.product_request("1")
    assert await ask(lambda _: httpx.Response(status), request) is None


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (302, PermanentError, "redirected"),
        (400, PermanentError, "bad_request"),
        (401, RefusedError, "unauthorized"),
        (405, PermanentError, "bad_request"),
        (406, PermanentError, "bad_request"),
        (451, PermanentError, "unavailable"),
        (403, RefusedError, "blocked"),
        (500, TransientError, "server_error"),
        (503, TransientError, "server_error"),
    ],
)
async def test_other_statuses_are_errors_of_our_tree(
    status: int, error: type[Exception], kind: str
):
    with pytest.raises(error) as caught:
        await ask(lambda _: httpx.Response(status), MUSINSA.product_request("1"))
    assert getattr(caught.value, "kind", None) == kind


CHALLENGES = [
    (202, {"x-amzn-waf-action": "challenge"}, b""),
    (202, {}, b" \n"),
    (200, {"x-amzn-waf-action": "captcha"}, b"<html>content</html>"),
    (405, {"x-amzn-waf-action": "captcha"}, b""),
    (405, {}, b"<html><title>Human Verification</title><div id='captcha'></div></html>"),
    (503, {"cf-mitigated": "challenge"}, b"<html></html>"),
    (503, {}, b"<html><title>Just a moment...</title></html>"),
    (302, {"location": "https://shop.example/captcha?back=1"}, b""),
]


@pytest.mark.parametrize(("status", "headers", "body"), CHALLENGES)
async def test_a_block_is_known_by_its_status_and_headers(
    status: int, headers: dict[str, str], body: bytes
):
    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(status, headers=headers, content=body)

    with pytest.raises(PermanentError, match="instead of content") as caught:
        await ask(answer, MUSINSA.product_request("1"))
    assert caught.value.kind == "blocked"


async def test_a_page_of_a_product_that_is_gone_may_have_a_login_on_it():
    form = b'<html>not here<input type="password"></html>'
    request = MUSINSA.product_request("1")
    assert await ask(lambda _: httpx.Response(404, content=form), request) is None


async def test_a_good_page_may_have_the_word_captcha_in_it():
    page = b'{"data": {"goodsNm": "captcha"}}'
    request = MUSINSA.product_request("1")
    assert await ask(lambda _: httpx.Response(200, content=page), request) == page


async def test_an_error_about_a_redirect_says_where_it_leads_and_not_with_which_words():
    def answer(_: httpx.Request) -> httpx.Response:
        location = "https://shop.example/category/1?key=geheim-1"
        return httpx.Response(302, headers={"location": location})

    with pytest.raises(PermanentError) as caught:
        await ask(answer, MUSINSA.product_request("1"))
    assert "HTTP 302 to https://shop.example/category/1." in caught.value.message
    assert "geheim" not in caught.value.message


@pytest.mark.parametrize("written", ["cp949", "euc-kr"])
async def test_a_reply_in_the_charset_of_its_header_becomes_utf_8(written: str):
    body = '{"goodsNm": "펲시 크림"}'  # 펲 is not in EUC-KR's table: Python spells it out
    headers = {"content-type": "application/json; charset=euc-kr"}

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, headers=headers, content=body.encode(written))

    assert await ask(answer, MUSINSA.product_request("1")) == body.encode()


@pytest.mark.parametrize(
    "body",
    [
        codecs.BOM_UTF8 + '{"goodsNm": "크림"}'.encode(),
        codecs.BOM_UTF16_LE + '{"goodsNm": "크림"}'.encode("utf-16-le"),
        codecs.BOM_UTF16_BE + '{"goodsNm": "크림"}'.encode("utf-16-be"),
    ],
    ids=["UTF-8", "UTF-16, low byte first", "UTF-16, high byte first"],
)
async def test_a_reply_that_begins_with_the_mark_of_its_charset_is_read_by_it(body: bytes):
    reply = await ask(lambda _: httpx.Response(200, content=body), MUSINSA.product_request("1"))
    assert reply == '{"goodsNm": "크림"}'.encode()


@pytest.mark.parametrize(
    ("body", "kind"),
    [(b"", "empty_reply"), (b" \n", "empty_reply"), (b'{"data": {"go', "truncated")],
)
async def test_what_was_lost_on_the_way_is_asked_for_again(body: bytes, kind: str):
    bodies = iter([body, b"{}"])

    def answer(_: httpx.Request) -> httpx.Response:
        return httpx.Response(200, content=next(bodies))

    with pytest.raises(TransientError) as caught:
        await ask(answer, MUSINSA.product_request("1"))
    assert caught.value.kind == kind
    assert await ask(answer, MUSINSA.product_request("1")) == b"{}"


async def test_a_host_that_the_platform_does_not_have_is_a_defect_of_its_module():
    with pytest.raises(RefusedError, match="names the host 'nowhere'"):
        await ask(lambda _: httpx.Response(200), PageRequest("/", host="nowhere"))
