import uuid
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from platform_assets.core.objects import ObjectStore
from resources.objects.store import open_store
from tests.fakes.gcs_server import GCSServer
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.s3_server import S3Server

BACKENDS = ("memory", "local", "s3", "gcs")


@pytest.fixture(scope="session")
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    yield server
    server.close()


@pytest.fixture(scope="session")
def gcs_server() -> Iterator[GCSServer]:
    server = GCSServer()
    yield server
    server.close()


@pytest.fixture
def s3_store(s3_server: S3Server) -> ObjectStore:
    """A store in a bucket of its own, below a prefix."""
    bucket = f"bucket-{uuid.uuid4().hex}"
    s3_server.create_bucket(bucket)
    return open_store(f"s3://{bucket}/some/prefix", s3_client_factory=lambda: s3_server.client)


@pytest.fixture
def gcs_store(gcs_server: GCSServer) -> ObjectStore:
    """A store in a bucket of its own, below a prefix."""
    bucket = f"bucket-{uuid.uuid4().hex}"
    gcs_server.create_bucket(bucket)
    return open_store(f"gs://{bucket}/some/prefix", gcs_client_factory=gcs_server.access.connect)


@pytest.fixture
def local_store(tmp_path: Path) -> ObjectStore:
    return open_store((tmp_path / "objects").as_uri())


@pytest.fixture(params=BACKENDS)
def store(request: pytest.FixtureRequest) -> ObjectStore:
    """One store after the other: the suite runs over each."""
    makers: dict[str, Callable[[], ObjectStore]] = {
        "memory": MemoryObjectStore,
        "local": lambda: request.getfixturevalue("local_store"),
        "s3": lambda: request.getfixturevalue("s3_store"),
        "gcs": lambda: request.getfixturevalue("gcs_store"),
    }
    return makers[request.param]()
