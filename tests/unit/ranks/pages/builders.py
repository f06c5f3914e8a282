"""Small pages with the structure of Naver's: what the readers look at, and the noise that they must pass over."""

import json
from collections.abc import Iterable, Mapping
from typing import Any

HEALTHY_NOISE = '<script src="/ncaptcha.js">var captcha = "자동입력 방지"; nid = "https://nid.naver.com/nidlogin";</script>'
AD_URL = "https://ader.naver.com/v1/redirected"


def make_search(ssc: str, blocks: str, container: str = '<div id="main_pack">') -> bytes:
    form = f'<form name="search"><input name="ssc" value="{ssc}"><input name="query" value="검색어"></form>'
    page = f"<!doctype html><html><head>{HEALTHY_NOISE}</head><body>{form}{container}{blocks}</div></body></html>"
    return page.encode()


def make_integrated(*blocks: str) -> bytes:
    return make_search("tab.nx.all", "".join(blocks))


def make_mobile(*blocks: str) -> bytes:
    return make_search("tab.m.all", "".join(blocks), '<div id="ct">')


def make_blog_tab(*cards: str) -> bytes:
    return make_search(
        "tab.blog.all",
        f'<ul class="lst_view"><div data-meta-area="blg">{"".join(cards)}</div></ul>',
    )


def make_cafe_tab(*cards: str) -> bytes:
    return make_search("tab.cafe.all", f'<ul class="lst_view">{"".join(cards)}</ul>')


def link(url: str, text: str = "") -> str:
    return f'<a class="x9f" href="{url}">{text}</a>'


def block(*cards: str, area: str = "ugB_b1R", name: str = "ugc/template_desk.ts") -> str:
    return f'<div data-meta-area="{area}" data-block-id="{name}">{"".join(cards)}</div>'


def source(front: str) -> str:
    """Who wrote a post: a picture and a name that lead to the front of the blog or cafe."""
    return (
        f'<div data-template-id="articleSource">{link(front, "<img>")}{link(front, "주인")}</div>'
    )


def post(url: str, title: str = "제목") -> str:
    """The links of one post: title, text, picture, number of comments, and a comment."""
    reply = f'<a data-template-id="reply" href="{url}">RE 댓글</a>'
    return "".join(
        (link(url, title), link(url, "본문"), link(url, "<img>"), link(url, "12"), reply)
    )


def card(*urls: str, front: str = "https://in.naver.com/someone", template: str = "ugcItem") -> str:
    """A card: who wrote it, and its posts; all after the first are folded."""
    keep = link("#", "Keep에 저장") + link("https://keep.naver.com/", "Keep에 바로가기")
    posts = "".join(post(url, f"제목 {url.rsplit('/', 1)[-1]}") for url in urls)
    return f'<div data-template-id="{template}">{source(front)}{keep}{posts}</div>'


def old_card(*urls: str, front: str) -> str:
    """A card of a page without templates."""
    return f"<div>{link(front, '<img>')}{link(front, '주인')}{''.join(map(post, urls))}</div>"


def ad_card(front: str = AD_URL) -> str:
    return card(AD_URL, front=front)


def make_state(
    refs: Iterable[str],
    ads: Iterable[str] = (),
    query: str = "hospitals",
    total: int = 383,
    name: str = "window",
    arguments: Mapping[str, Any] | None = None,
) -> str:
    """A script with the state of a list of places.

    Args:
        refs: References to places, as `HospitalSummary:123` or `RestaurantListSummary:123:123`.
        ads: Ids of advertised places.
        query: Which list it is.
        total: Of the search.
        name: What carries the state.
        arguments: Of the query.
    """
    refs, ads = list(refs), list(ads)
    entities: dict[str, Any] = {
        ref: {"id": ref.split(":")[1], "name": f"장소 {ref.split(':')[1]}"} for ref in refs
    }
    entities |= {f"HospitalAdSummary:{ad}": {"id": ad, "name": "광고"} for ad in ads}
    asked = json.dumps({"input": dict(arguments or {"display": 70, "start": 1})})
    root: dict[str, Any] = {
        "__typename": "Query",
        "adBusinesses({})": {
            "total": len(ads),
            "items": [{"__ref": f"HospitalAdSummary:{ad}"} for ad in ads],
        },
        f"{query}({asked})": {"total": total, "items": [{"__ref": ref} for ref in refs]},
    }
    state = json.dumps({**entities, "ROOT_QUERY": root}, ensure_ascii=False)
    return f"<script>{name}.__APOLLO_STATE__ = {state};\nvar rest = {{}};</script>"


def make_place_page(*parts: str, body_class: str = "place_on_pcmap") -> bytes:
    head = f'<head><title>네이버 플레이스</title>{HEALTHY_NOISE}<script id="PLACE_SALT__CHUNKS">[]</script></head>'
    return f'<html>{head}<body class="{body_class}"><div id="app-root"></div>{"".join(parts)}</body></html>'.encode()


def place_item(place_id: str, advertised: bool = False, name: str = "장소") -> str:
    mark = link("https://help.naver.com/support/alias/NSP/NSP_53.naver", "광고")
    url = f"https://map.naver.com/p/search/x/place/{place_id}?placePath=%2Fhome"
    return (
        f"<li>{mark if advertised else ''}{link('#', '')}{link(url, name)}{link(url, '예약')}</li>"
    )
