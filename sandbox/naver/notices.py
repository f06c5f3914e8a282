"""Pages that a visitor gets instead of results: refusals, a login, and pages whose structure has changed."""

import re

from sandbox.naver.markup import Look

_NEW_NAMES = (
    ("ugcItem", "feedUnit"),
    ("data-template-id", "data-unit"),
    ("__APOLLO_STATE__", "__FEED_CACHE__"),
    ("_pcmap_list_scroll_container", "_pcmap_feed"),
    ("place-main-section-root", "feed-section-root"),
)
"""What readers may know a page by, and what it is called after the site has changed."""
_MAINS = (
    ('id="main_pack" class="main_pack"', 'id="main_feed"'),
    ('<div id="ct">', '<div id="feed">'),
)
"""Around the results. An integrated page may well show no post, so there this tells a change from "not exposed"."""
_INTEGRATED = ('name="ssc" value="tab.nx.all"', 'name="ssc" value="tab.m.all"')
_LINK = re.compile(r' href="[^"]*(?:blog|cafe|place|map)\.naver\.com[^"]*"')


def write_block_page() -> str:
    """What a visitor sees who asks too much: status 200, and a picture of letters to type."""
    return _wrap(
        "네이버 검색",
        '<div id="captcha_wrap"><h1>비정상적인 검색이 확인되었습니다</h1>'
        "<p>자동입력 방지문자를 넣으면 계속 이용할 수 있습니다.</p>"
        '<form action="/captcha" method="post"><img alt="captcha">'
        '<input type="text" name="chptcha"><button>확인</button></form></div>',
    )


def write_refusal_page() -> str:
    """What comes with a status 403 or 429."""
    return _wrap("접근 제한", "<h1>과도한 접근 요청으로 서비스 이용이 제한되었습니다.</h1>")


def write_login_page(look: Look) -> str:
    """A login instead of results, with status 200."""
    return _wrap(
        "네이버 : 로그인",
        f'<form id="frmNIDLogin" action="{write_login_url(look)}" method="post">'
        '<input type="text" id="id" name="id"><input type="password" id="pw" name="pw"><button>로그인</button></form>',
    )


def write_login_url(look: Look) -> str:
    """Where a login is, which leads back to the search."""
    leads_to = f"https%3A%2F%2Fsearch.naver.com%2Fsearch.naver%3Fquery%3D{look.quoted}"
    return f"https://nid.naver.com/nidlogin.login?url={leads_to}"


def write_error_page(status: int) -> str:
    """What comes with a status of 500 and above."""
    return _wrap(str(status), f"<h1>{status}</h1><p>일시적인 오류입니다.</p>")


def change_structure(page: str) -> str:
    """The page as after a release that no reader knows: other names, and links that do not say where they lead."""
    mains = _MAINS if any(field in page for field in _INTEGRATED) else ()
    for name, new_name in (*_NEW_NAMES, *mains):
        page = page.replace(name, new_name)
    return _LINK.sub(' data-go="1" href="https://go.naver.com/u"', page)


def _wrap(title: str, inner: str) -> str:
    return (
        f'<!doctype html><html lang="ko"><head><meta charset="utf-8"><title>{title}</title></head>'
        f"<body>{inner}</body></html>"
    )
