"""What a redrive starts are real runs of Dagster, over the partitions and the assets that failed."""

from pathlib import Path

import pytest
from dagster import AssetKey, DagsterRunStatus

from resources.dagster.orchestration import Orchestration
from tests.integration.api_rig import serving
from tests.integration.tenants.rig import running
from tests.unit.api.test_failures import fail_units, states

REDRIVE = "/api/v2/batch/redrive"
DAY = "2026-11-20"
RANGE = {
    "dagster/asset_partition_range_start": "03|acme:review",
    "dagster/asset_partition_range_end": "07|acme:review",
}


@pytest.mark.slow
def test_a_redrive_starts_the_day_and_no_second_run_while_it_goes_on(tmp_path: Path):
    with running(tmp_path / "platform", {}) as platform:
        platform.start_webserver()
        vars(platform)["_client"].close()  # its connection would outlive the webserver
        home = {"DAGSTER_HOME": str(platform.dagster_home), "SLUICE_DAGSTER_URL": platform.url}
        platform.home.mkdir(exist_ok=True)
        scope = fail_units(platform.services, "genres", ["schema", None])
        with serving(platform.home, **home) as client:
            told = client.post(REDRIVE, json={"pipeline": "games"}).json()
            (run,) = platform.instance.get_runs()
            assert told["started"] == [f"games/{DAY}: run {run.run_id} of games_incremental"]
            assert told["next_steps"] == {}
            assert (run.job_name, run.status) == ("games_incremental", DagsterRunStatus.QUEUED)
            assert run.tags["dagster/partition"] == DAY
            assert run.asset_selection == {
                AssetKey(["games", "raw_genres"]),
                AssetKey(["games", "genres"]),
            }
            assert states(platform.services, scope) == ["pending", "done"]

            fail_units(platform.services, "games", ["schema"])
            again = client.post(REDRIVE, json={"pipeline": "games"}).json()
            assert again["started"] == [f"games/{DAY}: run {run.run_id} is at it already"]
            assert len(platform.instance.get_runs()) == 1

            # Shards: a range of two dimensions, which Dagster takes as it takes a backfill's.
            platform.instance.add_dynamic_partitions("tenant_sources", ["acme:review"])
            runs = Orchestration(platform.instance, platform.url)
            shards = platform.instance.get_run_by_id(runs.launch_job("tags", RANGE))
            assert shards is not None
            assert (shards.job_name, shards.status) == ("tags", DagsterRunStatus.QUEUED)
            assert RANGE.items() <= shards.tags.items()
