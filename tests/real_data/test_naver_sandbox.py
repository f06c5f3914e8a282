"""The sandbox serves the real saved pages byte for byte, for the keyword that each page names itself."""

import gzip
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from platform_assets.core.errors import PlatformError
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType
from sandbox.naver.real_pages import read_pages
from tests.real_data.conftest import ROOT, find_data
from tests.unit.sandbox.naver.hosts import serve

LEAST = 20
"""There are more saved pages than this; news, single places and a login are none of a search."""


@pytest.fixture(scope="module")
def ranks_data(give_up: Callable[[str], NoReturn]) -> Path:
    """The folder of real pages of ranks."""
    data = find_data()
    if data is None or not (data / "rank" / "naver_html").is_dir():
        give_up(f"no real pages of ranks beside {ROOT} in shared/data/rank/naver_html")
    return data / "rank"


async def test_every_page_is_served_byte_for_byte(ranks_data: Path):
    async with serve("--data", str(ranks_data)) as client:
        pages = (await (await client.get("/sandbox/pages")).json())["pages"]
        assert len(pages) >= LEAST
        for page in pages:
            saved = gzip.decompress((ranks_data / "naver_html" / page["file"]).read_bytes())
            reply = await client.get(page["path"])
            assert (reply.status, await reply.read()) == (200, saved), page["file"]


def test_pages_of_all_kinds_but_the_cafe_tab_are_among_them(ranks_data: Path):
    kinds = {kind for kind, _ in read_pages(ranks_data)}
    assert {kind.value for kind in kinds} == {"integrated", "mobile", "blog", "place"}


def test_lists_of_places_are_a_whole_one_and_one_that_is_not_rendered(ranks_data: Path):
    outcomes = list[int | str | None]()
    for page in read_pages(ranks_data).values():
        if page.kind == "place":
            try:
                outcomes.append(len(read_page(page.body, RankType.PLACE).items))
            except PlatformError as error:
                outcomes.append(error.kind)
    assert sorted(map(str, outcomes)) == ["70", "not_rendered"]
