# pyright: standard
"""SIGKILL of the process of a run: its tasks end with it, and the next run does only the rest."""

import asyncio
import json
import random
import subprocess
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from multiprocessing.context import ForkServerProcess
from pathlib import Path

import pytest
from dagster import DagsterInstance

from benchmarks.checking import open_instance
from platform_assets.settings import child_environment
from platform_assets.tags.glue import SHARD_KEYS, name_cell
from platform_assets.tags.shards.result import ShardResult, read_result
from tests.integration.processes import wait_until
from tests.integration.tags.faults_rig import (
    PLACE,
    SHARDS,
    DirtySource,
    list_hosts,
    list_reasons,
    list_states,
    started_run,
    wait_for_the_end_of,
)
from tests.integration.tenants.rig import program

pytestmark = pytest.mark.slow

TABLES = 61
HANGING = "hangs"
"""One of the tables: in runs that are killed its task never ends by itself."""

RUN_KILLS, SHARE, DAGSTER_KILLS = 9, 3, 1
"""Without `make soak` a share of the first."""

MOST_FINISHED = 40
"""Tables that a run is waited for at most; some follow the one that hangs."""

LOOK_SECONDS = 0.02
PAUSE_SECONDS = 0.1
"""At most, from the moment when so many tables are finished as were drawn to the kill."""

Start = Callable[[str], AbstractContextManager["subprocess.Popen[bytes] | ForkServerProcess"]]
"""Starts a run over the source, by the name of its job."""


@pytest.fixture(scope="module")
def known(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DirtySource]:
    home = tmp_path_factory.mktemp("runs")
    source = DirtySource(home, "--tables", str(TABLES - 1), "--rows", "2000")
    source.objects.put(f"{PLACE.raw_prefix}{HANGING}.csv", b"id,body\n1,x\n")
    yield source
    source.services.state.close()


@pytest.fixture(scope="module")
def undisturbed(known: DirtySource) -> dict[str, bytes]:
    """All that a run makes of the source."""
    assert list_reasons(asyncio.run(known.run("undisturbed"))) == {}
    return known.outputs()


@pytest.fixture
def source(known: DirtySource, undisturbed: dict[str, bytes]) -> DirtySource:
    """The source, nothing of it done."""
    assert undisturbed
    known.forget()
    return known


@dataclass
class Killer:
    """Kills runs over a source, one after another.

    Attributes:
        source: The source.
        start: Starts a run.
        choose: Draws the moments.
        finished: Files of the tables that were finished when the last run was over.
        late: Tables, over all kills, that were finished by tasks whose run was gone.
    """

    source: DirtySource
    start: Start
    choose: random.Random
    finished: dict[str, str] = field(default_factory=dict[str, str])
    late: int = 0

    @property
    def tables(self) -> set[str]:
        """Those that are finished."""
        return {key.split("/")[3] for key in self.finished}

    def kill(self, kills: int) -> None:
        """Kills so many runs; one that is over before its kill has left nothing to do, and all begins anew."""
        for number, wanted in enumerate(sorted(self.choose.sample(range(MOST_FINISHED), kills))):
            again = 0
            while not self._kill_one(f"killed-{number}-{again}", wanted):
                again += 1
                self.source.forget()
                self.finished = {}

    def _kill_one(self, job_id: str, wanted: int) -> bool:
        """Kills a run when so many tables are finished, or soon after."""
        with self.start(job_id) as run:
            assert run.pid
            hosts: set[int] = set()
            while has_exited(run) is None and not (hosts and self.source.count() >= wanted):
                hosts.update(list_hosts(run.pid))
                time.sleep(LOOK_SECONDS)
            time.sleep(self.choose.uniform(0, PAUSE_SECONDS))
            hosts.update(list_hosts(run.pid))
            moment = self.source.finished()
            in_time = has_exited(run) is None
            run.kill()
            self.late -= self.source.count()
            wait_for_the_end_of(hosts)
            self.late += self.source.count()
        after = self.source.finished()
        for before in (moment, self.finished):
            assert {key: after.get(key) for key in before} == before, "a finished table, again"
        self.finished = after
        return in_time


def has_exited(run: "subprocess.Popen[bytes] | ForkServerProcess") -> int | None:
    """Its exit code, once it has one."""
    return run.poll() if isinstance(run, subprocess.Popen) else run.exitcode


