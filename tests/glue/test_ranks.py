# pyright: standard
"""A day of ranks through Dagster: what is fetched, told, missing, read again; over a played Naver."""

import asyncio
import json
from collections.abc import AsyncGenerator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pyarrow.parquet as pq
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from platform_assets.core.clock import SystemClock
from platform_assets.core.days import SEOUL
from platform_assets.core.engine.units import Attempt
from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.core.processes.owner import describe_owner
from platform_assets.core.redrive import FailureFilter
from platform_assets.definitions import build_definitions
from platform_assets.partitions import today
from platform_assets.ranks.day_state import DayState, read_state
from platform_assets.ranks.day_table import day_key
from platform_assets.ranks.glue import (
    BLOCKED_ALERT,
    DAILY,
    INCOMPLETE_ALERT,
    PAGES,
    PAGES_COMPLETE,
    RANKS_READ,
    TRACKINGS_TAG,
)
from platform_assets.ranks.result_page import RankType, Surface
from platform_assets.ranks.search_page import build_page
from platform_assets.ranks.stored_page import list_page_ids
from platform_assets.ranks.tracking import TrackingStatus
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.dagster.run_ends import find_second_chances
from resources.state.leases import SqlLeases
from tests.fakes.clock import START, FakeClock
from tests.unit.ranks.bench import PlayedNaver, make_body, post

BEGINNING = START - timedelta(days=15)
"""Long enough ago that the days after it exist: partitions go by the real clock."""

DAY = today(BEGINNING)
SECONDS_TO_MIDNIGHT = (
    datetime.combine(BEGINNING.astimezone(SEOUL).date() + timedelta(days=1), time(), SEOUL)
    - BEGINNING
).total_seconds()
DAY_SECONDS = timedelta(days=1).total_seconds()


@dataclass
class Rig:
    services: Services
    instance: dg.DagsterInstance
    naver: PlayedNaver
    clock: FakeClock
    definitions: dg.Definitions
    log: Path

    def register(self, count: int, first: int = 1) -> None:
        for number in range(first, first + count):
            keyword = f"keyword {number}"
            self.services.ranks.register("blog", keyword, f"https://{post(keyword, 3)}", "acme")

    def run(self, job: str = "daily_ranks", **tags: str) -> dg.DagsterRun:
        definition = self.definitions.resolve_job_def(job)
        run = self.instance.create_run_for_job(definition, tags={**definition.tags, **tags})
        execute_run(InMemoryJob(definition), run, self.instance, raise_on_error=False)
        found = self.instance.get_run_by_id(run.run_id)
        assert found is not None
        return found

    def run_day(self, day: str, job: str = "daily_ranks", **tags: str) -> dg.DagsterRun:
        return self.run(job, **{"dagster/partition": day, **tags})

    def events(self, run: dg.DagsterRun, kind: str) -> list[Any]:
        logged = [entry.dagster_event for entry in self.instance.all_logs(run.run_id)]
        return [event for event in logged if event and event.event_type_value == kind]

    def failure(self, run: dg.DagsterRun) -> str:
        (event,) = self.events(run, "STEP_FAILURE")
        data = event.step_failure_data
        return data.user_failure_data.description if data.user_failure_data else str(data.error)

    def told(self, run: dg.DagsterRun, key: dg.AssetKey) -> dict[str, dict[str, Any]]:
        """Numbers of each partition of an asset that a run has told of."""
        return {
            event.materialization.partition: {
                name: value.value for name, value in event.materialization.metadata.items()
            }
            for event in self.events(run, "ASSET_MATERIALIZATION")
            if event.asset_key == key
        }

    def checks(self, run: dg.DagsterRun) -> dict[str, bool]:
        found = [each.event_specific_data for each in self.events(run, "ASSET_CHECK_EVALUATION")]
        return {each.check_name: each.passed for each in found}

    def ends_transient(self, run: dg.DagsterRun) -> bool:
        (event,) = self.events(run, "STEP_FAILURE")
        return event.step_failure_data.user_failure_data.metadata["transient"].value

    def second_chances(self, minutes: float) -> list[dg.RunRequest]:
        """What is started again that long after now, by the real clock of Dagster's runs."""
        return find_second_chances(self.instance, SystemClock().now() + timedelta(minutes=minutes))

    def ranks(self, day: str) -> dict[int, int | None]:
        records = self.services.ranks.histories.read_day(day)
        return {each.capture.tracking_id: each.capture.rank for each in records}

    def lines(self, event: str) -> list[dict[str, Any]]:
        lines = map(json.loads, self.log.read_text().splitlines())
        return [line for line in lines if line["event"] == event]

    def alerts(self) -> list[tuple[str, str]]:
        return [(line["kind"], line["subject"]) for line in self.lines("alert")]


