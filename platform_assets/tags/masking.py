"""Personal data in text: Korean phone numbers, e-mail addresses, resident registration numbers, found and masked.

A mask has the length of what it hides, so positions hold. Rather one order number too many is masked than one phone
number too few; what the patterns leave alone on purpose is in the tests. Markup that splits a number is seen through in
`markup_masking.py`.
"""

import re
import unicodedata
from collections.abc import Iterator, Sequence
from functools import cache

Span = tuple[int, int]

MASK = "*"

_BREAK = r"[\s\-.)(_/~]{0,3}"
_BREAK_IN_LINE = r"(?:[^\S\n]|[-.)(_/~]){0,3}"
_AREA = r"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50[-. ]?[2-8])"
_ABROAD = rf"(?:\+|00)?82{_BREAK_IN_LINE}(?:\(?0\)?{_BREAK_IN_LINE})?"

# 010 is followed by eight digits, the older prefixes by seven or eight.
_MOBILE = re.compile(
    rf"""(?<!\d)(?<!\b0\.)(?:{_ABROAD}1|\(?01)
    (?: 0{_BREAK}\d{{4}}{_BREAK}\d{{4}}
      | 0(?!\d){_BREAK}\d{{3}}(?!\d){_BREAK}\d{{4}}
      | [16-9]{_BREAK}\d{{3,4}}{_BREAK}\d{{4}} )(?!\d)""",
    re.VERBOSE | re.ASCII,
)
_LANDLINE = re.compile(
    rf"""(?<!\d)(?<!\b0\.)(?:\(?0|(?:\+|00)82{_BREAK_IN_LINE}(?:\(?0\)?)?{_BREAK_IN_LINE}){_AREA}
    {_BREAK_IN_LINE}\d{{3,4}}{_BREAK_IN_LINE}\d{{4}}(?!\d)""",
    re.VERBOSE | re.ASCII,
)
_RESIDENT = re.compile(
    r"(?<!\d)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])[\s\-._~]{0,3}[1-8]\d{6}(?!\d)", re.ASCII
)
_DOMAIN = re.compile(r"@(?:[A-Za-z0-9-]{1,63}\.)+[A-Za-z]{2,24}")
_LOCAL = re.compile(r"[A-Za-z0-9_%+-][A-Za-z0-9._%+-]{0,63}\Z")

_NINE_DIGITS = re.compile(r"(?:\d\D{0,6}+){8}\d")
"""What every number above has: nine digits, never more than six other characters between two of them."""

_SPACES = (
    "\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f"
    "\u3000"
)
_DAYS = {"02": 29, "04": 30, "06": 30, "09": 30, "11": 30}


def mask(text: str) -> str:
    """The text with all personal data masked; the same object if there is none."""
    while spans := find_personal(text):
        text = cover(text, spans)
    return text


def find_personal(text: str) -> Sequence[Span]:
    """Where personal data is, in no order; spans may overlap."""
    at = "@" in text or "＠" in text  # noqa: RUF001 - people write it
    digits = _NINE_DIGITS.search(text)
    if not at and not digits:
        return ()
    folded = text if text.isascii() else text.translate(_foldings())
    found: list[Span] = []
    if digits:
        found += (match.span() for match in _MOBILE.finditer(folded))
        found += (match.span() for match in _LANDLINE.finditer(folded))
        found += (m.span() for m in _RESIDENT.finditer(folded) if int(m[2]) <= _DAYS.get(m[1], 31))
    if at:
        found += _find_addresses(folded)
    return found


def cover(text: str, spans: Sequence[Span]) -> str:
    """The text with the spans masked."""
    pieces: list[str] = []
    done = 0
    for start, end in sorted(spans):
        if end > done:
            low = max(start, done)
            pieces += (text[done:low], MASK * (end - low))
            done = end
    return "".join((*pieces, text[done:]))


def _find_addresses(text: str) -> Iterator[Span]:
    for domain in _DOMAIN.finditer(text):
        low = max(0, domain.start() - 64)
        if local := _LOCAL.search(text[low : domain.start()]):
            yield low + local.start(), domain.end()


@cache
def _foldings() -> dict[int, str]:
    """Full-width and other digits, letters, dashes, dots and spaces to the ASCII character that they stand for."""
    folded = {code: chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)}
    for code in range(0x0660, 0x1FBFA):
        if unicodedata.category(chr(code)) == "Nd":
            folded[code] = str(unicodedata.digit(chr(code)))
    folded |= dict.fromkeys(map(ord, _SPACES), " ")
    # The Korean vowel and the Japanese long mark look like dashes and are written for them.
    folded |= dict.fromkeys(map(ord, "‐‑‒–—―−﹣⁃ㅡーｰ─━"), "-")  # noqa: RUF001
    return folded | dict.fromkeys(map(ord, "·‧・∙•。｡"), ".")
