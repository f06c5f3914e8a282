import json

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


@pytest.mark.parametrize(
    "body",
    [
        b'[{"id":1,"of":[{"id":1},{"id":7}]},{"id":2}]',
        b'[{"id":1,"text":"},{"},{"id":2}]',
        b'[{"name":"x","id":1},{"name":"y","id":2}]',
        b'[{"id":1}, {"id":2}]',
    ],
    ids=["records inside a record", "borders in a text", "the id is not first", "spaces between"],
)
def test_only_the_borders_of_records_become_lines(body: bytes):
    page = read_page(body, ALL, "games")
    records = json.loads(body)
    assert [json.loads(line) for line in page.lines.splitlines()] == records
    assert (list(page.ids), page.odd) == ([1, 2], ())


def test_records_without_a_comma_between_them_are_set_aside():
    page = read_page(b'[{"id":1}{"id":2},{"id":3}]', ALL, "games")
    assert page.lines == b'{"id":3}\n'
    assert [(each.id, each.kind) for each in page.odd] == [(1, "bad_json")]


def test_escaped_letters_that_look_like_an_exponent_are_taken_as_they_are():
    body = rb'[{"id":1,"name":"Pok\u00e9 2, \u00e999 "}]'
    assert read_page(body, ALL, "games").lines == body[1:-1] + b"\n"


@pytest.mark.parametrize("number", [b"1e999", b"1E+400", b"99999999999999999999"])
def test_a_number_that_nobody_can_read_costs_its_record(number: bytes):
    page = read_page(rb'[{"id":1,"\\u":' + number + b'},{"id":2}]', ALL, "games")
    assert page.lines == b'{"id":2}\n'
    assert [(each.id, each.kind) for each in page.odd] == [(1, "bad_number")]


def nest(levels: int, text: bytes = b"") -> bytes:
    """A record of so many levels."""
    return b'{"id":1,"text":"%b","of":%b%b}' % (text, b"[" * (levels - 1), b"]" * (levels - 1))


@pytest.mark.parametrize(
    ("record", "kinds"),
    [
        (nest(100), []),
        (nest(101), ["too_deep"]),
        (nest(500, b"]]}" * 300), ["too_deep"]),
        (nest(900), ["too_deep"]),
        (nest(3000), ["too_deep"]),
        (b'{"id":1,\r"of":[' + b"{}," * 200 + b"[]]}", []),
        (nest(3, b"[{" * 200), []),
        (b'{"id":1,"name":"' + "가😀".encode() * 5000 + b'"}', []),
        (b'{"id":1,"name":"' + "가😀".encode() * 5000 + b'\xed\xa0\x80"}', ["not_utf8"]),
        (b'{"id":1,"name":"' + "가😀".encode() * 5000 + b'\xf0"}', ["not_utf8"]),
    ],
    ids=[
        *("100 levels", "101", "500 with closing brackets in a text", "900", "3000"),
        *("many brackets side by side", "in a text"),
        *("wide letters", "a surrogate behind them", "half a letter behind them"),
    ],
)
def test_a_record_is_judged_alike_whatever_stands_beside_it(record: bytes, kinds: list[str]):
    for beside in (b'{"id":2}', b'{"id":2,"n":1e999}'):
        page = read_page(b"[%b,%b]" % (record, beside), ALL, "games")
        assert [each.kind for each in page.odd if each.id == 1] == kinds
        assert (page.lines.split(b"\n")[0] == record) == (not kinds)
