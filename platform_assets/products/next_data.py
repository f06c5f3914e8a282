"""JSON that a web page carries: `__NEXT_DATA__` of Next.js, and the Product of schema.org in `application/ld+json`."""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, cast

from platform_assets.core.errors import PermanentError
from platform_assets.products.blocking import find_block
from platform_assets.products.faults import blocked, changed_structure
from platform_assets.products.json_reading import Node, decode_json

_NEXT_DATA = re.compile(rb"""<script\b[^>]{0,300}?\bid=["']?__NEXT_DATA__["']?[^>]{0,300}>""")
_LD_JSON = re.compile(
    rb"""<script\b[^>]{0,300}?\btype=["']?application/ld\+json["']?[^>]{0,300}>""", re.IGNORECASE
)
_END = b"</script>"


def read_next_data(body: bytes, page: str) -> Node:
    """What the server of a Next.js shop gave its page.

    Raises:
        PermanentError: kind `blocked`: a block page; kind `changed_structure`: a page without it.
    """
    script = next(_scripts(body, _NEXT_DATA), None)
    if script is None:
        raise _lacking(body, page, "__NEXT_DATA__")
    return decode_json(script, page, "__NEXT_DATA__")


def read_ld_product(body: bytes, page: str) -> Node:
    """The first schema.org Product of a page, alone or in a `@graph`; its paths start at the product.

    Raises:
        PermanentError: kind `blocked`: a block page; kind `changed_structure`: a page without a Product.
    """
    for script in _scripts(body, _LD_JSON):
        with suppress(PermanentError):  # of several scripts, one may be broken
            for found in _flatten(decode_json(script, page, "application/ld+json").value):
                kinds = found.get("@type")
                if kinds == "Product" or (isinstance(kinds, list) and "Product" in kinds):
                    return Node(found, "", page)
    raise _lacking(body, page, "a Product in application/ld+json")


def _scripts(body: bytes, opening: re.Pattern[bytes]) -> Iterator[bytes]:
    for match in opening.finditer(body):
        end = body.find(_END, match.end())
        if end >= 0:
            yield body[match.end() : end]


def _flatten(value: object) -> Iterator[dict[str, Any]]:
    """The objects of a script: itself, those of its list, those of its `@graph`."""
    for item in cast("list[Any]", value) if isinstance(value, list) else [value]:
        if isinstance(item, dict):
            fields = cast("dict[str, Any]", item)
            yield fields
            graph = fields.get("@graph")
            members = cast("list[Any]", graph) if isinstance(graph, list) else []
            yield from (
                cast("dict[str, Any]", member) for member in members if isinstance(member, dict)
            )


def _lacking(body: bytes, page: str, what: str) -> PermanentError:
    if (sign := find_block(body)) is not None:
        return blocked(page, sign)
    return changed_structure(page, f"the page lacks {what}")
