"""The Open API as the source of ranks: its order is the rank; its budget and refusals end a crawl with a reason."""

from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import RefusedError
from platform_assets.ranks.crawl import STOP_AFTER
from resources.caps.limits import find_cap
from resources.caps.state import dump_state, load_state
from resources.state.cap_states import SqlCapStates
from sandbox.naver.ranking import View
from sandbox.naver.upstream import ACCOUNT
from sandbox.process import SandboxProcess
from tests.integration.ranks.rig import OPENAPI, QUOTA, Rig

pytestmark = pytest.mark.slow

TRACKINGS = 18
CREDENTIALS = {
    "naver_client_id": ACCOUNT.client_id,
    "naver_client_secret": SecretStr(ACCOUNT.client_secret),
}


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "home"


def open_rig(home: Path, sandbox: SandboxProcess, **settings: Any) -> Rig:
    values: dict[str, Any] = {
        "rank_source": "openapi",
        "crawl_delay_seconds": 0.005,
        **CREDENTIALS,
        **settings,
    }
    rig = Rig(home, sandbox, **values)
    rig.track_many(TRACKINGS)
    return rig


def use_up(rig: Rig, left: int) -> None:
    """Earlier crawls of the day have left so many requests of the API's budget."""
    cap = find_cap("naver_openapi")
    assert cap.per_day is not None
    used = cap.per_day - left

    def note(stored: JsonObject | None, now: float) -> tuple[JsonObject, None]:
        del now
        state = load_state(stored)
        state.day, state.used = rig.today, used
        return dump_state(state), None

    SqlCapStates(rig.services.state).change(cap.name, note)


async def test_the_order_of_the_api_is_the_rank_and_places_are_read_from_the_map(
    home: Path, sandbox: SandboxProcess
):
    rig = open_rig(home, sandbox)
    assert (await rig.crawl()).report.complete
    assert (await rig.read()).complete
    assert rig.read_history() == rig.find_ranks(view=View.OPENAPI)
    assert sandbox.stats()["hosts"][OPENAPI]["by_kind"] == {"api": TRACKINGS * 2 // 3}
    assert rig.count_requests().total() == TRACKINGS
    rig.close()


async def test_the_end_of_our_own_budget_ends_the_crawl_and_the_next_day_begins_afresh(
    home: Path, sandbox: SandboxProcess
):
    rig = open_rig(home, sandbox)
    use_up(rig, left=3)
    crawl = await rig.crawl()
    assert crawl.report.stop is not None
    assert "the 25000 requests of today are used up; run again after" in crawl.report.stop.message
    assert sandbox.stats()["hosts"][OPENAPI]["requests"] == 3
    result = await rig.read()
    truth = rig.find_ranks(view=View.OPENAPI)
    assert rig.read_history() == {number: truth[number] for number in rig.read_history()}
    assert {failure.kind for failure in result.failures} == {"budget_used"}
    assert not result.complete

    rig.set_day("2026-11-21")
    assert (await rig.crawl()).report.complete
    rig.close()


async def test_the_end_of_the_accounts_quota_ends_the_crawl_with_the_apis_own_words(
    home: Path, sandbox: SandboxProcess
):
    rig = open_rig(home, sandbox)
    rig.track_many(15, first=TRACKINGS)
    crawl = await rig.crawl()
    assert crawl.report.stop is not None
    assert f"openapi has turned {STOP_AFTER} requests in a row away" in crawl.report.stop.message
    assert "Query limit exceeded" in crawl.report.stop.message
    result = await rig.read()
    assert {failure.kind for failure in result.failures} <= {"throttled", "blocked"}
    truth, history = rig.find_ranks(view=View.OPENAPI), rig.read_history()
    assert history == {number: truth[number] for number in history}
    posts = [each for each in rig.trackings if each.rank_type != "place"]
    assert sum(each.tracking_id in history for each in posts) == QUOTA
    assert sandbox.stats()["quota"] == {"limit": QUOTA, "used": QUOTA}
    rig.close()


async def test_wrong_credentials_are_refused_at_the_first_answer_with_advice(
    home: Path, sandbox: SandboxProcess
):
    rig = open_rig(home, sandbox, naver_client_secret=SecretStr("another one"))
    crawl = await rig.crawl()
    assert crawl.report.stop is not None
    assert (
        "Check SLUICE_NAVER_CLIENT_ID and SLUICE_NAVER_CLIENT_SECRET" in crawl.report.stop.message
    )
    assert "another one" not in crawl.report.stop.message
    assert not rig.read_history()
    rig.close()


async def test_missing_credentials_are_refused_before_anything_is_asked(
    home: Path, sandbox: SandboxProcess
):
    rig = open_rig(home, sandbox, naver_client_id="")
    with pytest.raises(RefusedError) as caught:
        await rig.crawl()
    assert caught.value.kind == "bad_setting"
    assert "SLUICE_NAVER_CLIENT_ID" in str(caught.value)
    assert not rig.count_requests()
    rig.close()
