"""The small entities around the games, generated: a dozen tables from a few rows to a few thousand, kept as dicts."""

from random import Random
from typing import Any

from sandbox.igdb.dates import NEWEST
from sandbox.igdb.hashing import salt_of
from sandbox.igdb.static_source import StaticSource
from sandbox.igdb.words import OPENINGS, SUBJECTS, slugify

DATED = {
    "companies": 2000,
    "collections": 600,
    "franchises": 300,
    "game_modes": 6,
    "genres": 23,
    "keywords": 1000,
    "languages": 28,
    "platforms": 220,
    "player_perspectives": 7,
    "regions": 10,
    "themes": 22,
}
"""Entities whose rows have `updated_at` -> how many rows. The long ones are shorter than the real ones."""
UNDATED = {"game_statuses": 8, "game_types": 15, "platform_families": 5, "platform_types": 6}
"""Entities that are served without `updated_at` -> how many rows."""
_LABELS = {"game_statuses": "status", "game_types": "type"}
"""Entities whose rows are not called by a `name`."""


def make_entities(seed: int) -> dict[str, StaticSource]:
    """Entity name -> its rows."""
    sizes = {**DATED, **UNDATED}
    return {
        entity: StaticSource(_make_rows(entity, size, seed), seed) for entity, size in sizes.items()
    }


def _make_rows(entity: str, size: int, seed: int) -> list[dict[str, Any]]:
    random = Random(salt_of(seed, entity))
    highest = size if entity in UNDATED else round(size * 1.2)
    row_ids = sorted(random.sample(range(1, highest + 1), size))
    return [_make_row(entity, row_id, random) for row_id in row_ids]


def _make_row(entity: str, row_id: int, random: Random) -> dict[str, Any]:
    name = f"{random.choice(OPENINGS)} {random.choice(SUBJECTS)}"
    slug = f"{slugify(name)}-{row_id}"
    row: dict[str, Any] = {"id": row_id, _LABELS.get(entity, "name"): name}
    if entity not in _LABELS:
        row["slug"] = slug
    if entity in DATED:
        row["updated_at"] = NEWEST - int(random.random() ** 2 * 400_000_000)
        row["created_at"] = row["updated_at"] - random.randrange(10_000_000)
        row["url"] = f"https://www.igdb.com/{entity}/{slug}"
    if entity == "companies" and random.random() < 0.7:
        row["country"] = random.choice((56, 124, 156, 250, 276, 392, 410, 752, 826, 840))
        row["start_date"] = random.randrange(0, NEWEST, 86_400)
        row["description"] = f"Makes games since {1970 + row['start_date'] // 31_556_952}."
        row["parent"] = random.randrange(1, 2000)
    if entity == "platforms" and random.random() < 0.8:
        row["platform_type"] = random.randrange(1, 7)
    row["checksum"] = f"{random.getrandbits(128):032x}"
    return row
