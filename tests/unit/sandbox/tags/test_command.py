import gzip
import json
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from pyarrow.lib import ArrowInvalid

from sandbox.tags.command import main
from sandbox.tags.truth import SourceTruth, read_truth
from tests.unit.sandbox.tags.recount import read_dictionary, recount

SMALL = ("--tables", "12", "--rows", "240")


def run(folder: Path, *options: str) -> int:
    return main(("--out", str(folder), *SMALL, "--quiet", *options))


def read_source(folder: Path, place: str = "acme:board") -> SourceTruth:
    return read_truth(folder).sources[place]


def read_files(folder: Path) -> dict[str, bytes]:
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


@pytest.fixture
def real_data(tmp_path: Path) -> Path:
    """A folder like that of the real data, with a few rows in it."""
    folder = tmp_path / "data" / "board"
    for name in ("nsmc_raw", "chatbot_qna", "taxonomy"):
        (folder / name).mkdir(parents=True)
    reviews = [
        {
            "review": f"재밌는 영화 {n} <3 \u2764",
            "date": f"1{n % 5}.0{1 + n % 9}.21",
            "rating": "10",
            "author": "jack****",
            "review_id": str(1000 + n),
            "movie_id": str(10 + n // 4),
        }
        for n in range(40)
    ]
    lines = "\n".join(map(json.dumps, reversed(reviews)))
    (folder / "nsmc_raw/reviews.jsonl.gz").write_bytes(gzip.compress(lines.encode()))
    questions = "Q,A,label\n" + "".join(f"질문 {n},대답 {n},0\n" for n in range(30))
    (folder / "chatbot_qna/ChatbotData.csv.gz").write_bytes(gzip.compress(questions.encode()))
    codes = (
        "kcd,en,ko,latest\nA00,Cholera,콜레라,\nA00.0,x,엘토르  콜레라,\nA00.01,x,왼쪽,\nA00.011,x,고열,\n"
        "A01.1,x,왼쪽,\nB86,Scabies,옴,\nC07,x,크림,\n"
    )
    (folder / "taxonomy/kcd_codes.csv.gz").write_bytes(gzip.compress(codes.encode()))
    return folder


def test_the_same_arguments_give_the_same_bytes_and_another_seed_others(tmp_path: Path):
    for name, seed in (("one", "3"), ("two", "3"), ("three", "4")):
        run(tmp_path / name, "--seed", seed, "--bad", "truncated,unknown_encoding", "--big", "1")
    one, two, three = (read_files(tmp_path / name) for name in ("one", "two", "three"))
    assert one == two
    assert one != three
    assert one["dictionary/tags.csv"] == three["dictionary/tags.csv"], "tenants share it"


def test_tables_of_an_earlier_call_are_gone_and_other_tenants_and_files_stay(tmp_path: Path):
    run(tmp_path, "--tenant", "beta")
    run(tmp_path, "--seed", "2", "--bad", "bad_columns")
    before = read_files(tmp_path)
    (tmp_path / "raw/acme/board/mine.csv").write_text("id,body\n")
    run(tmp_path, "--seed", "3", "--tables", "5")
    after = read_files(tmp_path)
    tables = {name for name in after if name.startswith("raw/acme/")}
    known = {table.key for table in read_source(tmp_path).tables.values()}
    assert tables == {*known, "raw/acme/board/mine.csv"}
    assert len(known) == 5
    others = {name: data for name, data in before.items() if name.startswith("raw/beta/")}
    assert len(others) == 12
    assert others.items() <= after.items()
    assert set(read_truth(tmp_path).sources) == {"acme:board", "beta:board"}


def test_two_sources_of_two_tenants_have_different_rows(tmp_path: Path):
    for options in ((), ("--source", "review"), ("--tenant", "b.c")):
        run(tmp_path, *options)
    mentions = [
        sum((table.mentions for table in source.tables.values()), start=Counter[str]())
        for source in read_truth(tmp_path).sources.values()
    ]
    assert len(mentions) == 3
    assert mentions[0] != mentions[1] != mentions[2] != mentions[0]
    assert (tmp_path / "raw/acme/review").is_dir()
    assert next(iter(read_source(tmp_path, "acme:review").tables)) == "review_001"


def test_broken_tables_are_broken_each_in_its_own_way(tmp_path: Path):
    run(tmp_path, "--bad", "unknown_encoding,truncated", "--bad", "bad_columns,empty_file")
    broken = {name: table for name, table in read_source(tmp_path).tables.items() if table.broken}
    data = {name: (tmp_path / table.key).read_bytes() for name, table in broken.items()}
    assert {table.broken for table in broken.values()} == {
        *("unknown_encoding", "truncated", "bad_columns", "empty_file")
    }
    assert {(t.rows, t.good, t.mentions.total()) for t in broken.values()} == {(0, 0, 0)}
    assert data["broken_utf32"].decode("utf-32").startswith("id,created_at,author")
    for encoding in ("utf-8", "cp949"):
        with pytest.raises(UnicodeDecodeError):
            data["broken_random_bytes"].decode(encoding)
    with pytest.raises(EOFError):
        gzip.decompress(data["broken_cut_gz"])
    with pytest.raises(ArrowInvalid):
        pq.read_table(tmp_path / broken["broken_cut_parquet"].key)
    assert data["broken_columns"].startswith(b"key,value,flag")
    assert pq.read_table(tmp_path / broken["broken_columns_parquet"].key).num_rows == 200
    assert data["broken_empty"] == data["broken_empty_gz"] == data["broken_empty_parquet"] == b""
    assert broken["broken_cut_gz"].personal, "a table that fails may be seen in a log"


def test_a_big_table_has_the_size_that_was_asked_for_and_its_rows_are_known(tmp_path: Path):
    run(tmp_path, "--big", "2", "--dirt", "0.05")
    table = read_source(tmp_path).tables["big"]
    assert 2_000_000 <= table.size_bytes < 2_010_000
    counted = recount(tmp_path, table)
    assert counted.rows == table.rows > 5000
    assert dict(counted.bad) == table.bad
    assert counted.months == {month: rows for month, (rows, _) in table.months.items()}
    assert len({personal.raw for personal in table.personal}) > 0.9 * len(table.personal)


def test_real_text_is_dealt_by_movie_and_every_review_is_in_one_table(
    real_data: Path, tmp_path: Path
):
    out = tmp_path / "out"
    assert run(out, "--data", str(real_data), "--tables", "4") == 0
    source = read_source(out)
    assert (source.dataset, source.mentions_known) == ("nsmc", False)
    sizes = [source.tables[f"board_00{n}"].rows for n in (1, 2, 3, 4)]
    assert sizes == [16, 8, 8, 8]
    texts = [text for table in source.tables.values() for _, text in recount(out, table).texts]
    assert sorted(texts) == sorted(f"재밌는 영화 {n} <3 \u2764" for n in range(40))
    months = {month for table in source.tables.values() for month in table.months}
    assert {"2010-01", "2013-09"} <= months
    assert "cp949" not in {table.encoding for table in source.tables.values()}, "no room for ❤"


def test_real_text_is_planted_in_when_asked_for_and_cut_when_less_is_wanted(
    real_data: Path, tmp_path: Path
):
    options = ("--data", str(real_data), "--dataset", "nsmc", "--tables", "2")
    assert run(tmp_path / "a", *options, "--rows", "30", "--dirt", "0.2", "--pii", "0.5") == 0
    source = read_source(tmp_path / "a")
    assert source.rows == 30
    assert sum(table.rows - table.good for table in source.tables.values()) > 0
    assert sum(len(table.personal) for table in source.tables.values()) > 5
    for table in source.tables.values():
        assert dict(recount(tmp_path / "a", table).bad) == table.bad


def test_text_without_ids_comes_with_a_word_on_how_to_read_it(real_data: Path, tmp_path: Path):
    out = tmp_path / "out"
    assert run(out, "--data", str(real_data), "--dataset", "chatbot", "--source", "qna") == 0
    options = json.loads((out / "raw/acme/qna/_columns.json").read_text(encoding="utf-8"))
    assert options == {"columns": {"title": "Q", "body": "A"}, "row_id": "line"}
    assert read_source(out, "acme:qna").rows == 30
    assert run(out, "--data", str(real_data), "--dataset", "nsmc", "--source", "qna") == 0
    assert not (out / "raw/acme/qna/_columns.json").exists()


def test_the_dictionary_of_real_text_is_the_codes_without_names_that_say_nothing(
    real_data: Path, tmp_path: Path
):
    categories = real_data.parent / "products/product_sets"
    categories.mkdir(parents=True)
    tree = [
        {"id": 7, "name": "크림", "parent_id": 1},
        {"id": 5, "name": "에센스/세럼", "parent_id": 1},
        {"id": 1, "name": "스킨케어", "parent_id": None},
        {"id": 9, "name": "기타", "parent_id": 1},
    ]
    (categories / "product_categories_20251209.json").write_text(json.dumps(tree))
    run(tmp_path / "out", "--data", str(real_data))
    rows = [
        (row["tag_id"], row["term"], row["synonyms"], row["parent"])
        for row in read_dictionary(tmp_path / "out")
    ]
    assert rows == [
        ("A00", "콜레라", "", ""),
        ("A00.0", "엘토르 콜레라", "", "A00"),
        ("A00.011", "고열", "", "A00.0"),
        ("category-1", "스킨케어", "", ""),
        ("category-5", "에센스", "세럼", "category-1"),
    ]


def test_a_store_has_one_dictionary(
    real_data: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    out = tmp_path / "out"
    run(out, "--tenant", "beta")
    before = read_files(out)
    assert run(out, "--data", str(real_data)) == 2
    assert "beta:board in this folder go with the dictionary 'invented'" in capsys.readouterr().err
    assert read_files(out) == before
    assert run(out, "--tenant", "beta", "--data", str(real_data)) == 0


def test_what_was_written_is_told_in_a_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(("--out", str(tmp_path), *SMALL, "--bad", "truncated")) == 0
    said = capsys.readouterr()
    assert "14 tables (2 broken), 240 rows (" in said.err
    assert said.out == ""
    run(tmp_path)
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize(
    ("dataset", "missing"),
    [
        ("nsmc", "no nsmc_raw/reviews.jsonl.gz"),
        ("chatbot", "no chatbot_qna/ChatbotData.csv.gz"),
        ("oliveyoung", "no oliveyoung_reviews/"),
    ],
)
def test_missing_data_ends_with_a_message(
    dataset: str, missing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(tmp_path, "--data", str(tmp_path), "--dataset", dataset) == 2
    assert missing in capsys.readouterr().err


@pytest.mark.parametrize(
    "option",
    [
        *("--tables=0", "--rows=-1", "--dirt=2", "--pii=-0.1", "--bad=rotten", "--bad=truncated,x"),
        *("--tenant=a/b", "--tenant=..", "--source=Board", "--big=0", "--dataset=snap"),
        "--dataset=nsmc",
    ],
)
def test_an_impossible_option_is_refused(option: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(("--out", "x", option))
    assert caught.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err


def test_a_folder_that_cannot_be_written_ends_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    (tmp_path / "file").write_text("")
    assert run(tmp_path / "file") == 2
    assert str(tmp_path / "file") in capsys.readouterr().err
