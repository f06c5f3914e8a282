"""What the tabs of blogs and of cafes have in common: a list of cards, every organic one a result."""

from selectolax.lexbor import LexborNode

from platform_assets.ranks.identity import identify_link
from platform_assets.ranks.pages.cards import (
    CARD,
    Cards,
    Ranking,
    clean_title,
    identify_page,
    is_aside,
    is_title,
)
from platform_assets.ranks.pages.document import Document, read_text, says_no_result
from platform_assets.ranks.pages.faults import changed_structure, not_rendered
from platform_assets.ranks.pages.surfaces import find_notice
from platform_assets.ranks.result_page import RankType, ResultPage, Surface

CONTAINER = "#main_pack"
OLD_CARDS = "ul.lst_view > li.bx, ul.lst_total > li.bx"
"""Cards of pages from before the templates."""


def read_cards(document: Document, rank_type: RankType, surface: Surface) -> ResultPage:
    """Every organic card in order.

    Args:
        document: The page.
        rank_type: Posts of this type have their identity; anything else that a card shows has its URL.
        surface: Which tab.

    Raises:
        PermanentError: `not_rendered`, `changed_structure`: no cards, or a card that leads nowhere, and the page does
            not say that there is nothing.
    """
    root = document.tree.css_first(CONTAINER)
    if root is None:
        raise changed_structure(surface, CONTAINER)
    cards = Cards(root)
    shown = root.css(f"[data-template-id={CARD}]") or root.css(OLD_CARDS)
    if not shown:
        if says_no_result(root):
            return ResultPage(surface, rank_type, ())
        if root.css_first('a[href^="http"]') is None:
            raise find_notice(document) or not_rendered(surface, "cards")
        raise changed_structure(surface, "cards of results")
    ranking = Ranking()
    for card in shown:
        if cards.locate(card).counts and not cards.is_bought(card):
            add_card(ranking, card, rank_type, surface)
    return ResultPage(surface, rank_type, tuple(ranking.items))


def add_card(ranking: Ranking, card: LexborNode, rank_type: RankType, surface: Surface) -> None:
    """Takes the posts of a card, folded ones with the first; without a post, what else it leads to."""
    posts: list[tuple[str, str, str]] = []
    others: list[tuple[str, str, str]] = []
    for link in card.css("a[href]"):
        url, text = link.attrs.sget("href"), read_text(link)
        if not is_title(text) or is_aside(link, card):
            continue
        target = identify_link(url)
        if target is not None and target[0] is rank_type:
            posts.append((target[1], url, clean_title(text)))
        elif target is None and (identity := identify_page(url)):
            others.append((identity, url, clean_title(text)))
    if not posts and not others:
        raise changed_structure(surface, "a link with a title in each card")
    for identity, url, title in posts or others[:1]:
        ranking.add(identity, url, title, card.mem_id)
