from collections.abc import Iterator
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from platform_assets.core.objects import ObjectStore
from resources.objects.resource import ObjectStoreResource
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.s3_server import S3Server


@dg.asset
def landed(objects: dg.ResourceParam[ObjectStore]) -> dg.MaterializeResult[Any]:
    return dg.MaterializeResult(metadata={"url": objects.url(objects.put("a/b", b"data").key)})


@pytest.fixture
def s3_server() -> Iterator[S3Server]:
    server = S3Server()
    server.create_bucket("resource-bucket")
    yield server
    server.close()


def read_url(result: dg.ExecuteInProcessResult) -> object:
    return result.asset_materializations_for_node("landed")[0].metadata["url"].value


def test_an_asset_gets_a_plain_store(tmp_path: Path) -> None:
    resource = ObjectStoreResource(url=tmp_path.as_uri())

    result = dg.materialize([landed], resources={"objects": resource})

    assert read_url(result) == f"{tmp_path.as_uri()}/a/b"
    assert (tmp_path / "a" / "b").read_bytes() == b"data"


def test_a_fake_takes_the_resources_place() -> None:
    store = MemoryObjectStore()

    dg.materialize([landed], resources={"objects": store})

    assert store.get("a/b") == b"data"


def test_s3_is_reached_through_dagsters_own_resource(
    s3_server: S3Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TEST_S3_SECRET", "test-secret-access-key")
    resource = ObjectStoreResource(
        url="s3://resource-bucket/prefix",
        endpoint_url=s3_server.access.endpoint_url,
        region_name="us-east-1",
        access_key_id="AKIATESTKEYID",
        secret_access_key=dg.EnvVar("TEST_S3_SECRET"),
    )

    result = dg.materialize([landed], resources={"objects": resource})

    assert read_url(result) == "s3://resource-bucket/prefix/a/b"
    head = s3_server.client.head_object(Bucket="resource-bucket", Key="prefix/a/b")
    assert head["ContentLength"] == 4
