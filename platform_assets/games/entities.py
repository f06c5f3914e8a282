"""The table of entities: which endpoints are collected and which of their fields become typed columns.

Adding an entity is one line of `ENTITIES`. Fields that are not named here are kept too, in the column `rest`.
Field names and types: api-docs.igdb.com, checked against recorded pages of 2023 and 2026.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Type of a column. IGDB's timestamps are seconds since 1970 in UTC and may lie before it."""

    INTEGER = "integer"
    NUMBER = "number"
    TEXT = "text"
    FLAG = "flag"
    IDS = "ids"
    SECONDS = "seconds"


@dataclass(frozen=True, slots=True)
class Entity:
    """One endpoint of the API.

    Attributes:
        name: Endpoint, asset name and folder.
        columns: Typed columns besides `id`, in table order.
        watermark_field: Field that grows with every change; None where the API has none (then always in full).
        description: One sentence for the asset's page.
    """

    name: str
    columns: Mapping[str, Kind]
    watermark_field: str | None
    description: str


_NAMED = {"name": Kind.TEXT, "slug": Kind.TEXT}
_TRACKED = {"created_at": Kind.SECONDS, "updated_at": Kind.SECONDS, "checksum": Kind.TEXT}
_LISTED = {**_NAMED, "url": Kind.TEXT, **_TRACKED}

_GAME = {
    **_NAMED,
    "game_type": Kind.INTEGER,
    "game_status": Kind.INTEGER,
    "parent_game": Kind.INTEGER,
    "first_release_date": Kind.SECONDS,
    "summary": Kind.TEXT,
    "storyline": Kind.TEXT,
    "rating": Kind.NUMBER,
    "rating_count": Kind.INTEGER,
    "aggregated_rating": Kind.NUMBER,
    "aggregated_rating_count": Kind.INTEGER,
    "total_rating": Kind.NUMBER,
    "total_rating_count": Kind.INTEGER,
    "cover": Kind.INTEGER,
    "genres": Kind.IDS,
    "themes": Kind.IDS,
    "platforms": Kind.IDS,
    "game_modes": Kind.IDS,
    "player_perspectives": Kind.IDS,
    "involved_companies": Kind.IDS,
    "keywords": Kind.IDS,
    "similar_games": Kind.IDS,
    "url": Kind.TEXT,
    **_TRACKED,
}

_COMPANY = {
    **_NAMED,
    "description": Kind.TEXT,
    "country": Kind.INTEGER,
    "parent": Kind.INTEGER,
    "start_date": Kind.SECONDS,
    "url": Kind.TEXT,
    **_TRACKED,
}

_PLATFORM = {
    **_NAMED,
    "abbreviation": Kind.TEXT,
    "generation": Kind.INTEGER,
    "platform_family": Kind.INTEGER,
    "platform_type": Kind.INTEGER,
    "url": Kind.TEXT,
    **_TRACKED,
}

_LANGUAGE = {"name": Kind.TEXT, "native_name": Kind.TEXT, "locale": Kind.TEXT, **_TRACKED}

ENTITIES: tuple[Entity, ...] = (
    Entity("games", _GAME, "updated_at", "Every game with its attributes, ratings and relations."),
    Entity("platforms", _PLATFORM, "updated_at", "Hardware and services that games run on."),
    Entity("genres", _LISTED, "updated_at", "Genres that games belong to."),
    Entity("themes", _LISTED, "updated_at", "Themes that games deal with."),
    Entity("game_modes", _LISTED, "updated_at", "Ways to play: single player, co-operative, ..."),
    Entity("player_perspectives", _LISTED, "updated_at", "What the player sees through."),
    Entity("game_types", {"type": Kind.TEXT}, None, "Main game, expansion, remake, ..."),
    Entity("game_statuses", {"status": Kind.TEXT}, None, "Released, alpha, cancelled, ..."),
    Entity("platform_families", _NAMED, None, "Families of platforms."),
    Entity("platform_types", {"name": Kind.TEXT}, None, "Console, arcade, computer, ..."),
    Entity("languages", _LANGUAGE, "updated_at", "Languages that games are released in."),
    Entity("companies", _COMPANY, "updated_at", "Developers and publishers."),
    Entity("collections", _LISTED, "updated_at", "Series of games."),
    Entity("franchises", _LISTED, "updated_at", "Franchises that games belong to."),
    Entity("keywords", _LISTED, "updated_at", "Free keywords of games."),
)


def find_entity(name: str) -> Entity:
    """The entity of that name.

    Raises:
        ValueError: There is none; the message lists those that there are.
    """
    for entity in ENTITIES:
        if entity.name == name:
            return entity
    known = ", ".join(entity.name for entity in ENTITIES)
    raise ValueError(f"unknown entity {name!r}: the table of entities has {known}")
