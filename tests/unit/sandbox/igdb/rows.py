"""Made-up tables for the tests of the sandbox."""

from typing import Any

from sandbox.igdb.static_source import StaticSource
from sandbox.igdb.table import Table


def make_table(rows: list[dict[str, Any]]) -> Table:
    return Table(StaticSource(rows, seed=1), seed=1)


def make_games(count: int = 20) -> Table:
    """Ids 10, 20, ...; updated one second apart, the last id first; genres in turn."""
    return make_table(
        [
            {
                "id": 10 * n,
                "name": f"Game {n}",
                "genres": [n % 3, 9],
                "updated_at": 1000 - n,
                "checksum": "a",
            }
            for n in range(1, count + 1)
        ]
    )
