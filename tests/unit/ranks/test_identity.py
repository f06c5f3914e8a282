import base64
import json
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.identity import identify_link, identify_owner, identify_target
from platform_assets.ranks.result_page import RankType

NAMES = st.from_regex(r"[a-z0-9][a-z0-9_-]{2,20}", fullmatch=True)
NUMBERS = st.integers(1, 10**12)
PLACES = st.integers(1_000, 10**11)
TAILS = st.sampled_from(
    ["", "/", "?", "#top", "?from=search&art=x", "/?a=%EA%B0%80#b", "?redirect=Log&amp;b=2"]
)
STARTS = st.sampled_from(["https://", "http://", "", "//", "HTTPS://", " https://"])


def make_art(name: str, number: int) -> str:
    claims = {"cafeType": "CAFE_URL", "cafeUrl": name, "articleId": number, "issuedAt": 1}
    middle = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"c2VhcmNo=.eyJhbGciOiJIUzI1NiJ9.{middle}.c2lnbg"


def target(rank_type: RankType, text: str) -> str:
    return identify_target(rank_type, text)


@given(NAMES, NUMBERS, STARTS, TAILS)
def test_all_forms_of_a_blog_post_agree(name: str, number: int, start: str, tail: str):
    canonical = f"blog.naver.com/{name}/{number}"
    forms = [
        f"{start}blog.naver.com/{name}/{number}{tail}",
        f"{start}m.blog.naver.com/{name}/{number}{tail}",
        f"{start}BLOG.naver.com/{name.upper()}/{number}{tail}",
        f"{start}blog.naver.com:443/{name}/00{number}",
        f"{start}blog.naver.com/PostView.naver?blogId={name}&logNo={number}&from=search",
        f"{start}blog.naver.com/PostView.nhn?logNo={number}&amp;blogId={name.upper()}",
        f"{start}m.blog.naver.com/PostView.naver?blogId={name}&logNo={number}",
        f"{start}blog.naver.com/{name}?Redirect=Log&logNo={number}",
        f"{start}{name}.blog.me/{number}",
        quote(f"https://blog.naver.com/{name}/{number}", safe=""),
        canonical,
    ]
    if "_" in name:  # no host name has it
        forms = [form for form in forms if ".blog.me" not in form]
    assert {target(RankType.BLOG, form) for form in forms} == {canonical}
    assert target(RankType.BLOG, canonical) == canonical
    assert identify_link(forms[0]) == (RankType.BLOG, canonical)


@given(NAMES, NUMBERS, NUMBERS, STARTS, TAILS)
def test_all_forms_of_a_cafe_post_that_say_the_name_agree(
    name: str, number: int, cafe: int, start: str, tail: str
):
    name = f"c{name}"  # a name of digits in /cafes/ would be the number
    canonical = f"cafe.naver.com/{name}/{number}"
    framed = quote(f"/ArticleRead.nhn?clubid={cafe}&articleid={number}", safe="")
    forms = [
        f"{start}cafe.naver.com/{name}/{number}{tail}",
        f"{start}m.cafe.naver.com/{name.upper()}/{number}{tail}",
        f"{start}cafe.naver.com/{name}.cafe?iframe_url={framed}",
        f"{start}cafe.naver.com/{name}?iframe_url_utf8={framed}",
        f"{start}m.cafe.naver.com/ca-fe/web/cafes/{name}/articles/{number}{tail}",
        f"{start}cafe.naver.com/ca-fe/cafes/{cafe}/articles/{number}?art={make_art(name, number)}",
        f"{start}cafe.naver.com/f-e/cafes/{cafe}/articles/{number}?art={make_art(name, number)}",
        canonical,
    ]
    assert {target(RankType.CAFE, form) for form in forms} == {canonical}
    assert identify_link(forms[0]) == (RankType.CAFE, canonical)


@pytest.mark.parametrize(
    "url",
    [
        "https://cafe.naver.com/somecafe?iframe_url_utf8=%2FArticleRead.nhn%253Fclubid%3D10000001%2526articleid%3D793%2526menuid%3D1",
        "https://cafe.naver.com/somecafe?iframe_url_utf8=%2FArticleRead.nhn%253Fclubid%253D10000001%2526page%253D1%2526articleid%253D793%2526referrerAllArticles%253Dtrue",
        "https://cafe.naver.com/somecafe.cafe?iframe_url=/ArticleRead.nhn%253Farticleid=793%2526clubid=10000001",
    ],
)
def test_a_cafe_address_that_a_browser_escaped_twice_is_the_post(url: str):
    assert target(RankType.CAFE, url) == "cafe.naver.com/somecafe/793"
    assert identify_link(url) == (RankType.CAFE, "cafe.naver.com/somecafe/793")


@given(NAMES, NUMBERS, st.integers(1, 4))
def test_an_inner_address_is_read_however_often_it_was_escaped(name: str, number: int, times: int):
    framed = f"/ArticleRead.nhn?clubid=12&articleid={number}"
    for _ in range(times):
        framed = quote(framed, safe="")
    url = f"https://cafe.naver.com/c{name}?iframe_url_utf8={framed}"
    assert target(RankType.CAFE, url) == f"cafe.naver.com/c{name}/{number}"