@pytest.fixture
def rig(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Rig]:
    clock, naver, log = FakeClock(BEGINNING), PlayedNaver(seconds=0.0), tmp_path / "log.jsonl"
    settings = Settings(
        home=tmp_path, log_file=log, rank_source="openapi", crawl_retry_seconds=0.001
    )
    services = Services(settings, clock)

    @asynccontextmanager
    async def open_source() -> AsyncGenerator[PlayedNaver]:
        yield naver

    monkeypatch.setattr(services.ranks, "open_source", open_source)
    with dg.DagsterInstance.ephemeral() as instance:
        definitions = build_definitions(settings, {"services": services})
        yield Rig(services, instance, naver, clock, definitions, log)
    services.state.close()


def test_a_day_is_fetched_read_and_told_with_its_numbers(rig: Rig):
    rig.register(3)
    run = rig.run_day(DAY)
    assert run.is_success
    assert rig.ranks(DAY) == {1: 3, 2: 3, 3: 3}
    pages, daily = rig.told(run, PAGES)[DAY], rig.told(run, DAILY)[DAY]
    assert (pages["pages"], pages["units_done"], pages["turned_away"]) == (3, 3, 0)
    assert {name: daily[name] for name in ("total", "success", "failed", "exposed")} == {
        "total": 3,
        "success": 3,
        "failed": 0,
        "exposed": 3,
    }
    assert (daily["median_rank"], daily["dagster/partition_row_count"]) == (3.0, 3)
    assert daily["elapsed_seconds"] >= 0


def test_a_run_without_a_partition_is_for_today(rig: Rig):
    rig.register(1)
    run = rig.run()
    assert run.is_success
    assert list(rig.told(run, DAILY)) == [DAY]
    assert DAY in rig.told(run, PAGES)


def test_the_log_has_a_line_per_result_and_one_for_the_batch(rig: Rig):
    rig.register(2)
    rig.naver.faults["keyword 2"] = [PermanentError("HTTP 400", kind="bad_request")]
    rig.run_day(DAY)
    (result,) = rig.lines("crawl_result")
    assert {name: result[name] for name in ("tracking_id", "rank_type", "keyword", "rank")} == {
        "tracking_id": 1,
        "rank_type": "blog",
        "keyword": "keyword 1",
        "rank": 3,
    }
    assert result["session_number"] == 1
    (batch,) = rig.lines("batch_completed")
    assert {name: batch[name] for name in ("total", "success", "failed", "failed_items")} == {
        "total": 2,
        "success": 1,
        "failed": 1,
        "failed_items": [2],
    }
    assert batch["elapsed_seconds"] >= 0


def test_a_failing_page_fails_its_trackings_by_name_and_leaves_the_others(rig: Rig):
    rig.register(3)
    rig.naver.faults["keyword 2"] = [TransientError("HTTP 503", kind="server_error")] * 3
    run = rig.run_day(DAY)
    assert not run.is_success
    assert f"{DAY} tracking 2 (server_error): HTTP 503" in rig.failure(run)
    assert "tracking 1" not in rig.failure(run)
    assert rig.ranks(DAY) == {1: 3, 3: 3}
    assert rig.told(run, DAILY)[DAY]["failed_items"] == [2]
    assert rig.checks(run) == {PAGES_COMPLETE: False, RANKS_READ: True}


