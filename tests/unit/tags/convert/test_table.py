# pyright: standard, reportAttributeAccessIssue=false
# ruff: noqa: RUF001 - digits of full width are what is tested
import json
from datetime import UTC, datetime
from hashlib import blake2b
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError, RefusedError
from platform_assets.tags.convert.columns import TableOptions
from platform_assets.tags.convert.table import TablePlace
from platform_assets.tags.table.schemas import CONVERTED, DEAD_LETTERS
from tests.unit.tags.raw_tables import PLACE, convert, pack, to_parquet

CSV = """id,date,author,title,body
1,2024-01-15 10:00,kim,첫째,"<p>좋아요
정말</p>"
2,24.01.16,lee,둘째,그저 그래요
3,,,,
"""


def test_a_table_is_converted(tmp_path: Path):
    done = convert(tmp_path, CSV)
    assert done.letters == []
    assert done.rows[0] == {
        "tenant_id": "acme",
        "source": "board",
        "table_id": "notice",
        "row_id": "1",
        "created_at": datetime(2024, 1, 15, 1, tzinfo=UTC),
        "author_hash": blake2b(b"kim", key=b"acme").hexdigest()[:16],
        "title": "첫째",
        "body": "<p>좋아요\n정말</p>",
    }
    assert done.column("row_id") == ["1", "2", "3"]
    assert done.rows[2]["created_at"] is None
    assert done.rows[2]["author_hash"] is None
    assert (done.rows[2]["title"], done.rows[2]["body"]) == ("", "")


@pytest.mark.parametrize("data", ["", "id,body\n"])
def test_a_table_without_rows_gives_files_without_rows(tmp_path: Path, data: str):
    done = convert(tmp_path, data)
    assert (done.result.rows, done.result.dead_letters) == (0, 0)
    assert pq.read_schema(done.out) == CONVERTED
    assert pq.read_schema(done.letters_out) == DEAD_LETTERS


def test_columns_that_a_table_does_not_have_are_empty(tmp_path: Path):
    (row,) = convert(tmp_path, "id,title\n1,제목만\n").rows
    assert (row["title"], row["body"], row["created_at"], row["author_hash"]) == (
        "제목만",
        "",
        None,
        None,
    )


def test_the_same_author_has_another_hash_at_another_tenant(tmp_path: Path):
    data = "id,author,body\n1,kim,a\n2, kim ,b\n3,lee,c\n"
    ours = convert(tmp_path, data).column("author_hash")
    theirs = convert(tmp_path, data, place=TablePlace("other", "board", "notice")).column(
        "author_hash"
    )
    assert ours[0] == ours[1] != ours[2]
    assert not set(ours) & set(theirs)
    long = convert(tmp_path, data, place=TablePlace("t" * 100, "board", "notice")).column(
        "author_hash"
    )
    assert len(set(long)) == 2


BAD_ROWS = {
    "missing_row_id": ",2024-01-15,x,없는 번호",
    "repeated_row_id": "1,2024-01-15,x,같은 번호",
    "bad_row": "5,2024-01-15,x",
    "bad_row_id": f"{'5' * 201},2024-01-15,x,긴 번호",
}  # fmt: skip


@pytest.mark.parametrize(("kind", "bad"), BAD_ROWS.items(), ids=BAD_ROWS)
def test_a_row_that_cannot_be_read_is_a_dead_letter_and_the_others_stay(
    tmp_path: Path, kind: str, bad: str
):
    done = convert(
        tmp_path, f"id,date,author,body\n1,2024-01-15,a,하나\n{bad}\n3,2024-01-15,b,셋\n"
    )
    assert done.column("row_id") == ["1", "3"]
    (letter,) = done.letters
    assert letter == {
        "table_id": "notice",
        "file": "raw/acme/board/notice.csv",
        "line": 3,
        "kind": kind,
        "message": letter["message"],
        "raw": bad,
    }
    assert letter["message"]


def test_the_first_row_of_an_id_stays_unless_it_is_a_dead_letter_itself(tmp_path: Path):
    done = convert(tmp_path, "id,date,body\n7,나쁨\n7,2024-01-15,좋음\n7,2024-01-16,또\n")
    assert done.column("body") == ["좋음"]
    assert done.faults() == [(2, "bad_row"), (4, "repeated_row_id")]


