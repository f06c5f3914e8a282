"""The list of places that the map shows, and the block of places in integrated pages."""

from collections.abc import Sequence
from html import escape

from sandbox.igdb.hashing import salt_of
from sandbox.naver.candidates import PlaceSpot
from sandbox.naver.cards import write_ad_url
from sandbox.naver.markup import Look, embed, write_link
from sandbox.naver.place_states import State, write_openings_state

_CAPTCHA_CONFIG = (
    '{"ncaptcha":{"hostname":"https://ncpt.naver.com"},"clipViewer":"https://m.naver.com/shorts"}'
)
_AD_MARK = "https://help.naver.com/support/alias/NSP/NSP_51.naver"


def write_list_page(
    look: Look, state: State, places: Sequence[PlaceSpot], bought: Sequence[PlaceSpot]
) -> str:
    """The page of the map's frame.

    Args:
        look: Of the page.
        state: As `write_list_state`.
        places: Found ones on this page.
        bought: Advertised ones, of which the first stand among the others.
    """
    items = [_write_item(look, place, is_bought=True) for place in bought[:3]]
    items += [_write_item(look, place) for place in places[:10]]
    box = f'class="{look.name_class("scroll")}" id="_pcmap_list_scroll_container"'
    return _wrap(look, state, f"<div {box}><ul>{''.join(items)}</ul></div>")


def write_unrendered_page(look: Look) -> str:
    """The frame before anything is in it."""
    waiting = (
        f'<div class="{look.name_class("wait")}"><span class="place_blind">로딩중</span></div>'
    )
    return _wrap(look, {}, waiting)


def write_search_block(
    look: Look,
    state: State,
    places: Sequence[PlaceSpot],
    bought: Sequence[PlaceSpot],
    *,
    is_mobile: bool,
) -> str:
    """The block of places in an integrated page."""
    items = [_write_item(look, place, is_bought=True) for place in bought[:2]]
    items += [_write_link_item(look, place, is_mobile=is_mobile) for place in places]
    device = "place_on_mobileweb" if is_mobile else "place_on_pcnx"
    return f"""<div id="place-app-root" class="place-app-root sds-token-root {device}" data-slog-container="nmb_hpl"
 data-collection="sc"><div id="place-main-section-root"><section class="sc_new" data-laim-exp-id="nmb_hpl">
<div class="api_subject_bx"><h2 class="title">플레이스</h2><ul>{"".join(items)}</ul></div></section></div>
<script>naver.search.ext.nmb.salt.location = {{"country":"KR"}} || {{}};
    naver.search.ext.nmb.salt.__APOLLO_STATE__ = {embed(state)};</script></div>"""


def write_openings_block(look: Look, places: Sequence[PlaceSpot]) -> str:
    """A block of new places: not what was searched for."""
    items = [
        f"<li>{write_link(f'https://m.place.naver.com/restaurant/{place.place_id}', escape(place.name))}</li>"
        for place in places
    ]
    return f"""<div class="place-app-root" data-collection="sc"><div id="nop-main-section-root">
<h2 class="title">새로 오픈했어요</h2><ul>{"".join(items)}</ul></div>
<script>naver.search.ext.nop.salt.__APOLLO_STATE__ = {embed(write_openings_state(look, places))};</script></div>"""


def _write_item(look: Look, place: PlaceSpot, *, is_bought: bool = False) -> str:
    """An item without a link to the place, as the map's frame has them; a bought one explains itself."""
    name = f'<span class="{look.name_class("name")}">{escape(place.name)}</span>'
    if is_bought:
        url = write_ad_url(salt_of(place.place_id, look.day))
        name = write_link(url, name) + write_link(_AD_MARK, "광고")
    return f'<li class="{look.name_class("item")}">{name}<span>{place.category}</span></li>'


def _write_link_item(look: Look, place: PlaceSpot, *, is_mobile: bool) -> str:
    url = f"https://map.naver.com/p/search/{look.quoted}/place/{place.place_id}?placePath=%3Fentry%3Dpll"
    if is_mobile:
        url = f"https://m.place.naver.com/restaurant/{place.place_id}?entry=pll&bk_query={look.quoted}"
    shown = f'<span class="{look.name_class("name")}">{escape(place.name)}</span>'
    return f'<li class="{look.name_class("item")}">{write_link(url, shown)}</li>'


def _wrap(look: Look, state: State, inner: str) -> str:
    return f"""<!DOCTYPE html>
<html lang="ko"><head><meta charset="utf-8"><title>네이버 플레이스</title></head><body class="place_on_pcmap">
<div id="modal-root"></div><div id="app-root"><div class="{look.name_class("app")}">{inner}</div></div>
<script>
  var g_query = {embed(look.keyword)};
  window.nsc = "mapv5.place";
          window.__CONFIG__ = {_CAPTCHA_CONFIG};
          window.__APOLLO_STATE__ = {embed(state)};
          window.__PLACE_STATE__ = {{"locale":"ko"}};
</script></body></html>"""
