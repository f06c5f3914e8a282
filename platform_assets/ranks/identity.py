"""One identity for the many URLs of a blog post, a cafe post or a place, so that a target and a result can be compared.

    blog.naver.com/{blog id}/{post number}       all blog hosts, PostView pages and old query forms
    cafe.naver.com/{cafe name}/{post number}     all forms that say the cafe's name
    cafe.naver.com/~{cafe number}/{post number}  forms that say only the cafe's number; never a target (see below)
    place/{place id}                             map, place and store hosts

Result pages name a cafe, and nothing on them says which number it has. A target by number would silently be "not
exposed" for ever, so it is refused, unless its `art` says the name: links of result pages carry that token, and so does
the address of a post that was opened from there. A result by number without it keeps its place under `~`.
"""

import base64
import json
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import PermanentError
from platform_assets.ranks.result_page import RankType

NUMBER = re.compile(r"0*([1-9][0-9]{0,18})")
PLACE_ID = re.compile(r"0*([1-9][0-9]{3,14})")
BLOG_ID = re.compile(r"[a-z0-9_-]{2,40}")
CAFE_NAME = re.compile(r"[a-z0-9_-]{2,60}")
SEGMENT = re.compile(r"[a-z]+")
SCHEME = re.compile(r"[a-z][a-z0-9+.-]*:(?=//|%2f)", re.IGNORECASE)
OTHER_SITE = re.compile(
    r"(?!.*(?:^|\.)(?:naver\.com|blog\.me)$)[a-z0-9-]+(?:\.[a-z0-9-]+)*\.[a-z]{2,}"
)
PAGE_FILE = re.compile(r"\.(naver|nhn)$")
# First segments of place and map hosts that are no kind of business.
NO_BUSINESS = frozenset({"my", "share", "bookmark", "bookmarks", "theme", "themes"})
SHORT_HOSTS = frozenset({"naver.me", "me2.do"})
MOST_LAYERS = 5
"""How often an address may be escaped or wrapped into another one before it is taken as it is."""
REDIRECTS: Mapping[tuple[str, tuple[str, ...]], str] = {
    ("link.naver.com", ("bridge",)): "url",
    ("search.naver.com", ("p", "crd", "rd")): "u",
    ("m.search.naver.com", ("p", "crd", "rd")): "u",
}
"""Addresses of Naver that lead to the one in a field of their query: by host and path, the field."""
REDIRECT_SIGN = re.compile(r"link\.naver\.com|crd(?:/|%2f)rd", re.IGNORECASE)
PLACE_PINS = frozenset({"", "site", "place"})
"""Kinds of pins on the map that are places; others are bus stops and saved points."""
HINTS: Mapping[str, str] = {
    **dict.fromkeys(
        SHORT_HOSTS, "a short link does not say where it leads: open it, give the long URL"
    ),
    "in.naver.com": "a page of Naver's influencers does not say which post it shows: "
    "open it, and give the URL of the blog post behind it",
    **dict.fromkeys(
        ("map.naver.com", "m.map.naver.com"),
        "this address of the map names no place: open the place, and give the URL with /place/ID "
        "that `share` gives",
    ),
}
"""What to give instead of addresses of these hosts from which no target can be read."""
FORMS = {
    RankType.BLOG: "https://blog.naver.com/ID/NUMBER (also m.blog, PostView.naver?blogId=ID&logNo=NUMBER)",
    RankType.CAFE: "https://cafe.naver.com/NAME/NUMBER (also m.cafe, /ca-fe/cafes/NAME/articles/NUMBER)",
    RankType.PLACE: "a place id (digits), https://map.naver.com/p/entry/place/ID, "
    "https://m.place.naver.com/restaurant/ID (or place, hospital, hairshop ...), https://map.naver.com/?pinId=ID",
}


@dataclass(frozen=True, slots=True)
class Link:
    """A URL in the parts that identities need.

    Attributes:
        host: Lower case, without port.
        path: Segments without empty ones, percent signs decoded, lower case.
        query: Names in lower case; the first value of each.
    """

    host: str
    path: tuple[str, ...]
    query: Mapping[str, str]


def identify_target(rank_type: RankType, text: str) -> str:
    """The identity of what a customer registers.

    Args:
        rank_type: What kind of target it is.
        text: A URL in any form, a bare place id, or an identity as this function returns it.

    Raises:
        PermanentError: `bad_target`: it is nothing of this type that a result page could show.
    """
    given = text.strip()
    if rank_type is RankType.PLACE and (digits := PLACE_ID.fullmatch(given.removeprefix("place/"))):
        return f"place/{digits[1]}"
    link = split_link(given)
    found = identify(link) if link is not None else None
    if found is None:
        raise bad_target(rank_type, text, explain_unknown(link))
    if found[0] is not rank_type:
        raise bad_target(rank_type, text, f"it is a {found[0]} ({found[1]})")
    if found[1].startswith("cafe.naver.com/~"):
        raise bad_target(
            rank_type,
            text,
            "it has the cafe's number, and result pages show its name: "
            "open the post and give the URL with the name, which `copy URL` on the post gives",
        )
    return found[1]


