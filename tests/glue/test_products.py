# pyright: standard
"""Days of a shop through Dagster: split, started by the sensor, scanned, told batch by batch."""

import asyncio
import json
from collections import Counter
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.definitions.partitions.context import partition_loading_context
from dagster._core.execution.api import execute_run

from platform_assets.core.engine.units import UnitState
from platform_assets.core.errors import PermanentError, PlatformError, RefusedError, TransientError
from platform_assets.core.redrive import FailureFilter
from platform_assets.definitions import build_definitions
from platform_assets.partitions import PRODUCT_BATCHES, today
from platform_assets.products.batches import SCAN_PIPELINE, read_batch, split_day
from platform_assets.products.glue import ALERT, CHANGES, DAY_ALERT, LATEST, SNAPSHOTS
from platform_assets.products.latest import read_latest
from platform_assets.products.platform import PageRequest, ShopPlatform
from platform_assets.products.product import ListedProduct, SaleStatus
from platform_assets.products.quality import (
    ACCEPT_TAG,
    DAY_READ,
    FEW_FAILURES,
    FEW_ODD_FIELDS,
    LIST_READ,
    NO_MASS_CHANGE,
)
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.state.dead_letters import DeadLetterFilter, SqlDeadLetters
from sensors.products import MOST_RUNS
from tests.fakes.clock import START, FakeClock
from tests.unit.products.test_configured import LD_SHOP

DAY = today(START)
FIRST = f"musinsa/{DAY}/1-of-3"


@dataclass
class PlayedShop:
    """A Musinsa of `count` products that a test plays."""

    count: int = 120
    prices: dict[str, int] = field(default_factory=dict)
    gone: set[str] = field(default_factory=set)
    failing: dict[str, Exception] = field(default_factory=dict)
    asked: Counter[str] = field(default_factory=Counter)
    list_error: Exception | None = None
    banner: bool = False
    open: int = 0
    most_open: int = 0

    @asynccontextmanager
    async def opened(self, platform: ShopPlatform) -> AsyncGenerator["PlayedShop"]:
        assert platform.name == "musinsa"
        self.open += 1
        self.most_open = max(self.most_open, self.open)
        try:
            yield self
        finally:
            self.open -= 1

    def slow_down(self, seconds: float) -> None:
        del seconds

    async def fetch(self, request: PageRequest) -> bytes | None:
        await asyncio.sleep(0)
        path = urlsplit(request.path)
        if not path.path.startswith("/api2/goods/"):
            return self._list(int(parse_qs(path.query).get("page", ["1"])[0]))
        product_id = path.path.rpartition("/")[2]
        self.asked[product_id] += 1
        if error := self.failing.get(product_id):
            raise error
        if product_id in self.gone:
            return None
        price = self.prices.get(product_id, 10_000)
        goods = {
            "goodsNo": int(product_id),
            "goodsNm": f"슬리퍼 {product_id}",
            "goodsSaleType": "SALE",
            "goodsPrice": {"normalPrice": price, "salePrice": price},
            "brandInfo": {"brandName": "킨치"},
            "goodsReview": {"totalCount": 3, "satisfactionScore": 4.5},
        }
        return json.dumps({"data": goods}).encode()

    def _list(self, page: int) -> bytes:
        if self.list_error is not None:
            raise self.list_error
        ids = range(1000, 1000 + self.count)[100 * (page - 1) : 100 * page]
        products = [{"goodsNo": number, "goodsName": f"슬리퍼 {number}"} for number in ids]
        if self.banner:
            products.insert(3, {"goodsNo": 9, "experimentId": "banner"})
        paging = {"hasNext": 100 * page < self.count}
        return json.dumps({"data": {"list": products, "pagination": paging}}).encode()


