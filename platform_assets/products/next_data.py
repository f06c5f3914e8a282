"""JSON that a web page carries: `__NEXT_DATA__` of Next.js, and the Product of schema.org in `application/ld+json`."""

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from typing import Any, cast

from platform_assets.core.errors import PermanentError
from platform_assets.products.blocking import find_block
from platform_assets.products.charsets import read_text, unify
from platform_assets.products.faults import blocked, changed_structure
from platform_assets.products.json_reading import Node, decode_json
from platform_assets.products.ld_product import LdNode, Wanted, find_product

_NEXT_DATA = re.compile(rb"""<script\b[^>]{0,300}?\bid=["']?__NEXT_DATA__["']?[^>]{0,300}>""")
_LD_JSON = re.compile(
    rb"""<script\b[^>]{0,300}?\btype=["']?application/ld\+json["']?[^>]{0,300}>""", re.IGNORECASE
)
_END = b"</script>"
_CANONICAL = re.compile(
    rb"""<link\b[^>]{0,300}?\brel=["']?canonical["']?[^>]{0,600}>""", re.IGNORECASE
)
_HREF = re.compile(rb"""\bhref=["']([^"']{1,600})["']""", re.IGNORECASE)
_WRAPPING = re.compile(
    r"^\s*(?:<!--|//\s*<!\[CDATA\[|/\*\s*<!\[CDATA\[\s*\*/|<!\[CDATA\[)|"
    r"(?:-->|//\s*\]\]>|/\*\s*\]\]>\s*\*/|\]\]>)\s*$|;\s*$"
)
_TEXT_OR_COMMA = re.compile(r'("(?:\\.|[^"\\])*")|,(?=\s*[}\]])', re.DOTALL)
_CONTROL = re.compile(r"[\x00-\x1f]")


def read_next_data(body: bytes, page: str) -> Node:
    """What the server of a Next.js shop gave its page.

    Raises:
        PermanentError: kind `blocked`: a block page; kind `changed_structure`: a page without it.
    """
    body = unify(body)
    script = next(_scripts(body, _NEXT_DATA), None)
    if script is None:
        raise _lacking(body, page, "__NEXT_DATA__")
    return decode_json(read_text(script, body, page, "__NEXT_DATA__"), page, "__NEXT_DATA__")


def read_ld_product(body: bytes, page: str, wanted: Wanted) -> LdNode:
    """The page's own schema.org Product; its paths start at the product. See `ld_product.py`.

    Args:
        body: The page.
        page: Names the page in errors.
        wanted: What was asked for.

    Raises:
        PermanentError: kind `blocked`: a block page; kind `changed_structure`: a page without a Product, with a script
            that is broken, or with several Products of which none is the page's own.
    """
    body = unify(body)
    objects: list[dict[str, Any]] = []
    broken: list[PermanentError] = []
    for script in _scripts(body, _LD_JSON):
        try:
            objects += _flatten(_decode_loosely(script, body, page))
        except PermanentError as error:  # of several scripts, one may be broken
            broken.append(error)
    named = replace(wanted, canonical=_find_canonical(body))
    product = find_product(objects, named, page)
    if product is not None:
        return product
    if broken:
        raise broken[0]
    raise _lacking(body, page, "a Product in application/ld+json")


def _decode_loosely(script: bytes, body: bytes, page: str) -> object:
    """The JSON of a script, without what people leave in it: comments, trailing commas, line breaks in texts.

    Raises:
        PermanentError: kind `changed_structure`: it is broken in another way.
    """
    what = "a script of application/ld+json"
    text = _WRAPPING.sub("", read_text(script, body, page, what))
    try:
        return decode_json(text, page, what).value
    except PermanentError:
        if "&quot;" in text and '"' not in text:
            text = unescape(text)
        text = _TEXT_OR_COMMA.sub(_keep_text, text)
        return decode_json(text, page, what).value


def _keep_text(match: re.Match[str]) -> str:
    """A text of JSON with its control characters escaped; nothing for a comma before a closing bracket."""
    text = match[1] or ""
    return _CONTROL.sub(lambda found: f"\\u{ord(found[0]):04x}", text)


def _find_canonical(body: bytes) -> str | None:
    match = _CANONICAL.search(body)
    found = _HREF.search(match[0]) if match else None
    return unescape(found[1].decode("utf-8", "replace")) if found else None


def _scripts(body: bytes, opening: re.Pattern[bytes]) -> Iterator[bytes]:
    for match in opening.finditer(body):
        end = body.find(_END, match.end())
        if end >= 0:
            yield body[match.end() : end]


def _flatten(value: object) -> list[dict[str, Any]]:
    """The objects of a script: itself, or those of its list."""
    items = cast("list[Any]", value) if isinstance(value, list) else [value]
    return [cast("dict[str, Any]", each) for each in items if isinstance(each, dict)]


def _lacking(body: bytes, page: str, what: str) -> PermanentError:
    if (sign := find_block(body)) is not None:
        return blocked(page, sign)
    return changed_structure(page, f"the page lacks {what}")
