from collections.abc import Callable
from typing import Any

from hypothesis import example, given
from hypothesis import strategies as st

from sandbox.igdb.apicalypse import parse_query
from sandbox.igdb.queries import Query, matches
from sandbox.igdb.selection import Selector
from sandbox.igdb.static_source import StaticSource
from sandbox.igdb.table import Change, Table
from tests.unit.sandbox.igdb.rows import make_games, make_table

COMPARISONS = st.one_of(
    st.builds(
        "{} {} {}".format,
        st.sampled_from(["id", "updated_at", "score"]),
        st.sampled_from(["=", "!=", ">", ">=", "<", "<="]),
        st.integers(0, 12),
    ),
    st.builds("id = ({},{})".format, st.integers(0, 12), st.integers(0, 12)),
    st.sampled_from(["score = null", "updated_at != null", "updated_at >= 0"]),
)
JOINTS = st.sampled_from([" & ", " & ", " | "])


@st.composite
def filters(draw: st.DrawFn) -> str:
    text = draw(COMPARISONS)
    for _ in range(draw(st.integers(0, 3))):
        text += draw(JOINTS) + draw(COMPARISONS)
    return text


TEXTS = st.builds(
    "where {}; sort {} {}; limit {}; offset {};".format,
    filters(),
    st.sampled_from(["id", "updated_at", "score"]),
    st.sampled_from(["asc", "desc"]),
    st.integers(0, 6),
    st.integers(0, 4),
)


def make_dated() -> Table:
    rows: list[dict[str, Any]] = [{"id": n, "updated_at": n * 7 % 11} for n in range(1, 12)]
    for row in rows[::3]:
        row["score"] = row["id"] % 4
    return make_table(rows)


def make_partly_dated() -> Table:
    rows: list[dict[str, Any]] = [{"id": n, "score": n % 3} for n in range(1, 12)]
    for row in rows[::2]:
        row["updated_at"] = row["id"] * 7 % 11
    return make_table(rows)


class UnreadableGames(Table):
    """Twenty games whose records nobody may read; updated one second apart, the last id first."""

    def __init__(self) -> None:
        rows = [{"id": 10 * n, "updated_at": 1000 - n} for n in range(1, 21)]
        super().__init__(StaticSource(rows, seed=1), seed=1)

    def read_record(self, row_id: int) -> dict[str, Any]:
        raise AssertionError(f"record {row_id} was read")


def rank(value: int | None) -> tuple[int, int]:
    return (1, 0) if value is None else (0, value)


def select_slowly(table: Table, query: Query) -> tuple[list[int], int]:
    """The meaning of a query: look at every record."""
    records = [table.read_record(row_id) for row_id in table.ids]
    found = [row for row in records if query.where is None or matches(query.where, row)]
    found.sort(key=lambda row: (rank(row.get(query.sort)), row["id"]), reverse=query.descending)
    page = found[query.offset : query.offset + query.limit]
    return [row["id"] for row in page], len(found)


@example("where updated_at >= 0; limit 500;", make_partly_dated)
@example("where id > 5 & id < 3; sort id desc;", make_dated)
@given(TEXTS, st.sampled_from([make_dated, make_partly_dated]))
def test_every_way_of_finding_rows_gives_what_looking_at_all_of_them_gives(
    text: str, make: Callable[[], Table]
):
    table, query = make(), parse_query(text)
    found = Selector(table).select(query)
    assert (list(found.ids), found.total) == select_slowly(table, query)


def test_a_kept_result_is_not_used_after_a_change():
    table = make_games(20)
    selector = Selector(table)
    query = parse_query("where genres = 1; limit 500;")
    before = selector.select(query)
    assert selector.select(query) == before
    table.apply(Change(delete=(10,)), now=5000)
    assert selector.select(query).total == before.total - 1


def test_a_page_within_bounds_reads_no_record():
    query = parse_query("where id > 20 & id <= 80 & updated_at > 994; sort id desc; limit 2;")
    found = Selector(UnreadableGames()).select(query)
    assert (list(found.ids), found.total) == ([50, 40], 3)


def test_paging_beyond_the_end_gives_nothing_in_both_directions():
    selector = Selector(make_games(3))
    for order in ("asc", "desc"):
        found = selector.select(parse_query(f"sort id {order}; limit 5; offset 9;"))
        assert (list(found.ids), found.total) == ([], 3)
