"""What may be asked of a shop's search."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.platforms.configured import declare_platform
from platform_assets.products.search_request import (
    KEYWORD_LENGTH,
    check_keyword,
    check_searchable,
)
from tests.unit.products.payloads import DECLARED
from tests.unit.products.test_configured import LD_SHOP


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("셔츠", "셔츠"),
        ("  반팔 \t 티셔츠\n", "반팔 티셔츠"),
        ("\u1109\u1167\u110e\u1173", "셔츠"),
        ("a" * KEYWORD_LENGTH, "a" * KEYWORD_LENGTH),
        ("a&b/c?d=e%", "a&b/c?d=e%"),
    ],
)
def test_a_keyword_has_one_form(text: str, keyword: str):
    assert check_keyword(text) == keyword


@pytest.mark.parametrize(
    "text", ["", " \u3000 ", "a" * (KEYWORD_LENGTH + 1), "a\x00b", "a\x1bb", "\ud800", "a\u200bb"]
)
def test_what_is_no_keyword_is_refused_in_words_that_can_be_printed(text: str):
    with pytest.raises(PermanentError, match="is no keyword") as caught:
        check_keyword(text)
    assert caught.value.kind == "bad_keyword"
    assert str(caught.value).isprintable()


@given(st.text(max_size=120))
def test_a_keyword_that_is_taken_stays_as_it_is(text: str):
    try:
        keyword = check_keyword(text)
    except PermanentError:
        return
    assert check_keyword(keyword) == keyword
    assert 0 < len(keyword) <= KEYWORD_LENGTH


def test_every_shop_with_a_module_can_be_searched():
    for shop in PLATFORMS.values():
        check_searchable(shop)


def test_a_declared_shop_can_be_searched_if_its_file_says_how():
    check_searchable(declare_platform(DECLARED.encode(), "shop.toml"))
    with pytest.raises(PermanentError, match="declares no search") as caught:
        check_searchable(declare_platform(LD_SHOP.encode(), "shop.toml"))
    assert caught.value.kind == "no_search"
