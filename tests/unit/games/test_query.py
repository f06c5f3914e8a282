import pytest

from platform_assets.games.entities import find_entity
from platform_assets.games.query import last_id_query, page_query
from platform_assets.games.ranges import IdRange

GAMES = find_entity("games")


def test_a_page_is_cut_by_id_in_id_order():
    assert (
        page_query(GAMES, IdRange(5, 9), None)
        == "fields *; where id > 5 & id <= 9; sort id asc; limit 500;"
    )


def test_an_open_range_has_no_upper_bound():
    assert page_query(GAMES, IdRange(5, None), None) == (
        "fields *; where id > 5; sort id asc; limit 500;"
    )


def test_the_first_range_starts_at_id_0():
    assert page_query(GAMES, IdRange(-1, 9), None) == (
        "fields *; where id >= 0 & id <= 9; sort id asc; limit 500;"
    )


def test_a_watermark_keeps_only_what_changed_after_it():
    assert "updated_at > 1700" in page_query(GAMES, IdRange(-1, None), 1700)
    assert last_id_query(GAMES, 1700) == (
        "fields id; where updated_at > 1700; sort id desc; limit 1;"
    )


def test_an_entity_without_watermark_is_not_asked_for_changes():
    with pytest.raises(ValueError, match="game_types has no watermark field"):
        page_query(find_entity("game_types"), IdRange(0, None), 1)


def test_an_unknown_entity_is_named_with_those_that_there_are():
    with pytest.raises(
        ValueError, match="unknown entity 'gamez': the table of entities has games, platforms"
    ):
        find_entity("gamez")
