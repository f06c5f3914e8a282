import json
import re
from statistics import fmean

import pytest

from sandbox.igdb.catalog import open_catalog
from sandbox.igdb.dates import NEWEST
from sandbox.igdb.generated_entities import DATED, UNDATED, make_entities
from sandbox.igdb.generated_games import GeneratedGames
from sandbox.igdb.table import Revision, Table

GAMES = GeneratedGames(3000, seed=1)
IDS = GAMES.list_ids()


def test_the_same_seed_makes_the_same_games_and_another_seed_makes_others():
    again, other = GeneratedGames(3000, seed=1), GeneratedGames(3000, seed=2)
    assert again.list_ids() == IDS
    assert all(again.encode(row_id, None) == GAMES.encode(row_id, None) for row_id in IDS[:50])
    assert other.list_ids() != IDS
    assert other.encode(IDS[0], None) != GAMES.encode(IDS[0], None)


def test_a_game_does_not_depend_on_how_many_there_are():
    assert GeneratedGames(10, seed=1).encode(7, None) == GAMES.encode(7, None)


def test_ids_ascend_with_gaps_at_the_density_of_the_real_ones():
    assert list(IDS) == sorted(set(IDS))
    assert len(IDS) == 3000
    assert IDS[-1] == pytest.approx(3000 / 0.878, abs=20)


def test_every_game_is_valid_json_with_its_id_its_time_and_known_fields_only():
    for row_id in IDS:
        game = json.loads(GAMES.encode(row_id, None))
        assert game["id"] == row_id
        assert game["updated_at"] == GAMES.read_updated_at(row_id) <= NEWEST
        assert game["created_at"] <= game["updated_at"]
        assert game.keys() <= GAMES.fields
        assert None not in game.values()


def test_games_are_as_large_as_the_real_ones_and_lack_fields_as_they_do():
    encoded = [GAMES.encode(row_id, None) for row_id in IDS]
    assert fmean(map(len, encoded)) == pytest.approx(1338, rel=0.1)
    games = [json.loads(row) for row in encoded]
    for field in ("rating", "platforms", "first_release_date", "summary"):
        share = sum(field in game for game in games) / len(games)
        assert 0 < share < 1


def test_lists_of_ids_are_in_no_order_and_names_hold_what_hurts():
    games = [json.loads(GAMES.encode(row_id, None)) for row_id in IDS]
    shots = [game["screenshots"] for game in games if len(game.get("screenshots", ())) > 3]
    assert any(shot != sorted(shot) for shot in shots)
    names = "".join(game["name"] for game in games)
    for kind in ("[가-힣]", "[ァ-ヶ]", "[🎮✨]", "\u200b", '"', "'"):
        assert re.search(kind, names)
    assert any("},{" in game.get("summary", "") for game in games)


def test_a_revision_changes_the_record_and_sets_its_time():
    original = json.loads(GAMES.encode(IDS[3], None))
    revised = json.loads(GAMES.encode(IDS[3], Revision(1, 1_800_000_000)))
    assert revised["updated_at"] == 1_800_000_000
    assert revised["checksum"] != original["checksum"]
    assert (revised["name"], revised["created_at"]) == (original["name"], original["created_at"])


def test_an_added_id_is_served_like_any_other():
    game = json.loads(GAMES.encode(9_999_999, Revision(1, 1_800_000_000)))
    assert (game["id"], game["updated_at"]) == (9_999_999, 1_800_000_000)


def test_the_small_entities_have_their_sizes_and_some_have_no_time():
    tables = {name: Table(source, 1) for name, source in make_entities(1).items()}
    assert {name: len(table.ids) for name, table in tables.items()} == DATED | UNDATED
    for name, table in tables.items():
        assert ("updated_at" in table.fields) == (name in DATED)
        assert table.read_record(table.ids[0]).keys() <= table.fields


def test_the_catalogue_holds_games_and_every_small_entity():
    catalogue = open_catalog(data=None, games=100, seed=1)
    assert catalogue.keys() == DATED.keys() | UNDATED.keys() | {"games"}
    assert len(catalogue["games"].ids) == 100