def test_a_rerun_fetches_only_what_is_missing_and_clears_the_alert(rig: Rig):
    rig.register(2)
    rig.naver.faults["keyword 2"] = [PermanentError("HTTP 400", kind="bad_request")]
    rig.run_day(DAY)
    assert rig.alerts() == [(INCOMPLETE_ALERT, DAY)]
    run = rig.run_day(DAY)
    assert run.is_success
    assert rig.naver.asked == {"keyword 1": 1, "keyword 2": 2}
    assert rig.ranks(DAY) == {1: 3, 2: 3}
    assert [record.session_number for record in rig.services.ranks.histories.read(1)] == [1]
    rig.naver.asked.clear()
    assert rig.run_day(DAY).is_success
    assert not rig.naver.asked
    assert rig.alerts() == [(INCOMPLETE_ALERT, DAY)]


def test_failed_pages_and_trackings_can_be_redriven(rig: Rig):
    rig.register(1)
    rig.naver.faults["keyword 1"] = [PermanentError("HTTP 400", kind="bad_request")]
    rig.run_day(DAY)
    wanted = FailureFilter(pipeline="ranks")
    assert {count.scope.pipeline: count.count for count in rig.services.redrive.count(wanted)} == {
        "ranks/pages": 1,
        "ranks/daily": 1,
    }
    assert rig.services.redrive.redrive(wanted).units == 2
    assert rig.services.redrive.count(wanted) == []
    assert rig.run_day(DAY).is_success


def test_a_block_stops_the_crawl_and_tells_somebody_once(rig: Rig):
    rig.register(30)
    for number in range(1, 31):
        rig.naver.faults[f"keyword {number}"] = [TransientError("HTTP 403", kind="blocked")] * 6
    assert not rig.run_day(DAY).is_success
    run = rig.run_day(DAY)
    assert not run.is_success
    assert rig.ranks(DAY) == {}
    assert rig.alerts().count((BLOCKED_ALERT, DAY)) == 1
    assert rig.told(run, DAILY) == {}
    assert "(left)" in rig.failure(run)


def test_an_incomplete_day_is_tried_again_the_same_day_and_only_what_is_missing_is_fetched(
    rig: Rig,
):
    rig.register(2)
    rig.naver.faults["keyword 2"] = [TransientError("HTTP 503", kind="server_error")] * 3
    run = rig.run_day(DAY)
    assert rig.ends_transient(run)
    state = read_state(rig.services.notes, DAY)
    assert state is not None
    assert state.reason == "1 of 2 trackings have no rank: 1 server_error"
    assert state.next_try_at == (BEGINNING + timedelta(hours=1)).isoformat()
    (told,) = rig.lines("alert")
    assert (told["kind"], told["subject"]) == (INCOMPLETE_ALERT, DAY)
    assert "It is tried again at " in told["message"]
    assert rig.second_chances(59) == []
    (request,) = rig.second_chances(61)
    assert request.job_name == "daily_ranks"
    again = rig.run("daily_ranks", **request.tags)
    assert again.is_success
    assert rig.naver.asked == {"keyword 1": 1, "keyword 2": 4}
    assert rig.second_chances(600) == []
    assert read_state(rig.services.notes, DAY) == DayState(DAY, 1)


