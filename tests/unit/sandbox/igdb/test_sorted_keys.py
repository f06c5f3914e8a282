from array import array

from hypothesis import given
from hypothesis import strategies as st

from sandbox.igdb.sorted_keys import contains, splice

KEYS = st.sets(st.integers(0, 60))


@given(KEYS, KEYS, KEYS)
def test_splicing_is_the_same_as_changing_a_set(keys: set[int], drop: set[int], new: set[int]):
    before = array("q", sorted(keys))
    after = splice(before, removed=drop & keys, added=new - keys)
    assert after.tolist() == sorted((keys - drop) | (new - keys))
    assert before.tolist() == sorted(keys)


@given(KEYS, st.integers(0, 60))
def test_a_key_is_found_exactly_when_it_is_there(keys: set[int], key: int):
    assert contains(array("q", sorted(keys)), key) == (key in keys)


def test_a_key_can_be_taken_out_and_put_back_at_once():
    assert splice(array("q", [1, 2, 3]), removed=[2], added=[2]).tolist() == [1, 2, 3]
