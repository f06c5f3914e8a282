"""Numbers of sessions: 25 exposed records each, none skipped, none repeated."""

from collections.abc import Sequence
from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from platform_assets.ranks.sessions import SESSION_LENGTH, number_sessions, session_after

exposures = st.lists(st.booleans(), max_size=200)


def test_the_26th_exposed_record_is_the_first_of_the_second_session():
    assert list(number_sessions([True] * 26)) == [1] * 25 + [2]


def test_unexposed_days_belong_to_the_session_that_goes_on():
    assert list(number_sessions([False] * 3 + [True] * 25 + [False])) == [1] * 28 + [2]


@given(exposures)
def test_every_session_but_the_last_has_25_exposed_records(days: Sequence[bool]):
    numbers = list(number_sessions(days))
    for session in range(1, session_after(sum(days))):
        exposed = [
            number for number, day in zip(numbers, days, strict=True) if day and number == session
        ]
        assert len(exposed) == SESSION_LENGTH


@given(exposures, st.integers(0, 200))
def test_a_part_is_numbered_like_the_whole(days: Sequence[bool], cut: int):
    whole = list(number_sessions(days))
    head, tail = days[:cut], days[cut:]
    assert [*number_sessions(head), *number_sessions(tail, sum(head))] == whole


@given(exposures)
def test_sessions_grow_by_one_and_never_skip(days: Sequence[bool]):
    numbers = [*number_sessions(days), session_after(sum(days))]
    assert numbers[0] == 1
    assert all(0 <= later - earlier <= 1 for earlier, later in pairwise(numbers))
