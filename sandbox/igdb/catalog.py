"""Entity name -> table: the generated world or the real one."""

from pathlib import Path

from sandbox.igdb.generated_entities import make_entities
from sandbox.igdb.generated_games import GeneratedGames
from sandbox.igdb.hashing import salt_of
from sandbox.igdb.real_data import open_entities, open_games
from sandbox.igdb.table import Source, Table


def open_catalog(*, data: Path | None, games: int, seed: int) -> dict[str, Table]:
    """All tables.

    Args:
        data: Folder of real data; None for generated records.
        games: How many games to generate; the real catalogue has its own number.
        seed: Everything generated or drawn follows from it.

    Raises:
        RefusedError: The folder does not hold what is needed.
    """
    sources: dict[str, Source] = {}
    if data is None:
        sources |= make_entities(seed)
        sources["games"] = GeneratedGames(games, seed)
    else:
        sources |= open_entities(data, seed)
        sources["games"] = open_games(data, seed)
    return {name: Table(source, salt_of(seed, name)) for name, source in sources.items()}