@pytest.mark.parametrize(
    ("url", "place"),
    [
        ("https://place.map.naver.com/place/11556053", "place/11556053"),
        ("https://place.map.naver.com/place/11556053/home", "place/11556053"),
        ("http://map.naver.com/?pinId=11556053&pinType=site&dlevel=12&enc=b64", "place/11556053"),
        ("https://m.map.naver.com/?lat=37.5&app=Y&pinId=11556053", "place/11556053"),
        ("https://map.naver.com/p/entry/place/18100001?pinId=11556053", "place/18100001"),
        ("https://map.naver.com/local/siteview.nhn?code=11556053", "place/11556053"),
        ("https://m.map.naver.com/siteview.naver?code=11556053&ret=x", "place/11556053"),
    ],
)
def test_older_addresses_of_the_map_are_the_place(url: str, place: str):
    assert target(RankType.PLACE, url) == place


def wrap(url: str, times: int = 1) -> str:
    for at in range(times):
        quoted = quote(url, safe="")
        url = (
            f"https://search.naver.com/p/crd/rd?m=1&px=5&q=%EA%B0%80&a=blg&u={quoted}"
            if at % 2
            else f"https://link.naver.com/bridge?url={quoted}&dst=naversearchapp%3A%2F%2Fweb"
        )
    return url


@pytest.mark.parametrize("times", [1, 2, 3])
def test_a_redirect_of_naver_is_what_it_leads_to(times: int):
    for rank_type, url, identity in [
        (RankType.BLOG, "https://blog.naver.com/name/223", "blog.naver.com/name/223"),
        (RankType.CAFE, "https://m.cafe.naver.com/name/5?art=x", "cafe.naver.com/name/5"),
        (RankType.PLACE, "https://map.naver.com/?pinId=11556053", "place/11556053"),
    ]:
        assert target(rank_type, wrap(url, times)) == identity
        assert identify_link(wrap(url, times)) == (rank_type, identity)


def test_a_redirect_around_a_redirect_is_unwrapped_a_bounded_number_of_times():
    endless = "https://link.naver.com/bridge?url="
    for text in (wrap("https://blog.naver.com/name/223", 8), endless * 50, endless):
        with pytest.raises(PermanentError) as refused:
            target(RankType.BLOG, text)
        assert refused.value.kind == "bad_target"


def test_a_redirect_to_an_advertisement_stays_one():
    assert identify_link(wrap("https://ader.naver.com/v1/blog.naver.com/name/223")) is None


@pytest.mark.parametrize(
    ("url", "advice"),
    [
        ("https://in.naver.com/name/contents/internal/946448332491040", "URL of the blog post"),
        ("https://map.naver.com/?pinId=123456&pinType=bus", "open the place"),
        ("https://map.naver.com/p/search/%EA%B9%80%EB%B0%A5", "the URL with /place/ID"),
        (wrap("https://naver.me/xAbC12"), "open it, give the long URL"),
    ],
)
def test_an_address_without_one_meaning_is_refused_with_what_to_give_instead(url: str, advice: str):
    for rank_type in RankType:
        with pytest.raises(PermanentError, match=advice) as refused:
            target(rank_type, url)
        assert refused.value.kind == "bad_target"


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("https://name.tistory.com/123", "name.tistory.com"),
        ("https://brunch.co.kr/@name/12", "brunch.co.kr"),
        (wrap("https://name.tistory.com/123"), "name.tistory.com"),
    ],
)
def test_a_post_of_another_site_is_refused_by_its_site(url: str, host: str):
    with pytest.raises(
        PermanentError, match=f"it is on {host}, and only posts of Naver"
    ) as refused:
        target(RankType.BLOG, url)
    assert refused.value.kind == "bad_target"


@given(NUMBERS, NUMBERS, STARTS)
def test_a_cafe_post_by_number_is_one_result_and_no_target(cafe: int, number: int, start: str):
    canonical = f"cafe.naver.com/~{cafe}/{number}"
    forms = [
        f"{start}cafe.naver.com/ca-fe/cafes/{cafe}/articles/{number}?menuid=1",
        f"{start}m.cafe.naver.com/ca-fe/web/cafes/{cafe}/articles/{number}",
        f"{start}cafe.naver.com/f-e/cafes/{cafe}/articles/{number}",
        f"{start}cafe.naver.com/ArticleRead.nhn?clubid={cafe}&articleid={number}",
        f"{start}m.cafe.naver.com/ca-fe/ArticleRead.nhn?articleid={number}&clubid={cafe}",
        f"{start}cafe.naver.com/ca-fe/cafes/{cafe}/articles/{number}?art={make_art('other', number + 1)}",
        canonical,
    ]
    assert {identify_link(form) for form in forms} == {(RankType.CAFE, canonical)}
    for form in forms:
        with pytest.raises(PermanentError, match="result pages show its name") as refused:
            target(RankType.CAFE, form)
        assert refused.value.kind == "bad_target"


