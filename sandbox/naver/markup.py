"""What all pages share: hashed class names, addresses, JSON in scripts, the frame around the results."""

import json
from dataclasses import dataclass
from datetime import date
from functools import lru_cache
from html import escape
from urllib.parse import quote

from sandbox.igdb.hashing import salt_of

_LETTERS = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
_CAPTCHA_SCRIPT = """<script>var oSearchConfig = {"loginUrl": "https://nid.naver.com/nidlogin.login?url={=location}",
"captchaApi": {"image": "https://captcha.nid.naver.com/nhncaptchav4.gif?key={=key}"},
"ncaptcha": {"hostname": "https://ncpt.naver.com"}};</script>"""
"""Also healthy pages say captcha."""


@dataclass(frozen=True, slots=True)
class Look:
    """What a page looks like on one day: class names change with every release of the site.

    Args:
        seed: Of the sandbox.
        keyword: What was searched for.
        day: In Asia/Seoul.
    """

    seed: int
    keyword: str
    day: date

    def name_class(self, of: str) -> str:
        """The class name of a part of pages on this day."""
        return _hash_name(self.seed, self.day, of)

    def make_id(self, of: str) -> str:
        """The id of a block on this page."""
        return f"fdr-{salt_of(self.seed, self.day, self.keyword, of):016x}"

    @property
    def quoted(self) -> str:
        """The keyword in an address."""
        return quote(self.keyword, safe="")

    @property
    def shown(self) -> str:
        """The keyword in a document."""
        return escape(self.keyword)

    def mark(self, text: str) -> str:
        """Text with the keyword marked where it stands in it."""
        return escape(text).replace(self.shown, f"<mark>{self.shown}</mark>")


@lru_cache(maxsize=1024)
def _hash_name(seed: int, day: date, of: str) -> str:
    number, letters = salt_of(seed, day, of) | salt_of(of, day) << 64, ""
    while len(letters) < 20:
        number, letter = divmod(number, len(_LETTERS))
        letters += _LETTERS[letter]
    return f"x{letters}"


def write_link(url: str, inner: str, name: str = "", target: str = "") -> str:
    """A link with its class name and what clicks on it are counted as."""
    counted = f' data-heatmap-target="{target}"' if target else ""
    return f'<a nocr="1" href="{escape(url)}" class="{name}" target="_blank"{counted}>{inner}</a>'


def embed(value: object) -> str:
    """JSON that cannot end the script it stands in."""
    return json.dumps(value, ensure_ascii=False).replace("<", "\\u003c")


@dataclass(frozen=True, slots=True)
class Frame:
    """What is around the results of a search.

    Attributes:
        title: Behind the keyword in the title.
        tab: As the forms say it: `tab.nx.all`.
        where: As the forms say it; empty where they do not.
        body_class: Of the body.
        is_mobile: Whether it is made for phones.
    """

    title: str
    tab: str
    where: str
    body_class: str
    is_mobile: bool = False

    def wrap(self, look: Look, results: str) -> str:
        """The whole page.

        Args:
            look: Of the page.
            results: What is in its main part.
        """
        title = f"{look.shown} : {self.title}"
        field = "search" if self.is_mobile else "text"
        where = f'<input type="hidden" name="where" value="{self.where}">' if self.where else ""
        main = 'id="ct"' if self.is_mobile else 'id="main_pack" class="main_pack"'
        sm = "mtb_hty.top" if self.is_mobile else "tab_hty.top"
        return f"""<!doctype html> <html lang="ko"><head> <meta charset="utf-8"> <title>{title}</title>
<meta property="og:title" content="{title}"/>
<meta property="og:image" content="https://ssl.pstatic.net/sstatic/search/common/og_v3.png">
{_CAPTCHA_SCRIPT}</head> <body class="{self.body_class}"><div id="wrap"><div id="header_wrap">
<form id="nx_search_form" name="search" role="search" method="get" action="?">
<input type="hidden" name="sm" value="{sm}">
{where}<input type="hidden" name="ssc" value="{self.tab}">
<input id="nx_query" type="{field}" name="query" class="box_window" value="{look.shown}" maxlength="255"></form></div>
<div id="container"><div id="content"><div {main}>{self._write_option_form(look)}
{results}
<div class="_scrollLogEndline"></div></div></div></div>
<div id="footer"><a href="https://help.naver.com/alias/search/integration_m/integration_m5.naver">이용약관</a></div>
</div></body></html>"""

    def _write_option_form(self, look: Look) -> str:
        if not self.where:
            return (
                '<form name="view_form" id="view_form">'
                f'<input type="hidden" id="view_ssc" name="ssc" value="{self.tab}">'
                f'<input type="hidden" id="view_query" name="query" value="{look.shown}"></form>'
            )
        return (
            '<form id="nx_option_form" name="nx_option_form" action="?">'
            f'<input type="hidden" id="ssc" name="ssc" value="{self.tab}">'
            f'<input type="hidden" id="where" name="where" value="{self.where}">'
            f'<input type="hidden" id="query" name="query" value="{look.shown}"></form>'
        )


def write_nothing_found(look: Look) -> str:
    """The main part of a page without a result."""
    return (
        '<div id="notfound" class="api_noresult_wrap" data-slog-container="nrs"><div class="not_found02">'
        f"<p><em>'{look.shown}'</em>에 대한 검색결과가 없습니다.</p>"
        "<ul><li>철자와 띄어쓰기를 살펴보세요.</li></ul></div></div>"
    )