@dataclass
class Rig:
    services: Services
    instance: dg.DagsterInstance
    shop: PlayedShop
    clock: FakeClock
    definitions: dg.Definitions

    def run(self, job: str, config: Any = None, **tags: str) -> dg.DagsterRun:
        definition = self.definitions.resolve_job_def(job)
        run = self.instance.create_run_for_job(definition, run_config=config or {}, tags=tags)
        execute_run(InMemoryJob(definition), run, self.instance, raise_on_error=False)
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found

    def split(self, day: str = "", platform: str = "musinsa") -> dg.DagsterRun:
        config = {"platform": platform, "day": day}
        return self.run("product_day", {"ops": {"split_product_day": {"config": config}}})

    def scan(self, batch: str, **tags: str) -> dg.DagsterRun:
        return self.run("product_batches", **{"dagster/partition": batch, **tags})

    def tick(self) -> list[str]:
        """The batches that a tick of the sensor starts."""
        return [str(request.partition_key) for request in self.requests()]

    def requests(self) -> Sequence[dg.RunRequest]:
        """What a tick of the sensor asks for."""
        sensor = self.definitions.get_repository_def().get_sensor_def("product_batches")
        with (
            partition_loading_context(dynamic_partitions_store=self.instance),
            dg.build_sensor_context(
                instance=self.instance,
                repository_def=self.definitions.get_repository_def(),
                resources={"services": self.services},
            ) as context,
        ):
            return sensor.evaluate_tick(context).run_requests or []

    def keys(self) -> list[str]:
        return sorted(self.instance.get_dynamic_partitions(str(PRODUCT_BATCHES.name)))

    def done(self, key: dg.AssetKey = SNAPSHOTS) -> set[str]:
        return self.instance.get_materialized_partitions(key)

    def events(self, run: dg.DagsterRun, kind: str) -> list[Any]:
        logged = [entry.dagster_event for entry in self.instance.all_logs(run.run_id)]
        return [event for event in logged if event and event.event_type_value == kind]

    def failure(self, run: dg.DagsterRun) -> str:
        (event,) = self.events(run, "STEP_FAILURE")
        data = event.step_failure_data
        return data.user_failure_data.description if data.user_failure_data else str(data.error)

    def latest(self) -> dict[str, Any]:
        return {each.product_id: each for each in read_latest(self.services.objects, "musinsa")}


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    clock, shop = FakeClock(), PlayedShop()
    services = Services(Settings(home=tmp_path, log_file=Path("/dev/null")), clock)
    monkeypatch.setattr(services.shops, "open_shop", shop.opened)
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = build_definitions(services.settings, {"services": services})
        yield Rig(services, instance, shop, clock, definitions)
    services.state.close()


def test_a_day_is_listed_split_into_batches_of_50_and_each_is_a_partition(rig: Rig):
    assert rig.split().is_success
    assert rig.keys() == [f"musinsa/{DAY}/{number}-of-3" for number in (1, 2, 3)]
    assert rig.services.shops.known.count() == {"musinsa": 120}
    assert [len(each.products) for each in rig.services.shops.find_day("musinsa", DAY)] == [
        50, 50, 20,
    ]  # fmt: skip


def test_a_banner_on_the_list_is_counted_and_the_products_are_split(rig: Rig):
    rig.shop.banner = True
    run = rig.split()
    assert run.is_success
    assert rig.services.shops.known.count() == {"musinsa": 120}
    check = checks_of(rig, run)[LIST_READ]
    assert (check.passed, check.partition) == (True, FIRST)
    assert check.metadata["odd_rows"].value == 2
    assert "goodsName is missing" in check.description


@pytest.mark.parametrize(
    "error",
    [
        TransientError("musinsa does not answer", kind="timeout"),
        PermanentError("the list has another shape", kind="changed_structure"),
        RefusedError("the shop blocks us", kind="blocked"),
    ],
)
def test_known_products_are_split_when_the_list_cannot_be_read_and_the_list_is_read_later(
    rig: Rig, error: PlatformError
):
    rig.split()
    rig.clock.advance(86_400)
    tomorrow = today(rig.clock.now())
    rig.shop.list_error = error
    run = rig.split(tomorrow)
    assert not run.is_success
    assert "the list of the shop could not be read" in rig.failure(run)
    assert "The 120 known products are looked at all the same" in rig.failure(run)
    assert rig.tick() == [FIRST], "yesterday's"
    assert rig.keys()[-1] == f"musinsa/{tomorrow}/3-of-3"
    assert not checks_of(rig, run)[LIST_READ].passed
    (failed,) = rig.events(run, "STEP_FAILURE")
    told = failed.step_failure_data.user_failure_data.metadata
    assert told["transient"].value is True, "the sensor runs starts it again"
    rig.shop.list_error, rig.shop.count = None, 130
    again = rig.split(tomorrow)
    assert again.is_success
    assert checks_of(rig, again)[LIST_READ].passed
    assert rig.services.shops.known.count() == {"musinsa": 130}, "looked at from the next day on"
    assert len(rig.services.shops.find_day("musinsa", tomorrow)) == 3


