"""Tasks over S3 and GCS: forked processes share no connection, and the clients' own threads are in nobody's way."""

from collections.abc import Callable, Generator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

import pytest

from platform_assets.core.jobs import TaskState
from platform_assets.core.objects import ObjectStore
from platform_assets.tags.shards.result import TableState
from resources.objects.store import open_store
from tests.fakes.gcs_server import GCSServer
from tests.fakes.s3_server import S3Server
from tests.integration.tags.job_rig import JobRig

pytestmark = pytest.mark.slow


@contextmanager
def open_s3() -> Generator[tuple[ObjectStore, dict[str, str]]]:
    server = S3Server()
    try:
        server.create_bucket("bucket")
        url = "s3://bucket/tags"
        store = open_store(url, s3_client_factory=server.access.connect)
        yield (
            store,
            {
                "SLUICE_OBJECTS_URL": url,
                "SLUICE_S3_ENDPOINT_URL": str(server.access.endpoint_url),
                "AWS_ACCESS_KEY_ID": "AKIATESTKEYID",
                "AWS_SECRET_ACCESS_KEY": "test-secret-access-key",
                "AWS_DEFAULT_REGION": "us-east-1",
            },
        )
    finally:
        server.close()


@contextmanager
def open_gcs() -> Generator[tuple[ObjectStore, dict[str, str]]]:
    server = GCSServer()
    try:
        server.create_bucket("bucket")
        url = "gs://bucket/tags"
        store = open_store(url, gcs_client_factory=server.access.connect)
        emulator = str(server.access.endpoint_url)
        yield store, {"SLUICE_OBJECTS_URL": url, "STORAGE_EMULATOR_HOST": emulator}
    finally:
        server.close()


@pytest.mark.parametrize("open_cloud", [open_s3, open_gcs])
async def test_a_job_over_a_cloud_store_is_done_and_not_repeated(
    open_cloud: Callable[[], AbstractContextManager[tuple[ObjectStore, dict[str, str]]]],
    tmp_path: Path,
):
    with open_cloud() as (objects, environment):
        rig = JobRig(tmp_path, objects, environment)
        for number in range(6):
            rig.put(f"t{number}", "apple", "bad row")
        manifest = rig.plan(shards=3)
        assert rig.run_task(manifest.key, 1, 3) == (0, "")
        ends = await rig.run(manifest)
        assert [(end.state, end.attempts) for end in ends] == [(TaskState.SUCCEEDED, 1)] * 3
        states = list(rig.states(manifest).values())
        assert sorted(states) == [TableState.DONE] * 4 + [TableState.SKIPPED] * 2
        assert len(rig.etags("/receipt.json")) == 6
        assert len(rig.etags(".parquet")) == 6 * 5 + 3
