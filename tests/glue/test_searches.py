# pyright: standard
"""The search queue through Dagster: the sensor sees what waits, the job answers it, products become known."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from platform_assets.core.engine.units import Attempt, UnitState
from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.definitions import build_definitions
from platform_assets.products.platform import PageRequest, ShopPlatform
from platform_assets.products.search_request import SearchRequest
from platform_assets.products.state.search_ledger import SqlSearchLedger
from platform_assets.products.state.search_requests import SearchFilter
from platform_assets.products.turns import take_turn
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.state.leases import SqlLeases
from tests.fakes.clock import FakeClock
from tests.unit.products.test_configured import LD_SHOP


@dataclass
class PlayedShops:
    """Musinsa and others: a keyword finds as many products as `finds` says, 100 a page."""

    finds: dict[str, int] = field(default_factory=dict)
    failing: dict[str, Exception] = field(default_factory=dict)
    closed: dict[str, Exception] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)

    @asynccontextmanager
    async def opened(self, platform: ShopPlatform) -> AsyncGenerator["PlayedShops"]:
        if error := self.closed.get(platform.name):
            raise error
        yield self

    def slow_down(self, seconds: float) -> None:
        del seconds

    async def fetch(self, request: PageRequest) -> bytes | None:
        await asyncio.sleep(0)
        query = parse_qs(urlsplit(request.path).query)
        keyword, page = query["keyword"][0], int(query.get("page", ["1"])[0])
        self.asked.append(keyword)
        if error := self.failing.get(keyword):
            raise error
        count = self.finds.get(keyword, 0)
        ids = range(1000, 1000 + count)[100 * (page - 1) : 100 * page]
        products = [{"goodsNo": number, "goodsName": f"셔츠 {number}"} for number in ids]
        paging = {"hasNext": 100 * page < count}
        return json.dumps({"data": {"list": products, "pagination": paging}}).encode()


@dataclass
class Rig:
    services: Services
    instance: dg.DagsterInstance
    shops: PlayedShops
    clock: FakeClock
    definitions: dg.Definitions

    def ask(self, keyword: str, platform: str = "musinsa") -> SearchRequest:
        return self.services.shops.request_search(platform, keyword)[0]

    def look(self, request: SearchRequest) -> SearchRequest:
        return self.services.shops.searches.get(request.request_id)

    def run(self) -> dg.DagsterRun:
        definition = self.definitions.resolve_job_def("product_searches")
        run = self.instance.create_run_for_job(definition)
        execute_run(InMemoryJob(definition), run, self.instance, raise_on_error=False)
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found

    def tick(self) -> tuple[list[dg.RunRequest], str | None]:
        """What a tick of the sensor asks for, and why it does not."""
        repository = self.definitions.get_repository_def()
        with dg.build_sensor_context(
            instance=self.instance,
            repository_def=repository,
            resources={"services": self.services},
        ) as context:
            data = repository.get_sensor_def("product_searches").evaluate_tick(context)
        return list(data.run_requests or []), data.skip_message


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    clock, shops = FakeClock(), PlayedShops()
    services = Services(Settings(home=tmp_path, log_file=Path("/dev/null")), clock)
    monkeypatch.setattr(services.shops, "open_shop", shops.opened)
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = build_definitions(services.settings, {"services": services})
        yield Rig(services, instance, shops, clock, definitions)
    services.state.close()


def test_what_a_search_finds_becomes_known_as_found_by_search(rig: Rig):
    rig.shops.finds["셔츠"] = 120
    request = rig.ask("셔츠")
    assert rig.run().is_success
    ended = rig.look(request)
    assert (ended.state, ended.found, ended.added) == (UnitState.DONE, 120, 120)
    assert rig.services.shops.known.count() == {"musinsa": 120}
    assert rig.shops.asked == ["셔츠", "셔츠"]


def test_what_is_known_already_is_found_and_not_added(rig: Rig):
    rig.shops.finds = {"셔츠": 30, "셔츠 반팔": 40}
    first, second = rig.ask("셔츠"), rig.ask("셔츠 반팔")
    rig.run()
    counts = [(rig.look(each).found, rig.look(each).added) for each in (first, second)]
    assert [found for found, _ in counts] == [30, 40]
    assert sum(added or 0 for _, added in counts) == 40


def test_a_search_without_a_result_is_done_with_0_found(rig: Rig):
    request = rig.ask("없는 것")
    assert rig.run().is_success
    ended = rig.look(request)
    assert (ended.state, ended.found, ended.error_kind) == (UnitState.DONE, 0, None)


def test_a_search_that_fails_is_noted_and_the_others_go_on(rig: Rig):
    rig.shops.finds["바지"] = 3
    rig.shops.failing["셔츠"] = PermanentError("the shop shows a captcha", kind="blocked")
    bad, good = rig.ask("셔츠"), rig.ask("바지")
    assert rig.run().is_success, "what failed is at the request"
    assert (rig.look(bad).state, rig.look(bad).error_kind) == (UnitState.FAILED, "blocked")
    assert rig.look(good).found == 3
    assert rig.ask("셔츠").request_id > bad.request_id, "it may be asked for anew"


def test_a_passing_error_is_tried_again(rig: Rig):
    rig.shops.failing["셔츠"] = TransientError("a storm", kind="http_503")
    request = rig.ask("셔츠")
    rig.run()
    ended = rig.look(request)
    assert (ended.error_kind, ended.attempts) == ("http_503", 2)


def test_a_shop_that_cannot_be_opened_fails_the_run_and_not_the_other_shops(rig: Rig):
    rig.shops.finds["셔츠"] = 3
    rig.shops.closed["kurly"] = RefusedError("install Chromium", kind="missing_browser")
    waiting, answered = rig.ask("셔츠", "kurly"), rig.ask("셔츠")
    run = rig.run()
    assert not run.is_success
    assert rig.look(waiting).state is UnitState.PENDING
    assert rig.look(answered).found == 3


def test_a_request_whose_worker_died_is_answered_by_the_next_run(rig: Rig):
    request = rig.ask("셔츠")
    ledger = SqlSearchLedger(rig.services.state, "musinsa")
    dead = Attempt("dead", "elsewhere|boot|ns|1|1")
    ledger.claim(ledger.plan, [str(request.request_id)], dead, 60)
    rig.run()
    assert rig.look(request).state is UnitState.RUNNING, "its lease has not ended"
    assert rig.tick()[0] == []
    rig.clock.advance(61)
    assert len(rig.tick()[0]) == 1
    assert rig.run().is_success
    assert rig.look(request).state is UnitState.DONE


def test_the_sensor_starts_one_run_for_all_that_waits(rig: Rig):
    assert rig.tick() == ([], "no search waits")
    rig.ask("셔츠")
    rig.ask("바지", "zigzag")
    (request,) = rig.tick()[0]
    assert '"memory": "2Gi"' in request.tags["dagster-k8s/config"]
    started = rig.instance.create_run_for_job(
        rig.definitions.resolve_job_def("product_searches"), status=DagsterRunStatus.STARTED
    )
    assert rig.tick() == ([], "a run is answering searches")
    rig.instance.report_run_canceled(started)
    assert len(rig.tick()[0]) == 1


def test_a_run_that_needs_a_browser_has_its_size(rig: Rig):
    rig.ask("셔츠")
    rig.ask("사과", "kurly")
    (request,) = rig.tick()[0]
    assert '"memory": "4Gi"' in request.tags["dagster-k8s/config"]


def test_after_a_run_that_failed_the_sensor_rests(rig: Rig):
    rig.shops.closed["musinsa"] = RefusedError("the shop is closed", kind="refused")
    rig.ask("셔츠")
    run = rig.run()
    requests, reason = rig.tick()
    assert requests == []
    assert reason == f"run {run.run_id} has failed: the next one comes 10 minutes after it"
    rig.clock.advance(36_500 * 86_400)  # past the real time, which stamps runs
    assert len(rig.tick()[0]) == 1


@pytest.mark.parametrize(
    ("platform", "keyword", "kind"),
    [
        ("muzinsa", "셔츠", "unknown_platform"),
        ("ld_shop", "셔츠", "no_search"),
        ("musinsa", " ", "bad_keyword"),
    ],
)
def test_what_cannot_be_searched_is_refused_at_once(
    tmp_path: Path, platform: str, keyword: str, kind: str
):
    file = tmp_path / "shop.toml"
    file.write_text(LD_SHOP, encoding="utf-8")
    services = Services(Settings(home=tmp_path, shops_file=file), FakeClock())
    with pytest.raises(PermanentError) as caught:
        services.shops.request_search(platform, keyword)
    assert caught.value.kind == kind
    assert services.shops.searches.find(SearchFilter()) == []
    services.state.close()


async def test_a_batch_and_a_search_of_a_shop_do_not_wait_for_each_other(rig: Rig):
    rig.shops.finds["셔츠"] = 3
    request = await asyncio.to_thread(rig.ask, "셔츠")
    leases = SqlLeases(rig.services.state)
    async with asyncio.timeout(120), take_turn(leases, "musinsa", 1):
        await rig.services.shops.answer_searches("musinsa")
    assert rig.look(request).found == 3