def test_a_blocked_day_is_tried_again_at_growing_waits_and_not_for_ever(rig: Rig):
    rig.register(12)
    for number in range(1, 13):
        rig.naver.faults[f"keyword {number}"] = [TransientError("HTTP 403", kind="blocked")] * 99
    rig.clock.advance(SECONDS_TO_MIDNIGHT + 3600)  # one o'clock
    day = today(rig.clock.now())
    run = rig.run_day(day)
    for wait in (60, 120, 240, 480):
        assert rig.ends_transient(run)
        assert rig.second_chances(wait - 1) == []
        (request,) = rig.second_chances(wait + 1)
        rig.clock.advance(60 * wait)
        run = rig.run("daily_ranks", **request.tags)
    assert not rig.ends_transient(run)
    assert rig.second_chances(10_000) == []
    state = read_state(rig.services.notes, day)
    assert state is not None
    assert (state.tries, state.next_try_at) == (4, "")
    assert state.reason.startswith("12 of 12 trackings have no rank: ")
    assert rig.alerts().count((BLOCKED_ALERT, day)) == 1
    assert rig.alerts().count((INCOMPLETE_ALERT, day)) == 1
    assert [kind for kind, _ in rig.alerts()].count("run_failed") == 1, "nothing comes any more"
    assert sum(rig.naver.asked.values()) <= 5 * 12, "a blocked host is not hammered"


def test_a_day_is_not_tried_again_where_that_cannot_help(rig: Rig):
    rig.register(1)
    rig.naver.bodies["keyword 1"] = "<html><body>연령 확인이 필요합니다</body></html>".encode()
    run = rig.run_day(DAY)
    assert not rig.ends_transient(run)
    assert rig.second_chances(10_000) == []


def test_a_day_is_not_tried_again_after_midnight(rig: Rig):
    rig.register(1)
    rig.clock.advance(SECONDS_TO_MIDNIGHT - 3500)
    rig.naver.faults["keyword 1"] = [TransientError("HTTP 503", kind="server_error")] * 3
    assert not rig.ends_transient(rig.run_day(DAY))
    assert rig.second_chances(10_000) == []


def test_a_day_of_which_nothing_could_be_read_fails_its_check_with_the_kinds(rig: Rig):
    rig.register(3)
    for number in range(1, 4):
        rig.naver.bodies[f"keyword {number}"] = b'{"entries": []}'
    run = rig.run_day(DAY)
    assert rig.checks(run) == {PAGES_COMPLETE: False, RANKS_READ: False}
    (check,) = [
        each.event_specific_data
        for each in rig.events(run, "ASSET_CHECK_EVALUATION")
        if each.event_specific_data.check_name == RANKS_READ
    ]
    assert check.description == "0 of 3 trackings have their rank, 3 changed_structure"
    assert rig.told(run, DAILY) == {}
    assert rig.alerts() == [(INCOMPLETE_ALERT, DAY)]


@pytest.mark.parametrize(("failing", "passed"), [(1, True), (3, False)])
def test_a_day_that_lost_more_than_the_share_of_the_setting_fails_its_check(
    rig: Rig, failing: int, passed: bool
):
    rig.register(4)
    for number in range(1, failing + 1):
        rig.naver.faults[f"keyword {number}"] = [PermanentError("HTTP 400", kind="bad_request")]
    assert rig.checks(rig.run_day(DAY))[RANKS_READ] is passed


def test_a_day_without_trackings_is_no_failure(rig: Rig):
    run = rig.run_day(DAY)
    assert run.is_success
    assert rig.checks(run) == {PAGES_COMPLETE: True, RANKS_READ: True}
    assert rig.alerts() == []


def test_pages_of_a_past_day_are_refused_with_the_way_out(rig: Rig):
    rig.register(1)
    rig.clock.advance(DAY_SECONDS)
    run = rig.run_day(DAY)
    assert not run.is_success
    assert "reparse_ranks" in rig.failure(run)
    assert not rig.naver.asked


def span(first: str, last: str) -> dict[str, str]:
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


def test_a_range_with_past_days_does_today_reads_stored_days_and_names_the_rest(rig: Rig):
    rig.register(1)
    assert rig.run_day(DAY).is_success
    rig.clock.advance(2 * DAY_SECONDS)
    missing, now = today(BEGINNING + timedelta(days=1)), today(rig.clock.now())
    run = rig.run("daily_ranks", **span(DAY, now))
    assert not run.is_success
    assert rig.naver.asked == {"keyword 1": 2}
    assert rig.ranks(now) == {1: 3}
    assert sorted(rig.told(run, DAILY)) == [DAY, now]
    assert list(rig.told(run, PAGES)) == [now]
    assert f"no page of {missing} is stored" in rig.failure(run)
    assert now not in rig.failure(run)


