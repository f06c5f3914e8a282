"""HTML in text: where tags and entities are, and what they stand for.

People write `<3`, `>ㅁ<` and `<The Thing>` in text that was never HTML: only what can be nothing but a tag counts as
one.
"""

import re
from collections.abc import Iterator
from html import unescape
from html.entities import html5

from platform_assets.tags.prep.origins import Change

_BLOCKS = """
    address article aside blockquote body br caption center dd details dialog dir div dl dt fieldset figcaption figure
    footer form h1 h2 h3 h4 h5 h6 head header hr html legend li main menu nav noscript ol optgroup option p pre section
    summary table tbody tfoot thead title tr ul
"""
"""Elements that stand on lines of their own."""

_SPACED = "audio button canvas embed iframe img input map object select svg td textarea th video"
"""Elements within a line that no word goes through."""

_INLINE = """
    a abbr acronym area b base basefont bdi bdo big blink cite code col colgroup data datalist del dfn em font frame
    frameset i ins kbd label link mark marquee math meta meter nobr noframes output param picture progress q rp rt ruby
    s samp script slot small source span strike strong style sub sup template time track tt u var wbr xmp
"""

_FLAGS = (
    "allowfullscreen|async|checked|controls|defer|disabled|hidden|multiple|noshade|nowrap|readonly|required|"
    "selected"
)
_INSIDE = r"""(?:"[^"]*"|'[^']*'|[^"'<>])*"""
_NAMED = "|".join(sorted(f"{_BLOCKS} {_SPACED} {_INLINE}".split(), reverse=True))
_STAND_INS: dict[str, str] = {
    name: put for names, put in ((_BLOCKS, "\n"), (_SPACED, " ")) for name in names.split()
}

_TAG = rf"""
<!--.*?(?:-->|\Z)
| <(?P<hidden>script|style)(?![\w:-])[^<>]*>.*?(?:</(?P=hidden)\s*>|\Z)
| <!\[CDATA\[ | \]\]> | <!(?:doctype\b|\[)[^<>]*> | <\?[a-z][^<>]*>
| </(?P<closed>[a-z][\w.:-]*+)[^<>]*+>
| <(?P<opened>{_NAMED})(?:[\s/]*|[\s/](?=[^<>]*=|\s*(?:{_FLAGS})\b)(?:{_INSIDE}|[^<>]*))>
| <[a-z][\w.]*+(?:[:-][\w.:-]++(?=[\s/>])|(?=\s++[\w:-]++\s*=)){_INSIDE}>
"""
_ENTITY = r"""
&\#(?P<high>5[56]\d{3});&\#(?P<low>5[67]\d{3});
| &(?:\#[0-9]{1,8};?|\#x[0-9a-f]{1,7};?|[a-z][a-z0-9]{1,30};|(?:amp|lt|gt|quot|nbsp)(?![a-z0-9=;]))
"""
_MODE = re.IGNORECASE | re.VERBOSE | re.DOTALL | re.ASCII
_MARKUP = re.compile(_TAG + "|" + _ENTITY, _MODE)
_ENTITIES = re.compile(_ENTITY, _MODE)
_ANYTHING = re.compile(rf"{_TAG} | <[^<>]*> | {_ENTITY}", _MODE)


def find_markup(text: str, *, every_tag: bool = False) -> Iterator[Change]:
    """Tags and entities of a text, each with the text that stands for it: nothing, a space, a line's end, a character.

    Args:
        text: Text that may hold HTML.
        every_tag: Takes everything between `<` and `>` for a tag, and puts nothing in its place.
    """
    for match in (_ANYTHING if every_tag else _MARKUP).finditer(text):
        if text[match.start()] != "&":
            yield match.start(), match.end(), "" if every_tag else _stand_in(match)
        elif (character := _decode(match)) is not None:
            yield match.start(), match.end(), character


def find_entities(text: str) -> Iterator[Change]:
    """Entities of a text, those inside tags too, each with the character that it stands for."""
    for match in _ENTITIES.finditer(text):
        if (character := _decode(match)) is not None:
            yield match.start(), match.end(), character


def _stand_in(match: re.Match[str]) -> str:
    if match["hidden"]:
        return " "
    name = (match["closed"] or match["opened"] or "").lower()
    return _STAND_INS.get(name, "")


def _decode(match: re.Match[str]) -> str | None:
    """What an entity stands for; None if it is none."""
    if match["high"]:
        return _decode_pair(match[0], int(match["high"]), int(match["low"]))
    entity = match[0]
    if entity[1] != "#" and entity.endswith(";") and entity[1:] not in html5:
        return None
    return unescape(entity)


def _decode_pair(entities: str, high: int, low: int) -> str:
    """An emoji that was written as its two halves in UTF-16."""
    if 0xD800 <= high < 0xDC00 <= low < 0xE000:
        return chr(0x10000 + ((high - 0xD800) << 10) + (low - 0xDC00))
    return unescape(entities)
