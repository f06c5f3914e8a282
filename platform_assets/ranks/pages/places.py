"""Places of a page: from its state, or from its list items where it has none."""

from selectolax.lexbor import LexborNode

from platform_assets.ranks.identity import identify_link
from platform_assets.ranks.pages.apollo import PlaceEntries
from platform_assets.ranks.pages.cards import AD_LINKS, Ranking
from platform_assets.ranks.pages.document import read_text
from platform_assets.ranks.result_page import RankType, ResultItem

PLACE_URL = "https://map.naver.com/p/entry/place/{}"
"""States have no URLs."""
AD_MARK = 'a[href*="help.naver.com/support/alias/NSP"]'
"""Each bought place explains what that means."""


def list_entries(found: PlaceEntries) -> tuple[ResultItem, ...]:
    """The places of a state."""
    ranking = Ranking()
    for entry in found.entries:
        ranking.add(f"place/{entry.place_id}", PLACE_URL.format(entry.place_id), entry.name)
    return tuple(ranking.items)


def read_place_items(items: list[LexborNode]) -> tuple[ResultItem, ...]:
    """The places of list items, each by the first link that leads to one; bought ones are left out."""
    ranking = Ranking()
    for item in items:
        if item.css_first(f"{AD_LINKS}, {AD_MARK}") is not None:
            continue
        for link in item.css("a[href]"):
            url = link.attrs.sget("href")
            target = identify_link(url)
            if target is not None and target[0] is RankType.PLACE:
                ranking.add(target[1], url, read_text(link))
                break
    return tuple(ranking.items)
