"""Real text as tables: its groups (the reviews of a movie) dealt to tables, the k-th of which gets about 1/k of them.

What a row of a data set is stands in `nsmc.py`, `chatbot.py` and `oliveyoung.py`. Tables differ in format and encoding
only: the text is nobody's invention, and what it mentions nobody has counted.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any, Generic, TypeVar

from sandbox.igdb.hashing import salt_of
from sandbox.tags.kcd import read_terms
from sandbox.tags.layouts import Layout, draw_file
from sandbox.tags.planting import Dirt, Planter
from sandbox.tags.rows import Row
from sandbox.tags.sizes import list_weights, spread
from sandbox.tags.sources import Sketch, Table
from sandbox.tags.terms import Term

DICTIONARY = "kcd"
_Raw = TypeVar("_Raw")


@dataclass(frozen=True, slots=True)
class RealText(Generic[_Raw]):
    """A data set.

    Attributes:
        dataset: Its name.
        groups: Its rows as they were read; what stays together is a group.
        make_row: A row of a table from such a one.
        sketch: What every table looks like.
        options: How the tables are to be read.
    """

    dataset: str
    groups: Sequence[Sequence[_Raw]]
    make_row: Callable[[_Raw], Row]
    sketch: Sketch
    options: dict[str, Any] | None = None

    def limit(self, rows: int) -> Sequence[Sequence[_Raw]]:
        """Its first groups that have so many rows together; the last one may be cut."""
        taken: list[Sequence[_Raw]] = []
        left = rows
        for group in self.groups:
            if left <= 0:
                break
            taken.append(group[:left])
            left -= len(group)
        return taken


class RealTables:
    """Source of real tables.

    Args:
        text: The data set.
        folder: Where the dictionary's data is.
        tables: How many at most; there are no more than groups.
        rows: How many at most; None takes all.
        dirt: What is planted in them.
        seed: Formats, encodings and what is planted follow from it.
        prefix: What the ids of tables begin with.
    """

    dictionary = DICTIONARY

    def __init__(
        self,
        text: RealText[Any],
        folder: Path,
        *,
        tables: int,
        rows: int | None,
        dirt: Dirt,
        seed: int,
        prefix: str,
    ) -> None:
        self._text = text
        self._folder = folder
        self._groups = text.groups if rows is None else text.limit(rows)
        self._tables = min(tables, len(self._groups))
        self._dirt = dirt
        self._seed = seed
        self._prefix = prefix

    @property
    def dataset(self) -> str:
        """See `TableSource`."""
        return self._text.dataset

    @property
    def options(self) -> dict[str, Any] | None:
        """See `TableSource`."""
        return self._text.options

    @property
    def sketch(self) -> Sketch:
        """See `TableSource`."""
        return self._text.sketch

    @property
    def terms(self) -> Sequence[Term]:
        """The dictionary."""
        return read_terms(self._folder)

    def read(self) -> Iterator[Table]:
        """The largest table first."""
        if not self._tables:
            return
        width = max(3, len(str(self._tables)))
        dealt = 0
        counts = spread(len(self._groups), list_weights(self._tables), least=1)
        for number, count in enumerate(counts, 1):
            groups = self._groups[dealt : dealt + count]
            dealt += count
            rows = [raw for group in groups for raw in group]
            yield self._make_table(f"{self._prefix}_{number:0{width}}", rows)

    def _make_table(self, table_id: str, rows: Sequence[Any]) -> Table:
        random = Random(salt_of(self._seed, self.dataset, table_id))
        extension, encoding = draw_file(random)
        layout = self.sketch.draw_up(extension, encoding)
        make_row = self._text.make_row
        if encoding == "cp949" and not all(_encodes(layout, make_row(raw)) for raw in rows):
            layout = self.sketch.draw_up(extension)
        planter = Planter(layout, self._dirt, random, mentions=None)
        return Table(table_id, layout, planter.plant(map(make_row, rows)))


def _encodes(layout: Layout, row: Row) -> bool:
    values = (row.author, *row.title, *row.body, *map(str, row.extra))
    return all(map(layout.encodes, values))
