"""Naver's hosts as a process of its own, spoken to over HTTP."""

import json
import time
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path

import httpx
import pytest

from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType
from sandbox.naver.ranking import find_truth, list_targets
from sandbox.process import SandboxProcess

DAY = date(2026, 11, 21)
KEYWORD = "강남 카페"
TAB = {"ssc": "tab.blog.all", "sm": "tab_jum", "query": KEYWORD}
UNHURRIED = ("--delay", "0", "--api-delay", "0", "--latency", "0")
ACCOUNT = {"X-Naver-Client-Id": "sandbox-client", "X-Naver-Client-Secret": "sandbox-secret"}


def start(*options: str) -> SandboxProcess:
    words = ("--day", DAY.isoformat(), *UNHURRIED, *options)
    return SandboxProcess(words, upstream="naver")


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """Without limits and latency, with a port of its own for the map."""
    with start("--map-port", "0") as running:
        yield running


def read(reply: httpx.Response, rank_type: str) -> tuple[str, ...]:
    page = read_page(reply.raise_for_status().content, RankType(rank_type))
    return tuple(item.identity for item in page.items)


def test_pages_over_http_are_read_as_the_truth_says(sandbox: SandboxProcess):
    blogs = httpx.get(f"{sandbox.url}/search.naver", params=TAB)
    assert read(blogs, "blog") == find_truth(1, "blog", KEYWORD, DAY)
    assert blogs.headers["Content-Type"] == "text/html; charset=utf-8"
    truth = sandbox.ask("truth", type="cafe", keyword=KEYWORD)
    cafes = httpx.get(f"{sandbox.url}/search.naver", params={**TAB, "ssc": "tab.cafe.all"})
    assert list(read(cafes, "cafe")) == truth["identities"]


def test_the_map_has_a_port_of_its_own(sandbox: SandboxProcess):
    search, on_map = sandbox.urls
    assert search != on_map
    places = httpx.get(f"{on_map}/place/list", params={"query": KEYWORD})
    assert read(places, "place") == find_truth(1, "place", KEYWORD, DAY)


def test_the_open_api_answers_its_account(sandbox: SandboxProcess):
    url, words = f"{sandbox.url}/v1/search/blog.json", {"query": KEYWORD, "display": "100"}
    reply = httpx.get(url, params=words, headers=ACCOUNT)
    assert read(reply, "blog") == find_truth(1, "blog", KEYWORD, DAY, "openapi")[:100]
    assert httpx.get(url, params=words).status_code == 401


def test_a_target_moves_in_and_out_as_days_go_by(sandbox: SandboxProcess):
    (target, *_) = list_targets(1, "blog", KEYWORD)
    ranks = list[int | None]()
    try:
        for number in range(8):
            sandbox.tell("day", {"day": (DAY + timedelta(days=number)).isoformat()})
            found = read(httpx.get(f"{sandbox.url}/search.naver", params=TAB), "blog")
            ranks.append(found.index(target) + 1 if target in found else None)
    finally:
        sandbox.tell("day", {"day": DAY.isoformat()})
    assert ranks.count(None) == 2
    assert len(set(ranks)) > 2


def test_strict_limits_and_blocks_hold_on_the_wire():
    options = ("--delay", "30", "--strict", "--block-after", "3", "--block-seconds", "60")
    with start(*options) as running, httpx.Client(base_url=running.url) as client:
        replies = [client.get("/search.naver", params=TAB) for _ in range(5)]
        assert [reply.status_code for reply in replies] == [200, 429, 429, 200, 200]
        assert b"captcha_wrap" in replies[3].content
        stats = running.stats()["hosts"]["search.naver.com"]
        assert (stats["requests"], stats["violations"], stats["blocked"]) == (5, 4, 2)
        assert 0 <= stats["smallest_gap"] < 30
        assert len(stats["starts"]) == 5
        running.reset()
        assert client.get("/search.naver", params=TAB).status_code == 200
        assert running.stats()["violations"] == 0


@pytest.mark.parametrize(
    ("fault", "error"),
    [("drop", httpx.RemoteProtocolError), ("truncate", httpx.RemoteProtocolError)],
)
def test_faults_of_sending_break_the_connection_once(fault: str, error: type[Exception]):
    with start("--fault", f"{fault}=1") as running:
        with pytest.raises(error):
            httpx.get(f"{running.url}/search.naver", params=TAB)
        again = httpx.get(f"{running.url}/search.naver", params=TAB)
        assert read(again, "blog") == find_truth(1, "blog", KEYWORD, DAY)


def test_a_slow_page_takes_its_time(tmp_path: Path):
    file = tmp_path / "faults.json"
    file.write_text(json.dumps({"rates": {"slow": 1}, "slow_seconds": 0.3}))
    with start("--faults", str(file)) as running:
        begun = time.monotonic()
        reply = httpx.get(f"{running.url}/search.naver", params=TAB)
        assert time.monotonic() - begun >= 0.25
        assert read(reply, "blog") == find_truth(1, "blog", KEYWORD, DAY)
