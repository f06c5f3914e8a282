from pathlib import Path

import pytest

from platform_assets.core.errors import PlatformError, RefusedError
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType
from sandbox.naver.faults import Fault, FaultDice, PageKind, decode_faults, read_faults
from sandbox.naver.pace import Host
from sandbox.naver.ranking import find_truth
from sandbox.sending import Mishap
from tests.unit.sandbox.naver.hosts import DAY, KEYWORD, PATHS, Visitor, plan, read_json

PAGES = [path for kind, path in PATHS.items() if kind != "api"]


def name_error(body: bytes, kind: str) -> str:
    with pytest.raises(PlatformError) as caught:
        read_page(body, RankType.PLACE if kind == "place" else RankType.BLOG)
    return str(caught.value.kind)


@pytest.mark.parametrize("kind", ["integrated", "mobile", "blog", "place"])
@pytest.mark.parametrize(
    ("fault", "named"), [("block_page", "blocked"), ("login_wall", "login_wall")]
)
def test_a_page_that_is_none_comes_with_status_200(kind: str, fault: str, named: str):
    reply = Visitor(faults=plan(rates={fault: 1})).ask(PATHS[kind])
    assert reply.status == 200
    assert name_error(reply.body, kind) == named


@pytest.mark.parametrize("kind", ["integrated", "mobile", "blog", "place"])
def test_a_changed_structure_is_known_by_no_reader(kind: str):
    reply = Visitor(faults=plan(rates={"changed_structure": 1})).ask(PATHS[kind])
    assert reply.status == 200
    assert name_error(reply.body, kind) in {"changed_structure", "not_rendered"}


def test_a_frame_without_places_concerns_lists_of_places_only():
    visitor = Visitor(faults=plan(rates={"not_rendered": 1}))
    assert name_error(visitor.ask(PATHS["place"]).body, "place") == "not_rendered"
    assert read_page(visitor.ask(PATHS["blog"]).body, RankType.BLOG).items


@pytest.mark.parametrize("kind", ["integrated", "mobile", "blog", "place"])
def test_half_a_page_is_known_as_such(kind: str):
    reply = Visitor(faults=plan(rates={"cut_page": 1})).ask(PATHS[kind])
    assert name_error(reply.body, kind) == "truncated"


@pytest.mark.parametrize(
    ("fault", "status", "wait"),
    [
        ("http_403", 403, None),
        ("http_429", 429, None),
        ("http_429_retry_after", 429, "7"),
        ("http_500", 500, None),
        ("http_503", 503, None),
    ],
)
@pytest.mark.parametrize("kind", ["blog", "api"])
def test_refusals_have_their_status(kind: str, fault: str, status: int, wait: str | None):
    visitor = Visitor(faults=plan(rates={fault: 1}, retry_after_seconds=7))
    reply = visitor.ask(PATHS[kind])
    assert (reply.status, reply.headers.get("Retry-After")) == (status, wait)
    assert kind == "blog" or read_json(reply)["errorCode"]


def test_a_redirect_leads_to_a_login():
    reply = Visitor(faults=plan(rates={"redirect": 1})).ask(PATHS["blog"])
    assert reply.status == 302
    assert reply.headers["Location"].startswith("https://nid.naver.com/nidlogin.login?url=https")


@pytest.mark.parametrize("fault", [Fault.SLOW, Fault.DROP, Fault.TRUNCATE])
def test_faults_of_sending_leave_the_page_whole(fault: Fault):
    healthy = Visitor().ask(PATHS["blog"])
    visitor = Visitor(faults=plan(rates={fault: 1}, slow_seconds=0.5))
    reply = visitor.ask(PATHS["blog"]).deliver()
    assert (reply.body, reply.mishap, reply.slow_seconds) == (healthy.body, Mishap(fault), 0.5)
    assert visitor.stats(Host.SEARCH)["faults"] == {fault: 1}


@pytest.mark.parametrize(("first", "bad"), [(1, 1), (3, 3), (0, 5)])
def test_a_fault_ends_after_the_first_requests_or_never(first: int, bad: int):
    visitor = Visitor(faults=plan(rates={"http_503": 1}, first=first))
    statuses = [visitor.ask(PATHS["blog"]).status for _ in range(5)]
    assert statuses == [503] * bad + [200] * (5 - bad)


def test_a_keyword_may_have_a_fault_of_its_own():
    own = {"fault": "http_500", "kind": "blog", "first": 2}
    visitor = Visitor(faults=plan(keywords={f" {KEYWORD}": own}))
    assert [visitor.ask(PATHS["blog"]).status for _ in range(3)] == [500, 500, 200]
    assert visitor.ask(PATHS["cafe"]).status == 200


def test_a_kind_may_have_rates_of_its_own():
    visitor = Visitor(faults=plan(rates={"http_500": 1}, kinds={"cafe": {}}))
    assert visitor.ask(PATHS["blog"]).status == 500
    assert visitor.ask(PATHS["cafe"]).status == 200


def test_which_pages_have_a_fault_does_not_depend_on_the_order_of_requests():
    words = [f"낱말 {number}" for number in range(400)]
    faults = plan(seed=3, rates={"http_500": 0.1, "drop": 0.2})

    def draw(keywords: list[str]) -> dict[str, Fault | None]:
        dice = FaultDice(faults)
        return {word: dice.draw(PageKind.BLOG, word, DAY) for word in keywords}

    drawn = draw(words)
    assert drawn == draw(words[::-1])
    assert 20 <= sum(fault is Fault.HTTP_500 for fault in drawn.values()) <= 60
    assert 55 <= sum(fault is Fault.DROP for fault in drawn.values()) <= 105


def test_the_truth_does_not_know_of_faults():
    truth = find_truth(1, "blog", KEYWORD, DAY)
    visitor = Visitor(faults=plan(rates={"http_503": 1}))
    visitor.ask(PATHS["blog"])
    read = read_page(visitor.ask(PATHS["blog"]).body, RankType.BLOG)
    assert tuple(item.identity for item in read.items) == truth


@pytest.mark.parametrize(
    "data",
    [
        b"{",
        b'{"rate": {}}',
        b'{"rates": {"http_418": 1}}',
        b'{"rates": {"drop": 0.6, "slow": 0.6}}',
        b'{"kinds": {"news": {}}}',
        b'{"first": -1}',
    ],
)
def test_a_wrong_plan_is_refused(data: bytes):
    with pytest.raises(RefusedError, match="a test"):
        decode_faults(data, "a test")


def test_a_missing_faults_file_is_named(tmp_path: Path):
    with pytest.raises(RefusedError, match="none.json"):
        read_faults(tmp_path / "none.json")
