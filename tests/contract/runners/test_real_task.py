"""The real task under every runner: the same input gives the same bytes, whatever ran it."""

import hashlib
import json
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from platform_assets.core.jobs import Job, JobRunner, TaskEnd, TaskState
from platform_assets.core.objects import ObjectStore
from platform_assets.settings import child_environment
from platform_assets.tags.dictionary.publishing import publish_dictionary
from platform_assets.tags.keys import TenantSource, manifest_key
from platform_assets.tags.shards.dealing import open_plan
from platform_assets.tags.shards.manifest import WorkSettings, select_shards, write_manifest
from platform_assets.tags.tables import list_tables
from resources.objects.store import open_store
from resources.runners.cloud_run_api import CloudRunApi
from resources.runners.cloud_run_job import CloudRunJobRunner
from resources.runners.cloud_run_replies import CloudRunPlace
from resources.runners.http_service import HttpServiceRunner
from resources.runners.local import LocalPolicy, LocalRunner
from tests.contract.runners.conftest import JOB, QUICK, RUNNERS, SERVICE_POLICY
from tests.contract.runners.rig import GRACE_SECONDS, ServiceProcess
from tests.fakes.cloud_run_execution import Definition
from tests.fakes.cloud_run_server import PROJECT, REGION, CloudRunServer

pytestmark = pytest.mark.slow

TASK = (sys.executable, "-m", "platform_assets.tags.task")
PLACE = TenantSource("acme", "board")
TABLES = 5
SHARDS = 3


@dataclass(frozen=True)
class Stand:
    """A runner of real tasks over an object store of its own."""

    folder: Path
    objects: ObjectStore
    runner: JobRunner

    async def run(self, job: Job) -> list[TaskEnd]:
        return list(await self.runner.run(job, lambda _: None))

    def outputs(self) -> dict[str, str]:
        """Key -> hash of the tables that were made. Receipts are left out: each store has etags of its own."""
        return {
            info.key: hashlib.sha256(self.objects.get(info.key)).hexdigest()
            for info in self.objects.list("tags/")
            if info.key.endswith(".parquet")
        }


def fill(objects: ObjectStore) -> Job:
    """Raw tables of growing size, a dictionary, a plan and a manifest."""
    objects.put("dictionary/tags.csv", "tag_id,term\nmood.good,좋다\nfilm,영화\n".encode())
    for number in range(TABLES):
        rows = "".join(f"{n},영화가 좋다 {n} 010-1234-5678\n" for n in range(10 * (number + 1)))
        objects.put(f"{PLACE.raw_prefix}board_{number}.csv", f"id,body\n{rows}".encode())
    tables = list_tables(objects, PLACE).tables
    plan = open_plan(
        objects, PLACE, {each.table_id: each.size_bytes for each in tables}, count=SHARDS
    )
    work = WorkSettings(publish_dictionary(objects).version)
    manifest = select_shards("a-job", PLACE, plan, tables, work)
    return Job("a-job", write_manifest(objects, manifest), len(manifest.shards))


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], Stand]]:
    closing: list[Callable[[], None]] = []

    def build(name: str) -> Stand:
        folder = tmp_path / name
        url = (folder / "objects").as_uri()
        monkeypatch.setenv("SLUICE_OBJECTS_URL", url)
        monkeypatch.setenv("SLUICE_HOME", str(folder / "home"))
        folder.mkdir()
        return Stand(folder, open_store(url), make_runner(name, folder))

    def make_runner(name: str, folder: Path) -> JobRunner:
        match name:
            case "local":
                return LocalRunner(TASK, child_environment({}), LocalPolicy(processes=2))
            case "cloud_run_job":
                cloud = CloudRunServer(TASK, folder, GRACE_SECONDS)
                closing.append(cloud.close)
                cloud.deploy(Definition(JOB, parallelism=2, max_retries=1))
                return CloudRunJobRunner(
                    CloudRunApi(CloudRunPlace(PROJECT, REGION, JOB, cloud.url)), QUICK
                )
            case _:
                service = ServiceProcess(folder, "--concurrency", "2", "--", *TASK)
                closing.append(service.close)
                return HttpServiceRunner(service.url, policy=SERVICE_POLICY)

    yield build
    for close in closing:
        close()


async def test_the_runners_make_the_same_outputs(build: Callable[[str], Stand]) -> None:
    outputs: list[dict[str, str]] = []
    for name in RUNNERS:
        stand = build(name)
        job = fill(stand.objects)
        ends = await stand.run(job)
        assert [(end.state, end.attempts, end.reason) for end in ends] == [
            (TaskState.SUCCEEDED, 1, None)
        ] * SHARDS
        results = [
            json.loads(stand.objects.get(info.key))
            for info in stand.objects.list(f"jobs/{job.job_id}/results/")
        ]
        assert sum(len(result["tables"]) for result in results) == TABLES
        outputs.append(stand.outputs())
    assert len(outputs[0]) == 5 * TABLES + SHARDS
    assert outputs[0] == outputs[1] == outputs[2]


@pytest.mark.parametrize("name", RUNNERS)
async def test_a_job_without_a_manifest_could_not_run(
    build: Callable[[str], Stand], name: str
) -> None:
    ends = await build(name).run(Job("gone", manifest_key("gone"), 2))
    assert {(end.state, end.attempts) for end in ends} == {(TaskState.FAILED, 2)}
    assert all("exit code 2" in (end.reason or "") for end in ends)
