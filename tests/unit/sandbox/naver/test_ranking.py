from datetime import timedelta
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.naver.ranking import View, find_truth, list_targets
from tests.unit.sandbox.naver.hosts import DAY, KEYWORD

TYPES = ("blog", "cafe", "place")
BEGINNINGS = {"blog": "blog.naver.com/", "cafe": "cafe.naver.com/", "place": "place/"}


def walk(rank_type: str, days: int) -> list[tuple[str, ...]]:
    return [find_truth(1, rank_type, KEYWORD, DAY + timedelta(days=n)) for n in range(days)]


@pytest.mark.parametrize("rank_type", TYPES)
def test_the_order_is_another_one_every_day_but_not_a_new_one(rank_type: str):
    days = walk(rank_type, 14)
    assert len(set(days)) == len(days)
    for before, after in pairwise(days):
        kept = set(before[:20]) & set(after[:20])
        assert len(kept) >= 12


@pytest.mark.parametrize("rank_type", TYPES)
def test_an_order_follows_from_seed_keyword_and_day(rank_type: str):
    found = find_truth(1, rank_type, KEYWORD, DAY)
    assert found == find_truth(1, rank_type, f"  {KEYWORD.replace(' ', '   ')} ", DAY)
    others = {find_truth(2, rank_type, KEYWORD, DAY), find_truth(1, rank_type, "성수 공방", DAY)}
    assert found not in others
    assert len(others) == 2


@given(
    keyword=st.text(min_size=1, max_size=20),
    seed=st.integers(0, 5),
    days=st.integers(0, 400),
    rank_type=st.sampled_from(TYPES),
)
def test_no_page_shows_a_result_twice(keyword: str, seed: int, days: int, rank_type: str):
    day = DAY + timedelta(days=days)
    everything = find_truth(seed, rank_type, keyword, day, View.OPENAPI)
    assert len(set(everything)) == len(everything)
    assert (
        find_truth(seed, rank_type, keyword, day)
        == everything[: 70 if rank_type == "place" else 30]
    )


@pytest.mark.parametrize("rank_type", TYPES)
def test_targets_are_exposed_on_most_days_and_missing_on_some(rank_type: str):
    targets, days = list_targets(1, rank_type, KEYWORD), walk(rank_type, 40)
    assert len(targets) == 3
    for target in targets:
        exposed = sum(target in shown for shown in days)
        assert 28 <= exposed <= 32
        assert target.startswith(BEGINNINGS[rank_type])


def test_the_tab_of_blogs_has_posts_of_other_sites_too():
    others = [post for post in find_truth(1, "blog", KEYWORD, DAY) if post.startswith("https://")]
    assert 1 <= len(others) <= 8
    assert not any("naver" in post for post in others)


def test_an_integrated_page_shows_the_first_of_naver():
    tab = find_truth(1, "blog", KEYWORD, DAY)
    ours = [post for post in tab if post.startswith("blog.")]
    assert list(find_truth(1, "blog", KEYWORD, DAY, "integrated")) == ours[:9]
    places = find_truth(1, "place", KEYWORD, DAY)
    assert find_truth(1, "place", KEYWORD, DAY, "integrated") == places[:7]
    assert find_truth(1, "place", KEYWORD, DAY, "mobile") == places[:5]


@pytest.mark.parametrize("keyword", ["ㅁㄴㅇㄹ", "!!", "ㅋㅋ ㅎㅎ"])
@pytest.mark.parametrize("rank_type", TYPES)
def test_some_keywords_find_nothing(keyword: str, rank_type: str):
    assert find_truth(1, rank_type, keyword, DAY) == ()
    assert list_targets(1, rank_type, keyword) == ()
