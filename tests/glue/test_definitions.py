# pyright: standard
"""What Dagster shows: everything loads, and every asset says whose it is and what it is."""

from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from pydantic import SecretStr

from platform_assets.definitions import build_definitions
from platform_assets.games.entities import ENTITIES
from platform_assets.games.quality import RAW_CHECKS, TABLE_CHECKS
from platform_assets.partitions import DAYS
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.caps.limits import CAPS
from tests.glue.runs import key_of

ALL = [*(f"raw_{entity.name}" for entity in ENTITIES), *(entity.name for entity in ENTITIES)]


@pytest.fixture
def definitions(tmp_path: Path) -> dg.Definitions:
    return build_definitions(Settings(home=tmp_path / "home"))


@pytest.fixture
def specs(definitions: dg.Definitions) -> dict[dg.AssetKey, dg.AssetSpec]:
    return {spec.key: spec for spec in definitions.resolve_all_asset_specs()}


def evaluate(
    definitions: dg.Definitions, schedule: dg.ScheduleDefinition, at: datetime
) -> dg.RunRequest:
    """The one run that a tick at this moment asks for."""
    with (
        dg.DagsterInstance.ephemeral() as instance,
        dg.build_schedule_context(
            instance=instance,
            repository_def=definitions.get_repository_def(),
            scheduled_execution_time=at,
        ) as context,
    ):
        (request,) = schedule.evaluate_tick(context).run_requests or []
    return request


def test_the_definitions_load_and_touch_nothing(tmp_path: Path):
    definitions = build_definitions(Settings(home=tmp_path / "home"))
    dg.Definitions.validate_loadable(definitions)
    assert not (tmp_path / "home").exists()


def test_every_entity_has_a_raw_day_and_a_table(specs: dict[dg.AssetKey, dg.AssetSpec]):
    assert {key_of(name) for name in ALL} <= set(specs)


def test_every_asset_says_what_it_is_whose_it_is_and_where_it_belongs(
    specs: dict[dg.AssetKey, dg.AssetSpec],
):
    for key, spec in specs.items():
        assert spec.group_name == key.path[0], key
        assert len(spec.description or "") > 30, key
        assert spec.owners, key
        assert spec.kinds, key


def test_what_asks_igdb_runs_in_its_pool_and_nothing_else_does(definitions: dg.Definitions):
    graph = definitions.resolve_asset_graph()
    for asset in graph.assets_defs:
        for key in asset.keys if asset.is_executable else ():
            asks = key.path[-1].startswith("raw_")
            assert asset.op.pool == ("igdb" if asks else None), key
    assert "igdb" in CAPS, "the pool gets its limit from the table of caps"


def test_raw_assets_have_days_and_tables_are_one(definitions: dg.Definitions):
    graph = definitions.resolve_asset_graph()
    for entity in ENTITIES:
        assert graph.get(key_of(f"raw_{entity.name}")).partitions_def == DAYS
        assert graph.get(key_of(entity.name)).partitions_def is None
        assert graph.get(key_of(entity.name)).parent_keys == {key_of(f"raw_{entity.name}")}


def test_every_check_is_declared_and_blocks_what_depends_on_it(definitions: dg.Definitions):
    graph = definitions.resolve_asset_graph()
    for entity in ENTITIES:
        for name, checks in ((f"raw_{entity.name}", RAW_CHECKS), (entity.name, TABLE_CHECKS)):
            key = key_of(name)
            assert {of.name for of in graph.get_check_keys_for_assets({key})} == set(checks)
            for check in checks:
                assert graph.get(dg.AssetCheckKey(key, check)).blocking


@pytest.mark.parametrize("name", ["games_full", "games_incremental"])
def test_each_job_does_every_asset_of_the_group(definitions: dg.Definitions, name: str):
    job = definitions.resolve_job_def(name)
    assert job.asset_layer.selected_asset_keys == {key_of(asset) for asset in ALL}
    assert job.description


def test_every_job_and_schedule_has_a_description(definitions: dg.Definitions):
    repository = definitions.get_repository_def()
    named = [job for job in repository.get_all_jobs() if not job.name.startswith("__")]
    assert [job.name for job in named if not job.description] == []
    assert [of.name for of in repository.schedule_defs if not of.description] == []


def test_schedules_run_by_themselves_only_where_there_are_credentials(tmp_path: Path):
    def statuses(settings: Settings) -> set[dg.DefaultScheduleStatus]:
        schedules = build_definitions(settings).schedules or []
        return {
            schedule.default_status
            for schedule in schedules
            if isinstance(schedule, dg.ScheduleDefinition) and schedule.name.startswith("games_")
        }

    without = Settings(home=tmp_path)
    known = Settings(home=tmp_path, igdb_client_id="id", igdb_client_secret=SecretStr("s3cr3t"))
    assert statuses(without) == {dg.DefaultScheduleStatus.STOPPED}
    assert statuses(known) == {dg.DefaultScheduleStatus.RUNNING}


def test_between_them_the_schedules_run_every_day_and_once_a_week_in_full(
    definitions: dg.Definitions,
):
    days = {
        name: definitions.resolve_schedule_def(name).cron_schedule
        for name in ("games_incremental_schedule", "games_full_schedule")
    }
    assert days == {
        "games_incremental_schedule": "0 4 * * 1-6",
        "games_full_schedule": "0 4 * * 0",
    }


@pytest.mark.parametrize(
    ("at", "day"),
    [
        (datetime(2026, 3, 1, 19, 0, tzinfo=UTC), "2026-03-02"),
        (datetime(2026, 3, 2, 14, 59, tzinfo=UTC), "2026-03-02"),
        (datetime(2026, 3, 2, 15, 0, tzinfo=UTC), "2026-03-03"),
    ],
)
@pytest.mark.parametrize("mode", ["full", "incremental"])
def test_a_tick_asks_for_the_day_that_it_is_in_seoul(
    definitions: dg.Definitions, mode: str, at: datetime, day: str
):
    schedule = definitions.resolve_schedule_def(f"games_{mode}_schedule")
    assert schedule.execution_timezone == "Asia/Seoul"
    request = evaluate(definitions, schedule, at)
    assert request.partition_key == day
    assert schedule.job_name == f"games_{mode}"
    assert DAYS.get_partition_keys(current_time=at)[-1] == day, "it exists at that moment"


def test_ticks_of_one_day_ask_for_one_run(definitions: dg.Definitions):
    schedule = definitions.resolve_schedule_def("games_full_schedule")
    ticks = [datetime(2026, 3, 1, hour, tzinfo=UTC) for hour in (19, 20)]
    assert len({evaluate(definitions, schedule, at).run_key for at in ticks}) == 1


def test_a_resource_can_be_replaced(tmp_path: Path):
    services = Services(Settings(home=tmp_path))
    definitions = build_definitions(services.settings, {"services": services})
    resource = (definitions.resources or {})["services"]
    assert resource is services
