import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from platform_assets.core.errors import RefusedError
from sandbox.igdb.catalog import open_catalog
from sandbox.igdb.dates import NEWEST
from sandbox.igdb.table import Change, Table

OLDER, NEWER = "igdb_v4_raw_2023-07-09", "igdb_v4_raw_2026-06-08"


def write_rows(path: Path, rows: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(gzip.compress(json.dumps(rows).encode()))


@pytest.fixture
def catalogue(tmp_path: Path) -> dict[str, Table]:
    """A folder laid out as the real one, with made-up rows: 1,100 games, so that they fill several blocks."""
    games = [
        {
            "igdb_id": 3 * n,
            "name": f"Gäme {n}, the",
            "aggregated_rating": None,
            "genres": ["Puzzle"],
        }
        for n in range(1, 1101)
    ]
    lines = [json.dumps(game, separators=(",", ":"), ensure_ascii=False) for game in games]
    path = tmp_path / "igdb_catalog" / "games_2026-02-02_after.jsonl.gz"
    path.parent.mkdir()
    path.write_bytes(gzip.compress(("\n".join(lines) + "\n").encode()))
    old, new = {"category": 0, "updated_at": 1688930404}, {"game_type": 0, "updated_at": 1780948080}
    write_rows(tmp_path / OLDER / "games" / "page_00.json.gz", [{"id": i} | old for i in (3, 6, 4)])
    write_rows(tmp_path / NEWER / "games.json.gz", [{"id": 6} | new])
    write_rows(tmp_path / OLDER / "platforms.json.gz", [{"id": 1, "category": 1}])
    write_rows(tmp_path / NEWER / "platforms.json.gz", [{"id": 4, "platform_type": 2}])
    write_rows(
        tmp_path / NEWER / "platforms_all_220.json.gz", [{"id": 4, "name": "N64"}, {"id": 5}]
    )
    write_rows(tmp_path / OLDER / "regions.json.gz", [{"id": 2, "name": "Europe"}])
    return open_catalog(data=tmp_path, games=0, seed=1)


def test_the_games_are_exactly_those_of_the_catalogue(catalogue: dict[str, Table]):
    assert catalogue["games"].ids.tolist() == [3 * n for n in range(1, 1101)]


def test_a_catalogue_row_gets_an_id_and_a_time_and_loses_its_nulls(catalogue: dict[str, Table]):
    games = catalogue["games"]
    for row_id in (9, 1536, 1539, 3300):
        game = games.read_record(row_id)
        updated_at = game.pop("updated_at")
        assert game == {"id": row_id, "name": f"Gäme {row_id // 3}, the", "genre_names": ["Puzzle"]}
        assert updated_at == games.read_updated_at(row_id)
        assert updated_at <= NEWEST


def test_raw_records_take_the_place_of_catalogue_rows_the_newer_one_first(
    catalogue: dict[str, Table],
):
    games = catalogue["games"]
    assert games.read_record(3) == {"id": 3, "category": 0, "updated_at": 1688930404}
    assert games.read_record(6) == {"id": 6, "game_type": 0, "updated_at": 1780948080}
    assert games.read_updated_at(6) == 1780948080
    assert {"category", "game_type", "developers"} <= games.fields


def test_changed_and_added_games_get_the_time_of_the_change(catalogue: dict[str, Table]):
    games = catalogue["games"]
    games.apply(Change(change=(3, 9), add=1), now=1_800_000_000)
    for row_id in (3, 9, 3301):
        assert games.read_record(row_id)["id"] == row_id
        assert games.read_record(row_id)["updated_at"] == 1_800_000_000
    assert games.read_record(3)["category"] == 0


def test_newer_entities_replace_older_ones_and_platforms_are_merged(catalogue: dict[str, Table]):
    assert catalogue.keys() == {"games", "platforms", "regions"}
    platforms = catalogue["platforms"]
    assert platforms.ids.tolist() == [4, 5]
    assert platforms.read_record(4) == {"id": 4, "name": "N64", "platform_type": 2}


def test_a_folder_without_the_catalogue_is_refused(tmp_path: Path):
    with pytest.raises(RefusedError, match="igdb_catalog"):
        open_catalog(data=tmp_path, games=0, seed=1)