def test_a_list_that_fails_on_the_first_day_is_tried_again_and_then_split(rig: Rig):
    rig.shop.list_error = PermanentError("no such list (404)", kind="no_list")
    run = rig.split()
    assert "No product is known" in rig.failure(run)
    assert rig.keys() == []
    rig.shop.list_error = None
    assert rig.split().is_success
    assert len(rig.keys()) == 3


def test_platform_and_day_can_be_run_tags_for_the_command_line(rig: Rig):
    tags = {"sluice/platform": "musinsa", "sluice/day": "2026-11-01"}
    assert rig.run("product_day", **tags).is_success
    assert rig.keys()[0] == "musinsa/2026-11-01/1-of-3"


def test_a_day_that_was_split_stays_as_it_is_when_products_are_added(rig: Rig):
    rig.split()
    rig.shop.count = 400
    assert rig.split().is_success
    assert len(rig.keys()) == 3


@pytest.mark.parametrize(
    ("platform", "day", "said"),
    [
        ("muzinsa", "", "no shop platform 'muzinsa'"),
        ("musinsa", "2026-13-01", "is no day"),
        ("musinsa", "yesterday", "is no day"),
    ],
)
def test_a_day_that_makes_no_sense_is_refused(rig: Rig, platform: str, day: str, said: str):
    run = rig.split(day, platform)
    assert not run.is_success
    assert said in rig.failure(run)
    assert rig.keys() == []


def test_a_batch_shows_its_numbers_its_changes_and_its_checks(rig: Rig):
    rig.split()
    run = rig.scan(FIRST)
    assert run.is_success
    assert rig.done() == rig.done(CHANGES) == {FIRST}
    told = {
        event.asset_key: event.materialization.metadata
        for event in rig.events(run, "ASSET_MATERIALIZATION")
    }
    assert told[SNAPSHOTS]["products_on_sale"].value == 50
    assert told[SNAPSHOTS]["batch_index"].value == 1
    assert told[SNAPSHOTS]["batch_total"].value == 3
    assert told[CHANGES]["changes_new"].value == 50
    assert told[LATEST]["platform"].value == "musinsa"
    checks = [event.event_specific_data for event in rig.events(run, "ASSET_CHECK_EVALUATION")]
    assert {(each.check_name, each.passed, each.partition) for each in checks} == {
        (NO_MASS_CHANGE, True, FIRST),
        (FEW_FAILURES, True, FIRST),
        (FEW_ODD_FIELDS, True, FIRST),
    }
    assert len(rig.latest()) == 50


def test_a_completed_batch_is_not_scanned_again_that_day(rig: Rig):
    rig.split()
    rig.scan(FIRST)
    assert rig.scan(FIRST).is_success
    assert set(rig.shop.asked.values()) == {1}


def test_products_that_fail_are_skipped_logged_and_read_by_the_next_run(rig: Rig):
    rig.split()
    rig.shop.failing = {
        "1003": PermanentError("it has no price", kind="no_price"),
        "1007": TransientError("no answer", kind="http_500"),
    }
    assert rig.scan(FIRST).is_success
    letters = SqlDeadLetters(rig.services.state)
    wanted = DeadLetterFilter(pipeline=SCAN_PIPELINE, partition=FIRST)
    assert {(each.letter.unit_id, each.letter.kind) for each in letters.find(wanted)} == {
        ("1003", "no_price"),
        ("1007", "http_500"),
    }
    assert len(rig.latest()) == 48
    rig.shop.failing = {}
    rig.shop.asked.clear()
    assert rig.scan(FIRST).is_success
    assert rig.shop.asked == {"1003": 1, "1007": 1}
    assert letters.count(wanted) == 0
    assert len(rig.latest()) == 50


