# pyright: standard, reportAttributeAccessIssue=false
import codecs
import io
from collections.abc import Callable

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.tags.convert.columns import TableOptions
from platform_assets.tags.convert.formats import EXTENSIONS, read_rows
from platform_assets.tags.convert.rows import MAX_ROW_CHARACTERS, BadRow, RawRow
from tests.unit.tags.raw_tables import pack, to_parquet

Read = list[RawRow | BadRow]


def read(data: bytes | str, name: str = "notice.csv", options: TableOptions | None = None) -> Read:
    raw = io.BytesIO(data.encode() if isinstance(data, str) else data)
    return list(read_rows(raw, f"raw/acme/board/{name}", options or TableOptions()))


def bodies(rows: Read) -> list[object]:
    return [row.values[4] for row in rows if isinstance(row, RawRow)]


def faults(rows: Read) -> list[tuple[int, str]]:
    return [(row.line, row.kind) for row in rows if isinstance(row, BadRow)]


def refuse(
    data: bytes | str, name: str = "notice.csv", options: TableOptions | None = None
) -> PermanentError:
    with pytest.raises(PermanentError) as caught:
        read(data, name, options)
    assert f"raw/acme/board/{name}" in caught.value.message
    return caught.value


CSV = "id,body\n1,좋아요\n2,정말 좋아요\n3,그저 그래요\n"
LINES = '{"id": 1, "body": "좋아요"}\n{"body": "정말 좋아요", "id": 2}\n{"id": 3, "body": "그저 그래요"}\n'
BODIES = ["좋아요", "정말 좋아요", "그저 그래요"]

TABLES: dict[str, bytes] = {
    "a.csv": CSV.encode(),
    "a.csv.gz": pack(CSV),
    "a.tsv": CSV.replace(",", "\t").encode(),
    "a.tsv.gz": pack(CSV.replace(",", "\t")),
    "a.jsonl": LINES.encode(),
    "a.jsonl.gz": pack(LINES),
    "a.ndjson": LINES.encode(),
    "a.ndjson.gz": pack(LINES),
    "a.parquet": to_parquet({"id": [1, 2, 3], "body": BODIES}),
    "A.CSV": CSV.encode(),
}


@pytest.mark.parametrize("name", TABLES)
def test_every_format_gives_the_same_rows(name: str):
    rows = read(TABLES[name], name)
    assert bodies(rows) == BODIES
    assert [str(row.values[0]) for row in rows if isinstance(row, RawRow)] == ["1", "2", "3"]


def test_every_extension_is_tried_here():
    assert {name.lower().partition(".")[2] for name in TABLES} == set(EXTENSIONS)


@pytest.mark.parametrize(
    "encode",
    [
        str.encode,
        lambda text: codecs.BOM_UTF8 + text.encode(),
        lambda text: text.encode("cp949"),
        lambda text: text.encode("euc-kr"),
    ],
    ids=["utf-8", "utf-8 with a mark", "cp949", "euc-kr"],
)
@pytest.mark.parametrize(("name", "text"), [("a.csv", CSV), ("a.jsonl", LINES), ("a.csv.gz", CSV)])
def test_every_encoding_gives_the_same_rows(encode: Callable[[str], bytes], name: str, text: str):
    data = encode(text)
    assert bodies(read(pack(data) if name.endswith("gz") else data, name)) == BODIES


def test_cp949_is_known_by_syllables_that_euc_kr_lacks_too():
    assert bodies(read("id,body\n1,똠방각하 펲시콜라 좋아요\n".encode("cp949"))) == [
        "똠방각하 펲시콜라 좋아요"
    ]


def test_the_first_block_that_is_not_ascii_decides():
    english = "".join(f"{n},good\n" for n in range(60_000))
    rows = read(f"id,body\n{english}x,좋아요\n".encode("cp949"))
    assert bodies(rows)[-1] == "좋아요"
    assert faults(rows) == []


