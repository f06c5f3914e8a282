"""Real text written as raw tables: not a row more or less than SOURCE.md says, and a dictionary of real terms."""

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

from sandbox.tags.command import main
from sandbox.tags.nsmc import read_nsmc
from sandbox.tags.truth import SourceTruth, read_truth
from tests.real_data.conftest import ROOT, find_data
from tests.unit.sandbox.tags.recount import read_dictionary, read_rows, recount


@pytest.fixture(scope="module")
def board_data(give_up: Callable[[str], NoReturn]) -> Path:
    data = find_data()
    if data is None or not (data / "board" / "SOURCE.md").is_file():
        give_up(f"no real board texts beside {ROOT}: SLUICE_TEST_DATA names another place")
    return data / "board"


def write(data: Path, folder: Path, *options: str) -> SourceTruth:
    assert main(("--out", str(folder), "--data", str(data), "--quiet", *options)) == 0
    return read_truth(folder).sources["acme:board"]


@pytest.fixture(scope="module")
def nsmc(board_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, SourceTruth]:
    folder = tmp_path_factory.mktemp("nsmc")
    return folder, write(board_data, folder)


@pytest.mark.slow
def test_171687_reviews_are_in_645_tables_each_once(nsmc: tuple[Path, SourceTruth]):
    folder, source = nsmc
    assert len(source.tables) == 645
    assert source.rows == 171_687
    ids: Counter[str] = Counter()
    for table in source.tables.values():
        ids.update(
            row["review_id"]
            for _, row in read_rows(folder / table.key, table.encoding)
            if not isinstance(row, str)
        )
        assert (table.good, table.bad, table.personal) == (table.rows, {}, [])
    assert len(ids) == 171_687
    assert set(ids.values()) == {1}


@pytest.mark.slow
def test_table_k_has_about_one_kth_of_the_movies_and_no_movie_is_in_two(
    nsmc: tuple[Path, SourceTruth],
):
    folder, source = nsmc
    places: dict[str, set[str]] = {}
    for name, table in source.tables.items():
        for _, row in read_rows(folder / table.key, table.encoding):
            assert not isinstance(row, str)
            places.setdefault(row["movie_id"], set()).add(name)
    assert len(places) == 3_537
    assert {len(names) for names in places.values()} == {1}
    movies = Counter(name for names in places.values() for name in names)
    for rank in (2, 5, 20):
        ratio = movies["board_001"] / movies[f"board_{rank:03}"]
        assert 0.8 * rank < ratio < 1.1 * rank
    assert movies["board_645"] >= 1
    sizes = sorted(table.rows for table in source.tables.values())
    assert sizes[-1] > 10_000
    assert sizes[322] < 300


@pytest.mark.slow
def test_the_reviews_of_every_table_are_those_of_its_movies(
    board_data: Path, nsmc: tuple[Path, SourceTruth]
):
    folder, source = nsmc
    texts = {
        review.review_id: review.review
        for movie in read_nsmc(board_data).groups
        for review in movie
    }
    encodings: Counter[str] = Counter()
    for table in source.tables.values():
        encodings[table.encoding] += 1
        for _, row in read_rows(folder / table.key, table.encoding):
            assert not isinstance(row, str)
            assert row["review"] == texts[row["review_id"]]
    assert min(encodings[name] for name in ("utf-8", "utf-8-sig", "cp949", "")) > 50


@pytest.mark.slow
def test_months_are_those_of_the_reviews(nsmc: tuple[Path, SourceTruth]):
    folder, source = nsmc
    months: Counter[str] = Counter()
    for table in list(source.tables.values())[::20]:
        counted = recount(folder, table).months
        assert counted == {month: rows for month, (rows, _) in table.months.items()}
        months += counted
    assert min(months) >= "2003-11"
    assert max(months) <= "2015-08"


def test_the_dictionary_has_the_codes_with_names_of_their_own(board_data: Path, tmp_path: Path):
    write(board_data, tmp_path, "--dataset", "oliveyoung")
    rows = read_dictionary(tmp_path)
    terms = {row["tag_id"]: row["term"] for row in rows}
    assert len(terms) == len(rows) > 21_000
    assert terms["A00"] == "콜레라"
    names = Counter(row["term"].casefold() for row in rows)
    assert max(names.values()) == 1
    assert not {"양쪽", "왼쪽", "옴", "기타"} & set(names)
    parents = {row["parent"] for row in rows} - {""}
    assert parents <= set(terms)
    assert {row["tag_id"]: row["parent"] for row in rows}["A00.1"] == "A00"


@pytest.mark.parametrize(
    ("dataset", "tables", "rows"), [("chatbot", 645, 11_823), ("oliveyoung", 98, 4_689)]
)
def test_other_texts_are_written_as_well(
    dataset: str, tables: int, rows: int, board_data: Path, tmp_path: Path
):
    source = write(board_data, tmp_path, "--dataset", dataset)
    assert (len(source.tables), source.rows) == (tables, rows)
    assert (tmp_path / source.options).is_file()
    for table in list(source.tables.values())[::50]:
        found = list(read_rows(tmp_path / table.key, table.encoding))
        assert len(found) == table.rows
        assert not any(isinstance(row, str) for _, row in found)


def test_real_text_with_planted_data_says_where(board_data: Path, tmp_path: Path):
    options = ("--rows", "3000", "--tables", "40", "--dirt", "0.05", "--pii", "0.1")
    source = write(board_data, tmp_path, *options)
    assert source.rows == 3000
    assert sum(len(table.personal) for table in source.tables.values()) > 200
    bad = 0
    for table in source.tables.values():
        counted = recount(tmp_path, table)
        assert dict(counted.bad) == table.bad
        bad += table.rows - table.good
    assert bad > 80
