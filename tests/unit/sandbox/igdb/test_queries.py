import pytest

from sandbox.igdb.apicalypse import parse_query
from sandbox.igdb.queries import list_conditions, matches

GAME = {"id": 7, "name": "Pac-Man", "genres": [5, 31], "rating": 87.5, "hidden": False}


@pytest.mark.parametrize(
    "text",
    [
        "id = 7",
        "id = (1,7)",
        "id != (1,2)",
        "genres = 5",
        "genres = (1,31)",
        "genres != 8",
        "rating > 87 & rating <= 87.5",
        'name = "Pac-Man"',
        'name >= "Pac"',
        "summary = null",
        "name != null",
        "summary != 5",
        "hidden = false",
        "id = 1 | genres = 5",
        "(id = 1 | id = 7) & rating >= 87.5",
    ],
)
def test_the_game_meets(text: str):
    where = parse_query(f"where {text};").where
    assert where is not None
    assert matches(where, GAME)


@pytest.mark.parametrize(
    "text",
    [
        "id = 8",
        "id != 7",
        "genres = 8",
        "genres = (1,2)",
        "genres != 5",
        "rating < 87.5",
        'name = "pac-man"',
        "name > 5",
        'rating > "a"',
        "summary > 0",
        "summary = 5",
        "name = null",
        "rating > null",
        "genres > 1",
        "id = 7 & id = 8",
    ],
)
def test_the_game_does_not_meet(text: str):
    where = parse_query(f"where {text};").where
    assert where is not None
    assert not matches(where, GAME)


def test_every_comparison_of_a_filter_is_listed():
    where = parse_query("where (a = 1 | b = 2) & c = 3;").where
    assert [condition.field for condition in list_conditions(where)] == ["a", "b", "c"]
    assert list(list_conditions(None)) == []
