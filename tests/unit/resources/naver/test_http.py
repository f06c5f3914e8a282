"""Naver over HTTP: where requests go, with which headers, at which pace, and what statuses become."""

import asyncio
from collections.abc import Callable, Mapping
from dataclasses import replace
from itertools import pairwise

import httpx
import pytest
from pydantic import SecretStr

from platform_assets.core.errors import PermanentError, PlatformError, RefusedError, TransientError
from platform_assets.ranks.result_page import RankType, Surface
from platform_assets.ranks.search_page import PageHost, SearchPage, build_page
from resources.caps.limits import Cap, find_cap
from resources.naver.http import CAP_NAMES, USER_AGENTS, NaverCredentials, NaverHosts, NaverHttp
from tests.fakes.clock import FakeClock
from tests.fakes.memory_caps import MemoryCapStates
from tests.fakes.virtual_time import run_virtual

Answer = Callable[[httpx.Request], httpx.Response]

URLS: dict[str, str] = {
    PageHost.SEARCH: "https://search.naver.com",
    PageHost.MAP: "https://pcmap.place.naver.com/",
    PageHost.OPENAPI: "https://openapi.naver.com",
}
BLOG = build_page(RankType.BLOG, "강릉 맛집", Surface.BLOG_TAB)
PLACE = build_page(RankType.PLACE, "강릉 맛집", Surface.PLACE_LIST)
API = build_page(RankType.CAFE, "강릉 맛집", Surface.OPENAPI)


def make_naver(
    answer: Answer,
    hosts: tuple[PageHost, ...] = (PageHost.SEARCH, PageHost.MAP),
    credentials: NaverCredentials | None = None,
) -> NaverHttp:
    caps: dict[str, Cap] = {host: find_cap(CAP_NAMES[host]) for host in hosts}
    states = MemoryCapStates(lambda: asyncio.get_running_loop().time() + 1_000_000)
    return NaverHttp(
        NaverHosts(URLS, caps, credentials), states, FakeClock(), httpx.MockTransport(answer)
    )


def fetch(naver: NaverHttp, *pages: SearchPage) -> list[bytes]:
    async def run() -> list[bytes]:
        async with naver.open() as source:
            return [await source.fetch(page) for page in pages]

    return run_virtual(run())


def test_pages_are_asked_from_their_host_as_a_browser_would():
    seen: list[httpx.Request] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request)
        return httpx.Response(200, content=b"<html>")

    assert fetch(make_naver(answer), BLOG, PLACE) == [b"<html>", b"<html>"]
    assert str(seen[0].url).startswith("https://search.naver.com/search.naver?ssc=tab.blog.all&")
    assert str(seen[1].url).startswith("https://pcmap.place.naver.com/place/list?query=")
    assert seen[0].url.params["query"] == "강릉 맛집"
    assert seen[0].headers["user-agent"] in USER_AGENTS
    assert seen[1].headers["referer"] == "https://map.naver.com/"
    assert seen[0].headers["accept-language"].startswith("ko-KR")


def test_the_user_agents_take_turns():
    seen: list[str] = []

    def answer(request: httpx.Request) -> httpx.Response:
        seen.append(request.headers["user-agent"])
        return httpx.Response(200)

    fetch(make_naver(answer), *[BLOG] * 2 * len(USER_AGENTS))
    turn = seen[: len(USER_AGENTS)]
    assert sorted(turn) == sorted(USER_AGENTS)
    assert seen == turn * 2


def test_two_requests_of_a_host_are_two_seconds_apart_and_hosts_do_not_wait_for_each_other():
    sent: list[tuple[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.host, asyncio.get_running_loop().time()))
        return httpx.Response(200)

    async def run() -> None:
        async with make_naver(answer).open() as source:
            await asyncio.gather(*(source.fetch(page) for page in [BLOG] * 4 + [PLACE] * 4))

    run_virtual(run())
    for host in ("search.naver.com", "pcmap.place.naver.com"):
        times = [at for name, at in sent if name == host]
        gaps = [later - earlier for earlier, later in pairwise(times)]
        assert len(gaps) == 3
        assert min(gaps) >= 2.0, gaps
        assert max(gaps) < 3.0, gaps
    assert max(at for _, at in sent) < 9.0


