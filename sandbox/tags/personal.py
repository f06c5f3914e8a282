"""Personal data that is planted: phone numbers, e-mail addresses and resident registration numbers, in many spellings.

Nobody's: mail goes to domains that are reserved for examples (RFC 2606), and the last digit of a resident registration
number is never the one that its check asks for.
"""

from collections.abc import Callable, Sequence
from random import Random

from sandbox.tags.rows import Personal, PersonalKind

_NAMES = ("minsu", "jiwoo.kim", "hana_lee", "s.park", "cho-yr", "dev+board", "kkh")
_DOMAINS = ("example.com", "example.net", "mail.example.org", "shop.example", "cs.shop.test")
_AREAS = ("02", "031", "032", "042", "051", "053", "062", "064")
_OLD_PREFIXES = ("011", "016", "017", "019")
_BREAKS = ("-", "-", "-", "", " ", ".", " - ")
_CHECK_WEIGHTS = (2, 3, 4, 5, 6, 7, 8, 9, 2, 3, 4, 5)
_FULL_WIDTH = str.maketrans({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
_TAGS = (("<b>", "</b>"), ('<span class="n">', "</span>"), ("<i></i>", ""), ("", "<wbr>"))
_UNSEEN = ("\u200b", "\u2060", "\ufeff", "\xad")
_PLAIN_SHARE = 0.6


def draw_personal(random: Random, encodes: Callable[[str], bool]) -> Personal:
    """A personal text, three of five in plain sight.

    Args:
        random: What it follows from.
        encodes: Whether the table can hold a text.
    """
    kind, shown, plain = random.choice(_DRAWS)(random)
    if random.random() >= _PLAIN_SHARE:
        raw, seen = random.choice(_HIDINGS)(shown, random)
        if encodes(raw):
            return Personal(kind, raw, seen, plain)
    return Personal(kind, shown, shown, plain)


def draw_phone(random: Random) -> Personal:
    """A mobile number with dashes, which nobody takes for a date."""
    parts = ("010", _draw_digits(random, 4), _draw_digits(random, 4))
    shown = "-".join(parts)
    return Personal(PersonalKind.PHONE, shown, shown, "".join(parts))


_Drawn = tuple[PersonalKind, str, str]


def _draw_mobile(random: Random) -> _Drawn:
    parts = ["010", _draw_digits(random, 4), _draw_digits(random, 4)]
    if random.random() < 0.1:
        parts[0] = random.choice(_OLD_PREFIXES)
        parts[1] = parts[1][: random.choice((3, 4))]
    plain = "".join(parts)
    if random.random() < 0.15:
        parts[0] = f"+82{random.choice((' ', '-'))}{parts[0][1:]}"
    return PersonalKind.PHONE, random.choice(_BREAKS).join(parts), plain


def _draw_landline(random: Random) -> _Drawn:
    area = random.choice((*_AREAS, "070"))
    parts = [area, _draw_digits(random, 4 if area == "070" else 3), _draw_digits(random, 4)]
    plain = "".join(parts)
    if random.random() < 0.2:
        return PersonalKind.PHONE, f"({area}) {parts[1]}-{parts[2]}", plain
    return PersonalKind.PHONE, random.choice(_BREAKS).join(parts), plain


def _draw_address(random: Random) -> _Drawn:
    address = f"{random.choice(_NAMES)}{random.randrange(10_000)}@{random.choice(_DOMAINS)}"
    shown = address.upper() if random.random() < 0.1 else address
    return PersonalKind.EMAIL, shown, address


def _draw_resident_number(random: Random) -> _Drawn:
    year, month, day = random.randrange(100), random.randrange(1, 13), random.randrange(1, 29)
    digits = f"{year:02}{month:02}{day:02}{random.randrange(1, 5)}{_draw_digits(random, 5)}"
    total = sum(int(digit) * weight for digit, weight in zip(digits, _CHECK_WEIGHTS, strict=True))
    number = digits + str((11 - total % 11 + random.randrange(1, 10)) % 10)
    between = random.choice(("-", "-", "", " - ", " "))
    return PersonalKind.RESIDENT_NUMBER, f"{number[:6]}{between}{number[6:]}", number


def _draw_digits(random: Random, count: int) -> str:
    """Digits, the first of them no 0 or 1."""
    return str(random.randrange(2 * 10 ** (count - 1), 10**count))


_Hidden = tuple[str, str]


def _widen(text: str, _: Random) -> _Hidden:
    """In full-width characters, which readers see."""
    wide = text.translate(_FULL_WIDTH)
    return wide, wide


def _tag(text: str, random: Random) -> _Hidden:
    start, end = _draw_span(text, random)
    opening, closing = random.choice(_TAGS)
    return f"{text[:start]}{opening}{text[start:end]}{closing}{text[end:]}", text


def _encode_one(text: str, random: Random) -> _Hidden:
    at = random.randrange(len(text))
    form = random.choice(("&#{};", "&#x{:x};", "&amp;#{};"))
    return f"{text[:at]}{form.format(ord(text[at]))}{text[at + 1 :]}", text


def _encode_all(text: str, _: Random) -> _Hidden:
    return "".join(f"&#{ord(character)};" for character in text), text


def _insert_unseen(text: str, random: Random) -> _Hidden:
    at, _ = _draw_span(text, random)
    return text[:at] + random.choice(_UNSEEN) + text[at:], text


def _comment_out(text: str, _: Random) -> _Hidden:
    return f"<!-- tel {text} -->", text


def _draw_span(text: str, random: Random) -> tuple[int, int]:
    start = random.randrange(1, len(text) - 1)
    return start, random.randrange(start + 1, len(text))


_DRAWS: Sequence[Callable[[Random], _Drawn]] = (
    *(_draw_mobile, _draw_mobile, _draw_mobile, _draw_landline),
    *(_draw_address, _draw_address, _draw_resident_number, _draw_resident_number),
)
_HIDINGS: Sequence[Callable[[str, Random], _Hidden]] = (
    *(_widen, _widen, _tag, _tag, _encode_one, _encode_one),
    *(_encode_all, _insert_unseen, _insert_unseen, _comment_out),
)
