import csv
import gzip
import io
import json
from pathlib import Path

import pytest

from sandbox.tags.layouts import Column, Layout
from sandbox.tags.rows import BAD_BYTE, BadKind, Row
from sandbox.tags.text_tables import TextTable

COLUMNS = (
    Column("views", "extra", numeric=True),
    Column("no", "row_id", numeric=True),
    Column("제목", "title"),
    Column("likes", "extra", numeric=True),
    Column("text", "body"),
)


def make_row(number: int, body: str, bad: BadKind | None = None) -> Row:
    return Row(number, title=["제목", "하나"], body=body.split(" "), extra=(7, 8), bad=bad)


def write(path: Path, layout: Layout, rows: list[Row]) -> tuple[bytes, list[int]]:
    table = TextTable(path, layout)
    lines = [table.write(row) for row in rows]
    table.close()
    return path.read_bytes(), lines


@pytest.mark.parametrize("quotes_all", [False, True])
@pytest.mark.parametrize(("extension", "delimiter"), [("csv", ","), ("tsv", "\t")])
def test_values_come_back_whatever_is_in_them(
    extension: str, delimiter: str, tmp_path: Path, *, quotes_all: bool
):
    bodies = ["plain", 'with "quotes", and\ta tab', "two\r\nlines", "\n\n", ""]
    layout = Layout(extension, "utf-8", COLUMNS, line_end="\r\n", quotes_all=quotes_all)
    data, lines = write(tmp_path / "t", layout, [make_row(n, b) for n, b in enumerate(bodies)])
    rows = list(csv.reader(io.StringIO(data.decode(), newline=""), delimiter=delimiter))
    assert rows[0] == ["views", "no", "제목", "likes", "text"]
    assert rows[1:] == [["7", str(n), "제목 하나", "8", body] for n, body in enumerate(bodies)]
    assert lines == [2, 3, 4, 6, 9]


def test_json_lines_hold_numbers_and_texts(tmp_path: Path):
    layout = Layout("jsonl", "utf-8-sig", COLUMNS)
    data, lines = write(tmp_path / "t", layout, [make_row(1, "a\nb"), make_row(2, "\u2028")])
    rows = [json.loads(line) for line in data.decode("utf-8-sig").split("\n")[:-1]]
    assert rows[0] == {"views": 7, "no": 1, "제목": "제목 하나", "likes": 8, "text": "a\nb"}
    assert rows[1]["text"] == "\u2028"
    assert lines == [1, 2]


def test_cp949_is_written_without_a_mark(tmp_path: Path):
    data, _ = write(tmp_path / "t", Layout("csv", "cp949", COLUMNS), [make_row(1, "똠방각하")])
    assert "똠방각하" in data.decode("cp949")
    with pytest.raises(UnicodeDecodeError):
        data.decode("utf-8")


def test_packed_tables_have_no_time_and_no_name_in_them(tmp_path: Path):
    layout = Layout("csv.gz", "utf-8", COLUMNS)
    one, _ = write(tmp_path / "one", layout, [make_row(1, "a")])
    two, _ = write(tmp_path / "two", layout, [make_row(1, "a")])
    assert one == two
    assert one[3] == 0, "no name"
    assert one[4:8] == bytes(4), "no time"
    assert gzip.decompress(one).decode().endswith("7,1,제목 하나,8,a\n")


def test_a_row_with_bad_bytes_is_in_no_encoding_and_its_line_is(tmp_path: Path):
    for extension, encoding in (("csv", "utf-8"), ("jsonl", "cp949")):
        rows = [make_row(1, f"a {BAD_BYTE} b", BadKind.BAD_BYTES), make_row(2, "c")]
        data, _ = write(tmp_path / "t", Layout(extension, encoding, COLUMNS), rows)
        with pytest.raises(UnicodeDecodeError):
            data.decode(encoding)
        assert data.count(b"\xff") == 1
        assert data.decode(encoding, "replace").count("\n") == 2 + (extension == "csv")


def test_a_row_with_another_number_of_values_has_one_too_many_or_too_few(tmp_path: Path):
    rows = [make_row(1, "a", BadKind.FIELD_COUNT), make_row(2, "a b", BadKind.FIELD_COUNT)]
    data, _ = write(tmp_path / "t", Layout("csv", "utf-8", COLUMNS), rows)
    assert [len(row) for row in csv.reader(io.StringIO(data.decode()))] == [5, 4, 6]


def test_broken_json_is_no_object_in_four_ways(tmp_path: Path):
    rows = [make_row(n, " ".join("abcd"[: n + 1]), BadKind.BAD_JSON) for n in range(4)]
    data, _ = write(tmp_path / "t", Layout("jsonl", "utf-8", COLUMNS), rows)
    found: list[str] = []
    for line in data.decode().splitlines():
        try:
            found.append(type(json.loads(line)).__name__)
        except ValueError:
            found.append("none")
    assert sorted(found) == ["list", "none", "none", "none"]


def test_a_missing_id_is_null_or_not_there_at_all(tmp_path: Path):
    rows = [Row(None, body=body, extra=(1, 2), bad=BadKind.MISSING_ID) for body in ([], ["a"])]
    data, _ = write(tmp_path / "t", Layout("jsonl", "utf-8", COLUMNS), rows)
    null, absent = (json.loads(line) for line in data.decode().splitlines())
    assert null["no"] is None
    assert "no" not in absent
