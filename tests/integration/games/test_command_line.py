"""`dagster job execute -j games_full` as a user types it, from a folder that has nothing to do with the project."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import select

from platform_assets.games.entities import ENTITIES
from platform_assets.games.landing import Day, read_manifest
from platform_assets.partitions import today
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment
from resources.caps.limits import CAPS
from resources.state.database import StateDatabase
from resources.state.tables import units
from sandbox.igdb.command import CLIENT_ID, CLIENT_SECRET
from sandbox.process import SandboxProcess
from tests.integration.processes import wait_until

PROJECT = Path(__file__).resolve().parents[3]
DAGSTER = Path(sys.executable).with_name("dagster")

Dagster = Callable[..., subprocess.CompletedProcess[str]]


def make_environment(tmp_path: Path, sandbox: SandboxProcess, **variables: str) -> dict[str, str]:
    return child_environment(
        {
            "DAGSTER_HOME": str(tmp_path / "dagster_home"),
            "DAGSTER_CLI_JOB_EXECUTE_MODULE_NAME": "platform_assets.definitions",
            "SLUICE_HOME": str(tmp_path / "home"),
            "SLUICE_IGDB_API_URL": f"{sandbox.url}/v4",
            "SLUICE_IGDB_TOKEN_URL": f"{sandbox.url}/oauth2/token",
            "SLUICE_IGDB_CLIENT_ID": CLIENT_ID,
            "SLUICE_IGDB_CLIENT_SECRET": CLIENT_SECRET,
            "SLUICE_IGDB_REQUESTS_PER_SECOND": "100",
            **variables,
        }
    )


@pytest.fixture
def dagster(tmp_path: Path, sandbox: SandboxProcess) -> Dagster:
    """Runs the command `dagster` with a home of its own."""
    home = tmp_path / "dagster_home"
    home.mkdir()
    shutil.copy(PROJECT / "dagster.yaml", home)

    def run(*arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [str(DAGSTER), *arguments],
            cwd=tmp_path,
            env=make_environment(tmp_path, sandbox, **variables),
            capture_output=True,
            text=True,
            timeout=600,
            check=False,
        )

    assert run("instance", "info").returncode == 0
    return run


@pytest.mark.slow
def test_the_job_runs_from_the_command_line_and_leaves_everything_where_it_says(
    dagster: Dagster, tmp_path: Path, sandbox: SandboxProcess
):
    days = {today(datetime.now(UTC))}
    done = dagster("job", "execute", "-j", "games_full")
    days.add(today(datetime.now(UTC)))
    assert done.returncode == 0, done.stderr[-3000:]
    services = Services(Settings(home=tmp_path / "home"))
    for entity in ENTITIES:
        manifests = [read_manifest(services.objects, Day(entity.name, day)) for day in days]
        found = [manifest for manifest in manifests if manifest is not None]
        assert [manifest.segments[0].mode for manifest in found] == ["full"], entity.name
        assert found[0].segments[0].records == len(sandbox.ids(entity.name)), entity.name
        assert services.objects.head(f"games/{entity.name}/current.parquet"), entity.name
    lines = (tmp_path / "home" / "logs" / "sluice.jsonl").read_text().splitlines()
    units = [line for line in map(json.loads, lines) if line["event"] == "unit"]
    assert {line["pipeline"] for line in units} == {f"games/raw_{e.name}" for e in ENTITIES}
    assert {line["state"] for line in units} == {"done"}
    with dg.DagsterInstance.from_config(str(tmp_path / "dagster_home")) as instance:
        limits = {of.name: of.limit for of in instance.event_log_storage.get_pool_limits()}
        assert limits == {name: cap.pool_limit for name, cap in CAPS.items()}
        (run,) = instance.get_runs()
        assert run.status is dg.DagsterRunStatus.SUCCESS
        key = dg.AssetKey(["games", "raw_games"])
        assert instance.get_materialized_partitions(key) <= days


@pytest.mark.slow
def test_bad_settings_end_the_command_with_the_names_of_the_variables(dagster: Dagster):
    done = dagster(
        *("job", "execute", "-j", "games_full"),
        SLUICE_IGDB_MULTIQUERY="perhaps",
        SLUICE_GAMES_SCHEDULE_HOUR="25",
    )
    assert done.returncode != 0
    said = done.stdout + done.stderr
    assert "SLUICE_IGDB_MULTIQUERY: Input should be 'auto', 'on' or 'off'" in said
    assert "SLUICE_GAMES_SCHEDULE_HOUR" in said
    assert CLIENT_SECRET not in said


@pytest.mark.slow
def test_after_four_kills_the_fifth_run_has_its_pool_slot_and_finishes_without_a_daemon(
    dagster: Dagster, tmp_path: Path, sandbox: SandboxProcess
):
    command = [str(DAGSTER), "job", "execute", "-j", "games_full"]
    environment = make_environment(tmp_path, sandbox, SLUICE_IGDB_REQUESTS_PER_SECOND="1")
    home, killed = environment["DAGSTER_HOME"], set[str]()
    for _ in range(4):
        run = subprocess.Popen(
            command,
            cwd=tmp_path,
            env=environment,
            start_new_session=True,
            stderr=subprocess.DEVNULL,
        )
        try:
            killed.add(wait_for_slot(home, killed))
        finally:
            os.killpg(run.pid, signal.SIGKILL)
            run.wait(300)
    done = dagster("job", "execute", "-j", "games_full")
    assert done.returncode == 0, done.stderr[-3000:]
    with dg.DagsterInstance.from_config(home) as instance:
        ends = {run.run_id: run.status for run in instance.get_runs()}
        assert {ends.pop(run_id) for run_id in killed} == {dg.DagsterRunStatus.FAILURE}
        assert list(ends.values()) == [dg.DagsterRunStatus.SUCCESS]
        assert instance.event_log_storage.get_concurrency_run_ids() == set()


@pytest.mark.slow
@pytest.mark.usefixtures("dagster")
def test_a_run_that_is_terminated_gives_its_units_back_before_it_ends(
    tmp_path: Path, sandbox: SandboxProcess
):
    environment = make_environment(tmp_path, sandbox, SLUICE_IGDB_REQUESTS_PER_SECOND="1")
    state = Services(Settings(home=tmp_path / "home")).state
    run = subprocess.Popen(
        [str(DAGSTER), "job", "execute", "-j", "games_full"],
        cwd=tmp_path,
        env=environment,
        stderr=subprocess.DEVNULL,
    )
    try:
        wait_until(lambda: list_claimed(state), "a claimed unit")
        run.terminate()
        assert run.wait(300) != 0
    finally:
        run.kill()
    assert list_claimed(state) == []
    with dg.DagsterInstance.from_config(environment["DAGSTER_HOME"]) as instance:
        (ended,) = instance.get_runs()
        assert ended.status in {dg.DagsterRunStatus.CANCELED, dg.DagsterRunStatus.FAILURE}


def list_claimed(state: StateDatabase) -> list[str]:
    """Units that somebody holds."""
    with state.read() as connection:
        return list(
            connection.scalars(select(units.c.unit_id).where(units.c.lease_until.is_not(None)))
        )


def wait_for_slot(home: str, others: set[str]) -> str:
    """The run that holds a slot of a pool besides those that are known."""
    with dg.DagsterInstance.from_config(home) as instance:
        storage = instance.event_log_storage
        wait_until(lambda: storage.get_concurrency_run_ids() - others, "a claimed slot")
        (run_id,) = storage.get_concurrency_run_ids() - others
        return run_id
