"""Posts of a page in the order in which they are shown, found by their URLs.

A page shows results in cards. A card is `data-template-id="ugcItem"`, or a list item; older pages have neither, but
there each card begins with a link to the blog or cafe itself. Several posts of one cafe may be folded into one card:
people count cards, so these posts share its position.
"""

from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from urllib.parse import urlsplit

from selectolax.lexbor import LexborNode

from platform_assets.ranks.identity import identify_link, identify_owner, unwrap_url
from platform_assets.ranks.pages.document import read_text
from platform_assets.ranks.result_page import RankType, ResultItem

CARD = "ugcItem"
NO_TITLES = frozenset({"reply", "articleSource"})
"""Templates within a card whose links are no titles: comments, and who wrote the post."""
NO_RESULTS = ("ai-briefing/", "powercontents")
"""In names of blocks that quote posts, or are bought."""
AD_AREA = "adR"
"""End of the area name of a block that is bought."""
AD_LINKS = ", ".join(
    f'a[href*="//{host}.naver.com/"]' for host in ("ader", "adcr", "adcr2", "cr", "cr2")
)
"""Advertisements are counted by a redirect before they lead anywhere."""
FURNITURE = frozenset({"keep.naver.com", "help.naver.com", "nid.naver.com", "search.naver.com"})
PROFILE_HOSTS = frozenset(
    {"in.naver.com", "blog.naver.com", "cafe.naver.com", "m.blog.naver.com", "m.cafe.naver.com"}
)
"""Hosts on which a path of one part is a person, a blog or a cafe."""


@dataclass(slots=True)
class Ranking:
    """Collects results in page order: each identity once, those of one card at one position."""

    items: list[ResultItem] = field(default_factory=list[ResultItem])
    _known: dict[str, int] = field(default_factory=dict[str, int])
    _card: Hashable = None

    def add(self, identity: str, url: str, title: str, card: Hashable = None) -> None:
        """Takes a result.

        Args:
            identity: What it leads to; a known one only gives its title, if that was missing.
            url: As on the page.
            title: As shown.
            card: Equal for results of one card; None for one that stands alone.
        """
        if identity in self._known:
            known = self._known[identity]
            if not self.items[known].title:
                self.items[known] = replace(self.items[known], title=title)
            return
        position = self.items[-1].position if self.items else 0
        folded = card is not None and card == self._card
        self._known[identity] = len(self.items)
        self._card = card
        self.items.append(ResultItem(position + (not folded), identity, url, title))


@dataclass(frozen=True, slots=True)
class Spot:
    """Where a link stands.

    Attributes:
        card: The card's element; None where the page has no such element.
        block: The part of the page below its root.
        counts: Whether a result stands here: no advertisement, comment or quotation.
    """

    card: LexborNode | None
    block: int
    counts: bool


@dataclass(slots=True)
class Cards:
    """The cards below one element of a page.

    Args:
        root: The element that holds all results.
    """

    root: LexborNode
    _bought: dict[int, bool] = field(default_factory=dict[int, bool])

    def locate(self, link: LexborNode) -> Spot:
        """Climbs from a link to the root."""
        card: LexborNode | None = None
        item: LexborNode | None = None
        block, counts = 0, True
        node: LexborNode | None = link
        while node is not None and node.mem_id != self.root.mem_id:
            template = node.attrs.sget("data-template-id")
            if template == CARD:
                card = node
            elif node.tag == "li" and item is None:
                item = node
            counts = counts and template not in NO_TITLES and not is_no_result(node)
            block = node.mem_id
            node = node.parent
        card = card or item
        return Spot(card, block, counts and not (card and self.is_bought(card)))

    def is_bought(self, card: LexborNode) -> bool:
        """Whether a card is an advertisement."""
        if card.mem_id not in self._bought:
            self._bought[card.mem_id] = card.css_first(AD_LINKS) is not None
        return self._bought[card.mem_id]


def is_no_result(block: LexborNode) -> bool:
    """Whether an element says that it holds advertisements or quotations."""
    name = block.attrs.sget("data-block-id")
    return block.attrs.sget("data-meta-area").endswith(AD_AREA) or any(
        word in name for word in NO_RESULTS
    )


def leads_nowhere(card: LexborNode) -> bool:
    """Whether a card has no link to what it shows."""
    links = ((link, link.attrs.sget("href")) for link in card.css("a[href]"))
    return not any(
        (identify_link(url) or identify_page(url)) and not is_aside(link, card)
        for link, url in links
    )


def read_posts(root: LexborNode, rank_type: RankType) -> tuple[ResultItem, ...]:
    """All posts of a type below an element."""
    cards, ranking = Cards(root), Ranking()
    front: tuple[str, LexborNode] | None = None
    for link in root.css("a[href]"):
        url = link.attrs.sget("href")
        target = identify_link(url)
        if target is None:
            if owner := identify_owner(url):
                front = (owner, link)
            continue
        text = read_text(link)
        if target[0] is not rank_type or not is_title(text):
            continue
        spot = cards.locate(link)
        if not spot.counts:
            continue
        owner = target[1].rpartition("/")[0]
        card: Hashable = None
        if spot.card is not None:
            card = (spot.card.mem_id, owner)
        elif front and front[0] == owner and cards.locate(front[1]).block == spot.block:
            card = (front[1].mem_id, owner)
        ranking.add(target[1], url, clean_title(text), card)
    return tuple(ranking.items)


def is_title(text: str) -> bool:
    """Whether a link shows words; pictures and numbers of comments do not."""
    return bool(text) and not text.replace(",", "").replace("+", "").isdigit()


def clean_title(text: str) -> str:
    """The title, or nothing if it is the line that says where a document is from."""
    return "" if ".naver.com" in text else text


def is_aside(link: LexborNode, card: LexborNode) -> bool:
    """Whether a link belongs to a comment or to the line that says who wrote the post."""
    node: LexborNode | None = link
    while node is not None and node.mem_id != card.mem_id:
        if node.attrs.sget("data-template-id") in NO_TITLES:
            return True
        node = node.parent
    return False


def identify_page(url: str) -> str | None:
    """A page of another site, by its URL; None for fronts of sites, people and buttons."""
    identity = strip_url(unwrap_url(url))
    split = urlsplit(identity)
    if not identity or split.hostname in FURNITURE or not (split.path or split.query):
        return None
    if split.hostname in PROFILE_HOSTS and split.path.count("/") < 2:
        return None
    return identity


def strip_url(url: str) -> str:
    """A URL without fragment and query, which stays only where it is all there is; empty for what is no URL."""
    try:
        split = urlsplit(url)
        host = (split.hostname or "").lower()
    except ValueError:
        return ""
    if split.scheme not in {"http", "https"} or not host:
        return ""
    path = split.path.rstrip("/")
    return f"{split.scheme}://{host}{path}{f'?{split.query}' if split.query and not path else ''}"