@pytest.mark.parametrize("token", ["x", "a.b.c.d", "..!!.", "a.b.W10.d", "a.b.bnVsbA.d", "." * 50])
def test_a_token_that_says_no_name_is_passed_over(token: str):
    found = identify_link(f"https://cafe.naver.com/ca-fe/cafes/12/articles/34?art={token}")
    assert found == (RankType.CAFE, "cafe.naver.com/~12/34")


@given(PLACES, STARTS)
def test_all_forms_of_a_place_agree(number: int, start: str):
    forms = [
        f"{number}",
        f" {number} ",
        f"place/{number}",
        f"{start}map.naver.com/p/entry/place/{number}?c=15.00,0,0,0,dh",
        f"{start}map.naver.com/p/search/%EA%B9%80%EB%B0%A5/place/{number}?placePath=%2Fhome",
        f"{start}map.naver.com/v5/entry/place/{number}",
        f"{start}m.place.naver.com/restaurant/{number}/home",
        f"{start}m.place.naver.com/place/{number}",
        f"{start}pcmap.place.naver.com/hospital/{number}/review/visitor",
        f"{start}place.naver.com/hairshop/{number}/",
    ]
    assert {target(RankType.PLACE, form) for form in forms} == {f"place/{number}"}


@pytest.mark.parametrize(
    "url",
    [
        "https://ader.naver.com/v1/blog.naver.com/name/223",
        "https://cr.naver.com/redirect?u=https://blog.naver.com/name/223",
        "https://adcr.naver.com/adcr?x=https%3A%2F%2Fcafe.naver.com%2Fname%2F5",
        "https://blog.naver.com/name",
        "https://m.blog.naver.com/name/clip/11950488",
        "https://blog.naver.com/PostList.naver?blogId=name",
        "https://cafe.naver.com/name",
        "https://cafe.naver.com/name/menus/5",
        "https://section.blog.naver.com/name/223",
        "https://blog.naver.com.evil.example/name/223",
        "https://blog.naver.com@evil.example/name/223",
        "https://www.modoodoc.com/hospital/54386",
        "https://m.place.naver.com/my/123456/review",
        "https://map.naver.com/p/search/place",
        "https://in.naver.com/name/contents/internal/1",
        "https://name.tistory.com/123",
        "javascript://blog.naver.com/name/223",
        "ftp://blog.naver.com/name/223",
        "https://[blog.naver.com/name/223",
        "#",
        "",
    ],
)
def test_what_is_no_post_and_no_place_has_no_identity(url: str):
    assert identify_link(url) is None
    for rank_type in RankType:
        with pytest.raises(PermanentError) as refused:
            target(rank_type, url)
        assert refused.value.kind == "bad_target"


@pytest.mark.parametrize("text", ["https://naver.me/xAbC12", "naver.me/xAbC12", "http://me2.do/x"])
def test_short_links_must_be_opened_first(text: str):
    with pytest.raises(PermanentError, match="open it, give the long URL") as refused:
        target(RankType.PLACE, text)
    assert text in refused.value.message


@pytest.mark.parametrize("rank_type", RankType)
def test_a_refusal_says_what_was_given_and_what_is_understood(rank_type: RankType):
    with pytest.raises(PermanentError) as refused:
        target(rank_type, "우리 가게")
    message = refused.value.message
    assert "우리 가게" in message
    assert "Understood: " in message
    assert "naver.me links must be opened first" in message


def test_a_target_of_another_type_is_refused_by_its_name():
    with pytest.raises(PermanentError, match=r"as a blog: it is a cafe \(cafe.naver.com/name/5\)"):
        target(RankType.BLOG, "https://cafe.naver.com/name/5")


@pytest.mark.parametrize(
    ("url", "owner"),
    [
        ("https://blog.naver.com/Name", "blog.naver.com/name"),
        ("https://m.cafe.naver.com/name/?a=1", "cafe.naver.com/name"),
        ("https://blog.naver.com/name/223", None),
        ("https://blog.naver.com/name?Redirect=Log&logNo=223", None),
        ("https://in.naver.com/name", None),
        ("https://blog.naver.com/", None),
    ],
)
def test_the_front_of_a_blog_or_cafe_is_its_owner(url: str, owner: str | None):
    assert identify_owner(url) == owner


def find_target(rank_type: RankType, text: str) -> str | None:
    try:
        return target(rank_type, text)
    except PermanentError as error:
        if error.kind != "bad_target":
            raise
        return None


@given(st.text(max_size=200), st.sampled_from(RankType))
def test_any_text_is_identified_or_refused(text: str, rank_type: RankType):
    identify_link(text)
    identify_owner(text)
    found = find_target(rank_type, text)
    assert found is None or target(rank_type, found) == found


@given(st.text("abc/?=&%2f.:#@[]~-_09 가", max_size=60), st.sampled_from(RankType))
def test_any_path_on_known_hosts_is_identified_or_refused(path: str, rank_type: RankType):
    for host in ("blog.naver.com", "cafe.naver.com", "map.naver.com", "m.place.naver.com"):
        url = f"https://{host}/{path}"
        if (found := find_target(rank_type, url)) is not None:
            assert target(rank_type, found) == found
            assert identify_link(url) == (rank_type, found)
