import sys
from pathlib import Path

import pytest
from pydantic import SecretStr

from platform_assets.core.errors import RefusedError
from resources.objects.gcs_client import GCSAccess
from resources.objects.local import LocalObjectStore
from resources.objects.s3_client import S3Access, S3Client
from resources.objects.store import open_store


def connect() -> S3Client:
    return S3Access(region_name="us-east-1").connect()


def test_a_file_url_opens_a_folder_that_the_first_write_makes(tmp_path: Path) -> None:
    root = tmp_path / "저장 소"

    store = open_store(root.as_uri())

    assert isinstance(store, LocalObjectStore)
    assert not root.exists()
    store.put("a/b", b"data")
    assert (root / "a" / "b").read_bytes() == b"data"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("s3://bucket", "s3://bucket/k"),
        ("s3://bucket/", "s3://bucket/k"),
        ("s3://bucket/a/b/", "s3://bucket/a/b/k"),
    ],
)
def test_an_s3_url_names_bucket_and_prefix(url: str, expected: str) -> None:
    assert open_store(url, s3_client_factory=connect).url("k") == expected


@pytest.mark.parametrize(
    "url",
    [
        "",
        "/just/a/path",
        "relative",
        "ftp://host/x",
        "file://host/x",
        "file:relative",
        "s3://",
        "s3:///key",
        "s3://bucket/../x",
        "gs://",
        "s3://[",
    ],
)
def test_a_url_that_names_no_store_is_refused_with_the_forms_that_do(url: str) -> None:
    with pytest.raises(
        RefusedError, match=r"file:///absolute/folder, s3://bucket/prefix"
    ) as caught:
        open_store(url)
    assert caught.value.kind == "object_store_url"


@pytest.mark.parametrize(
    "url", ["s3://key:hunter2@bucket/x", "s3://bucket/x?secret=hunter2", "gs://bucket#hunter2"]
)
def test_a_secret_in_a_url_is_refused_and_not_repeated(url: str) -> None:
    with pytest.raises(RefusedError, match="belong in the settings") as caught:
        open_store(url)
    assert "hunter2" not in str(caught.value)


@pytest.mark.parametrize(
    ("url", "library", "adapter", "extra"),
    [
        ("s3://bucket", "botocore", "resources.objects.s3", "sluice[aws]"),
        ("gs://bucket", "google.cloud.storage", "resources.objects.gcs", "sluice[gcp]"),
    ],
)
def test_a_missing_library_is_named_with_the_extra_that_brings_it(
    monkeypatch: pytest.MonkeyPatch, url: str, library: str, adapter: str, extra: str
) -> None:
    for name in [name for name in sys.modules if name.startswith((adapter, library))]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(RefusedError) as caught:
        open_store(url)

    assert extra in str(caught.value)
    assert library in str(caught.value)


def test_credentials_do_not_show() -> None:
    access = S3Access(access_key_id="id", secret_access_key=SecretStr("hunter2"))

    assert "hunter2" not in repr(access)


@pytest.mark.parametrize(
    ("access", "library", "extra"),
    [
        (S3Access(), "boto3", "sluice[aws]"),
        (GCSAccess(), "google.cloud.storage", "sluice[gcp]"),
    ],
)
def test_a_client_needs_its_library(
    monkeypatch: pytest.MonkeyPatch, access: S3Access | GCSAccess, library: str, extra: str
) -> None:
    for name in [name for name in sys.modules if name.startswith(library)]:
        monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, library, None)

    with pytest.raises(RefusedError) as caught:
        access.connect()

    assert extra in str(caught.value)


def test_a_machine_without_google_credentials_is_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "no-such-file.json"))

    with pytest.raises(RefusedError, match="gcloud auth application-default login"):
        open_store("gs://bucket")
