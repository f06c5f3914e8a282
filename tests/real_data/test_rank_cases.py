"""Addresses as people copy them, each with the right answer beside it (shared/cases)."""

from pathlib import Path

from platform_assets.ranks.identity import identify_target
from platform_assets.ranks.result_page import RankType


def test_an_address_of_a_cafe_post_that_was_escaped_twice_is_the_post(cases: Path):
    urls = (cases / "09-cafe-address-escaped-twice" / "urls.txt").read_text().split()
    assert [identify_target(RankType.CAFE, url) for url in urls] == [
        "cafe.naver.com/somecafe/793"
    ] * len(urls)
    assert len(urls) == 3
