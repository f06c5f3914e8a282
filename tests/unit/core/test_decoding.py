"""Whatever is wrong with bytes from outside, reading them has one error."""

from typing import Any

import msgspec
import pytest

from platform_assets.core.decoding import UnreadableError, decode_json

_read = msgspec.json.Decoder(dict[str, Any])


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"{",
        b"[]",
        b'{"a": "\xff"}',
        b'{"a": "\\ud83d"}',
        b'{"a": ' + b"[" * 20_000 + b"]" * 20_000 + b"}",
        b'{"a": ' + b"9" * 5_000 + b"}",
        b'{"a": 1e999}',
        "{\ud83d}",
    ],
    ids=["empty", "cut", "list", "no UTF-8", "half a character", "deep", "long", "large", "text"],
)
def test_bytes_that_cannot_be_read_have_one_error(data: bytes | str):
    with pytest.raises(UnreadableError) as caught:
        decode_json(data, _read)
    assert caught.value.kind == "unreadable"


def test_what_can_be_read_is_read():
    assert decode_json(b'{"a": [1, 2.5, null]}', _read) == {"a": [1, 2.5, None]}
