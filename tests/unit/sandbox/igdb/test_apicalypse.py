from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sandbox.igdb.apicalypse import parse_multiquery, parse_query
from sandbox.igdb.errors import WireError
from sandbox.igdb.queries import Comparison, Either, Every, NamedQuery, Query


def test_a_page_by_id_range_is_read():
    query = parse_query("fields *; where id > 10 & id <= 20; sort id asc; limit 500;")
    where = Every((Comparison("id", ">", 10), Comparison("id", "<=", 20)))
    assert query == Query(fields=("*",), where=where, sort="id", limit=500)


def test_an_empty_text_is_the_default_query():
    assert parse_query("  ") == Query(fields=("id",), limit=10, offset=0)


def test_and_binds_tighter_than_or():
    where = parse_query("where a = 1 | b = 2 & c = 3;").where
    one, two, three = (Comparison(name, "=", n) for name, n in (("a", 1), ("b", 2), ("c", 3)))
    assert where == Either((one, Every((two, three))))


def test_parentheses_change_the_binding():
    where = parse_query("where (a = 1 | b = 2) & c = 3;").where
    one, two, three = (Comparison(name, "=", n) for name, n in (("a", 1), ("b", 2), ("c", 3)))
    assert where == Every((Either((one, two)), three))


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("5", 5),
        ("-694396800", -694396800),
        ("87.5", 87.5),
        ("null", None),
        ("true", True),
        ("false", False),
        ('"Pac-Man; \\"the\\" game"', 'Pac-Man; "the" game'),
        ("(1,2, 3)", (1, 2, 3)),
        ('("a","b")', ("a", "b")),
    ],
)
def test_values_are_read(text: str, value: object):
    assert parse_query(f"where x != {text};").where == Comparison("x", "!=", value)  # type: ignore[arg-type]


def test_comments_and_line_breaks_count_as_space():
    text = (
        "// all\nfields id, name; # two\nexclude\n name;/* and\n more */ sort name desc; offset 5;"
    )
    query = parse_query(text)
    assert query == Query(
        fields=("id", "name"), exclude=("name",), sort="name", descending=True, offset=5
    )


def test_a_comment_mark_inside_a_string_is_text():
    assert parse_query('where url = "https://x";').where == Comparison("url", "=", "https://x")


@pytest.mark.parametrize(
    "text",
    [
        "fields *",
        "fields ;",
        "where id > ;",
        "where (id = 1;",
        "where name = Diablo;",
        "limit -1;",
        "limit 1.5;",
        'search "x";',
        "where id ~ 1;",
        "where id = (1,;",
        "fields *; }",
        "where " + "(" * 500,
        "\x00",
    ],
)
def test_what_is_no_query_is_refused_as_upstream_does(text: str):
    with pytest.raises(WireError) as caught:
        parse_query(text)
    assert caught.value.status == 400
    assert caught.value.body[0]["title"] == "Syntax Error"


def test_an_unquoted_string_gets_the_recorded_cause():
    with pytest.raises(WireError) as caught:
        parse_query("where name = Diablo;")
    assert caught.value.body[0]["cause"] == (
        "Expecting a STRING as input, surround your input with quotes starting at 'Diablo'"
    )


def test_the_parts_of_a_multiquery_keep_their_order():
    parts = parse_multiquery(
        'query games "first" { fields *; where id > 1; limit 500; };\n'
        'query games/count "how many" { where id > 1; };'
    )
    where = Comparison("id", ">", 1)
    assert parts == [
        NamedQuery("first", "games", False, Query(fields=("*",), where=where, limit=500)),
        NamedQuery("how many", "games", True, Query(where=where)),
    ]


@pytest.mark.parametrize(
    "text", ["", "fields *;", 'query games "x" { fields *; }', "query games {};"]
)
def test_what_is_no_multiquery_is_refused(text: str):
    with pytest.raises(WireError) as caught:
        parse_multiquery(text)
    assert caught.value.status == 400


@given(st.text(alphabet='fieldswhr*=!<>&|(){};,"/#\\ 019-.\n', max_size=60))
def test_any_text_is_read_or_refused_never_anything_else(text: str):
    with suppress(WireError):
        assert parse_query(text).limit >= 0