def explain_unknown(link: Link | None) -> str:
    """Why nothing can be tracked by an address, and what to give instead."""
    if link is None:
        return "no such URL is known"
    if known := HINTS.get(link.host):
        return known
    if OTHER_SITE.fullmatch(link.host):
        return (
            f"it is on {link.host}, and only posts of Naver's blogs and cafes, and its places, can be tracked: posts "
            "of other sites count as positions of the results, and cannot be a target themselves"
        )
    return "no such URL is known"


def bad_target(rank_type: RankType, text: str, reason: str) -> PermanentError:
    """The error for a target that cannot be tracked."""
    return PermanentError(
        f"cannot track {text[:200]!r} as a {rank_type}: {reason}. Understood: {FORMS[rank_type]}. "
        "naver.me links must be opened first",
        kind="bad_target",
    )


def identify_link(url: str) -> tuple[RankType, str] | None:
    """Type and identity of what a link in a page leads to; None for anything else, advertisements among it."""
    link = split_link(url)
    return None if link is None else identify(link)


def identify_owner(url: str) -> str | None:
    """The blog or cafe whose own front a link leads to, as identities of its posts begin; None for any other link."""
    link = split_link(url)
    if link is None or len(link.path) != 1 or identify(link) is not None:
        return None
    host = link.host.removeprefix("m.")
    pattern = {"blog.naver.com": BLOG_ID, "cafe.naver.com": CAFE_NAME}.get(host)
    return f"{host}/{link.path[0]}" if pattern and pattern.fullmatch(link.path[0]) else None


def identify(link: Link) -> tuple[RankType, str] | None:
    """Type and identity of what a link leads to."""
    if found := READERS.get(link.host):
        rank_type, read = found
    elif link.host.endswith(".place.naver.com"):
        rank_type, read = RankType.PLACE, read_business
    elif link.host.endswith(".blog.me"):
        rank_type, read = RankType.BLOG, read_blog_me
    else:
        return None
    identity = read(link)
    return None if identity is None else (rank_type, identity)


def unwrap_url(url: str) -> str:
    """The address that a redirect of Naver leads to, also several in a row; any other address as it is."""
    for _ in range(MOST_LAYERS):
        link = parse_link(url) if REDIRECT_SIGN.search(url) else None
        field = REDIRECTS.get((link.host, link.path)) if link is not None else None
        if link is None or field is None or field not in link.query:
            break
        url = link.query[field]
    return url


def split_link(url: str) -> Link | None:
    """The parts of a URL, with or without scheme, of the one behind a redirect of Naver; None for what is none."""
    return parse_link(unwrap_url(url))


def parse_link(url: str) -> Link | None:
    """The parts of a URL as it is; None for what is none."""
    cleaned = url.strip().replace("&amp;", "&")
    if "//" not in cleaned and "%2f" in cleaned.lower():
        cleaned = unquote(cleaned)  # a whole URL that was encoded as a value
    scheme = SCHEME.match(cleaned)
    if scheme and scheme[0].lower() not in {"http:", "https:"}:
        return None
    try:
        split = urlsplit(cleaned if scheme or cleaned.startswith("//") else f"//{cleaned}")
        host = (split.hostname or "").rstrip(".")
    except ValueError:
        return None
    return Link(host, split_path(split), read_query(split)) if host else None


def split_path(split: SplitResult) -> tuple[str, ...]:
    """Segments of a path."""
    decoded = (unquote(part).strip().lower() for part in split.path.split("/"))
    return tuple(part for part in decoded if part)


def read_query(split: SplitResult) -> Mapping[str, str]:
    """Names and first values of a query."""
    values: dict[str, str] = {}
    for name, value in parse_qsl(split.query):
        values.setdefault(name.lower(), value.strip())
    return values


def read_blog(link: Link) -> str | None:
    """`/{id}/{number}`, or either part in the query."""
    path = [part for part in link.path if not PAGE_FILE.search(part)]
    if not path and "blogid" in link.query:
        path = [link.query["blogid"].lower()]
    if len(path) == 1 and "logno" in link.query:
        path.append(link.query["logno"])
    return join_post("blog.naver.com", BLOG_ID, path)


def read_blog_me(link: Link) -> str | None:
    """`{id}.blog.me/{number}`, the addresses of blogs until 2021."""
    owner = link.host.removesuffix(".blog.me")
    return join_post("blog.naver.com", BLOG_ID, [owner, *link.path])