def test_a_range_whose_past_days_are_all_stored_succeeds(rig: Rig):
    rig.register(1)
    assert rig.run_day(DAY).is_success
    rig.clock.advance(DAY_SECONDS)
    now = today(rig.clock.now())
    run = rig.run("daily_ranks", **span(DAY, now))
    assert run.is_success
    assert sorted(rig.told(run, DAILY)) == [DAY, now]
    assert rig.naver.asked == {"keyword 1": 2}


def test_days_of_ranks_begin_where_the_setting_says(tmp_path: Path):
    settings = Settings(home=tmp_path, ranks_first_day="2026-11-20")
    graph = build_definitions(settings).resolve_asset_graph()
    for key in (PAGES, DAILY):
        days = graph.get(key).partitions_def
        assert days is not None
        assert days.get_first_partition_key() == "2026-11-20"


def test_a_future_day_is_refused(rig: Rig):
    rig.register(1)
    tomorrow = today(BEGINNING + timedelta(days=1))
    for job in ("daily_ranks", "reparse_ranks"):
        run = rig.run_day(tomorrow, job)
        assert not run.is_success
        assert f"{tomorrow} is in the future" in rig.failure(run)
    assert not rig.naver.asked


def test_stored_days_are_read_again_in_one_run(rig: Rig):
    rig.register(1)
    rig.naver.bodies["keyword 1"] = make_body("keyword 1", (3, 1, 2))
    days = []
    for _ in range(3):
        days.append(today(rig.clock.now()))
        assert rig.run_day(days[-1]).is_success
        rig.clock.advance(DAY_SECONDS)
    before = rig.services.ranks.histories.read(1)
    asked = rig.naver.asked.copy()
    tags = {
        "dagster/asset_partition_range_start": days[0],
        "dagster/asset_partition_range_end": days[-1],
    }
    run = rig.run("reparse_ranks", **tags)
    assert run.is_success
    assert sorted(rig.told(run, DAILY)) == days
    assert rig.services.ranks.histories.read(1) == before
    assert rig.naver.asked == asked


def test_of_days_read_again_those_that_can_be_are_told_and_the_others_named(rig: Rig):
    rig.register(1)
    assert rig.run_day(DAY).is_success
    rig.clock.advance(2 * DAY_SECONDS)
    missing = today(BEGINNING + timedelta(days=1))
    tags = {
        "dagster/asset_partition_range_start": DAY,
        "dagster/asset_partition_range_end": missing,
    }
    run = rig.run("reparse_ranks", **tags)
    assert not run.is_success
    assert list(rig.told(run, DAILY)) == [DAY]
    assert f"no page of {missing} is stored" in rig.failure(run)


def test_the_first_rank_of_a_new_tracking_is_captured_alone(rig: Rig):
    rig.register(3)
    rig.services.ranks.trackings.set_status(2, TrackingStatus.PAUSED)
    run = rig.run_day(DAY, **{TRACKINGS_TAG: "3"})
    assert run.is_success
    assert rig.naver.asked == {"keyword 3": 1}
    assert rig.ranks(DAY) == {3: 3}
    assert rig.run_day(DAY).is_success
    assert rig.naver.asked == {"keyword 1": 1, "keyword 3": 1}


