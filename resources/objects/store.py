"""Opens the object store that a URL names: a folder, an S3 bucket or a GCS bucket.

The interface and its errors are core values (`platform_assets/core/objects.py`), offered here too for adapters and
glue; the implementations are in `resources/objects`. A cloud's library is imported when its scheme is asked for.
"""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import SplitResult, unquote, urlsplit

from platform_assets.core.clock import Clock
from platform_assets.core.errors import RefusedError
from platform_assets.core.object_keys import ObjectKeyError, validate_key
from platform_assets.core.objects import (
    Expected,
    ObjectChangedError,
    ObjectExistsError,
    ObjectInfo,
    ObjectMissingError,
    ObjectStore,
)
from resources.objects import failures
from resources.objects.local import LocalObjectStore

if TYPE_CHECKING:
    # Only their types: the clouds' libraries are optional.
    from google.cloud.storage import Client as GCSClient

    from resources.objects.s3_client import S3Client

__all__ = [
    "Expected",
    "ObjectChangedError",
    "ObjectExistsError",
    "ObjectInfo",
    "ObjectKeyError",
    "ObjectMissingError",
    "ObjectStore",
    "open_store",
]


def open_store(
    url: str,
    *,
    s3_client_factory: "Callable[[], S3Client] | None" = None,
    gcs_client_factory: "Callable[[], GCSClient] | None" = None,
    clock: Clock | None = None,
) -> ObjectStore:
    """The store at `file:///absolute/folder`, `s3://bucket/prefix` or `gs://bucket/prefix`.

    Args:
        url: Where the store is. It holds no credentials and no query: those are the client factories' arguments.
        s3_client_factory: Makes the S3 client, such as `S3Access(...).connect`; by default AWS with the machine's
            credentials.
        gcs_client_factory: Makes the GCS client, such as `GCSAccess(...).connect`; by default Google with the machine's
            credentials.
        clock: Source of the times of local objects.

    Raises:
        RefusedError: The URL names no store, the cloud's library is not installed, or there are no credentials.
    """
    parts = _split(url)
    if parts.scheme == "file":
        return LocalObjectStore(_read_root(parts), clock=clock)
    if parts.scheme == "s3":
        return _open_s3(*_read_bucket(parts), s3_client_factory)
    if parts.scheme == "gs":
        return _open_gcs(*_read_bucket(parts), gcs_client_factory)
    raise _refuse(f"its scheme is {parts.scheme!r}")


def _open_s3(bucket: str, prefix: str, connect: "Callable[[], S3Client] | None") -> ObjectStore:
    try:
        from resources.objects.s3 import S3ObjectStore  # noqa: PLC0415 - boto3 is optional
        from resources.objects.s3_client import S3Access  # noqa: PLC0415 - boto3 is optional
    except ImportError as error:
        raise failures.library_missing("s3:", "aws", error) from error
    return S3ObjectStore((connect or S3Access().connect)(), bucket, prefix)


def _open_gcs(bucket: str, prefix: str, connect: "Callable[[], GCSClient] | None") -> ObjectStore:
    try:
        from resources.objects.gcs import GCSObjectStore  # noqa: PLC0415 - Google's is optional
        from resources.objects.gcs_client import GCSAccess  # noqa: PLC0415 - Google's is optional
    except ImportError as error:
        raise failures.library_missing("gs:", "gcp", error) from error
    return GCSObjectStore((connect or GCSAccess().connect)(), bucket, prefix)


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
    except ValueError as error:
        raise _refuse("it is not a URL") from error
    if "@" in parts.netloc or parts.query or parts.fragment:
        raise _refuse("it holds credentials, a query or a fragment, which belong in the settings")
    return parts


def _read_root(parts: SplitResult) -> Path:
    root = Path(unquote(parts.path))
    if parts.netloc or not root.is_absolute():
        raise _refuse("a file URL names an absolute folder behind three slashes")
    return root


def _read_bucket(parts: SplitResult) -> tuple[str, str]:
    """Bucket and prefix."""
    prefix = parts.path.strip("/")
    try:
        return validate_key(parts.netloc), validate_key(prefix) if prefix else ""
    except ObjectKeyError as error:
        raise _refuse(f"its bucket or prefix is not valid ({error.message})") from error


def _refuse(reason: str) -> RefusedError:
    """The URL itself is not repeated: people put secrets into URLs."""
    return RefusedError(
        f"open of the object store failed: {reason}; set its URL to file:///absolute/folder, "
        "s3://bucket/prefix or gs://bucket/prefix",
        kind="object_store_url",
    )
