import msgspec
import pytest

from sandbox.igdb.apicalypse import parse_multiquery
from sandbox.igdb.errors import WireError
from sandbox.igdb.pages import MAX_RESPONSE_BYTES, Pages
from tests.unit.sandbox.igdb.rows import make_games, make_table


def make_pages() -> Pages:
    return Pages({"games": make_games(20), "genres": make_table([{"id": 1, "name": "Puzzle"}])})


def test_a_page_of_full_records_has_the_count_of_the_whole_query():
    answer = make_pages().answer_rows("games", "fields *; where id > 100; limit 3;")
    rows = msgspec.json.decode(answer.body)
    assert [row["id"] for row in rows] == [110, 120, 130]
    assert rows[0].keys() == {"id", "name", "genres", "updated_at", "checksum"}
    assert answer.count == 10


def test_only_the_id_is_sent_when_no_fields_are_named():
    assert make_pages().answer_rows("games", "limit 2;").body == b'[{"id":10},{"id":20}]'


def test_the_id_is_sent_with_the_fields_that_are_named():
    assert (
        make_pages().answer_rows("games", "fields name; limit 1;").body
        == b'[{"id":10,"name":"Game 1"}]'
    )


def test_excluded_fields_are_left_out():
    answer = make_pages().answer_rows("games", "fields *; exclude genres,checksum; limit 1;")
    assert msgspec.json.decode(answer.body)[0].keys() == {"id", "name", "updated_at"}


def test_no_match_is_an_empty_list():
    answer = make_pages().answer_rows("games", "where id > 5000;")
    assert (answer.body, answer.count) == (b"[]", 0)


def test_a_count_is_an_object_and_ignores_the_limit():
    answer = make_pages().answer_count("games", "where id > 100; limit 1;")
    assert answer.body == b'{"count":10}'


def test_a_multiquery_answers_each_part_under_its_name():
    parts = parse_multiquery(
        'query games "some" { where id <= 20; }; query genres/count "all \\"genres\\"" { };'
    )
    assert msgspec.json.decode(make_pages().answer_multiquery(parts).body) == [
        {"name": "some", "result": [{"id": 10}, {"id": 20}]},
        {"name": 'all "genres"', "count": 1},
    ]


def test_eleven_queries_are_too_many_and_ten_are_not():
    part = 'query genres/count "n" { };'
    pages = make_pages()
    assert len(msgspec.json.decode(pages.answer_multiquery(parse_multiquery(part * 10)).body)) == 10
    with pytest.raises(WireError) as caught:
        pages.answer_multiquery(parse_multiquery(part * 11))
    assert caught.value.status == 400


@pytest.mark.parametrize(
    ("entity", "text", "status", "body"),
    [
        (
            "games",
            "limit 501;",
            403,
            [
                {
                    "title": "Request limit to high",
                    "status": 403,
                    "cause": "You typed in 501 as limit but your maximum is 500",
                }
            ],
        ),
        (
            "games",
            "fields nope;",
            400,
            [{"title": "Invalid Field", "status": 400, "cause": "Invalid field name: 'nope'"}],
        ),
        ("gamez", "fields *;", 404, "Endpoint POST /gamez not found"),
    ],
)
def test_refusals_have_the_recorded_bodies(entity: str, text: str, status: int, body: object):
    with pytest.raises(WireError) as caught:
        make_pages().answer_rows(entity, text)
    assert (caught.value.status, caught.value.body) == (status, body)


@pytest.mark.parametrize(
    "text", ["where nope = 1;", "sort nope;", "exclude nope;", "fields id,nope;"]
)
def test_an_unknown_field_is_refused_wherever_it_stands(text: str):
    with pytest.raises(WireError) as caught:
        make_pages().answer_count("games", text)
    assert caught.value.body[0]["title"] == "Invalid Field"


def test_genres_without_a_time_refuse_a_filter_on_it():
    with pytest.raises(WireError) as caught:
        make_pages().answer_rows("genres", "where updated_at > 5;")
    assert caught.value.status == 400


def test_an_unknown_entity_within_a_multiquery_is_refused():
    with pytest.raises(WireError) as caught:
        make_pages().answer_multiquery(parse_multiquery('query gamez "x" { };'))
    assert caught.value.status == 400


def test_an_answer_over_ten_megabytes_is_refused():
    rows = [
        {"id": n, "summary": "x" * 100_000} for n in range(1, MAX_RESPONSE_BYTES // 100_000 + 2)
    ]
    pages = Pages({"games": make_table(rows)})
    assert len(pages.answer_rows("games", "fields *; limit 100;").body) < MAX_RESPONSE_BYTES
    with pytest.raises(WireError) as caught:
        pages.answer_rows("games", "fields *; limit 500;")
    assert caught.value.status == 413
