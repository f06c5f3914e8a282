"""The search queue over the API."""

from typing import Any

import httpx
import pytest

from platform_assets.core.engine.units import Attempt, UnitOutcome, UnitState
from platform_assets.products.state.search_ledger import SqlSearchLedger
from platform_assets.services import Services
from tests.fakes.clock import FakeClock
from tests.unit.api.rig import BATCH, audited
from tests.unit.api.test_months import kind_of

SEARCHES = f"{BATCH}/product-searches"
ME = Attempt("me", "here")


async def ask(client: httpx.AsyncClient, keyword: str, platform: str = "musinsa") -> Any:
    return (await client.post(SEARCHES, json={"platform": platform, "keyword": keyword})).json()


def end(services: Services, request_id: int, outcome: UnitOutcome) -> None:
    ledger = SqlSearchLedger(services.state, "musinsa")
    ledger.claim(ledger.plan, [str(request_id)], ME, 60)
    assert ledger.record(ledger.plan, ME, [outcome]) == set()


async def test_a_search_is_asked_for_and_found_at_its_place(
    client: httpx.AsyncClient, services: Services, clock: FakeClock
):
    response = await client.post(SEARCHES, json={"platform": "musinsa", "keyword": " 반팔  티 "})
    assert response.status_code == 201
    made = response.json()
    assert (made["keyword"], made["state"], made["found"]) == ("반팔 티", "pending", None)
    assert response.headers["location"] == f"{SEARCHES}/{made['request_id']}"
    assert (await client.get(response.headers["location"])).json() == made
    assert services.shops.searches.count_waiting() == {"musinsa": 1}


async def test_the_same_search_is_not_asked_for_twice(client: httpx.AsyncClient):
    body = {"platform": "musinsa", "keyword": "셔츠"}
    first = await client.post(SEARCHES, json=body)
    again = await client.post(SEARCHES, json=body)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json()


async def test_a_search_that_found_nothing_is_done_with_0(
    client: httpx.AsyncClient, services: Services
):
    made = await ask(client, "셔츠")
    number = made["request_id"]
    done = UnitOutcome(str(number), UnitState.DONE, detail={"found": 0, "added": 0})
    end(services, number, done)
    told = (await client.get(f"{SEARCHES}/{number}")).json()
    assert (told["state"], told["found"], told["error_kind"]) == ("done", 0, None)
    assert told["done_at"] is not None


async def test_a_search_that_failed_says_why(client: httpx.AsyncClient, services: Services):
    number = (await ask(client, "셔츠"))["request_id"]
    failed = UnitOutcome(
        str(number), UnitState.FAILED, error_kind="blocked", error_message="a captcha"
    )
    end(services, number, failed)
    (told,) = (await client.get(SEARCHES, params={"state": "failed"})).json()["items"]
    assert (told["error_kind"], told["error_message"]) == ("blocked", "a captcha")
    assert (await client.get(SEARCHES, params={"state": "pending"})).json()["items"] == []


async def test_pages_follow_each_other_and_hold_each_once(client: httpx.AsyncClient):
    made = [(await ask(client, f"셔츠 {number}"))["request_id"] for number in range(5)]
    await ask(client, "셔츠", "zigzag")
    seen: list[int] = []
    query: dict[str, Any] = {"platform": "musinsa", "limit": 2}
    while True:
        page = (await client.get(SEARCHES, params=query)).json()
        seen += [each["request_id"] for each in page["items"]]
        if page["next"] is None:
            break
        query["before"] = page["next"]
    assert seen == made[::-1]


@pytest.mark.parametrize(
    ("body", "kind"),
    [
        ({"platform": "muzinsa", "keyword": "셔츠"}, "unknown_platform"),
        ({"platform": "musinsa", "keyword": "  "}, "bad_keyword"),
        ({"platform": "musinsa", "keyword": "a" * 101}, "bad_keyword"),
        ({"platform": "musinsa", "keyword": "a\x00b"}, "bad_keyword"),
        ({"platform": "musinsa", "keyword": "a" * 1001}, "bad_request"),
        ({"platform": "musinsa"}, "bad_request"),
        ({"keyword": "셔츠"}, "bad_request"),
        ({"platform": "musinsa", "keyword": "셔츠", "pages": 3}, "bad_request"),
    ],
)
async def test_what_cannot_be_searched_is_refused_when_it_is_asked_for(
    client: httpx.AsyncClient, services: Services, body: dict[str, object], kind: str
):
    assert kind_of(await client.post(SEARCHES, json=body)) == (422, kind)
    assert services.shops.searches.count_waiting() == {}


@pytest.mark.parametrize("number", ["99", str(2**63 - 1)])
async def test_a_number_that_is_not_there_is_404(client: httpx.AsyncClient, number: str):
    assert kind_of(await client.get(f"{SEARCHES}/{number}")) == (404, "unknown_search")


@pytest.mark.parametrize("number", ["0", "-1", "one", str(2**63)])
async def test_what_is_no_number_is_422(client: httpx.AsyncClient, number: str):
    assert kind_of(await client.get(f"{SEARCHES}/{number}")) == (422, "bad_request")


@pytest.mark.parametrize("query", ["limit=0", "limit=501", "before=0", "state=open", "size=1"])
async def test_pages_that_make_no_sense_are_422(client: httpx.AsyncClient, query: str):
    assert kind_of(await client.get(f"{SEARCHES}?{query}")) == (422, "bad_request")


async def test_who_may_only_read_asks_for_nothing(reader: httpx.AsyncClient, services: Services):
    body = {"platform": "musinsa", "keyword": "셔츠"}
    assert kind_of(await reader.post(SEARCHES, json=body)) == (403, "role_too_small")
    assert (await reader.get(SEARCHES)).json() == {"items": [], "next": None}


async def test_a_search_is_in_the_audit_trail(client: httpx.AsyncClient, services: Services):
    made = await ask(client, "셔츠")
    (entry,) = audited(services)
    assert (entry.actor, entry.status) == ("olga", 201)
    assert entry.detail["request_id"] == made["request_id"]
    assert (entry.detail["platform"], entry.detail["keyword"]) == ("musinsa", "셔츠")
