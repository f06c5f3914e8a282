"""What S3 and GCS do that files do not: lost answers, refusals, missing buckets, objects replaced under a reader."""

import logging
import uuid
from collections.abc import Callable
from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.core.objects import ObjectChangedError, ObjectExistsError, ObjectStore
from resources.objects.store import open_store
from tests.fakes.gcs_server import GCSServer
from tests.fakes.s3_server import S3Server

KEY = "jobs/7/manifest.json"


class Cloud:
    """A store, and the server that can be told to do wrong."""

    def __init__(self, store: ObjectStore, server: S3Server | GCSServer) -> None:
        self.store = store
        self._faults = server.application if isinstance(server, S3Server) else server.state

    def lose_answers(self, count: int) -> None:
        self._faults.answers_to_lose = count


@pytest.fixture(params=["s3", "gcs"])
def cloud(request: pytest.FixtureRequest) -> Cloud:
    return Cloud(
        request.getfixturevalue(f"{request.param}_store"),
        request.getfixturevalue(f"{request.param}_server"),
    )


@pytest.fixture
def open_at(s3_server: S3Server, gcs_server: GCSServer) -> Callable[[str], ObjectStore]:
    return lambda url: open_store(
        url,
        s3_client_factory=lambda: s3_server.client,
        gcs_client_factory=gcs_server.access.connect,
    )


@pytest.fixture
def large(tmp_path: Path) -> Path:
    path = tmp_path / "large.bin"
    path.write_bytes(bytes(9 * 1024 * 1024))
    return path


def test_a_create_whose_answer_was_lost_is_known_to_be_ours(cloud: Cloud) -> None:
    cloud.lose_answers(1)

    info = cloud.store.put_new(KEY, b"ours")

    assert cloud.store.get(KEY) == b"ours"
    assert info == cloud.store.head(KEY)


def test_a_swap_whose_answer_was_lost_counts_once(cloud: Cloud) -> None:
    info = cloud.store.put(KEY, b"1")
    cloud.lose_answers(1)

    swapped = cloud.store.put_if(KEY, b"2", info.etag)

    assert cloud.store.get(KEY) == b"2"
    assert cloud.store.put_if(KEY, b"3", swapped.etag).size_bytes == 1


def test_the_same_bytes_from_somebody_else_are_not_ours(cloud: Cloud) -> None:
    cloud.store.put(KEY, b"same")

    with pytest.raises(ObjectExistsError):
        cloud.store.put_new(KEY, b"same")


def test_a_large_file_whose_last_answer_was_lost_is_ours(
    s3_server: S3Server, s3_store: ObjectStore, large: Path
) -> None:
    # The begin, the two parts and the end are writes: the first three get their answers.
    s3_server.application.answers_before_loss = 3
    s3_server.application.answers_to_lose = 1

    info = s3_store.put_file(KEY, large, etag=None)

    assert info == s3_store.head(KEY)


def test_a_reader_notices_that_its_object_was_replaced(cloud: Cloud) -> None:
    cloud.store.put(KEY, b"old" * 1_000_000)

    with cloud.store.open_read(KEY) as file:
        file.read(10)
        cloud.store.put(KEY, b"new" * 1_000_000)
        file.seek(2_900_000)
        with pytest.raises(ObjectChangedError, match="written meanwhile"):
            file.read(10)


@pytest.mark.parametrize("scheme", ["s3", "gs"])
def test_a_missing_bucket_is_refused_and_not_taken_for_an_empty_one(
    open_at: Callable[[str], ObjectStore], scheme: str, tmp_path: Path
) -> None:
    store = open_at(f"{scheme}://no-such-{uuid.uuid4().hex}/prefix")
    source = tmp_path / "source"
    source.write_bytes(b"data")
    for act in (
        lambda: store.put(KEY, b"data"),
        lambda: store.put_new(KEY, b"data"),
        lambda: store.put_file(KEY, source),
        lambda: store.get(KEY),
        lambda: store.get_range(KEY, 0, 1),
        lambda: store.head(KEY),
        lambda: list(store.list("")),
        lambda: store.delete(KEY),
        lambda: store.open_read(KEY),
    ):
        with pytest.raises(RefusedError, match=r"no-such-.*create the bucket") as caught:
            act()
        assert caught.value.kind == "object_store_bucket_missing"


@pytest.mark.parametrize(
    ("status", "code", "expected"),
    [
        (403, "AccessDenied", RefusedError),
        (403, "InvalidAccessKeyId", RefusedError),
        (400, "ExpiredToken", RefusedError),
        (400, "AuthorizationHeaderMalformed", RefusedError),
        (400, "EntityTooLarge", RefusedError),
        (409, "ConditionalRequestConflict", TransientError),
        (503, "SlowDown", TransientError),
        (500, "InternalError", TransientError),
    ],
)
def test_what_s3_refuses_is_told_apart_without_secrets(
    s3_server: S3Server,
    s3_store: ObjectStore,
    caplog: pytest.LogCaptureFixture,
    status: int,
    code: str,
    expected: type[Exception],
) -> None:
    s3_server.application.answers_to_refuse[:] = [(status, code)] * s3_server.access.max_attempts
    with (
        caplog.at_level(logging.INFO),
        pytest.raises(expected, match=rf"{status} {code}") as caught,
    ):
        s3_store.put(KEY, b"data")
    s3_server.application.answers_to_refuse.clear()

    assert KEY in str(caught.value)
    for text in (str(caught.value), caplog.text, repr(s3_server.access)):
        assert "test-secret-access-key" not in text


@pytest.mark.parametrize(("status", "kind"), [(401, "denied"), (403, "denied"), (400, "io")])
def test_what_gcs_refuses_is_told_apart(
    gcs_server: GCSServer, gcs_store: ObjectStore, status: int, kind: str
) -> None:
    gcs_server.state.answers_to_refuse[:] = [status]

    with pytest.raises(RefusedError, match=rf"{KEY}.*({status}|no valid token)") as caught:
        gcs_store.put(KEY, b"data")
    assert caught.value.kind == f"object_store_{kind}"


def test_gcs_being_busy_for_a_moment_goes_unnoticed(
    gcs_server: GCSServer, gcs_store: ObjectStore
) -> None:
    gcs_server.state.answers_to_refuse[:] = [503]

    assert gcs_store.put(KEY, b"data").size_bytes == 4


def test_a_server_that_is_away_is_a_transient_failure() -> None:
    server = S3Server()
    server.create_bucket("bucket")
    store = open_store("s3://bucket", s3_client_factory=lambda: server.client)
    server.close()

    with pytest.raises(TransientError, match="the connection to S3 broke"):
        store.put(KEY, b"data")


def test_an_upload_in_parts_that_fails_leaves_nothing(
    s3_server: S3Server, s3_store: ObjectStore, large: Path
) -> None:
    s3_store.put(KEY, b"old")
    with pytest.raises(ObjectChangedError):
        s3_store.put_file(KEY, large, etag="somebody else's")

    assert s3_store.get(KEY) == b"old"
    assert s3_server.list_uploads(s3_store.url("").split("/")[2]) == []


def test_folder_markers_of_other_tools_are_no_objects(
    s3_server: S3Server, s3_store: ObjectStore
) -> None:
    s3_store.put("a/b", b"data")
    bucket = s3_store.url("").split("/")[2]
    s3_server.client.put_object(Bucket=bucket, Key="some/prefix/a/", Body=b"")

    assert [info.key for info in s3_store.list("")] == ["a/b"]
