from email.utils import parsedate_to_datetime
from typing import Any
from urllib.parse import quote

import pytest

from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, Surface
from sandbox.naver.pace import Host, PaceRules
from sandbox.naver.ranking import find_truth
from tests.unit.sandbox.naver.hosts import ACCOUNT, DAY, KEYWORD, UNHURRIED, Visitor, read_json

QUERY = f"query={quote(KEYWORD)}"


def ask(search: str, parameters: str = QUERY, visitor: Visitor | None = None) -> Any:
    reply = (visitor or Visitor()).ask(f"/v1/search/{search}.json?{parameters}")
    assert reply.status == 200, reply.body
    return read_json(reply)


@pytest.mark.parametrize(("search", "rank_type"), [("blog", "blog"), ("cafearticle", "cafe")])
def test_items_come_in_the_order_of_the_truth(search: str, rank_type: str):
    visitor = Visitor()
    reply = visitor.ask(f"/v1/search/{search}.json?display=100&start=1&sort=sim&{QUERY}")
    read = read_page(reply.body, RankType(rank_type), Surface.OPENAPI)
    truth = find_truth(1, rank_type, KEYWORD, DAY, "openapi")
    assert tuple(item.identity for item in read.items) == truth[:100]
    assert read.total == len(truth)


def test_a_reply_says_what_it_holds():
    told = ask("blog", f"display=7&start=3&{QUERY}")
    assert (told["start"], told["display"], len(told["items"])) == (3, 7, 7)
    assert parsedate_to_datetime(told["lastBuildDate"]).date() == DAY
    assert told["lastBuildDate"].endswith("+0900")
    assert "<b>" in told["items"][0]["title"]
    assert "rank" not in told["items"][0]


def test_pages_of_the_api_follow_each_other():
    first, second = (ask("blog", f"display=10&start={start}&{QUERY}") for start in (1, 11))
    both = ask("blog", f"display=20&{QUERY}")
    assert first["items"] + second["items"] == both["items"]


def test_the_newest_come_first_where_that_is_asked_for():
    dates = [item["postdate"] for item in ask("blog", f"sort=date&display=50&{QUERY}")["items"]]
    assert dates == sorted(dates, reverse=True)


def test_some_fronts_of_blogs_lack_their_scheme():
    links = [item["bloggerlink"] for item in ask("blog", f"display=50&{QUERY}")["items"]]
    assert {link.startswith("https://") for link in links} == {True, False}


def test_places_come_without_an_id_and_five_at_most():
    told = ask("local", f"display=5&{QUERY}")
    assert len(told["items"]) == 5
    assert all(item["mapx"].isdigit() and "id" not in item for item in told["items"])


def test_nothing_found_is_no_error():
    assert ask("blog", f"query={quote('ㅁㄴㅇㄹ')}")["items"] == []


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        ("blog.json?query=", 400, "SE01"),
        ("blog.json", 400, "SE01"),
        (f"blog.json?display=101&{QUERY}", 400, "SE02"),
        (f"blog.json?display=0&{QUERY}", 400, "SE02"),
        (f"local.json?display=6&{QUERY}", 400, "SE02"),
        (f"blog.json?start=1001&{QUERY}", 400, "SE03"),
        (f"local.json?start=2&{QUERY}", 400, "SE03"),
        (f"blog.json?start=x&{QUERY}", 400, "SE03"),
        (f"blog.json?sort=new&{QUERY}", 400, "SE04"),
        (f"places.json?{QUERY}", 404, "SE05"),
        (f"blog.xml?{QUERY}", 404, "SE05"),
        ("blog.json?query=%ff%fe", 400, "SE06"),
    ],
)
def test_a_wrong_call_has_its_error(path: str, status: int, code: str):
    reply = Visitor().ask(f"/v1/search/{path}")
    assert (reply.status, read_json(reply)["errorCode"]) == (status, code)


@pytest.mark.parametrize(
    "headers",
    [{}, {**ACCOUNT, "x-naver-client-id": "me"}, {**ACCOUNT, "x-naver-client-secret": "?"}],
)
def test_a_stranger_is_unauthorized(headers: dict[str, str]):
    reply = Visitor().ask(f"/v1/search/blog.json?{QUERY}", headers)
    assert (reply.status, read_json(reply)["errorCode"]) == (401, "024")


def test_the_quota_is_for_all_searches_of_a_day():
    visitor = Visitor(quota=2)
    paths = [f"/v1/search/{name}.json?{QUERY}" for name in ("blog", "cafearticle", "local")]
    replies = [visitor.ask(path) for path in paths]
    assert [reply.status for reply in replies] == [200, 200, 429]
    assert read_json(replies[2])["errorCode"] == "010"
    assert visitor.upstream.describe()["quota"] == {"limit": 2, "used": 2}
    visitor.upstream.set_day(DAY.replace(day=22))
    assert visitor.ask(paths[0]).status == 200


def test_calls_of_strangers_use_no_quota():
    visitor = Visitor(quota=1)
    visitor.ask(f"/v1/search/blog.json?{QUERY}", {})
    assert visitor.upstream.describe()["quota"]["used"] == 0


def test_strict_limits_refuse_calls_as_json():
    visitor = Visitor({**UNHURRIED, Host.OPENAPI: PaceRules(0.1, slack_seconds=0)}, strict=True)
    path = f"/v1/search/blog.json?{QUERY}"
    assert visitor.ask(path).status == 200
    refused = visitor.ask(path)
    assert (refused.status, read_json(refused)["errorCode"]) == (429, "012")