def test_a_page_that_another_run_holds_is_left_to_it_and_one_of_a_dead_run_is_not(rig: Rig):
    rig.register(2)
    first, second = (
        build_page(RankType.BLOG, f"keyword {number}", Surface.OPENAPI).page_id for number in (1, 2)
    )
    leases = SqlLeases(rig.services.state)
    living = Attempt("first rank", "a|process|of|another|host")
    leases.acquire(f"ranks/pages/{first}", living, DAY_SECONDS)
    dead = f"{describe_owner().rpartition('|')[0]}|0"
    leases.acquire(f"ranks/pages/{second}", Attempt("killed", dead), DAY_SECONDS)
    run = rig.run_day(DAY)
    assert rig.naver.asked == {"keyword 2": 1}
    assert f"{DAY} tracking 1 (in_hand)" in rig.failure(run)
    assert rig.ends_transient(run)
    leases.release(f"ranks/pages/{first}", living)
    assert rig.run_day(DAY).is_success
    assert rig.naver.asked == {"keyword 1": 1, "keyword 2": 1}


def test_a_day_that_was_fetched_and_never_read_keeps_trackings_that_were_paused_since(rig: Rig):
    rig.register(3)
    rig.services.ranks.trackings.set_status(3, TrackingStatus.PAUSED)
    asyncio.run(rig.services.ranks.crawl(DAY))
    rig.services.ranks.trackings.set_status(1, TrackingStatus.PAUSED)
    rig.clock.advance(2 * DAY_SECONDS)
    for number in (1, 3):
        rig.services.ranks.trackings.set_status(number, TrackingStatus.ACTIVE)
    assert rig.run_day(DAY, "reparse_ranks").is_success
    assert rig.ranks(DAY) == {1: 3, 2: 3}, "the third one was paused when the day was fetched"


def test_a_tag_that_names_no_trackings_is_refused(rig: Rig):
    run = rig.run_day(DAY, **{TRACKINGS_TAG: "3; DROP"})
    assert not run.is_success
    assert TRACKINGS_TAG in rig.failure(run)
    assert not rig.naver.asked


def test_the_table_of_the_day_has_every_record(rig: Rig, tmp_path: Path):
    rig.register(2)
    rig.run_day(DAY, **{TRACKINGS_TAG: "1"})
    rig.run_day(DAY)
    with rig.services.objects.open_read(day_key(DAY)) as file:
        rows = pq.read_table(file).to_pylist()
    assert [(row["tracking_id"], row["keyword"], row["rank"]) for row in rows] == [
        (1, "keyword 1", 3),
        (2, "keyword 2", 3),
    ]


def test_the_schedule_runs_at_the_hour_and_minute_of_the_settings(tmp_path: Path):
    settings = Settings(home=tmp_path, crawl_schedule_hour=23, crawl_schedule_minute=45)
    repository = build_definitions(settings).get_repository_def()
    schedule = repository.get_schedule_def("daily_ranks_schedule")
    assert (schedule.cron_schedule, schedule.execution_timezone) == ("45 23 * * *", "Asia/Seoul")
    assert schedule.default_status is dg.DefaultScheduleStatus.STOPPED
    tick = dg.build_schedule_context(
        scheduled_execution_time=datetime(2026, 11, 20, 14, 45, tzinfo=UTC),
        repository_def=repository,
    )
    (request,) = schedule.evaluate_tick(tick).run_requests or []
    assert request.partition_key == "2026-11-20"


def test_the_schedule_runs_by_itself_where_it_is_asked_to(tmp_path: Path):
    settings = Settings(home=tmp_path, rank_schedule=True)
    schedule = (
        build_definitions(settings).get_repository_def().get_schedule_def("daily_ranks_schedule")
    )
    assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING


def test_the_purge_drops_pages_past_their_days(rig: Rig):
    rig.register(1)
    assert rig.run_day(DAY).is_success
    rig.clock.advance(89 * DAY_SECONDS)
    assert rig.run("purge").is_success
    assert list_page_ids(rig.services.objects, DAY)
    rig.clock.advance(2 * DAY_SECONDS)
    assert rig.run("purge").is_success
    assert not list_page_ids(rig.services.objects, DAY)
    assert not [info.key for info in rig.services.objects.list("ranks/pages/")]
    assert rig.ranks(DAY) == {1: 3}
