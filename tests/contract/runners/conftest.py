import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.settings import child_environment
from resources.http.wire import HttpTimeouts
from resources.runners.cloud_run_api import CloudRunApi
from resources.runners.cloud_run_job import CloudRunJobRunner, CloudRunPolicy
from resources.runners.cloud_run_replies import CloudRunPlace
from resources.runners.http_service import HttpServicePolicy, HttpServiceRunner
from resources.runners.local import LocalPolicy, LocalRunner
from tests.contract.runners.rig import GRACE_SECONDS, TINY_TASK, Rig, ServiceProcess
from tests.fakes.cloud_run_execution import Definition
from tests.fakes.cloud_run_server import PROJECT, REGION, CloudRunServer

RUNNERS = ("local", "cloud_run_job", "http_service")
JOB = "sluice-tags"
QUICK = CloudRunPolicy(
    first_poll_seconds=0.05,
    poll_seconds=0.1,
    cancel_seconds=60.0,
    retry=RetryPolicy(attempts=4, first_wait_seconds=0.01, longest_wait_seconds=0.05),
)
SERVICE_POLICY = HttpServicePolicy(
    timeouts=HttpTimeouts(connect=30.0, read=30.0, write=30.0, pool=30.0),
    retry=RetryPolicy(attempts=4, first_wait_seconds=0.05, longest_wait_seconds=0.2),
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runners")


@pytest.fixture
def cloud(folder: Path) -> Iterator[CloudRunServer]:
    """Cloud Run with one job: 4 tasks at a time, one repetition."""
    server = CloudRunServer([sys.executable, str(TINY_TASK), str(folder)], folder, GRACE_SECONDS)
    server.deploy(Definition(JOB, parallelism=4, max_retries=1))
    yield server
    server.close()


@pytest.fixture
def place(cloud: CloudRunServer) -> CloudRunPlace:
    return CloudRunPlace(PROJECT, REGION, JOB, cloud.url)


@pytest.fixture
def cloud_run_job(folder: Path, place: CloudRunPlace) -> Rig:
    return Rig("cloud_run_job", folder, CloudRunJobRunner(CloudRunApi(place), QUICK))


@pytest.fixture(scope="module")
def service(folder: Path) -> Iterator[ServiceProcess]:
    process = ServiceProcess(folder, "--heartbeat-seconds", "0.2", "--concurrency", "4")
    yield process
    process.close()


@pytest.fixture
def http_service(folder: Path, service: ServiceProcess) -> Rig:
    return Rig("http_service", folder, HttpServiceRunner(service.url, policy=SERVICE_POLICY))


@pytest.fixture
def local(folder: Path) -> Rig:
    command = [sys.executable, str(TINY_TASK), str(folder)]
    environment = child_environment({"TINY_GRACE_SECONDS": str(GRACE_SECONDS)})
    return Rig("local", folder, LocalRunner(command, environment, LocalPolicy(processes=4)))


@pytest.fixture(params=RUNNERS)
def rig(request: pytest.FixtureRequest) -> Rig:
    """One runner after the other: the suite runs over each."""
    make: Callable[[str], Rig] = request.getfixturevalue
    return make(request.param)
