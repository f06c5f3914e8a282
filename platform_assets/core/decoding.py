"""Reading JSON that came from outside: one error for all the ways in which bytes can be unreadable.

A decoder raises more than its own error: text that is no UTF-8, nesting that is too deep and numbers that are too large
each raise another one. Whoever reads bytes from outside catches `UNREADABLE`, or calls `decode_json`.
"""

from typing import TypeVar

import msgspec

from platform_assets.core.errors import PermanentError

T = TypeVar("T")

UNREADABLE = (msgspec.MsgspecError, ValueError, RecursionError, OverflowError)
"""All that `msgspec`, `json`, `tomllib` and `bytes.decode` raise about bytes that they cannot read (`UnicodeError` and
`json.JSONDecodeError` are `ValueError`s)."""


class UnreadableError(PermanentError):
    """Bytes that are not what they should be; the message says why, the caller says whose bytes they are."""

    default_kind = "unreadable"


def decode_json(data: bytes | str, decoder: msgspec.json.Decoder[T]) -> T:
    """JSON as the decoder's type.

    Raises:
        UnreadableError: It cannot be read, whatever the reason.
    """
    try:
        return decoder.decode(data)
    except UNREADABLE as error:
        raise UnreadableError(f"{type(error).__name__}: {error}") from error