def test_rows_are_numbered_by_the_line_that_they_begin_on(tmp_path: Path):
    data = 'Q,A\n"첫\n째",하나\n둘째,둘\n'
    options = TableOptions(columns={"title": "Q", "body": "A"}, row_id="line")
    assert convert(tmp_path, data, options=options).column("row_id") == ["2", "4"]
    lines = '{"Q": "a", "A": "b"}\n\n{"Q": "c", "A": "d"}\n'
    assert convert(tmp_path, lines, "a.jsonl", options).column("row_id") == ["1", "3"]
    table = to_parquet({"Q": ["a", "b"], "A": ["c", "d"]})
    assert convert(tmp_path, table, "a.parquet", options).column("row_id") == ["1", "2"]


@pytest.mark.parametrize(
    ("value", "row_id"),
    [("7", "7"), ("7.0", "7"), ("123456789012345678901", "123456789012345678901"),
     ('" 가-7 "', "가-7"), ("7.5", "7.5")],
)  # fmt: skip
def test_ids_are_text(tmp_path: Path, value: str, row_id: str):
    done = convert(tmp_path, f'{{"id": {value}, "body": "x"}}', "a.jsonl")
    assert done.column("row_id") == [row_id]


@pytest.mark.parametrize("value", ["true", "[1]", '{"a": 1}'])
@pytest.mark.parametrize("field", ["id", "author", "title", "body"])
def test_a_value_that_is_no_text_is_a_dead_letter(tmp_path: Path, field: str, value: str):
    row = {"id": 1, "author": "kim", "title": "t", "body": "b", field: json.loads(value)}
    done = convert(tmp_path, json.dumps(row), "a.jsonl")
    assert done.faults() == [(1, "bad_value")]


def test_a_missing_id_in_json_is_null_nan_or_no_key(tmp_path: Path):
    lines = (
        '{"id": 1, "body": "a"}',
        '{"id": null, "body": "b"}',
        '{"id": NaN, "body": "c"}',
        '{"body": "d"}',
    )
    done = convert(tmp_path, "\n".join(lines) + '\n{"id": " ", "body": "e"}', "a.jsonl")
    assert done.column("row_id") == ["1"]
    assert done.faults() == [(line, "missing_row_id") for line in (2, 3, 4, 5)]


def test_a_table_that_cannot_be_read_leaves_no_files(tmp_path: Path):
    rows = "".join(f"{n},본문 {n}\n" for n in range(20_000))
    whole = pack(f"id,body\n{rows}")
    with pytest.raises(PermanentError, match="gzip"):
        convert(tmp_path, whole[: len(whole) - 20], "a.csv.gz")
    assert list(tmp_path.iterdir()) == []


def test_no_room_for_the_files_is_refused(tmp_path: Path):
    with pytest.raises(RefusedError, match="TMPDIR") as caught:
        convert(tmp_path / "missing", CSV)
    assert caught.value.kind == "temporary_folder"


def test_the_same_table_gives_the_same_bytes(tmp_path: Path):
    data = "id,body\n" + "".join(f"{n % 9000},본문 {n}\n" for n in range(20_000))
    first = convert(tmp_path, data)
    before = (first.out.read_bytes(), first.letters_out.read_bytes())
    again = convert(tmp_path, data)
    assert (again.out.read_bytes(), again.letters_out.read_bytes()) == before
    assert (first.result.rows, first.result.dead_letters) == (9000, 11_000)


def test_row_groups_end_by_rows_or_by_bytes(tmp_path: Path):
    done = convert(tmp_path, "id,body\n" + "".join(f"{n},x\n" for n in range(20_000)))
    table = pq.ParquetFile(done.out)
    assert [table.metadata.row_group(n).num_rows for n in range(3)] == [8192, 8192, 3616]
    long = "가" * 100_000
    done = convert(tmp_path, "id,body\n" + "".join(f"{n},{long}\n" for n in range(150)))
    table = pq.ParquetFile(done.out)
    assert table.num_row_groups > 2


PERSONAL = (
    "010-1234-5678",
    "kim@example.com",
    "900101-1234567",
    "０１０－１２３４－５６７８",
    "01012345678",
)
SECRETS = ("1234", "5678", "example", "900101", "１２３４")


