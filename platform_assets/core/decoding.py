"""Reading bytes that came from outside: JSON, with one error for all that can be wrong with it, and text in EUC-KR.

A decoder raises more than its own error: text that is no UTF-8, nesting that is too deep and numbers that are too large
each raise another one. Whoever reads bytes from outside catches `UNREADABLE`, or calls `decode_json`.
"""

import re
from functools import cache
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


FILLER = "\u3164"
"""What begins a syllable that EUC-KR spells out: a filler, an initial, a vowel, and a final or another filler."""

_SPELLED = re.compile("\u3164([\u3131-\u314e])([\u314f-\u3163])([\u3131-\u314e\u3164])")
_INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
_FINALS = "\u3164ㄱㄲㄳㄴㄵㄶㄷㄹㄺㄻㄼㄽㄾㄿㅀㅁㅂㅄㅅㅆㅇㅈㅊㅋㅌㅍㅎ"


def decode_euc_kr(data: bytes) -> str:
    """Text in CP949, of which EUC-KR is a part; syllables that a strict writer of EUC-KR spelled out are composed.

    Raises:
        UnicodeDecodeError: It is in neither.
    """
    text = data.decode("cp949")
    if FILLER not in text:
        return text
    return compose_syllables(text, extended=has_extension(data))[0]


def compose_syllables(text: str, *, extended: bool) -> tuple[str, int, int]:
    """Text whose spelled-out syllables are composed (KS X 1001, annex 3), how many were, and how many stay unsure.

    Args:
        text: Decoded from CP949.
        extended: Whether its writer had the syllables themselves, see `has_extension`: then a filler and jamo may have
            been meant, and stay.
    """
    composed = unsure = 0

    def compose(match: re.Match[str]) -> str:
        nonlocal composed, unsure
        initial, final = _INITIALS.find(match[1]), _FINALS.find(match[3])
        if initial < 0 or final < 0:
            unsure += 1
            return match[0]
        vowel = ord(match[2]) - 0x314F
        syllable = chr(0xAC00 + (initial * 21 + vowel) * 28 + final)
        if syllable in _plain_syllables():
            return match[0]  # it would have been written as itself: a blank and jamo were meant
        if extended:
            unsure += 1
            return match[0]
        composed += 1
        return syllable

    return _SPELLED.sub(compose, text), composed, unsure


def has_extension(data: bytes) -> bool:
    """Whether whole lines have characters that CP949 has and EUC-KR has not."""
    if data.isascii() or decodes(data, "euc-kr"):
        return False
    return any(not decodes(line, "euc-kr") and decodes(line, "cp949") for line in data.split(b"\n"))


@cache
def _plain_syllables() -> frozenset[str]:
    """The 2,350 syllables that EUC-KR has."""
    rows, columns = range(0xB0, 0xC9), range(0xA1, 0xFF)
    return frozenset(bytes((row, column)).decode("euc-kr") for row in rows for column in columns)


def decodes(data: bytes, encoding: str) -> bool:
    """Whether bytes are text in an encoding."""
    try:
        data.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True
