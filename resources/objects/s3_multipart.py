"""One write to S3: what it carries, and sending a large file in parts.

boto3's own `upload_file` cannot pass a condition, so the parts are sent here. Nobody sees an object before its last
call (complete), which carries the condition; an upload that fails is aborted, and one whose process was killed is left
to the bucket's lifecycle rule (AbortIncompleteMultipartUpload).
"""

import os
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, BinaryIO

from botocore.exceptions import BotoCoreError, ClientError

from platform_assets.core.errors import PermanentError
from resources.objects.s3_client import Answer, S3Client

PART_BYTES = 8 * 1024 * 1024
"""Size of a part where nothing else is asked: the default of the AWS tools; S3 allows 5 MiB to 5 GiB."""

MAX_PARTS = 10_000
"""Most parts of one object: docs.aws.amazon.com/AmazonS3/latest/userguide/qfacts.html."""

_SENDERS = 4  # parts in memory at once


@dataclass(frozen=True, slots=True)
class S3Write:
    """What one write carries, as keywords of the S3 API.

    Attributes:
        target: `Bucket` and `Key`.
        metadata: The object's own metadata.
        condition: `IfMatch` or `IfNoneMatch`, or nothing.
    """

    target: Mapping[str, Any]
    metadata: Mapping[str, str]
    condition: Mapping[str, str]


def send_parts(
    client: S3Client, write: S3Write, source: BinaryIO, size_bytes: int, part_bytes: int
) -> Answer:
    """Uploads `size_bytes` bytes of a file; returns the answer to the last call.

    Raises:
        ClientError: S3 refused a call; nothing of the object is visible.
        BotoCoreError: The connection broke; nothing of the object is visible, unless the last answer was lost.
        PermanentError: The file became shorter meanwhile.
    """
    begun = client.create_multipart_upload(**write.target, Metadata=write.metadata)
    upload = {**write.target, "UploadId": begun["UploadId"]}
    part_bytes = max(part_bytes, -(-size_bytes // MAX_PARTS))

    def send(number: int) -> dict[str, Any]:
        body = _read_part(source, (number - 1) * part_bytes, part_bytes, size_bytes)
        sent = client.upload_part(**upload, PartNumber=number, Body=body)
        return {"PartNumber": number, "ETag": sent["ETag"]}

    try:
        parts = _send_all(send, -(-size_bytes // part_bytes))
        return client.complete_multipart_upload(
            **upload, MultipartUpload={"Parts": parts}, **write.condition
        )
    except BaseException:
        # The failure that counts is on its way; S3 bills the parts until the lifecycle rule finds them.
        with suppress(ClientError, BotoCoreError):
            client.abort_multipart_upload(**upload)
        raise


def _send_all(send: Callable[[int], dict[str, Any]], count: int) -> list[dict[str, Any]]:
    """What `send` returns for parts 1 to `count`, in order; after a failure no further part is begun."""
    with ThreadPoolExecutor(_SENDERS, thread_name_prefix="s3-part") as pool:
        try:
            return list(pool.map(send, range(1, count + 1)))
        finally:
            pool.shutdown(wait=False, cancel_futures=True)


def _read_part(source: BinaryIO, offset: int, length: int, size_bytes: int) -> bytes:
    length = min(length, size_bytes - offset)
    body = os.pread(source.fileno(), length, offset)
    if len(body) != length:
        raise PermanentError(
            f"read of {source.name} failed: it became shorter while it was uploaded; write it again",
            kind="source_file_changed",
        )
    return body