def assert_masked(text: str) -> None:
    assert not [secret for secret in SECRETS if secret in text]


@pytest.mark.parametrize("personal", PERSONAL)
def test_personal_data_is_in_no_output(tmp_path: Path, personal: str):
    good = f"1,2024-01-15,{personal},제목 {personal},본문 {personal} <b>{personal}</b>"
    bad = f"2,{personal},{personal},제목 {personal},본문 {personal}"
    short = f"3,{personal}"
    done = convert(
        tmp_path, f"id,date,author,title,body\n{good}\n{bad}\n{short}\n1,,,,{personal}\n"
    )
    assert done.column("row_id") == ["1", "2"]
    assert [kind for _, kind in done.faults()] == ["bad_row", "repeated_row_id"]
    assert_masked(str(done.rows))
    assert_masked(str(done.letters))
    stars = "*" * len(personal)
    assert done.rows[0]["body"] == f"본문 {stars} <b>{stars}</b>"
    assert done.rows[0]["title"] == f"제목 {stars}"


def test_personal_data_that_markup_or_json_hides_is_in_no_output(tmp_path: Path):
    row = {"id": 1, "date": "어제", "body": "010-<b>1234</b>-5678 kim&#64;example&#46;com"}
    good = json.dumps({**row, "id": 2, "date": ""})
    escaped = good.replace("010-", r"\u0030\u0031\u0030-").replace("kim", r"k\u0069m")
    lines = [good, json.dumps(row), escaped.replace("2,", "3,")[:-1], escaped.replace("}", "]")]
    done = convert(tmp_path, "\n".join(lines), "a.jsonl")
    assert done.column("created_at") == [None, None]
    assert done.result.unread_dates == 1
    assert [kind for _, kind in done.faults()] == ["bad_json", "bad_json"]
    assert_masked(str(done.rows))
    assert_masked(str(done.letters))
    assert len(done.rows[0]["body"]) == len(row["body"])


def test_personal_data_in_a_row_that_does_not_decode_is_masked(tmp_path: Path):
    done = convert(tmp_path, b"id,body\n1,good\n2,010-1234\xff-5678 \xfe kim@example.com\n")
    assert done.faults() == [(3, "undecodable")]
    assert_masked(str(done.letters))


def test_an_address_as_an_id_is_replaced_by_the_same_hash_each_time(tmp_path: Path):
    data = "id,body\nkim@example.com,a\nlee@example.com,b\nkim@example.com,c\n01012345678,d\n"
    done = convert(tmp_path, data)
    assert done.column("row_id")[2] == "01012345678"
    assert all(row_id.startswith("masked-") for row_id in done.column("row_id")[:2])
    assert done.faults() == [(4, "repeated_row_id")]
    assert "example" not in str(done.rows) + str(done.letters)


def test_a_dead_letter_keeps_the_beginning_of_a_long_row(tmp_path: Path):
    long = "가나다라 " * 1000
    done = convert(tmp_path, f"id,body\n1,x,{long}\n")
    assert done.letters[0]["raw"] == f"1,x,{long}"[:2000]
    at_the_cut = "가" * 1985 + " 010-1234-5678"
    done = convert(tmp_path, f"id,body\n1,x,{at_the_cut}\n")
    assert_masked(done.letters[0]["raw"])
    assert len(done.letters[0]["raw"]) <= 2000


field = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@given(
    st.lists(st.tuples(st.integers(1, 9), field, field), max_size=30),
    st.sampled_from(["utf-8", "cp949"]),
)
def test_every_row_is_in_one_of_the_two_outputs(
    tmp_path_factory: pytest.TempPathFactory, rows: list[tuple[int, str, str]], encoding: str
):
    lines = [
        json.dumps({"id": row_id, "title": title, "date": date}, ensure_ascii=False)
        for row_id, title, date in rows
    ]
    data = "\n".join(line.replace("\n", " ") for line in lines).encode(encoding, "replace")
    options = TableOptions(encoding=encoding)
    done = convert(tmp_path_factory.mktemp("any"), data, "a.jsonl", options)
    assert done.result.rows + done.result.dead_letters == len(rows)
    assert len(set(done.column("row_id"))) == done.result.rows
    assert PLACE.table_id in {*done.column("table_id"), PLACE.table_id}
