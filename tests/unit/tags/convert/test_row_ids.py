import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.tags.convert.row_ids import RowIds


@given(
    st.lists(st.sampled_from("0123456789") | st.text(max_size=2), max_size=60), st.integers(1, 8)
)
def test_an_id_is_new_exactly_once_however_few_are_kept_in_memory(ids: list[str], kept: int):
    seen: set[str] = set()
    with RowIds("a table", set_ids=kept) as row_ids:
        for row_id in ids:
            assert row_ids.add(row_id) is (row_id not in seen)
            seen.add(row_id)


@pytest.mark.parametrize("order", ["rising", "random", "falling"])
def test_ids_beyond_the_memory_are_remembered(order: str):
    ids = [str(number) for number in range(5000)]
    if order == "random":
        random.Random(1).shuffle(ids)
    if order == "falling":
        ids.reverse()
    with RowIds("a table", set_ids=100) as row_ids:
        assert all(row_ids.add(row_id) for row_id in ids)
        assert not any(row_ids.add(row_id) for row_id in ids)
        assert row_ids.add("5000")
