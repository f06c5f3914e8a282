"""Keys of objects: which ones are valid in every store, and how dated parts are named.

A key is `segment/segment/...`, such as `games/raw/platforms/dt=2026-11-20/part-00001.jsonl.zst`. Pure text; no store is
touched. Which keys a domain uses is the domain's business.
"""

import re
from datetime import date

from platform_assets.core.errors import PermanentError

MAX_KEY_BYTES = 1024
"""Longest key of S3 and of GCS, in UTF-8 bytes:
docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html,
cloud.google.com/storage/docs/objects."""

MAX_SEGMENT_BYTES = 255
"""Longest file name of common Linux file systems (NAME_MAX), so that a key valid on S3 is valid on a disk too."""

MAX_PART_NUMBER = 99_999
"""Part numbers have five digits, so that parts sort by number."""

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ufffe\uffff\\]")
_DATE = re.compile(r"dt=(\d{4}-\d{2}-\d{2})", re.ASCII)
_PART = re.compile(r"part-(\d{5})(?:\.[a-z0-9]+)+", re.ASCII)
_SUFFIX = re.compile(r"(?:\.[a-z0-9]+)+", re.ASCII)


class ObjectKeyError(PermanentError):
    """A text that is no valid key."""

    default_kind = "object_key_invalid"


def validate_key(key: str) -> str:
    """The key itself, if it is valid in every store.

    Valid is: 1 to 1024 bytes of UTF-8, segments joined by single slashes, each of 1 to 255 bytes, none starting with a
    dot (which bars `..` and the local store's own folder), no control characters, no backslash.

    Raises:
        ObjectKeyError: Says what is wrong.
    """
    if (fault := _find_fault(key)) is not None:
        raise ObjectKeyError(
            f"object key {key[:200]!r} {fault}; use relative segments joined by single slashes"
        )
    return key


def is_valid_key(key: str) -> bool:
    """Whether `validate_key` accepts the key."""
    return _find_fault(key) is None


def validate_prefix(prefix: str) -> str:
    """The prefix itself, if some valid key can start with it; an empty one stands for all keys.

    Raises:
        ObjectKeyError: Says what is wrong.
    """
    open_ended = not prefix or prefix.endswith("/")
    validate_key(f"{prefix}x" if open_ended else prefix)
    return prefix


def join_key(*parts: str) -> str:
    """The valid key made of the parts, each of them one or more segments.

    Raises:
        ObjectKeyError: The result is not valid.
    """
    return validate_key("/".join(parts))


def name_date(day: date) -> str:
    """The segment of a day: `dt=2026-11-20`."""
    return f"dt={day.isoformat()[:10]}"


def read_date(key: str) -> date:
    """The day that the key's first `dt=` segment names.

    Raises:
        ObjectKeyError: No segment is `dt=YYYY-MM-DD` with a day that exists.
    """
    for segment in key.split("/"):
        if (match := _DATE.fullmatch(segment)) is None:
            continue
        try:
            return date.fromisoformat(match[1])
        except ValueError:
            break
    raise ObjectKeyError(f"object key {key[:200]!r} has no segment dt=YYYY-MM-DD with a real day")


def name_part(number: int, suffix: str) -> str:
    """The last segment of a part: `part-00001.jsonl.zst` for 1 and `.jsonl.zst`.

    Raises:
        ObjectKeyError: The number is not within 0 to 99,999, or the suffix is not `.word` once or more.
    """
    if not 0 <= number <= MAX_PART_NUMBER:
        raise ObjectKeyError(f"part number {number} is not within 0 to {MAX_PART_NUMBER}")
    if _SUFFIX.fullmatch(suffix) is None:
        raise ObjectKeyError(f"part suffix {suffix!r} is not like '.parquet' or '.jsonl.zst'")
    return f"part-{number:05d}{suffix}"


def read_part_number(key: str) -> int:
    """The number in the key's last segment, which `name_part` made.

    Raises:
        ObjectKeyError: The last segment is no part.
    """
    match = _PART.fullmatch(key.rpartition("/")[2])
    if match is None:
        raise ObjectKeyError(f"object key {key[:200]!r} does not end in part-NNNNN.<suffix>")
    return int(match[1])


def _find_fault(key: str) -> str | None:
    """What is wrong with the key, as the end of a sentence; None when it is valid."""
    try:
        size_bytes = len(key.encode())
    except UnicodeEncodeError:
        return "cannot be written as UTF-8"
    if size_bytes > MAX_KEY_BYTES:
        return f"has {size_bytes} bytes, more than {MAX_KEY_BYTES}"
    if _CONTROL.search(key):
        return "holds a control character or a backslash"
    return next(filter(None, map(_find_segment_fault, key.split("/"))), None)


def _find_segment_fault(segment: str) -> str | None:
    if not segment:
        return "has an empty segment"
    if segment.startswith("."):
        return f"has a segment that starts with a dot ({segment[:50]!r})"
    # A key of at most 1024 characters is cheap to encode again, and segments are few.
    if len(segment.encode()) > MAX_SEGMENT_BYTES:
        return f"has a segment of more than {MAX_SEGMENT_BYTES} bytes"
    return None
