"""Bodies of the official search API, whose order is the rank: `blog.json` and `cafearticle.json`.

`local.json` names no place id, so places cannot be tracked by it.
"""

import html
import json
import re
from typing import Any, cast

from platform_assets.core.decoding import UNREADABLE
from platform_assets.ranks.identity import identify_link
from platform_assets.ranks.pages.apollo import as_fields
from platform_assets.ranks.pages.cards import Ranking, strip_url
from platform_assets.ranks.pages.document import clean_text
from platform_assets.ranks.pages.faults import changed_structure, truncated, wrong_page
from platform_assets.ranks.result_page import RankType, ResultPage, Surface

MARKUP = re.compile(r"</?b>")
OWN_FIELDS = {
    "bloggername": RankType.BLOG,
    "cafename": RankType.CAFE,
    "mapx": RankType.PLACE,
}
"""A field of each item that only one of the searches has."""


def is_json(body: bytes) -> bool:
    """Whether a reply is a body of the API rather than a page."""
    return body[:64].lstrip(b"\xef\xbb\xbf \t\r\n")[:1] in {b"{", b"["}


def read_openapi(body: bytes, rank_type: RankType) -> ResultPage:
    """The items of a body, in order.

    Raises:
        PermanentError: `truncated`, `wrong_page` (an error, another search, not the first results) or
            `changed_structure`.
    """
    try:
        fields = as_fields(json.loads(body.decode("utf-8-sig")))
    except UNREADABLE:
        raise truncated(Surface.OPENAPI, "JSON to its end") from None
    if "errorCode" in fields:
        said = f"{fields['errorCode']}: {fields.get('errorMessage')}"[:200]
        raise wrong_page(f"an error of the Open API ({said})", "its results")
    items = fields.get("items")
    if not isinstance(items, list):
        raise changed_structure(Surface.OPENAPI, "`items`")
    if fields.get("start", 1) != 1:
        raise wrong_page(f"results from {fields['start']} on", "results from 1 on")
    ranking = Ranking()
    for item in cast("list[object]", items):
        add_item(ranking, as_fields(item), rank_type)
    total = fields.get("total")
    found = total if isinstance(total, int) else None
    return ResultPage(Surface.OPENAPI, rank_type, tuple(ranking.items), found)


def add_item(ranking: Ranking, item: dict[str, Any], rank_type: RankType) -> None:
    """Takes an item of the search for a type."""
    kind = next((kind for name, kind in OWN_FIELDS.items() if name in item), rank_type)
    if kind is not rank_type:
        raise wrong_page(f"results of the Open API for {kind}", f"results for {rank_type}")
    link = html.unescape(clean_text(item.get("link")))
    target = identify_link(link)
    identity = target[1] if target and target[0] is rank_type else strip_url(link)
    if not identity:
        raise changed_structure(Surface.OPENAPI, "a `link` of each item")
    title = clean_text(html.unescape(MARKUP.sub("", clean_text(item.get("title")))))
    ranking.add(identity, link, title)
