import json

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.tags.convert.columns import (
    TableOptions,
    check_columns,
    find_columns,
    read_options,
)

KEY = "raw/acme/board/notice.csv"


@pytest.mark.parametrize(
    ("names", "columns"),
    [
        (["row_id", "created_at", "author", "title", "body"], ("row_id", "created_at", "author", "title", "body")),
        (["review", "date", "rating", "author", "review_id", "movie_id"],
         ("review_id", "date", "author", None, "review")),
        (["post_id", "subject", "content", "writer", "reg_date"],
         ("post_id", "reg_date", "writer", "subject", "content")),
        (["no", "user", "text"], ("no", None, "user", None, "text")),
        (["ID", " Body "], ("ID", None, None, None, " Body ")),
        (["번호", "제목", "내용", "작성자", "작성일"], ("번호", "작성일", "작성자", "제목", "내용")),
    ],
)  # fmt: skip
def test_columns_are_found_by_their_common_names(names: list[str], columns: tuple[str | None, ...]):
    assert check_columns(names, TableOptions(), KEY) == columns


def test_of_several_known_names_the_first_counts_whatever_their_order():
    names = ["text", "review", "content", "id", "row_id"]
    assert find_columns(names, TableOptions()) == ("row_id", None, None, None, "content")


def test_what_the_options_name_wins():
    options = TableOptions(columns={"body": "memo", "title": "body"})
    names = ["id", "body", "memo"]
    assert check_columns(names, options, KEY) == ("id", None, None, "body", "memo")


def test_rows_numbered_by_line_need_no_ids():
    options = TableOptions(row_id="line")
    assert check_columns(["id", "title"], options, KEY) == (None, None, None, "title", None)


@pytest.mark.parametrize(
    ("names", "options", "message"),
    [
        (["a", "body"], TableOptions(), "no column for row_id"),
        (["id", "a"], TableOptions(), "no column for title or body"),
        (["id", "body"], TableOptions(columns={"title": "headline"}),
         "no column 'headline', which `columns` names for title"),
        (["id", "body", "body"], TableOptions(), "several columns 'body', the one for body"),
        ([], TableOptions(), "no column for row_id"),
    ],
)  # fmt: skip
def test_other_columns_are_refused_with_those_found_and_what_can_be_set(
    names: list[str], options: TableOptions, message: str
):
    with pytest.raises(PermanentError, match=message) as caught:
        check_columns(names, options, KEY)
    assert caught.value.kind == "bad_columns"
    assert all(repr(name) in caught.value.message for name in names)
    assert "raw/acme/board/notice._columns.json" in caught.value.message
    assert '{"columns": {"row_id": "number", "body": "review"}}' in caught.value.message


def test_a_table_without_a_header_is_refused_without_showing_personal_data():
    with pytest.raises(PermanentError) as caught:
        check_columns(["1", "010-1234-5678", "kim@example.com"], TableOptions(), KEY)
    assert "1234" not in caught.value.message
    assert "example" not in caught.value.message
    assert "header" in caught.value.message


def test_many_columns_are_not_all_shown():
    with pytest.raises(PermanentError, match="and 960 more"):
        check_columns([f"column{n}" for n in range(1000)], TableOptions(), KEY)


def test_options_are_read():
    data = {
        "columns": {"body": "review", "row_id": "번호"}, "delimiter": ";", "encoding": "cp949", "row_id": "line"
    }  # fmt: skip
    assert read_options(json.dumps(data).encode()) == TableOptions(
        columns={"body": "review", "row_id": "번호"}, delimiter=";", encoding="cp949", row_id="line"
    )
    assert read_options(b"{}") == TableOptions()


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "no JSON"),
        (b"\xff\xfe{", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b"[]", "no JSON object"),
        (b'{"colums": {}}', "'colums', which is unknown"),
        (b'{"columns": []}', "`columns` is no object"),
        (b'{"columns": {"bdy": "x"}}', "'bdy', which is no field; fields are row_id"),
        (b'{"columns": {"body": ""}}', "no name of a column for body"),
        (b'{"columns": {"body": 1}}', "no name of a column for body"),
        (b'{"delimiter": ";;"}', "`delimiter`"),
        (b'{"delimiter": "\\""}', "`delimiter`"),
        (b'{"encoding": "latin-1"}', "`encoding` is none of 'cp949', 'euc-kr', 'utf-16'"),
        (b'{"quoting": "on"}', "`quoting` is none of 'off'"),
        (b'{"dead_letter_share": 2}', "`dead_letter_share` is no number from 0 to 1"),
        (b'{"encoding": []}', "`encoding` is none of"),
        (b'{"row_id": "uuid"}', "`row_id` is none of 'line'"),
    ],
)
def test_options_that_cannot_be_used_are_refused(data: bytes, message: str):
    with pytest.raises(PermanentError, match=message) as caught:
        read_options(data)
    assert caught.value.kind == "bad_options"
