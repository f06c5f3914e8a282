import gzip
from pathlib import Path

import pytest

from sandbox.naver.faults import PageKind
from sandbox.naver.real_pages import find_keyword, read_pages
from tests.unit.sandbox.naver.hosts import serve

FIELD = '<input accesskey="s" id="nx_query" name="query" type="text" value="{}">'
TAB = '<input type="hidden" name="ssc" value="{}">'
PAGE = f"<html>{TAB.format('tab.blog.all')}{FIELD.format('가 &amp; 나')}</html>"


def save(folder: Path, name: str, page: str) -> None:
    (folder / "naver_html").mkdir(exist_ok=True)
    (folder / "naver_html" / f"{name}.html.gz").write_bytes(gzip.compress(page.encode()))


@pytest.mark.parametrize(
    ("page", "found"),
    [
        (PAGE, (PageKind.BLOG, "가 & 나")),
        (TAB.format("tab.nx.all") + FIELD.format(" 가  나 "), (PageKind.INTEGRATED, "가 나")),
        (TAB.format("tab.m.all") + FIELD.format("가"), (PageKind.MOBILE, "가")),
        (TAB.format("tab.news.all") + FIELD.format("가"), None),
        (FIELD.format("가"), None),
        ('<body class="place_on_pcmap"> var g_query = "가 나";', (PageKind.PLACE, "가 나")),
        ('<body class="place_on_pcmap"> var g_query = "";', None),
        ("<html></html>", None),
    ],
)
def test_a_page_says_itself_what_was_searched_for(page: str, found: tuple[PageKind, str] | None):
    assert find_keyword(page) == found


def test_of_two_pages_for_a_keyword_the_first_counts(tmp_path: Path):
    save(tmp_path, "b", PAGE)
    save(tmp_path, "a", PAGE + "<!-- first -->")
    pages = read_pages(tmp_path)
    assert [page.file for page in pages.values()] == ["a.html.gz"]


async def test_a_saved_page_is_served_for_its_keyword_only(tmp_path: Path):
    save(tmp_path, "a", PAGE)
    async with serve("--data", str(tmp_path)) as client:
        (told,) = (await (await client.get("/sandbox/pages")).json())["pages"]
        assert await (await client.get(told["path"])).text() == PAGE
        assert told["kind"] == "blog"
        other = await (await client.get("/search.naver?ssc=tab.blog.all&query=a")).text()
        assert other != PAGE
        words = {"type": "blog", "keyword": told["keyword"]}
        truth = await (await client.get("/sandbox/truth", params=words)).json()
        assert (truth["is_real"], truth["identities"]) == (True, None)
