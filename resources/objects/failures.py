"""The store errors that all adapters raise, built in one place so that they read alike.

Each builder returns the error; the call site writes `raise ... from error`. A message names the action, the
object's URL and what to do; adapters pass no text of an SDK that could hold credentials.
"""

from pathlib import Path
from typing import BinaryIO

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.core.objects import (
    ObjectChangedError,
    ObjectExistsError,
    ObjectMissingError,
)


def missing(url: str) -> ObjectMissingError:
    """There is no object at `url`."""
    return ObjectMissingError(
        f"read of {url} failed: there is no such object; run what writes it, or check the key"
    )


def exists(url: str) -> ObjectExistsError:
    """There is an object at `url` and it was to be a new one."""
    return ObjectExistsError(
        f"create of {url} failed: there is one already; use it, or delete it first"
    )


def changed(url: str) -> ObjectChangedError:
    """The object at `url` is not the one that was expected."""
    return ObjectChangedError(
        f"conditional access to {url} failed: it was written meanwhile; read it again and retry"
    )


def busy(action: str, url: str, reason: str) -> TransientError:
    """The store could not answer now."""
    return TransientError(
        f"{action} of {url} failed: {reason}; try again later", kind="object_store_unavailable"
    )


def refused(action: str, url: str, reason: str, advice: str, *, kind: str) -> RefusedError:
    """The store will not do it until a person acts; `kind` gets `object_store_` in front."""
    return RefusedError(
        f"{action} of {url} failed: {reason}; {advice}", kind=f"object_store_{kind}"
    )


def library_missing(scheme: str, extra: str, error: ImportError) -> RefusedError:
    """The library for stores at `scheme` is not installed; our `extra` brings it."""
    return RefusedError(
        f"open of an object store at {scheme}// failed: {error.name} is not installed; "
        f"install it with `pip install 'sluice[{extra}]'`",
        kind="object_store_library",
    )


def open_source(path: Path) -> BinaryIO:
    """The local file that `put_file` reads.

    Raises:
        PermanentError: It is not there or not readable.
    """
    try:
        return path.open("rb")
    except OSError as error:
        raise PermanentError(
            f"read of the file to store, {path}, failed: {error.strerror}; write it again",
            kind="source_file_unreadable",
        ) from error


def check_range(start: int, length: int) -> None:
    """Refuses offsets that no object has.

    Raises:
        ValueError: `start` or `length` is negative.
    """
    if start < 0 or length < 0:
        raise ValueError(f"range start {start} and length {length} must not be negative")
