# pyright: standard
"""The games assets materialized in process against a real sandbox: what a run records."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import dagster as dg
import pytest

from platform_assets.core.clock import SystemClock
from platform_assets.games.entities import ENTITIES
from platform_assets.games.glue import MODE_TAG
from platform_assets.games.plan import Mode
from platform_assets.games.quality import RAW_CHECKS, TABLE_CHECKS
from platform_assets.partitions import today
from platform_assets.services import Services
from platform_assets.settings import Settings
from sandbox.process import SandboxProcess
from tests.glue.conftest import GAMES, Interposed
from tests.glue.runs import (
    RAW,
    key_of,
    read_failure,
    read_metadata,
    run_assets,
    run_job,
)
from tests.integration.games.rig import UNHURRIED, make_settings, opened

DAY, NEXT_DAY = "2026-03-01", "2026-03-02"


# The jobs, as they are defined.


@pytest.fixture(scope="module")
def jobs(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[tuple[dg.DagsterInstance, dict[str, dg.ExecuteInProcessResult]]]:
    """Both jobs, one after the other on two days; between them 40 games changed, 5 came and 6 went."""
    options = ("--games", str(GAMES), "--latency", "0", *UNHURRIED)
    with SandboxProcess(options) as sandbox, dg.DagsterInstance.ephemeral() as instance:
        settings = make_settings(tmp_path_factory.mktemp("jobs"), sandbox.url)
        with opened(settings) as services:
            full = run_job(services, instance, "games_full", DAY)
            sandbox.mutate(change_random=40, add=5, delete_random=6)
            changes = run_job(services, instance, "games_incremental", NEXT_DAY)
            again = run_job(services, instance, "games_full", "2026-03-03")
        yield instance, {"full": full, "incremental": changes, "again": again}


Jobs = tuple[dg.DagsterInstance, dict[str, dg.ExecuteInProcessResult]]


def test_a_full_run_collects_and_merges_every_entity(jobs: Jobs, sandbox: SandboxProcess):
    result = jobs[1]["full"]
    assert result.success
    for entity in ENTITIES:
        raw, table = (read_metadata(result, name) for name in (f"raw_{entity.name}", entity.name))
        count = len(sandbox.ids(entity.name))
        assert (raw["mode"], raw["records"]) == ("full", count), entity.name
        assert (table["dagster/row_count"], table["live_rows"]) == (count, count), entity.name


def test_a_run_records_the_numbers_of_a_collection(jobs: Jobs):
    raw = read_metadata(jobs[1]["full"], "raw_games")
    assert (raw["records"], raw["parts"]) == (GAMES, 3)
    assert raw["requests"] >= 4
    assert (raw["http_429"], raw["http_retries"], raw["units_failed"]) == (0, 0, 0)
    assert raw["units"] == raw["units_done"]
    assert 0 < raw["cap_used"] <= 1
    assert raw["requests_per_second"] > 0
    assert raw["seconds"] > 0
    assert raw["bytes"] > 100_000
    assert raw["watermark"] == "2026-01-31T00:00:00+00:00"
    assert raw["since"] == "none"


def test_a_run_records_the_numbers_of_a_merge(jobs: Jobs):
    table = read_metadata(jobs[1]["full"], "games")
    assert (table["merged_segments"], table["merged_records"]) == (1, GAMES)
    assert table["object"] == "games/games/current.parquet"
    assert table["deleted_rows"] == 0


def test_every_check_is_reported_and_passes(jobs: Jobs):
    for name, result in jobs[1].items():
        found = [(of.asset_key, of.check_name) for of in result.get_asset_check_evaluations()]
        assert len(found) == len(ENTITIES) * (len(RAW_CHECKS) + len(TABLE_CHECKS)), name
        failed = [
            (of.asset_key.path[-1], of.check_name, of.description)
            for of in result.get_asset_check_evaluations()
            if not of.passed
        ]
        assert failed == [], name


def test_each_run_materializes_its_day(jobs: Jobs):
    instance, _ = jobs
    for entity in ENTITIES:
        days = instance.get_materialized_partitions(key_of(f"raw_{entity.name}"))
        assert days == {DAY, NEXT_DAY, "2026-03-03"}, entity.name


def test_an_incremental_run_collects_what_changed_and_everything_where_that_cannot_be_asked(
    jobs: Jobs,
):
    result = jobs[1]["incremental"]
    assert result.success
    games = read_metadata(result, "raw_games")
    assert games["mode"] == "incremental"
    assert games["since"] == "2026-01-30T23:55:00+00:00", "the watermark less five minutes"
    assert 45 <= games["records"] < 200
    for entity in ENTITIES:
        mode = "incremental" if entity.watermark_field else "full"
        assert read_metadata(result, f"raw_{entity.name}")["mode"] == mode, entity.name
    assert read_metadata(result, "games")["dagster/row_count"] == GAMES + 5


def test_the_next_full_run_finds_what_is_gone(jobs: Jobs):
    table = read_metadata(jobs[1]["again"], "games")
    assert table["dagster/row_count"] == GAMES + 5
    assert table["deleted_rows"] == 6


# Ways to start a run.


def test_a_run_without_a_partition_counts_as_the_day_that_it_is(
    services: Services, instance: dg.DagsterInstance
):
    before = today(services.clock.now())
    assert run_assets(services, instance, "genres", day=None).success
    days = instance.get_materialized_partitions(key_of("raw_genres"))
    assert len(days) == 1
    assert days <= {before, today(services.clock.now())}
    assert services.objects.head(f"games/raw/genres/dt={min(days)}/manifest.json") is not None


class ShiftedClock(SystemClock):
    """A clock that goes on by itself, and that a test can move on besides."""

    def __init__(self, start: datetime) -> None:
        self.shift = start - super().now()

    def now(self) -> datetime:
        return super().now() + self.shift


def test_a_run_over_midnight_has_one_day_for_all_of_its_steps(
    settings: Settings, instance: dg.DagsterInstance
):
    clock = ShiftedClock(datetime(2026, 11, 20, 14, 59, tzinfo=UTC))

    def take_two_hours(endpoint: str, query: str) -> None:
        clock.shift += timedelta(hours=2)

    late = Services(settings, clock)
    late.igdb = replace(late.igdb, transport=Interposed(take_two_hours))
    result = dg.materialize(
        [RAW["genres"], RAW["themes"]], instance=instance, resources={"services": late}
    )
    late.state.close()
    assert result.success
    for name in ("genres", "themes"):
        assert instance.get_materialized_partitions(key_of(f"raw_{name}")) == {"2026-11-20"}


@pytest.mark.parametrize("mode", list(Mode))
def test_an_asset_on_its_own_takes_its_mode_from_its_configuration(
    services: Services, instance: dg.DagsterInstance, mode: Mode
):
    run_assets(services, instance, "genres", day=DAY)
    result = run_assets(services, instance, "genres", day=NEXT_DAY, mode=mode)
    assert read_metadata(result, "raw_genres")["mode"] == mode.value


def test_a_run_tag_that_names_no_mode_is_refused_before_anything_is_asked(
    services: Services, instance: dg.DagsterInstance, sandbox: SandboxProcess
):
    result = dg.materialize(
        [RAW["genres"]],
        partition_key=DAY,
        instance=instance,
        resources={"services": services},
        tags={MODE_TAG: "everything"},
        raise_on_error=False,
    )
    text, metadata = read_failure(result)
    assert "'everything': use one of full, incremental" in text
    assert metadata["kind"] == "bad_mode"
    assert sandbox.stats()["requests"] == 0


def test_a_partition_that_is_no_day_of_ours_is_refused(
    services: Services, instance: dg.DagsterInstance
):
    result = dg.materialize(
        [RAW["genres"]],
        instance=instance,
        resources={"services": services},
        tags={"dagster/partition": "1999-01-01"},
        raise_on_error=False,
    )
    text, metadata = read_failure(result)
    assert "'1999-01-01' is no day between 2026-01-01 and" in text
    assert metadata["kind"] == "bad_partition"
