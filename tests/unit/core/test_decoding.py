"""Whatever is wrong with bytes from outside, reading them has one error."""

from typing import Any

import msgspec
import pytest

from platform_assets.core.decoding import (
    UnreadableError,
    compose_syllables,
    decode_euc_kr,
    decode_json,
)

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


SPELLED = "펲시와 똠얌, 햏햏".encode("euc-kr")
"""As Python's `euc-kr` writes it: three of the syllables are not in its table."""


def test_syllables_that_a_strict_writer_of_euc_kr_spelled_out_are_composed():
    assert "펲시" not in SPELLED.decode("cp949")
    assert decode_euc_kr(SPELLED) == "펲시와 똠얌, 햏햏"


def test_a_filler_and_jamo_of_a_writer_who_had_the_syllable_stay_what_they_are():
    text = "\u3164ㄸㅗㅁ\n펲"
    assert decode_euc_kr(text.encode("cp949")) == text
    assert compose_syllables(text, extended=True) == (text, 0, 1)


def test_a_filler_and_jamo_of_a_syllable_that_euc_kr_has_stay_what_they_are():
    assert decode_euc_kr("\u3164ㄱㅏ\u3164".encode("euc-kr")) == "\u3164ㄱㅏ\u3164"