def test_a_mass_change_fails_the_batch_tells_one_alert_and_leaves_the_latest_table(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    rig.split()
    rig.scan(FIRST)
    before = rig.latest()
    rig.clock.advance(86_400)
    rig.split()
    tomorrow = FIRST.replace(DAY, today(rig.clock.now()))
    rig.shop.gone = {str(number) for number in range(1000, 1020)}
    alerts: list[str] = []
    tell = rig.services.alerts.tell_once

    def count(kind: str, subject: str, message: str) -> bool:
        told = tell(kind, subject, message)
        alerts.extend([subject] if told and kind == ALERT else [])
        return told

    monkeypatch.setattr(rig.services.alerts, "tell_once", count)
    for _ in range(2):
        run = rig.scan(tomorrow)
        assert not run.is_success
        assert "20 of 50 products are not found any more" in rig.failure(run)
    assert alerts == [tomorrow]
    assert rig.latest() == before
    assert rig.done() == {FIRST}
    rig.shop.gone = {"1000"}
    assert rig.scan(tomorrow).is_success
    assert rig.latest()["1000"].sale_status is SaleStatus.NOT_FOUND
    assert rig.latest()["1001"].scanned_at > before["1001"].scanned_at


def checks_of(rig: Rig, run: dg.DagsterRun) -> dict[str, Any]:
    logged = [event.event_specific_data for event in rig.events(run, "ASSET_CHECK_EVALUATION")]
    return {each.check_name: each for each in logged}


def test_a_batch_of_which_nothing_could_be_read_fails_with_a_failed_check_that_names_the_kinds(
    rig: Rig,
):
    rig.split()
    error = PermanentError("the page has another shape", kind="changed_structure")
    rig.shop.failing = dict.fromkeys(map(str, range(1000, 1200)), error)
    last = FIRST.replace("/1-of", "/3-of")
    run = rig.scan(last)
    assert not run.is_success
    assert "20 of 20 products could not be read: changed_structure 20." in rig.failure(run)
    check = checks_of(rig, run)[FEW_FAILURES]
    assert (check.passed, check.partition) == (False, last)
    assert "changed_structure 20" in check.description
    assert rig.done() == set()


def test_a_day_of_which_too_little_was_read_is_told_by_a_failed_check_and_one_alert(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
):
    alerts: list[tuple[str, str]] = []
    monkeypatch.setattr(
        rig.services.alerts, "tell_once", lambda kind, subject, _: alerts.append((kind, subject))
    )
    rig.shop.count = 60
    rig.split()
    first, second = rig.keys()
    rig.shop.failing = dict.fromkeys(
        map(str, range(1000, 1050)), PermanentError("odd", kind="changed_structure")
    )
    assert DAY_READ not in checks_of(rig, rig.scan(first)), "the day has not ended"
    run = rig.scan(second)
    assert run.is_success
    assert not checks_of(rig, run)[DAY_READ].passed
    assert "10 of 60 products were read" in checks_of(rig, run)[DAY_READ].description
    assert (DAY_ALERT, f"musinsa/{DAY}") in alerts
    rig.shop.failing = {}
    assert checks_of(rig, rig.scan(first))[DAY_READ].passed


def test_a_person_can_say_that_a_mass_change_is_real(rig: Rig):
    rig.split()
    rig.scan(FIRST)
    rig.clock.advance(86_400)
    rig.split()
    tomorrow = FIRST.replace(DAY, today(rig.clock.now()))
    rig.shop.gone = {str(number) for number in range(1000, 1020)}
    refused = rig.scan(tomorrow)
    assert "run it with the tag sluice/accept_mass_change=true" in rig.failure(refused)
    assert not rig.scan(tomorrow, **{ACCEPT_TAG: "false"}).is_success
    accepted = rig.scan(tomorrow, **{ACCEPT_TAG: "true"})
    assert accepted.is_success
    checks = [event.event_specific_data for event in rig.events(accepted, "ASSET_CHECK_EVALUATION")]
    (mass,) = [each for each in checks if each.check_name == NO_MASS_CHANGE]
    assert mass.passed
    assert "A person has accepted it" in mass.description
    assert rig.latest()["1000"].sale_status is SaleStatus.NOT_FOUND
    assert rig.done() == {FIRST, tomorrow}


def test_a_redriven_product_is_read_by_a_run_that_the_sensor_starts(rig: Rig):
    rig.split()
    rig.shop.failing = {"1003": PermanentError("it has no price", kind="no_price")}
    rig.scan(FIRST)
    second = FIRST.replace("/1-of", "/2-of")
    assert rig.tick() == [second], "the batch is done, but for one product"
    rig.services.redrive.redrive(FailureFilter("products", error_kind="no_price"))
    assert rig.tick() == [FIRST]
    rig.shop.failing = {}
    rig.shop.asked.clear()
    assert rig.scan(FIRST).is_success
    assert rig.shop.asked == {"1003": 1}
    assert rig.tick() == [second]


def test_a_redriven_batch_of_any_day_is_started_however_often_it_died_before(rig: Rig):
    rig.split()
    for _ in range(MOST_RUNS):
        rig.shop.failing = {
            str(number): RefusedError("the shop blocks us", kind="blocked")
            for number in range(1000, 1200)
        }
        rig.scan(FIRST)
    rig.clock.advance(36_500 * 86_400)  # past the real time, which stamps runs
    assert rig.tick() == []
    rig.services.redrive.redrive(FailureFilter("products/batches"))
    assert rig.tick() == [FIRST]
    rig.shop.failing = {}
    assert rig.scan(FIRST).is_success
    assert rig.tick() == []


def test_faults_of_the_platform_never_make_the_sensor_give_up_on_a_batch(rig: Rig):
    rig.split()
    full = RefusedError("no space left; free some", kind="object_store_full")
    for _ in range(MOST_RUNS + 1):
        rig.shop.failing = dict.fromkeys(map(str, range(1000, 1200)), full)
        assert not rig.scan(FIRST).is_success
    rig.shop.failing = {}
    assert rig.scan(FIRST.replace("/1-of", "/2-of")).is_success, "the fault is over"
    assert rig.tick() == [FIRST]


def test_a_shop_that_refuses_everything_fails_the_batch_at_once(rig: Rig):
    rig.split()
    rig.shop.failing = {
        str(number): RefusedError("the shop blocks us", kind="blocked")
        for number in range(1000, 1200)
    }
    run = rig.scan(FIRST)
    assert not run.is_success
    assert "the shop blocks us" in rig.failure(run)
    assert rig.shop.asked.total() < 20
    (first, *_) = rig.services.shops.find_day("musinsa", DAY)
    assert first.state is UnitState.FAILED


@pytest.mark.parametrize(
    ("key", "said"),
    [
        ("musinsa/2026-11-20", "is no batch"),
        (f"musinsa/{DAY}/9-of-9", "has no such batch"),
        (f"muzinsa/{DAY}/1-of-3", "no shop platform"),
    ],
)
def test_a_batch_that_is_not_there_is_refused_before_anything_is_asked(
    rig: Rig, key: str, said: str
):
    rig.split()
    rig.instance.add_dynamic_partitions(str(PRODUCT_BATCHES.name), [key])
    run = rig.scan(key)
    assert not run.is_success
    assert said in rig.failure(run)
    assert rig.shop.asked.total() == 0


def test_the_sensor_starts_one_batch_at_a_time_and_each_once(rig: Rig):
    assert rig.tick() == []
    rig.split()
    assert rig.tick() == [FIRST]
    started = rig.instance.create_run_for_job(
        rig.definitions.resolve_job_def("product_batches"),
        status=DagsterRunStatus.STARTED,
        tags={"dagster/partition": FIRST},
    )
    assert rig.tick() == []
    rig.instance.report_run_canceled(started)
    assert rig.tick() == [FIRST], "it has not ended"
    rig.scan(FIRST)
    assert rig.tick() == [FIRST.replace("/1-of", "/2-of")]


def test_the_sensor_leaves_a_batch_alone_whose_runs_die_again_and_again(rig: Rig):
    rig.split()
    for _ in range(MOST_RUNS):
        run = rig.instance.create_run_for_job(
            rig.definitions.resolve_job_def("product_batches"), tags={"dagster/partition": FIRST}
        )
        rig.instance.report_run_failed(run)
    assert rig.tick() == []


def test_the_sensor_forgets_days_that_are_long_over(rig: Rig):
    rig.split()
    rig.clock.advance(2 * 86_400)
    assert rig.tick() == []


def test_a_range_of_batches_is_scanned_in_turn(rig: Rig):
    rig.split()
    run = rig.run(
        "product_batches",
        **{
            "dagster/asset_partition_range_start": rig.keys()[0],
            "dagster/asset_partition_range_end": rig.keys()[-1],
        },
    )
    assert run.is_success
    assert rig.done() == set(rig.keys())
    assert (rig.shop.most_open, set(rig.shop.asked.values())) == (1, {1})
    progress = rig.services.shops.measure_day("musinsa", DAY)
    assert progress is not None
    assert (progress.completed, progress.failed, progress.percent) == (3, 0, 100.0)
    assert progress.ends_at is None


async def test_two_batches_of_a_platform_are_never_scanned_at_once(rig: Rig):
    await asyncio.to_thread(rig.split)
    await asyncio.gather(
        *(rig.services.shops.scan_batch(read_batch(key)) for key in rig.keys()[:2])
    )
    assert rig.shop.most_open == 1


def memory_of(tags: Mapping[str, str]) -> tuple[str, str]:
    """What a run asks of Kubernetes, and its limit."""
    config = json.loads(tags["dagster-k8s/config"])
    resources = config["container_config"]["resources"]
    return resources["requests"]["memory"], resources["limits"]["memory"]


def test_a_batch_asks_for_a_worker_of_the_size_that_its_shop_needs(rig: Rig):
    rig.split()
    (request,) = rig.requests()
    assert memory_of(request.tags) == ("2Gi", "2Gi")
    rig.services.shops.known.add("kurly", [ListedProduct("1", "사과", "")], "import")
    split_day(rig.services.ledger, "kurly", DAY, ["1"], START.isoformat())
    kurly = f"kurly/{DAY}/1-of-1"
    rig.instance.add_dynamic_partitions(str(PRODUCT_BATCHES.name), [kurly])
    by_key = {request.partition_key: request.tags for request in rig.requests()}
    assert memory_of(by_key[kurly]) == ("4Gi", "6Gi")
    config = json.loads(by_key[kurly]["dagster-k8s/config"])
    (volume,) = config["pod_spec_config"]["volumes"]
    assert volume["empty_dir"] == {"medium": "Memory", "size_limit": "2Gi"}
    (mount,) = config["container_config"]["volume_mounts"]
    assert (mount["name"], mount["mount_path"]) == (volume["name"], "/dev/shm")
    assert memory_of(by_key[FIRST]) == ("2Gi", "2Gi")


@pytest.mark.parametrize(("platform", "memory"), [("musinsa", "2Gi"), ("oliveyoung", "4Gi")])
def test_the_run_of_a_schedule_has_the_size_of_its_shop(rig: Rig, platform: str, memory: str):
    schedule = rig.definitions.resolve_schedule_def(f"products_{platform}")
    with dg.build_schedule_context(
        instance=rig.instance, scheduled_execution_time=rig.clock.now()
    ) as context:
        (request,) = schedule.evaluate_tick(context).run_requests or []
    assert memory_of(request.tags)[0] == memory


def test_a_shop_that_a_file_declares_has_a_schedule_too(tmp_path: Path):
    file = tmp_path / "shop.toml"
    file.write_text(LD_SHOP, encoding="utf-8")
    settings = Settings(home=tmp_path, shops_file=file, products_platforms="ld_shop")
    schedule = build_definitions(settings).resolve_schedule_def("products_ld_shop")
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_a_file_that_declares_no_shop_is_told_when_the_code_is_loaded(tmp_path: Path):
    settings = Settings(home=tmp_path, shops_file=tmp_path / "missing.toml")
    with pytest.raises(PermanentError, match=r"SLUICE_SHOPS_FILE: cannot read .*missing.toml"):
        build_definitions(settings)


def test_each_platform_has_a_schedule_and_only_the_chosen_ones_run(tmp_path: Path):
    settings = Settings(home=tmp_path, products_platforms="musinsa, zigzag")
    schedules = build_definitions(settings).get_repository_def().schedule_defs
    status = {
        each.name.removeprefix("products_"): each.default_status
        for each in schedules
        if each.name.startswith("products_")
    }
    assert len(status) == 6
    running = {name for name, of in status.items() if of is dg.DefaultScheduleStatus.RUNNING}
    assert running == {"musinsa", "zigzag"}