def test_a_host_that_is_slowed_down_waits_and_the_other_does_not():
    sent: list[tuple[str, float]] = []

    def answer(request: httpx.Request) -> httpx.Response:
        sent.append((request.url.host, asyncio.get_running_loop().time()))
        return httpx.Response(200)

    async def run() -> None:
        async with make_naver(answer).open() as source:
            source.slow_down(PageHost.SEARCH, 30.0)
            await asyncio.sleep(1.0)
            await asyncio.gather(source.fetch(BLOG), source.fetch(PLACE))

    run_virtual(run())
    times: Mapping[str, float] = dict(sent)
    assert times["search.naver.com"] >= 30.0
    assert times["pcmap.place.naver.com"] < 5.0


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (403, TransientError, "blocked"),
        (429, TransientError, "throttled"),
        (500, TransientError, "server_error"),
        (302, TransientError, "redirected"),
        (300, TransientError, "redirected"),
        (400, PermanentError, "bad_request"),
        (414, PermanentError, "bad_request"),
        (404, PermanentError, "not_found"),
        (405, PermanentError, "bad_request"),
        (451, PermanentError, "bad_request"),
    ],
)
def test_a_failing_page_is_its_own_matter_and_tried_by_the_engine(
    status: int, error: type[PlatformError], kind: str
):
    asked = 0

    def answer(_: httpx.Request) -> httpx.Response:
        nonlocal asked
        asked += 1
        return httpx.Response(status)

    with pytest.raises(error) as caught:
        fetch(make_naver(answer), BLOG)
    assert caught.value.kind == kind
    assert asked == 1


def test_the_keyword_shows_in_no_error():
    with pytest.raises(TransientError) as caught:
        fetch(make_naver(lambda _: httpx.Response(503)), BLOG)
    assert "query" not in caught.value.message
    assert "search.naver.com/search.naver" in caught.value.message


def test_the_time_that_a_host_asks_for_is_handed_on():
    with pytest.raises(TransientError) as caught:
        fetch(make_naver(lambda _: httpx.Response(429, headers={"retry-after": "45"})), BLOG)
    assert caught.value.retry_after == 45.0


def test_the_open_api_gets_the_credentials_and_pages_do_not():
    seen: dict[str, httpx.Headers] = {}

    def answer(request: httpx.Request) -> httpx.Response:
        seen[request.url.host] = request.headers
        return httpx.Response(200, content=b"{}")

    known = NaverCredentials("our-id", SecretStr("our-secret"))
    fetch(make_naver(answer, (PageHost.OPENAPI, PageHost.MAP), known), API, PLACE)
    assert seen["openapi.naver.com"]["x-naver-client-id"] == "our-id"
    assert seen["openapi.naver.com"]["x-naver-client-secret"] == "our-secret"
    assert "x-naver-client-id" not in seen["pcmap.place.naver.com"]


@pytest.mark.parametrize("known", [None, NaverCredentials("", SecretStr(""))])
def test_the_open_api_without_credentials_names_the_settings(known: NaverCredentials | None):
    with pytest.raises(RefusedError, match="SLUICE_NAVER_CLIENT_ID") as caught:
        fetch(make_naver(lambda _: httpx.Response(200), (PageHost.OPENAPI,), known), API)
    assert caught.value.kind == "bad_setting"


@pytest.mark.parametrize(("status", "kind"), [(401, "unauthorized"), (403, "forbidden")])
def test_an_application_that_is_refused_ends_the_crawl(status: int, kind: str):
    known = NaverCredentials("our-id", SecretStr("our-secret"))
    answer = httpx.Response(status, json={"errorMessage": "our-secret is wrong"})
    with pytest.raises(RefusedError) as caught:
        fetch(make_naver(lambda _: answer, (PageHost.OPENAPI,), known), API)
    assert caught.value.kind == kind
    assert "our-secret" not in caught.value.message


def test_the_budget_of_the_day_ends_the_crawl():
    known = NaverCredentials("our-id", SecretStr("our-secret"))
    naver = make_naver(lambda _: httpx.Response(200), (PageHost.OPENAPI,), known)
    cap = replace(naver.hosts.caps[PageHost.OPENAPI], per_day=2)
    small = replace(naver, hosts=replace(naver.hosts, caps={PageHost.OPENAPI: cap}))
    with pytest.raises(RefusedError) as caught:
        fetch(small, API, API, API)
    assert caught.value.kind == "budget_used"
