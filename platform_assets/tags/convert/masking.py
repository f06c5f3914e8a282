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
# What people write between the parts of a mobile number to get past filters. Nobody writes so with a date or a price,
# whose parts have other lengths.
_WIDE_BREAK = r"[^\S\n]{0,8}[-.)(_/~,:*=|]{0,8}[^\S\n]{0,8}"
_LOOSE_BREAK = r"[-.)(_/~,:*=| ]{0,2}"
_DATE = r"(?:19|20)\d\d[-./]\d\d?[-./]\d\d?(?!\d)"
# Paths of news have a number behind their date: /2017/08/22/0200000000AKR...
_NO_NEWS = r"(?<!/\d\d/\d\d/)"
_AREA = r"(?:2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|80|50[-. ]?[2-8])"
_ABROAD = rf"(?:\+|00)?82{_BREAK_IN_LINE}(?:\(?0\)?{_BREAK_IN_LINE})?"

# 010 is followed by eight digits, the older prefixes by seven or eight.
_MOBILE = re.compile(
    rf"""(?=[+(08])(?<!\d)(?<!\b0\.){_NO_NEWS}(?:{_ABROAD}1|\(?01)
    (?: 0{_BREAK}\d{{4}}{_BREAK}\d{{4}}
      | 0(?!\d){_BREAK}\d{{3}}(?!\d){_BREAK}\d{{4}}
      | [16-9]{_BREAK}\d{{3,4}}{_BREAK}\d{{4}} )(?!\d)""",
    re.VERBOSE | re.ASCII,
)
_SPELLED = re.compile(
    rf"""(?<!\d)(?<!\b0\.)(?<!\d[.,:])(?:
      010{_WIDE_BREAK}\d{{4}}{_WIDE_BREAK}\d{{4}}
    | 010(?!{_LOOSE_BREAK}{_DATE})(?:{_LOOSE_BREAK}\d){{8}} )(?!\d)""",
    re.VERBOSE | re.ASCII,
)
_LETTERS = re.compile(
    rf"[0Oo][1lI][0Oo](?<!010)(?<![A-Za-z0-9]...){_WIDE_BREAK}\d{{4}}{_WIDE_BREAK}\d{{4}}(?!\d)",
    re.ASCII,
)
_HANGUL = re.compile(
    rf"(?:공일공|영일영|공일[일육칠팔구])(?:{_LOOSE_BREAK}[\d공영일이삼사오육칠팔구]){{8}}(?!\d)",
    re.ASCII,
)
_LANDLINE = re.compile(
    rf"""(?=[+(0])(?<!\d)(?<!\b0\.){_NO_NEWS}(?:\(?0|(?:\+|00)82{_BREAK_IN_LINE}(?:\(?0\)?)?{_BREAK_IN_LINE}){_AREA}
    {_BREAK_IN_LINE}\d{{3,4}}{_BREAK_IN_LINE}\d{{4}}(?!\d)""",
    re.VERBOSE | re.ASCII,
)
# With the century written out, the digit behind the date must be one of that century: order numbers look alike.
# Paths of news have both between slashes: /all/20070518/8443553.
_RESIDENT = re.compile(
    r"(?=\d)(?<!\d)(?!(?<=/)\d{8}/)(?:(19|20)?)\d\d(0[1-9]|1[0-2])(0[1-9]|[12]\d|3[01])"
    r"([\s\-._~/=:,]{0,3})([1-8])\d{6}(?!\d)",
    re.ASCII,
)
_OF_CENTURY = {"19": "1256", "20": "3478"}
_DOMAIN = re.compile(
    r"\s{0,3}(?:@|골뱅이|[(\[]\s?at\s?[)\]])\s{0,3}(?:[A-Za-z0-9가-힣-]{1,63}(?:\.|\s?\(dot\)\s?))+"
    r"(?:xn--[A-Za-z0-9-]{2,59}|[A-Za-z]{2,24}|한국|닷컴|닷넷)",
    re.IGNORECASE,
)
_AT_WORDS = ("골뱅이", "at)", "AT)", "at]", "AT]", "at )", "at ]")
_LOCAL = re.compile(r"[A-Za-z0-9_%+-][A-Za-z0-9._%+-]{0,63}\Z")

_NINE_DIGITS = re.compile(r"(?:\d\D{0,8}+){8}\d")
"""What every number above has: nine digits, never more than eight other characters between two of them."""

_ROUND_DIGITS = "⓪①②③④⑤⑥⑦⑧⑨₀₁₂₃₄₅₆₇₈₉⁰¹²³⁴⁵⁶⁷⁸⁹❶❷❸❹❺❻❼❽❾"
_ROUND_FOLDINGS = {ord(digit): str(unicodedata.digit(digit)) for digit in _ROUND_DIGITS}
_HAS_ROUND = re.compile(f"[{_ROUND_DIGITS}]")

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
    at = "@" in text or "＠" in text or any(map(text.__contains__, _AT_WORDS))  # noqa: RUF001 - people write it
    spoken = "공일" in text or "영일영" in text
    digits = _NINE_DIGITS.search(text)
    rounded = not text.isascii() and _HAS_ROUND.search(text)
    if not at and not digits and not spoken and not rounded:
        return ()
    folded = text if text.isascii() else text.translate(_foldings())
    found: list[Span] = []
    if spoken:
        found += (match.span() for match in _HANGUL.finditer(folded))
    if digits:
        found += _find_numbers(folded)
    if rounded:  # besides, for a small digit behind a number may be the sign of a footnote
        found += _find_numbers(folded.translate(_ROUND_FOLDINGS))
    if at:
        found += _find_addresses(folded)
    return found


def _find_numbers(folded: str) -> Iterator[Span]:
    patterns = (_MOBILE, _LANDLINE, _LETTERS)
    for pattern in (*patterns, _SPELLED) if "010" in folded else patterns:
        yield from (match.span() for match in pattern.finditer(folded))
    yield from (match.span() for match in _RESIDENT.finditer(folded) if _is_resident(match))


def _is_resident(match: re.Match[str]) -> bool:
    century, month, day, between, digit = match.groups()
    if int(day) > _DAYS.get(month, 31):
        return False
    return century is None or (between != "" and digit in _OF_CENTURY[century])


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
    return folded | dict.fromkeys(map(ord, "·‧・∙•。｡ㆍ…"), ".")