def test_a_row_in_another_encoding_is_a_dead_letter_with_its_line():
    data = CSV.encode() + "4,다른 글자\n".encode("cp949") + "5,끝\n".encode()
    rows = read(data)
    assert bodies(rows) == [*BODIES, "끝"]
    assert faults(rows) == [(5, "undecodable")]
    bad = next(row for row in rows if isinstance(row, BadRow))
    assert "byte 0xb4 at position 2 of the line is not UTF-8" in bad.message
    assert bad.raw.startswith("4,")


def test_a_wrong_guess_costs_rows_and_no_crash():
    korean = "".join(f"{n},좋아요 정말\n" for n in range(20_000))
    rows = read(f"id,body\n{korean}".encode() + "20000,나쁨\n20001,별로\n".encode("cp949"))
    assert len(bodies(rows)) == 20_000
    assert faults(rows) == [(20_002, "undecodable"), (20_003, "undecodable")]


def test_a_given_encoding_is_not_guessed():
    data = "id,body\n1,abc\n2,나쁨\n".encode("cp949")
    options = TableOptions(encoding="utf-8")
    assert faults(read(data, options=options)) == [(3, "undecodable")]
    assert bodies(read(data, options=TableOptions(encoding="euc-kr"))) == ["abc", "나쁨"]


def test_a_value_over_several_lines_with_a_broken_one_is_one_dead_letter():
    data = b'id,body\n1,"one\n\xff\xfe\nthree"\n2,good\n'
    rows = read(data)
    assert faults(rows) == [(2, "undecodable")]
    assert bodies(rows) == ["good"]


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (CSV.encode("iso2022_kr"), "ISO-2022-KR"),
        (CSV.encode("utf-32"), "UTF-32"),
        (CSV.encode("utf-16-le"), "UTF-16 without a mark"),
        ("id,body\n1,これは日本語です\n2,とても面白い映画\n".encode("shift-jis"), "neither in UTF-8 nor in CP949"),
        ("id,body\n1,déjà vu\n2,très bien\n3,à côté\n".encode("latin-1"), "neither in UTF-8 nor in CP949"),
        (b"id,body\n\x80\x81\x82\n\xf0\xf1\n\xff\xff\n", "neither in UTF-8 nor in CP949"),
        (bytes(range(256)) * 8, "neither in UTF-8 nor in CP949"),
        (b"\x89PNG" + bytes(200), "no text at all"),
    ],
)  # fmt: skip
def test_an_unknown_encoding_is_refused(data: bytes, message: str):
    error = refuse(data)
    assert error.kind == "unknown_encoding"
    assert message in error.message
    assert "UTF-8" in error.message


@pytest.mark.parametrize("name", [name for name in TABLES if name != "a.parquet"])
def test_a_table_of_no_bytes_has_no_rows(name: str):
    assert read(b"", name) == []
    assert read(pack(b"") if name.endswith("gz") else b"", name) == []


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"id,body\n", "a.csv"),
        (b"id,body", "a.csv"),
        (b"\n\n", "a.jsonl"),
        (b"", "a.parquet"),
        (
            to_parquet({"id": pa.array([], pa.int64()), "body": pa.array([], pa.string())}),
            "a.parquet",
        ),
    ],
)
def test_a_table_without_rows_has_none(data: bytes, name: str):
    assert read(data, name) == []


@pytest.mark.parametrize("name", ["a.csv.gz", "a.jsonl.gz", "a.parquet"])
@pytest.mark.parametrize("kept", [0.999, 0.5, 0.1])
def test_a_truncated_file_is_refused(name: str, kept: float):
    text = "id,body\n" if name.endswith("csv.gz") else ""
    row = "{},좋아요{}\n" if name.endswith("csv.gz") else '{{"id": {}, "body": "좋아요{}"}}\n'
    whole = pack(text + "".join(row.format(n, n * 7919) for n in range(5000)))
    if name == "a.parquet":
        whole = to_parquet(
            {"id": list(range(5000)), "body": [f"좋아요{n * 7919}" for n in range(5000)]}
        )
    error = refuse(whole[: int(len(whole) * kept)], name)
    assert error.kind == "truncated"


