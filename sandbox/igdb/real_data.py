"""Reads a folder of real IGDB data (its SOURCE.md says what is in it) into sources. None of it is kept here."""

import gzip
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import msgspec

from platform_assets.core.errors import RefusedError
from sandbox.igdb.real_games import RealGames
from sandbox.igdb.static_source import StaticSource

_CATALOGUE = "igdb_catalog/games_2026-02-02_after.jsonl.gz"
_FOLDERS = ("igdb_v4_raw_2023-07-09", "igdb_v4_raw_2026-06-08")
"""Folders of raw answers, older first: what the newer one has replaces the older."""
_ALL_PLATFORMS = "platforms_all_220"
"""A second, longer answer for platforms, with fewer fields."""


def open_games(folder: Path, seed: int) -> RealGames:
    """The catalogue with the raw records on top.

    Raises:
        RefusedError: The folder lacks the catalogue.
    """
    raw = (row for path in _list_raw_games(folder) for row in _read_rows(path))
    return RealGames(_read_lines(folder / _CATALOGUE), raw, seed)


def open_entities(folder: Path, seed: int) -> dict[str, StaticSource]:
    """Entity name -> its rows, for every raw answer in the folder other than games."""
    files = {
        path.name.partition(".")[0]: path for part in _FOLDERS for path in _list_raw(folder / part)
    }
    files.pop("games", None)
    all_platforms = files.pop(_ALL_PLATFORMS, None)
    entities = {entity: StaticSource(_read_rows(path), seed) for entity, path in files.items()}
    if all_platforms and "platforms" in files:
        merged = _merge(_read_rows(all_platforms), _read_rows(files["platforms"]))
        entities["platforms"] = StaticSource(merged, seed)
    return entities


def _list_raw_games(folder: Path) -> list[Path]:
    older, newer = (folder / part for part in _FOLDERS)
    return [*_list_raw(older / "games"), *newer.glob("games.json.gz")]


def _list_raw(folder: Path) -> list[Path]:
    return sorted(folder.glob("*.json.gz"))


def _read_rows(path: Path) -> list[dict[str, Any]]:
    with gzip.open(path) as file:
        return msgspec.json.decode(file.read(), type=list[dict[str, Any]])


def _read_lines(path: Path) -> Iterator[bytes]:
    if not path.is_file():
        raise RefusedError(
            f"no catalogue of games at {path}: name the folder that holds igdb_catalog/"
        )
    with gzip.open(path) as file:
        yield from file


def _merge(wider: list[dict[str, Any]], richer: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Rows of both by id, the fields of `richer` winning."""
    merged = {row["id"]: row for row in wider}
    for row in richer:
        merged[row["id"]] = merged.get(row["id"], {}) | row
    return list(merged.values())