def read_results(source: DirtySource, job_id: str) -> list[ShardResult | None]:
    return [read_result(source.objects, job_id, shard) for shard in SHARDS]


def test_killed_runs_leave_no_process_and_the_next_one_does_only_the_rest(
    source: DirtySource,
    undisturbed: dict[str, bytes],
    tmp_path: Path,
    choose: random.Random,
    soak: bool,
):
    log = tmp_path / "runs.log"
    kills = RUN_KILLS if soak else SHARE
    killer = Killer(source, lambda job_id: started_run(source.home, job_id, log), choose)
    killer.kill(kills)
    assert killer.late <= kills, "tasks give up the table in progress, not only after their shard"
    ends = asyncio.run(source.run("last"))
    assert list_reasons(ends) == {}
    states = list_states(end.result for end in ends.values())
    assert {table for table, state in states.items() if state == "skipped"} == killer.tables
    assert {table for table, state in states.items() if state == "done"} == (
        {*source.truth.tables, HANGING} - killer.tables
    )
    assert HANGING not in killer.tables
    assert {key: source.finished().get(key) for key in killer.finished} == killer.finished
    assert source.outputs() == undisturbed
    assert source.list_lies() == []
    assert source.list_leaks(log.read_text()) == []


@dataclass(frozen=True)
class DagsterHome:
    """Where `dagster job execute` runs over the source.

    Attributes:
        folder: With its logs and its storage.
        source: The source.
        instance: Dagster's, in this process.
    """

    folder: Path
    source: DirtySource
    instance: DagsterInstance

    @contextmanager
    def start(self, _: str) -> "Generator[subprocess.Popen[bytes]]":
        """Starts a run over all shards; Dagster names its job."""
        tags = {
            f"dagster/asset_partition_range_{end}": name_cell(shard, PLACE)
            for end, shard in (("start", SHARDS[0]), ("end", SHARDS[-1]))
        }
        command = [program("dagster"), "job", "execute", "-m", "platform_assets.definitions"]
        settings = self.source.services.settings
        variables = {
            "DAGSTER_HOME": str(self.folder),
            "SLUICE_HOME": str(settings.home),
            "SLUICE_TAGS_SHARDS": str(settings.tags_shards),
            "SLUICE_TAGS_PARALLELISM": str(settings.tags_parallelism),
        }
        with (self.folder / "run.log").open("ab") as log:
            run = subprocess.Popen(
                [*command, "-j", "tags", "--tags", json.dumps(tags)],
                env=child_environment(variables),
                cwd=self.folder,
                stdout=log,
                stderr=log,
            )
        with run:
            try:
                yield run
            finally:
                run.kill()

    def read_logs(self) -> list[str]:
        """All that Dagster keeps, its databases too."""
        return [
            path.read_text(errors="replace") for path in self.folder.rglob("*") if path.is_file()
        ]


@pytest.fixture
def dagster_home(source: DirtySource, tmp_path: Path) -> Iterator[DagsterHome]:
    folder = tmp_path / "dagster"
    folder.mkdir()
    (folder / "dagster.yaml").touch()
    with open_instance(folder) as instance:
        instance.add_dynamic_partitions("tenant_sources", [PLACE.key])
        yield DagsterHome(folder, source, instance)


def test_a_killed_run_of_dagster_leaves_no_process_and_the_next_one_does_only_the_rest(
    dagster_home: DagsterHome, undisturbed: dict[str, bytes], choose: random.Random
):
    source = dagster_home.source
    killer = Killer(source, dagster_home.start, choose)
    killer.kill(DAGSTER_KILLS)
    with dagster_home.start("last") as last:
        assert last.wait(600) == 0
    wait_until(lambda: not list_hosts(last.pid), "the end of its tasks")
    (run,) = dagster_home.instance.get_runs(limit=1)
    states = list_states(read_results(source, f"{run.run_id}-0"))
    assert {table for table, state in states.items() if state == "skipped"} == killer.tables
    assert len(states) == TABLES
    assert {key: source.finished().get(key) for key in killer.finished} == killer.finished
    cells = {name_cell(shard, PLACE) for shard in SHARDS}
    for key in SHARD_KEYS:
        assert set(dagster_home.instance.get_materialized_partitions(key)) == cells
    assert source.outputs() == undisturbed
    assert source.list_lies() == []
    assert source.list_leaks(*dagster_home.read_logs()) == []
