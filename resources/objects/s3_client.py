"""The part of boto3's S3 client that the store uses, and how to make such a client from settings.

boto3 is imported when a client is made: it is optional.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from pydantic import SecretStr

from resources.objects import failures

Answer = Mapping[str, Any]
"""What a call returns: boto3's dict for the operation."""


class S3Client(Protocol):
    """boto3's `client("s3")`, or dagster-aws' `S3Resource(...).get_client()`. The keywords are those of the S3 API."""

    def put_object(self, **kwargs: object) -> Answer:
        """PutObject."""
        ...

    def get_object(self, **kwargs: object) -> Answer:
        """GetObject; `Body` is a stream."""
        ...

    def head_object(self, **kwargs: object) -> Answer:
        """HeadObject."""
        ...

    def delete_object(self, **kwargs: object) -> Answer:
        """DeleteObject."""
        ...

    def list_objects_v2(self, **kwargs: object) -> Answer:
        """ListObjectsV2: one page."""
        ...

    def create_multipart_upload(self, **kwargs: object) -> Answer:
        """CreateMultipartUpload."""
        ...

    def upload_part(self, **kwargs: object) -> Answer:
        """UploadPart."""
        ...

    def complete_multipart_upload(self, **kwargs: object) -> Answer:
        """CompleteMultipartUpload."""
        ...

    def abort_multipart_upload(self, **kwargs: object) -> Answer:
        """AbortMultipartUpload."""
        ...


@dataclass(frozen=True, slots=True)
class S3Access:
    """How to reach S3.

    Attributes:
        endpoint_url: Address of an S3-compatible server; None for AWS.
        region_name: Region of the bucket; None for what the machine's AWS configuration says.
        access_key_id: Key id; None for AWS' own chain (role of the machine, shared files).
        secret_access_key: Secret that belongs to the key id.
        max_attempts: Tries of one request, the first included; the SDK backs off in between.
        pool_connections: Open connections that worker threads share.
    """

    endpoint_url: str | None = None
    region_name: str | None = None
    access_key_id: str | None = None
    secret_access_key: SecretStr | None = None
    max_attempts: int = 5
    pool_connections: int = 32

    def connect(self) -> S3Client:
        """A thread-safe client; opens no connection yet.

        Raises:
            RefusedError: boto3 is not installed.
        """
        try:
            from boto3.session import Session  # noqa: PLC0415 - boto3 is optional
            from botocore.config import Config  # noqa: PLC0415 - boto3 is optional
        except ImportError as error:
            raise failures.library_missing("s3:", "aws", error) from error
        secret = self.secret_access_key
        client = Session().client(
            "s3",
            endpoint_url=self.endpoint_url,
            region_name=self.region_name,
            aws_access_key_id=self.access_key_id,
            aws_secret_access_key=None if secret is None else secret.get_secret_value(),
            config=Config(
                retries={"mode": "standard", "total_max_attempts": self.max_attempts},
                max_pool_connections=self.pool_connections,
                connect_timeout=10,
                read_timeout=60,
            ),
        )
        return cast("S3Client", client)