def test_a_parquet_file_of_which_only_the_mark_is_left_is_truncated():
    assert refuse(b"PAR1", "a.parquet").kind == "truncated"


def damage(data: bytes, start: int, length: int) -> bytes:
    return data[:start] + b"\xaa" * length + data[start + length :]


@pytest.mark.parametrize(
    ("data", "name", "message"),
    [
        (damage(pack(CSV * 100), 40, 20), "a.csv.gz", "damaged"),
        (pack(CSV)[:-8] + bytes(8), "a.csv.gz", "damaged"),
        (CSV, "a.csv.gz", "not packed"),
        (pack(CSV), "a.csv", "packed with gzip"),
        (b"PK\x03\x04xl/worksheets", "a.csv", "ZIP or Excel"),
        (TABLES["a.parquet"], "a.csv", "a Parquet file"),
        (CSV, "a.parquet", "no Parquet file"),
        (damage(to_parquet({"id": list(range(9000)), "body": ["x"] * 9000}), 2000, 9000), "a.parquet", "cannot be"),
        (to_parquet({"id": [1], "body": [["a", "b"]]}), "a.parquet", "list"),
        (CSV, "a.jsonl", "something else and not JSON Lines"),
        ("[1, 2]", "a.jsonl", "one JSON list"),
        (CSV, "a.txt", "no extension that is known"),
        (CSV, "csv", "no extension that is known"),
        ('id,"body\n1,x\n', "a.csv", "no header"),
        (pack(CSV) + b"and more", "a.csv.gz", "behind the end of its gzip stream"),
    ],
)  # fmt: skip
def test_a_file_in_another_format_is_refused(data: bytes | str, name: str, message: str):
    error = refuse(data, name)
    assert error.kind == "bad_format"
    assert message in error.message


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_other_columns_are_refused(name: str):
    tables = {
        "a.csv": b"Q,A,label\n1,2,3\n",
        "a.jsonl": b'{"Q": 1, "A": 2, "label": 3}\n',
        "a.parquet": to_parquet({"Q": [1], "A": [2], "label": [3]}),
    }
    error = refuse(tables[name], name)
    assert error.kind == "bad_columns"
    assert all(column in error.message for column in ("'A'", "'Q'", "'label'"))


def test_a_failing_store_is_no_damaged_file():
    class Away(io.BytesIO):
        def read(self, size: int | None = -1, /) -> bytes:
            if self.tell() > 4:
                raise TransientError("the store does not answer", kind="store_unavailable")
            return super().read(size)

    for name in ("a.csv", "a.csv.gz", "a.parquet"):
        away = Away(TABLES[name] * (1 if name == "a.parquet" else 100_000))
        with pytest.raises(TransientError, match="does not answer"):
            list(read_rows(away, name, TableOptions()))


# CSV


def test_quoted_values_hold_delimiters_quotes_and_line_ends():
    rows = read('id,title,body\r\n1,"a, ""b""","one\r\ntwo\n\nthree"\r\n2,x,"y"\r\n')
    assert [row.values[3:] for row in rows if isinstance(row, RawRow)] == [
        ('a, "b"', "one\r\ntwo\n\nthree"), ("x", "y")
    ]  # fmt: skip
    assert [row.line for row in rows] == [2, 6]


def test_a_quote_inside_an_unquoted_value_stays():
    assert bodies(read('id,body\n1,a "b" c\n')) == ['a "b" c']


def test_other_line_ends_are_part_of_the_value():
    assert bodies(read("id,body\n1,가\u2028나\x85다\x0b라\n2,끝\n")) == [
        "가\u2028나\x85다\x0b라",
        "끝",
    ]


def test_the_delimiter_can_be_given():
    options = TableOptions(delimiter=";")
    assert bodies(read("id;body\n1;a,b\n", options=options)) == ["a,b"]


def test_another_delimiter_shows_in_the_columns():
    assert "'id;body'" in refuse("id;body\n1;a\n").message


