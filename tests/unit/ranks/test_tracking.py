"""Registrations: what is understood, what is refused and how the refusal reads."""

import unicodedata

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.tracking import KEYWORD_LENGTH, NewTracking, check_day, register

TARGET = "https://m.blog.naver.com/some-one/223000000001?referrer=x"


def refused(
    rank_type: str = "blog", keyword: str = "강릉", target: str = TARGET, by: str = "acme"
) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        register(rank_type, keyword, target, by)
    return caught.value


def test_a_registration_is_kept_in_canonical_form():
    assert register("blog", "  강릉   여행 ", TARGET, " acme ") == NewTracking(
        RankType.BLOG, "강릉 여행", "blog.naver.com/some-one/223000000001", "acme"
    )


@pytest.mark.parametrize(
    "keyword", ['"강릉" 맛집', "it's", "🍜 라멘", "a" * KEYWORD_LENGTH, "50% & more?", "a+b/c#d"]
)
def test_quotes_emoji_and_signs_are_keywords(keyword: str):
    assert register("blog", keyword, TARGET, "acme").keyword == keyword


def test_forms_of_one_keyword_are_one_keyword():
    decomposed = unicodedata.normalize("NFD", "강릉")
    assert decomposed != "강릉"
    assert register("blog", decomposed, TARGET, "acme").keyword == "강릉"


@pytest.mark.parametrize("keyword", ["", "   ", "\n\t"])
def test_an_empty_keyword_is_refused(keyword: str):
    error = refused(keyword=keyword)
    assert error.kind == "bad_keyword"
    assert "0 characters" in error.message


def test_a_keyword_of_500_characters_is_refused_with_the_bound():
    error = refused(keyword="가" * 500)
    assert error.kind == "bad_keyword"
    assert f"500 characters, and 1 to {KEYWORD_LENGTH} are allowed" in error.message


@pytest.mark.parametrize("keyword", ["a\x00b", "a\u200bb", "a\x1bb", "a\ud800b"])
def test_invisible_characters_are_refused(keyword: str):
    assert refused(keyword=keyword).kind == "bad_keyword"


def test_an_unknown_type_names_those_that_there_are():
    error = refused(rank_type="shop")
    assert error.kind == "bad_rank_type"
    assert "place, blog, cafe" in error.message


def test_a_target_of_unknown_form_is_refused():
    assert refused(target="https://example.com/1").kind == "bad_target"


def test_a_customer_is_needed():
    assert refused(by=" ").kind == "bad_customer"


def test_days_up_to_today_are_days():
    assert check_day("2026-11-20", "2026-11-20") == "2026-11-20"
    assert check_day("2024-02-29", "2026-11-20") == "2024-02-29"


@pytest.mark.parametrize("day", ["2026-13-01", "20261120", "yesterday", "", "2026-2-1"])
def test_what_is_no_day_is_refused(day: str):
    with pytest.raises(PermanentError, match="YYYY-MM-DD") as caught:
        check_day(day, "2026-11-20")
    assert caught.value.kind == "bad_day"


def test_a_future_day_is_refused():
    with pytest.raises(PermanentError, match="in the future"):
        check_day("2026-11-21", "2026-11-20")
