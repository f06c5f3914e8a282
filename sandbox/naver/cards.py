"""Posts as cards: what is around a result, the forms of its URL, and advertisements that look the same."""

import base64
import json
from collections.abc import Callable, Iterable
from html import escape

from sandbox.igdb.hashing import mix, salt_of
from sandbox.naver.candidates import Post, make_name, make_owner
from sandbox.naver.markup import Look, write_link

_BLOG_FORMS: tuple[Callable[[Post], str], ...] = (
    lambda post: f"https://blog.naver.com/{post.owner}/{post.post_number}",
    lambda post: f"https://m.blog.naver.com/{post.owner}/{post.post_number}",
    lambda post: (
        "https://blog.naver.com/PostView.naver?"
        f"blogId={post.owner}&logNo={post.post_number}&redirect=Dlog&widgetTypeCall=true"
    ),
    lambda post: f"http://blog.naver.com/{post.owner}/{post.post_number}?fromRss=true",
    lambda post: f"https://blog.naver.com/{post.owner}?Redirect=Log&logNo={post.post_number}",
)
_CAFE_FORMS: tuple[Callable[[Post], str], ...] = (
    lambda post: f"https://cafe.naver.com/{post.owner}/{post.post_number}?art={_sign(post)}",
    lambda post: f"http://cafe.naver.com/{post.owner}/{post.post_number}?art={_sign(post)}",
    lambda post: f"https://m.cafe.naver.com/{post.owner}/{post.post_number}",
    lambda post: (
        f"https://cafe.naver.com/ca-fe/cafes/{post.owner}/articles/{post.post_number}"
        f"?art={_sign(post)}"
    ),
)


def write_url(post: Post) -> str:
    """The URL of a post on a page; every other one has another form than the usual one."""
    if post.is_external:
        return f"{post.identity}?category={post.bits % 40}#content"
    forms = _CAFE_FORMS if post.is_cafe else _BLOG_FORMS
    return forms[(post.bits >> 4) % len(forms) if post.bits % 2 else 0](post)


def write_owner_url(post: Post) -> str:
    """Where the owner is: the blog or cafe, or the writer's page as an influencer."""
    if post.is_external:
        return f"https://{post.owner}/"
    if post.is_cafe:
        return f"https://cafe.naver.com/{post.owner}"
    return f"https://{'in' if (post.bits >> 9) % 3 == 0 else 'blog'}.naver.com/{post.owner}"


def write_card(look: Look, post: Post) -> str:
    """One result."""
    url, name = write_url(post), look.name_class("link")
    picture = '<div class="sds-comps-image"><img loading="lazy" alt=""></div>'
    pictures = write_link(url, picture, name, ".img") * (post.bits % 4)
    shown_on = f"{post.posted_on:%Y.%m.%d}."
    return f"""{_open_card(look)}{_write_source(look, write_owner_url(post), post.owner_name, shown_on)}
<div class="{look.name_class("keep")} _keep_wrap"><button type="button" data-url="{escape(url)}">Keep</button></div>
<div class="sds-comps-vertical-layout {look.name_class("content")}">
{write_link(url, _ellipsis(look.mark(post.title)), f"{name} {look.name_class('title')}", ".link")}
{write_link(url, _ellipsis(look.mark(post.summary)), f"{name} fds-ugc-ellipsis2", ".link")}{pictures}</div>
{_write_replies(url, post)}</div>"""


def write_bought_card(look: Look, number: int, quoted: Post | None = None) -> str:
    """An advertisement as a card: its links are redirects that count the click.

    Args:
        look: Of the page.
        number: Which of the page.
        quoted: A post that it leads to at last, and shows a picture of.
    """
    bits = salt_of(look.seed, look.keyword, look.day, "bought", number)
    url, name = write_ad_url(bits), look.name_class("link")
    title = f"{look.keyword} {make_name(bits)} 이벤트"
    picture = write_link(write_url(quoted), '<img alt="">', name) if quoted else ""
    return f"""{_open_card(look, ' data-power-content-url=""')}
{_write_source(look, url, make_name(mix(bits, 1)), "2026.01.05.")}
{write_link("https://help.naver.com/alias/search/integration_m/integration_m68", "광고", name)}
<div class="{look.name_class("content")}">{write_link(url, _ellipsis(look.mark(title)), name, ".tit")}{picture}
</div></div>"""


def write_ad_url(bits: int) -> str:
    """A redirect that counts the click; there are two kinds."""
    code = base64.urlsafe_b64encode(bits.to_bytes(8, "big") * 6).decode()
    if bits % 2:
        return f"https://ader.naver.com/v1/{code}"
    owner = make_owner(bits)
    return f"https://cr.naver.com/adcr?x={code}&u=https%3A%2F%2Fblog.naver.com%2F{owner}%2F{bits % 10**12}"


def write_block(look: Look, name: str, area: str, heading: str, cards: Iterable[str]) -> str:
    """A block of cards.

    Args:
        look: Of the page.
        name: Of its template: `ugc/prs_template_v2_ugc_popular_article_desk.ts`.
        area: Where clicks are counted: `ugB_qpR`.
        heading: Its title; empty for none.
        cards: In order.
    """
    title = f'<h2 class="sds-comps-text sds-comps-text-ellipsis">{heading}</h2>' if heading else ""
    inner = "\n".join(cards)
    return f"""<div id="{look.make_id(name + area + heading)}" data-fender-root="true" data-block-id="{name}"
 data-meta-area="{area}" data-meta-ssc="tab.nx.all"><div class="{look.name_class("box")} desktop_mode api_subject_bx">
{title}<div class="sds-comps-vertical-layout" data-template-id="layout" data-template-type="vertical">{inner}</div>
</div></div><div class="_scrollLog" data-slog-id="{area}"></div>"""


def _open_card(look: Look, more: str = "") -> str:
    return (
        f'<div class="sds-comps-vertical-layout sds-comps-full-layout {look.name_class("card")}" '
        f'data-template-id="ugcItem" data-template-type="searchBasic" data-template-devicetype="desk"{more}>'
    )


def _write_source(look: Look, url: str, owner_name: str, shown_on: str) -> str:
    name = look.name_class("link")
    picture = write_link(url, '<img width="24" alt="">', name, "articleSourceJSX_thumbnail")
    text = write_link(url, _ellipsis(escape(owner_name)), name, "articleSourceJSX_title")
    return (
        '<div class="sds-comps-profile" data-template-id="articleSource" data-template-type="basic">'
        f'{picture}{text}<span class="sds-comps-text">{shown_on}</span></div>'
    )


def _write_replies(url: str, post: Post) -> str:
    """Below every other post in a cafe are comments, which lead to the post too."""
    if not post.is_cafe or post.bits % 2:
        return ""
    reply = write_link(url, _ellipsis(escape(post.summary[:20])), "", "reviewbox_reply")
    return f'<div data-template-id="reply">{reply}</div>'


def _ellipsis(text: str) -> str:
    return f'<span class="sds-comps-text sds-comps-text-ellipsis">{text}</span>'


def _sign(post: Post) -> str:
    """A token as cafes add it to their URLs from a search."""
    claims = {"cafeType": "CAFE_URL", "cafeUrl": post.owner, "articleId": post.post_number}
    code = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"ZXh0ZXJuYWwtc2VydmljZS1zYW5kYm94.{code}.{post.bits:016x}"
