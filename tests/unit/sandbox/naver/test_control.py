import json
from typing import Any

import pytest

from sandbox.naver.ranking import find_truth, list_targets
from tests.unit.sandbox.naver.hosts import BLOG_TAB, DAY, KEYWORD, PATHS, serve

SEARCH = {"type": "blog", "keyword": KEYWORD}


async def ask(client: Any, question: str, **words: str) -> Any:
    reply = await client.get(f"/sandbox/{question}", params=words)
    assert reply.status == 200, await reply.text()
    return await reply.json()


async def test_it_is_today_in_seoul_until_it_is_told_otherwise():
    # The clock says 18:00 in Seoul on 20 November.
    async with serve() as client:
        assert await ask(client, "day") == {"day": "2026-11-20"}
        reply = await client.post("/sandbox/day", json={"day": DAY.isoformat()})
        assert await reply.json() == {"day": "2026-11-21"}
        truth = await ask(client, "truth", **SEARCH)
        assert tuple(truth["identities"]) == find_truth(1, "blog", KEYWORD, DAY)
        reply = await client.post("/sandbox/day", json={"day": None})
        assert await reply.json() == {"day": "2026-11-20"}


async def test_the_truth_of_any_day_and_view_can_be_asked_for():
    async with serve("--seed", "4", "--day", "2026-01-05") as client:
        told = await ask(client, "truth", **SEARCH, day=DAY.isoformat(), view="integrated")
        assert tuple(told["identities"]) == find_truth(4, "blog", KEYWORD, DAY, "integrated")
        targets = await ask(client, "targets", **SEARCH)
        assert tuple(targets["identities"]) == list_targets(4, "blog", KEYWORD)


async def test_another_day_shows_another_page():
    async with serve("--day", "2026-11-21") as client:
        before = await (await client.get(BLOG_TAB)).read()
        assert await (await client.get(BLOG_TAB)).read() == before
        await client.post("/sandbox/day", json={"day": "2026-11-22"})
        assert await (await client.get(BLOG_TAB)).read() != before


async def test_faults_can_be_changed_and_counters_reset():
    async with serve() as client:
        plan = {"keywords": {KEYWORD: {"fault": "http_503"}}}
        assert (await client.post("/sandbox/faults", data=json.dumps(plan))).status == 200
        assert [(await client.get(BLOG_TAB)).status for _ in range(2)] == [503, 200]
        stats = await ask(client, "stats")
        assert stats["hosts"]["search.naver.com"]["faults"] == {"http_503": 1}
        assert (await (await client.post("/sandbox/reset")).json())["requests"] == 0


async def test_every_path_is_counted_for_its_real_host():
    async with serve() as client:
        for kind, path in PATHS.items():
            assert (await client.get(path)).status == (401 if kind == "api" else 200)
        hosts = (await ask(client, "stats"))["hosts"]
        assert {host: told["requests"] for host, told in hosts.items()} == {
            "search.naver.com": 3,
            "m.search.naver.com": 1,
            "pcmap.place.naver.com": 1,
            "openapi.naver.com": 1,
        }


async def test_the_host_header_may_say_that_a_phone_asks():
    async with serve() as client:
        reply = await client.get(PATHS["integrated"], headers={"Host": "m.search.naver.com"})
        assert '<div id="ct">' in await reply.text()


async def test_old_names_of_tabs_give_the_integrated_page():
    async with serve() as client:
        pages = [
            await (await client.get(f"/search.naver?where={where}&query=a")).text()
            for where in ("blog", "article", "nexearch")
        ]
        assert pages[0] == pages[1] == pages[2]


@pytest.mark.parametrize("path", ["/", "/search.naver", "/place/list", "/news/list?query=a"])
async def test_there_is_nothing_elsewhere_or_without_a_keyword(path: str):
    async with serve() as client:
        assert (await client.get(path)).status == 404
        assert (await ask(client, "stats"))["requests"] == 0


@pytest.mark.parametrize(
    "question",
    [
        "truth?type=news&keyword=a",
        "truth?type=blog",
        "truth?type=blog&keyword=a&day=yesterday",
        "truth?type=blog&keyword=a&view=moon",
        "targets?keyword=a",
    ],
)
async def test_a_question_about_what_there_is_not_is_refused(question: str):
    async with serve() as client:
        reply = await client.get(f"/sandbox/{question}")
        assert reply.status == 400
        assert (await reply.json())["message"]


@pytest.mark.parametrize("body", ['{"day": "soon"}', "{}", '{"day": 3}'])
async def test_a_day_that_there_is_not_is_refused(body: str):
    async with serve() as client:
        assert (await client.post("/sandbox/day", data=body)).status == 400
