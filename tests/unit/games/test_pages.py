import pytest

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.games.pages import read_page
from platform_assets.games.ranges import IdRange

ALL = IdRange(-1, None)


def test_records_are_kept_as_they_were_received():
    body = b'[{"id": 1, "name":"a\\u200b", "x":[ 3,1]},{"id":2,"updated_at":9}]'
    page = read_page(body, ALL, "games")
    assert page.lines == b'{"id": 1, "name":"a\\u200b", "x":[ 3,1]}\n{"id":2,"updated_at":9}\n'
    assert (page.count, list(page.ids), page.last_id, page.newest) == (2, [1, 2], 2, 9)


def test_indented_json_becomes_one_record_a_line():
    page = read_page(b'[\n  {\n    "id": 1,\n    "name": "a b"\n  }\n]', ALL, "games")
    assert page.lines == b'{"id":1,"name":"a b"}\n'


def test_an_empty_page_has_no_lines():
    page = read_page(b"[]", ALL, "games")
    assert (page.lines, page.count, page.last_id) == (b"", 0, None)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b'{"message":"x"}',
        b'[{"id":1}',
        b"[1,2]",
        b'[{"name":"no id"}]',
        b'[{"id":"7"}]',
        b"\xff\xfe",
    ],
)
def test_a_reply_that_is_no_list_of_records_is_tried_again(body: bytes):
    with pytest.raises(
        TransientError, match="games, ids: the reply is not a list of records"
    ) as caught:
        read_page(body, ALL, "games, ids")
    assert caught.value.kind == "bad_page"


@pytest.mark.parametrize(
    "body",
    [b'[{"id":5}]', b'[{"id":21}]', b'[{"id":8},{"id":7}]', b'[{"id":8},{"id":8}]'],
    ids=["before the range", "after the range", "out of order", "twice"],
)
def test_a_page_that_answers_another_question_is_an_error(body: bytes):
    with pytest.raises(PermanentError, match="the server ignored the range or the order"):
        read_page(body, IdRange(5, 20), "games")