def read_cafe(link: Link) -> str | None:
    """`/{name}/{number}`, `/cafes/{name or number}/articles/{number}`, or parts in the query, also in `iframe_url`."""
    framed = decode_layers(link.query.get("iframe_url") or link.query.get("iframe_url_utf8", "/"))
    inner = parse_link(f"cafe.naver.com{framed}")
    query = {**link.query, **(inner.query if inner else {})}
    path = list(link.path)
    if "cafes" in path[:3] and path[-2:-1] == ["articles"]:
        owner, article = path[path.index("cafes") + 1], path[-1]
        return join_cafe([f"~{owner}" if NUMBER.fullmatch(owner) else owner, article], query)
    path = [part.removesuffix(".cafe") for part in path if not PAGE_FILE.search(part)]
    if path and path[0] in {"ca-fe", "f-e"}:
        path = path[1:]
    if not path and (number := NUMBER.fullmatch(query.get("clubid", ""))):
        path = [f"~{number[1]}"]
    if len(path) == 1 and "articleid" in query:
        path.append(query["articleid"])
    return join_cafe(path, query)


def decode_layers(text: str) -> str:
    """Text without its percent signs: browsers show addresses within addresses escaped more than once."""
    for _ in range(MOST_LAYERS):
        decoded = unquote(text)
        if decoded == text:
            break
        text = decoded
    return text


def join_cafe(path: Sequence[str], query: Mapping[str, str]) -> str | None:
    """The identity of a cafe post; a cafe's number is marked by `~`, which no name begins with."""
    if not path or not path[0].startswith("~"):
        return join_post("cafe.naver.com", CAFE_NAME, path)
    number = NUMBER.fullmatch(path[0][1:])
    path = [number[1] if number else "", *path[1:]]
    found = join_post("cafe.naver.com", NUMBER, path, mark="~")
    named = join_post("cafe.naver.com", CAFE_NAME, read_art(query.get("art", "")))
    same_post = found and named and found.rpartition("/")[2] == named.rpartition("/")[2]
    return named if same_post else found


def read_art(token: str) -> tuple[str, ...]:
    """Name and post number in an `art` token, a JWT behind one more part; empty if it says no name."""
    payload = token.split(".")[2:3]
    try:
        fields: object = json.loads(base64.urlsafe_b64decode(f"{payload[0].rstrip('=')}==="))
    except (IndexError, *UNREADABLE):
        return ()
    match fields:
        case {"cafeUrl": str(name), "articleId": int(number)}:
            return name.lower(), str(number)
        case _:
            return ()


def join_post(
    host: str, owners: re.Pattern[str], path: Sequence[str], mark: str = ""
) -> str | None:
    """The identity of a post from its owner and its number; None if these are not exactly that."""
    if len(path) != 2 or not owners.fullmatch(path[0]):
        return None
    number = NUMBER.fullmatch(path[1])
    return f"{host}/{mark}{path[0]}/{number[1]}" if number else None


def read_business(link: Link) -> str | None:
    """`/{kind of business}/{id}/...` of a place host."""
    kind, digits = (*link.path, "", "")[:2]
    if not SEGMENT.fullmatch(kind) or kind in NO_BUSINESS:
        return None
    found = PLACE_ID.fullmatch(digits)
    return f"place/{found[1]}" if found else None


def read_map(link: Link) -> str | None:
    """`.../place/{id}` of a map host, wherever in the path, or what older addresses of the map have in their query."""
    for before, after in zip(link.path, link.path[1:], strict=False):
        if before == "place" and (found := PLACE_ID.fullmatch(after)):
            return f"place/{found[1]}"
    found = PLACE_ID.fullmatch(read_pin(link))
    return f"place/{found[1]}" if found else None


def read_pin(link: Link) -> str:
    """The number in `?pinId=...&pinType=site` and `siteview.nhn?code=...`; empty without one."""
    if link.path and PAGE_FILE.sub("", link.path[-1]) == "siteview":
        return link.query.get("code", "")
    is_place = link.query.get("pintype", "").lower() in PLACE_PINS
    return link.query.get("pinid", "") if is_place else ""


READERS: Mapping[str, tuple[RankType, Callable[[Link], str | None]]] = {
    "blog.naver.com": (RankType.BLOG, read_blog),
    "m.blog.naver.com": (RankType.BLOG, read_blog),
    "cafe.naver.com": (RankType.CAFE, read_cafe),
    "m.cafe.naver.com": (RankType.CAFE, read_cafe),
    "place.naver.com": (RankType.PLACE, read_business),
    "map.naver.com": (RankType.PLACE, read_map),
    "place.map.naver.com": (RankType.PLACE, read_map),
    "m.map.naver.com": (RankType.PLACE, read_map),
}