def test_blank_lines_are_no_rows():
    rows = read("id,body\n\n1,a\n\n\n2,b\n\n")
    assert bodies(rows) == ["a", "b"]
    assert faults(rows) == []


@pytest.mark.parametrize(
    "bad", ["2", "2,x,y", '2,"x', '2,"x"y', '2,"x" ,y', "2,x\ry"], ids=repr
)  # fmt: skip
def test_a_row_that_cannot_be_read_costs_itself_only(bad: str):
    rows = read(f"id,body\n1,a\n{bad}\n3,c\n4,d\n")
    assert bodies(rows) == ["a", "c", "d"]
    assert faults(rows) == [(3, "bad_row")]
    assert next(row.raw for row in rows if isinstance(row, BadRow)) == f"{bad}\n"


def test_a_quote_that_is_never_closed_loses_no_row_after_it():
    rest = "".join(f'{n},"둘째\n줄 {n}"\n' for n in range(2, 5000))
    rows = read(f'id,body\n1,"열린 따옴표\n{rest}')
    assert faults(rows) == [(2, "bad_row")]
    assert len(bodies(rows)) == 4998
    plain = "".join(f"{n},본문\n" for n in range(2, 200_000))
    rows = read(f'id,body\n1,"열린 따옴표\n{plain}')
    assert faults(rows) == [(2, "row_too_long")]
    assert len(bodies(rows)) == 199_998


def test_a_line_that_is_too_long_is_a_dead_letter():
    rows = read(f"id,body\n1,a\n2,{'x' * 6_000_000}\n3,c\n")
    assert faults(rows) == [(3, "row_too_long")]
    assert bodies(rows) == ["a", "c"]
    assert max(len(row.raw) for row in rows) < 20_000


def test_a_row_just_short_enough_is_read():
    body = "x" * (MAX_ROW_CHARACTERS - 10)
    assert bodies(read(f"id,body\n1,{body}\n")) == [body]


value = st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\ufeff"), max_size=12)


@given(st.lists(st.tuples(value, value), max_size=20), st.sampled_from([",", "\t", ";"]))
def test_any_values_come_back_as_they_were_written(rows: list[tuple[str, str]], delimiter: str):
    def quote(text: str) -> str:
        return '"' + text.replace('"', '""') + '"'

    lines = [f"{quote(title)}{delimiter}{quote(body)}\r\n" for title, body in rows]
    data = f"title{delimiter}body\r\n{''.join(lines)}".encode()
    options = TableOptions(delimiter=delimiter, encoding="utf-8", row_id="line")
    back = [row.values[3:] for row in read(data, options=options) if isinstance(row, RawRow)]
    assert back == rows


@given(st.binary(max_size=300), st.sampled_from(["csv", "tsv", "jsonl", "parquet", "csv.gz"]))
def test_no_bytes_crash_a_reader(data: bytes, extension: str):
    start = {
        "csv": b"id,body\n",
        "tsv": b"id\tbody\n",
        "jsonl": b'{"id": 1, "body": "x"}\n',
        "parquet": b"PAR1",
    }
    kind = ""
    rows: Read = []
    try:
        rows = read(start.get(extension, b"") + data, f"a.{extension}")
    except PermanentError as error:
        kind = error.kind
    assert kind in {"", "bad_format", "unknown_encoding", "truncated", "bad_columns"}
    assert all(row.line > 0 for row in rows)


# JSON Lines


@pytest.mark.parametrize(
    ("bad", "kind"),
    [
        ("{'id': 2}", "bad_json"),
        ('{"id": 2, "body": "x"', "bad_json"),
        ("[2]", "bad_json"),
        ("2", "bad_json"),
        ('{"a":' * 100_000, "bad_json"),
        ('{"id": %s}' % ("9" * 5000), "bad_json"),
        ('{"body": "%s"}' % ("x" * 1_100_000), "row_too_long"),
    ],
    ids=["quotes", "cut", "list", "number", "deep", "digits", "long"],
)  # fmt: skip
def test_a_line_that_is_no_object_is_a_dead_letter(bad: str, kind: str):
    rows = read(f'{{"id": 1, "body": "a"}}\n{bad}\n\n{{"id": 3, "body": "c"}}\n', "a.jsonl")
    assert faults(rows) == [(2, kind)]
    assert bodies(rows) == ["a", "c"]
    assert rows[-1].line == 4


