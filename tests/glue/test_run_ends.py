# pyright: standard
"""What follows from the end of a run, in every job: an alert that lasts until it succeeds, and another try later."""

from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace

import dagster as dg
import pytest
from dagster import DagsterRunStatus
from dagster._core.storage.tags import get_tag_type

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.processes.owner import describe_owner
from platform_assets.products.listing import ListReport
from platform_assets.products.open import BegunDay
from resources.dagster.run_ends import SECOND_CHANCES, TRY_TAG
from tests.glue.tenants_rig import Rig, TenantRun
from tests.glue.tenants_shops import write_shops

SPLIT = {"ops": {"split_product_day": {"config": {"platform": "musinsa", "day": "2026-11-20"}}}}
AWAY = TransientError("musinsa does not answer", kind="timeout")


class Shop:
    """Splits days, or fails as it is told."""

    def __init__(self) -> None:
        self.error: Exception | None = None

    async def begin_day(self, platform: str, day: str) -> BegunDay:
        if self.error is not None:
            raise self.error
        return BegunDay((), ListReport())


@pytest.fixture
def shop() -> Shop:
    return Shop()


@pytest.fixture
def rig(tmp_path: Path, shop: Shop) -> Iterator[Rig]:
    with Rig.opened(tmp_path, write_shops(tmp_path)) as rig:
        rig.services.shops = SimpleNamespace(begin_day=shop.begin_day)  # pyright: ignore[reportAttributeAccessIssue]
        yield rig


def alerts(rig: Rig, kind: str = "run_failed") -> list[str]:
    """Subjects of the alerts that last."""
    return sorted(rig.services.notes.find("alerts/").get(f"alerts/{kind}", {}).get("told", {}))


def split(rig: Rig, tags: dict[str, str] | None = None) -> TenantRun:
    return rig.run_job("product_day", tags, SPLIT)


def pass_minutes(rig: Rig, minutes: float) -> None:
    rig.clock.advance(minutes * 60)


def set_clock(rig: Rig, run: TenantRun) -> None:
    """Dagster stamps runs by the real clock."""
    (record,) = rig.instance.get_run_records(dg.RunsFilter(run_ids=[run.run_id]))
    assert record.end_time is not None
    rig.clock.advance(record.end_time - rig.clock.now().timestamp())


def test_a_day_that_could_not_be_split_for_a_while_is_tried_again_later(rig: Rig, shop: Shop):
    shop.error = AWAY
    run = split(rig)
    assert not run.success
    assert alerts(rig) == ["product_day musinsa"]
    set_clock(rig, run)
    pass_minutes(rig, 1.9)
    assert not rig.tick("runs").requests
    pass_minutes(rig, 0.2)
    (request,) = rig.tick("runs").requests
    assert (request.job_name, request.run_config) == ("product_day", SPLIT)
    assert request.tags[TRY_TAG] == "1"
    assert [again.run_key for again in rig.tick("runs").requests] == [request.run_key]


def test_a_try_that_succeeds_ends_the_alert_and_the_tries(rig: Rig, shop: Shop):
    shop.error = AWAY
    set_clock(rig, split(rig))
    pass_minutes(rig, 3)
    (request,) = rig.tick("runs").requests
    shop.error = None
    assert split(rig, dict(request.tags)).success
    assert alerts(rig) == []
    pass_minutes(rig, 60)
    assert not rig.tick("runs").requests


def test_work_that_fails_at_each_try_is_told_of_once_more(rig: Rig, shop: Shop):
    shop.error = AWAY
    tags: dict[str, str] = {}
    down = 0.0
    for wait in SECOND_CHANCES:
        set_clock(rig, split(rig, tags))
        pass_minutes(rig, wait - 0.1)
        assert not rig.tick("runs").requests
        pass_minutes(rig, 0.2)
        down += wait
        (request,) = rig.tick("runs").requests
        tags = dict(request.tags)
        assert alerts(rig, "run_given_up") == []
    assert down >= 180, "a shop that is down for two hours is reached again"
    set_clock(rig, split(rig, tags))
    pass_minutes(rig, 121)
    assert not rig.tick("runs").requests
    assert alerts(rig, "run_given_up") == ["product_day musinsa"]


@pytest.mark.parametrize(
    "error", [PermanentError("there is no such shop", kind="unknown_platform"), ValueError("a bug")]
)
def test_a_failure_that_stays_is_told_of_and_not_tried_again(
    rig: Rig, shop: Shop, error: Exception
):
    shop.error = error
    set_clock(rig, split(rig))
    assert alerts(rig) == ["product_day musinsa"]
    pass_minutes(rig, 31)
    assert not rig.tick("runs").requests
    assert alerts(rig) == ["product_day musinsa"]


def test_two_shops_are_told_of_each(rig: Rig, shop: Shop):
    shop.error = AWAY
    split(rig)
    rig.run_job("product_day", {"sluice/platform": "zigzag"})
    assert alerts(rig) == ["product_day musinsa", "product_day zigzag"]


def test_a_run_that_ended_without_a_word_is_told_of_by_the_sensor(rig: Rig):
    run_id = rig.queue_run("games_full", DagsterRunStatus.STARTED)
    run = rig.instance.get_run_by_id(run_id)
    assert run is not None
    rig.instance.report_run_failed(run, "the machine went away")
    set_clock(rig, TenantRun(run_id, rig.instance))
    assert "1 ends told" in (rig.tick("runs").skipped or "")
    assert alerts(rig) == ["games_full"]
    assert "0 ends told" in (rig.tick("runs").skipped or "")


def test_a_failure_that_its_process_has_told_of_is_not_told_twice(rig: Rig, shop: Shop):
    shop.error = ValueError("a bug")
    set_clock(rig, split(rig))
    rig.services.alerts.clear("run_failed", "product_day musinsa")
    assert "0 ends told" in (rig.tick("runs").skipped or "")
    assert alerts(rig) == []


def test_the_runs_of_every_job_are_signed_by_a_tag_that_the_ui_hides(rig: Rig):
    tags = split(rig).run.tags
    (signed,) = [key for key in tags if key.endswith("owner")]
    assert get_tag_type(signed).value == "HIDDEN"


def test_a_run_ends_those_of_dead_processes_before_it_begins(rig: Rig):
    dead = rig.queue_run("games_full", DagsterRunStatus.STARTED)
    owner = "|".join([*describe_owner().split("|")[:3], "999999999", "1"])
    rig.instance.add_run_tags(dead, {".dagster/sluice_owner": f"{dead} {owner}"})
    assert split(rig).success
    assert TenantRun(dead, rig.instance).run.status is DagsterRunStatus.FAILURE
