from hypothesis import given
from hypothesis import strategies as st

from sandbox.tags.sizes import draw_sizes, list_weights, spread


def test_645_tables_of_60000_rows_are_heavily_skewed():
    sizes = draw_sizes(645, 60_000)
    assert sum(sizes) == 60_000
    assert sizes == sorted(sizes, reverse=True)
    assert 3_000 < sizes[0] < 9_000
    assert sum(size < 30 for size in sizes) > 300
    assert sizes[-6:] == [0] * 6
    assert min(sizes[:-6]) >= 1


@given(st.integers(1, 300), st.integers(0, 5000))
def test_sizes_always_add_up(tables: int, rows: int):
    sizes = draw_sizes(tables, rows)
    assert len(sizes) == tables
    assert sum(sizes) == rows
    assert min(sizes) >= 0


@given(st.integers(1, 200), st.integers(0, 2000))
def test_shares_are_in_proportion_to_the_weights(count: int, more: int):
    weights = list_weights(count)
    shares = spread(count + more, weights, least=1)
    assert sum(shares) == count + more
    scale = more / sum(weights)
    assert all(
        abs(share - 1 - weight * scale) < 1.01
        for share, weight in zip(shares, weights, strict=True)
    )