def test_keys_may_be_missing_and_have_other_names_in_other_rows():
    rows = read(
        '{"id": 1}\n{"id": 2, "title": "t"}\n{"review_id": 3, "review": "r", "id": null}\n',
        "a.jsonl",
    )
    assert [row.values[3:] for row in rows if isinstance(row, RawRow)] == [
        (None, None), ("t", None), (None, "r")
    ]  # fmt: skip


def test_halves_of_characters_are_replaced():
    rows = read(r'{"id": 1, "body": "\ud83d\ude00 cut \ud83d"}', "a.jsonl")
    assert bodies(rows) == ["😀 cut \ufffd"]


# Parquet


def test_parquet_values_of_every_readable_type():
    moment = pa.array([1_705_281_072_000_000], pa.timestamp("us"))
    table = {
        "id": pa.array([1], pa.uint32()),
        "created_at": moment,
        "author": pa.array(["kim"]).dictionary_encode(),
        "title": pa.array([b"\xec\xa0\x9c\xeb\xaa\xa9"], pa.binary()),
        "body": pa.array(["본문"], pa.large_string()),
        "other": pa.array([[1]], pa.list_(pa.int64())),
    }
    (row,) = read(to_parquet(table), "a.parquet")
    assert isinstance(row, RawRow)
    assert row.values == (1, moment[0].as_py(), "kim", "제목", "본문")
    assert row.line == 1


@pytest.mark.parametrize("unit", ["s", "ms", "us", "ns"])
@pytest.mark.parametrize("zone", [None, "Asia/Seoul"])
def test_parquet_times_of_any_unit_and_zone(unit: str, zone: str | None):
    seconds = pa.array([1_705_281_072, None]).cast(pa.timestamp("s", tz=zone))
    rows = read(
        to_parquet(
            {"id": [1, 2], "body": ["a", "b"], "date": seconds.cast(pa.timestamp(unit, tz=zone))}
        ),
        "a.parquet",
    )
    times = [row.values[1] for row in rows if isinstance(row, RawRow)]
    assert str(times[0]) == "2024-01-15 01:11:12" + ("" if zone is None else "+00:00")
    assert times[1] is None


def test_a_parquet_time_that_no_calendar_has_is_text():
    far = pa.array([2**62], pa.timestamp("us"))
    (row,) = read(to_parquet({"id": [1], "body": ["a"], "date": far}), "a.parquet")
    assert isinstance(row, RawRow)
    assert row.values[1] == f"{2**62} microseconds since 1970"


def test_parquet_text_that_is_not_utf_8_is_a_dead_letter():
    column = pa.array([b"a", b"\xff\xfe", b"c"], pa.binary())
    for body in (column, pa.Array.from_buffers(pa.string(), 3, column.buffers())):
        rows = read(to_parquet({"id": [1, 2, 3], "body": body}), "a.parquet")
        assert bodies(rows) == ["a", "c"]
        assert faults(rows) == [(2, "undecodable")]


def test_parquet_rows_are_numbered_over_row_groups():
    data = to_parquet({"id": list(range(5000)), "body": ["x"] * 5000}, row_group_size=700)
    assert [row.line for row in read(data, "a.parquet")] == list(range(1, 5001))


def test_a_parquet_value_that_is_too_long_is_a_dead_letter():
    rows = read(
        to_parquet({"id": [1, 2], "body": ["x" * (MAX_ROW_CHARACTERS + 1), "y"]}), "a.parquet"
    )
    assert faults(rows) == [(1, "row_too_long")]
    assert bodies(rows) == ["y"]
