# pyright: standard, reportAttributeAccessIssue=false
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from platform_assets.core.errors import RefusedError
from platform_assets.tags.prep.origins import locate
from platform_assets.tags.prep.table import PrepResult, prepare_table, prepare_text
from platform_assets.tags.prep.tokens import PlainTokenizer, Token, load_tokenizer
from platform_assets.tags.table.schemas import PREPARED
from tests.unit.tags.raw_tables import convert

CSV = """id,date,title,body
1,2024-01-15,<b>첫째</b> 제목!,"<p>비브리오&nbsp;<b>콜레라</b>입니다.</p><p>정말 좋아요 😀</p>"
2,,,그저 그래요
3,2024-01-16,,
"""


def prepare(folder: Path, data: str | bytes, name: str = "notice.csv") -> list[dict[str, Any]]:
    converted = convert(folder, data, name)
    out = folder / "prepared.parquet"
    result = prepare_table(converted.out, out, load_tokenizer("plain"))
    rows = pq.read_table(out).to_pylist()
    assert pq.read_schema(out) == PREPARED
    assert result == PrepResult(len(rows))
    kept = ("tenant_id", "source", "table_id", "row_id", "created_at")
    assert [[row[name] for name in kept] for row in rows] == [
        [row[name] for name in kept] for row in converted.rows
    ]
    return rows


def test_a_row_is_cleaned_and_cut_into_sentences_and_tokens(tmp_path: Path):
    first, second, third = prepare(tmp_path, CSV)
    assert first["title"] == "첫째 제목!"
    assert first["body"] == "비브리오 콜레라입니다.\n정말 좋아요 😀"
    assert first["sentences"] == [
        {"field": "title", "start": 0, "end": 6},
        {"field": "body", "start": 0, "end": 12},
        {"field": "body", "start": 13, "end": 21},
    ]
    assert [(token["field"], token["form"]) for token in first["tokens"]] == [
        ("title", "첫째"), ("title", "제목"), ("body", "비브리오"), ("body", "콜레라입니다"),
        ("body", "정말"), ("body", "좋아요"), ("body", "😀"),
    ]  # fmt: skip
    assert all(
        first[token["field"]][token["start"] : token["end"]] == token["form"]
        for token in first["tokens"]
    )
    assert {token["pos"] for token in first["tokens"]} == {""}
    assert (second["title_origin"], second["body_origin"]) == ([], [])
    assert (third["title"], third["body"], third["sentences"], third["tokens"]) == ("", "", [], [])


def test_what_was_found_leads_back_to_the_converted_text(tmp_path: Path):
    (row, *_) = prepare(tmp_path, CSV)
    (raw, *_) = convert(tmp_path, CSV).rows
    start = row["body"].index("콜레라")
    first, last = locate(row["body_origin"], len(row["body"]), start, start + 3)
    assert raw["body"][first:last] == "콜레라"
    first, last = locate(row["title_origin"], len(row["title"]), 0, 2)
    assert raw["title"][first:last] == "첫째"


def test_an_empty_table_stays_empty(tmp_path: Path):
    assert prepare(tmp_path, "id,body\n") == []


def test_personal_data_is_masked_even_if_it_was_not_when_converted():
    text, origin = prepare_text("<p>010-<b>1234</b>-5678 입니다</p>")
    assert text == f"{'*' * 13} 입니다"
    assert locate(origin, len(text), 0, 13) == (3, 23)


def test_the_same_table_gives_the_same_bytes(tmp_path: Path):
    data = "id,body\n" + "".join(f"{n},<p>본문 {n}</p> 좋아요.\n" for n in range(9000))
    converted = convert(tmp_path, data).out
    outs = [tmp_path / "one", tmp_path / "two"]
    for out in outs:
        prepare_table(converted, out, load_tokenizer("plain"))
    assert outs[0].read_bytes() == outs[1].read_bytes()
    assert pq.ParquetFile(outs[0]).num_row_groups == 2


def test_long_texts_are_taken_fewer_at_a_time(tmp_path: Path):
    class Counting(PlainTokenizer):
        characters = 0

        def tokenize(self, text: str) -> list[Token]:
            self.characters += len(text)
            return list(super().tokenize(text))

    data = "id,body\n" + "".join(f"{n},{'좋은 영화 ' * 10_000}\n" for n in range(40))
    converted = convert(tmp_path, data)
    tokenizer = Counting()
    out = tmp_path / "prepared.parquet"
    prepare_table(converted.out, out, tokenizer)
    table = pq.ParquetFile(out)
    most = max(table.metadata.row_group(n).num_rows for n in range(table.num_row_groups))
    assert table.metadata.num_rows == 40
    assert tokenizer.characters == 40 * 59_999
    assert most < 40


def test_an_error_leaves_no_file(tmp_path: Path):
    class Broken(PlainTokenizer):
        def tokenize(self, text: str) -> list[Token]:
            raise RuntimeError("out of order")

    converted = convert(tmp_path, CSV).out
    out = tmp_path / "prepared.parquet"
    with pytest.raises(RuntimeError, match="out of order"):
        prepare_table(converted, out, Broken())
    assert not out.exists()


def test_no_room_for_the_file_is_refused(tmp_path: Path):
    converted = convert(tmp_path, CSV).out
    with pytest.raises(RefusedError, match="TMPDIR"):
        prepare_table(converted, tmp_path / "missing" / "out", load_tokenizer("plain"))


def test_kiwi_gives_parts_of_speech(tmp_path: Path):
    pytest.importorskip("kiwipiepy", reason="the extra `korean` is not installed")
    converted = convert(tmp_path, CSV).out
    out = tmp_path / "prepared.parquet"
    prepare_table(converted, out, load_tokenizer("kiwi"))
    (row, *_) = pq.read_table(out).to_pylist()
    assert ("콜레라", "NNG") in [(token["form"], token["pos"]) for token in row["tokens"]]
