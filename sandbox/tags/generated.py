"""Tables that nobody wrote: the rows of each are a function of (seed, tenant, source, table)."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count
from random import Random

from sandbox.igdb.hashing import salt_of
from sandbox.tags.dates import DateForm, write_date
from sandbox.tags.layouts import Column, Layout, draw_layout
from sandbox.tags.mentions import Mentions
from sandbox.tags.planting import Dirt, Planter
from sandbox.tags.rows import Row, Written
from sandbox.tags.sizes import draw_sizes
from sandbox.tags.sources import Sketch, Table
from sandbox.tags.terms import Term, make_terms
from sandbox.tags.words import SENTENCES, SLOTTED, SLOTTED_TITLES, TITLES, fill

DATASET = "generated"
DICTIONARY = "invented"

SKETCH = Sketch(
    (
        Column("id", "row_id", numeric=True),
        Column("created_at", "date"),
        Column("author", "author"),
        Column("title", "title"),
        Column("content", "body"),
        Column("rating", "extra", numeric=True),
    ),
    DateForm.SECOND,
)
"""Of the tables that are made to order."""

_FIRST = 1_640_962_800
"""2022-01-01 in Seoul, as seconds since 1970."""
_SPAN = 4 * 365 * 86_400
_UNDATED_SHARE = 0.01
_DECOY_SHARE = 0.1
_MENTIONS = (0, 0, 0, 0, 1, 1, 1, 2)
_SENTENCES = (1, 1, 2, 2, 3, 4, 7)
_CATEGORIES = 12
_AUTHORS = ("민수", "지우", "하나", "soo", "kim", "별이", "dev", "초보맘", "Åsa")


@dataclass(frozen=True, slots=True)
class Shape:
    """How much there is.

    Attributes:
        tables: How many.
        rows: Of all of them together.
        dirt: What is planted beside mentions.
        seed: Everything follows from it.
        place: `<tenant>:<source>`, from which it follows too.
        prefix: What the ids of tables begin with.
    """

    tables: int
    rows: int
    dirt: Dirt
    seed: int
    place: str
    prefix: str


class GeneratedTables:
    """Source of invented tables.

    Args:
        shape: How many, how large, how dirty.
    """

    dataset = DATASET
    dictionary = DICTIONARY
    options = None
    sketch = SKETCH

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._mentions = Mentions(self.terms)

    @property
    def terms(self) -> Sequence[Term]:
        """The dictionary."""
        return make_terms()

    def read(self) -> Iterator[Table]:
        """Tables by number; a table's size has nothing to do with its number."""
        shape = self._shape
        sizes = draw_sizes(shape.tables, shape.rows)
        Random(salt_of(shape.seed, DATASET, shape.place, "sizes")).shuffle(sizes)
        width = max(3, len(str(shape.tables)))
        for number, size in enumerate(sizes, 1):
            yield self.draw_table(f"{shape.prefix}_{number:0{width}}", size)

    def draw_table(self, table_id: str, rows: int, layout: Layout | None = None) -> Table:
        """One table.

        Args:
            table_id: It follows from this, and from the seed.
            rows: How many.
            layout: Its shape; None to draw one.
        """
        random = Random(salt_of(self._shape.seed, DATASET, self._shape.place, table_id))
        drawn = draw_layout(random)
        layout = layout or drawn
        planter = Planter(layout, self._shape.dirt, random, self._mentions)
        return Table(table_id, layout, planter.plant(self._draw_rows(layout, rows, random)))

    def _draw_rows(self, layout: Layout, rows: int, random: Random) -> Iterator[Row]:
        """Good rows in nearly the order of time."""
        draw = random.random
        ids = _count_ids(layout, random)
        kinds = [int if c.numeric else str for c in layout.columns if c.holds == "extra"]
        dated, signed = layout.has("date"), layout.has("author")
        titled = layout.has("title")
        for n in range(rows):
            row = Row(next(ids), extra=[kind(int(draw() * _CATEGORIES)) for kind in kinds])
            if dated and draw() >= _UNDATED_SHARE:
                at = _FIRST + (n * _SPAN + int(draw() * _SPAN)) // (rows + 1)
                row.date, row.month = write_date(at, layout.date_form)
            if signed:
                row.author = f"{random.choice(_AUTHORS)}{int(draw() * draw() * 10_000)}"
                if not layout.encodes(row.author):
                    row.author = "Asa"
            if titled:
                self._draw_title(row, random)
            self._draw_body(row, random)
            yield row

    def _draw_title(self, row: Row, random: Random) -> None:
        if random.random() < 0.3:
            name = self._mentions.draw(random)
            row.title += fill(random.choice(SLOTTED_TITLES), name.text)
            row.mentions.append(name.tag_id)
        else:
            row.title += random.choice(TITLES)

    def _draw_body(self, row: Row, random: Random) -> None:
        choose = random.choice
        body = row.body
        for _ in range(choose(_SENTENCES)):
            body += choose(SENTENCES)
        for _ in range(choose(_MENTIONS)):
            name = self._mentions.draw(random)
            body += fill(choose(SLOTTED), name.text)
            row.mentions.append(name.tag_id)
        if random.random() < _DECOY_SHARE:
            name = self._mentions.draw_decoy(random)
            body += fill(choose(SLOTTED), name.text)
            row.decoys.append(name.tag_id)


def _count_ids(layout: Layout, random: Random) -> Iterator[Written]:
    """Rising numbers, or rising texts."""
    numeric = any(column.numeric for column in layout.columns if column.holds == "row_id")
    first = random.randrange(1, 100_000)
    if numeric:
        return (first + n for n in count())
    form = random.choice(("{}", "R{:08}", "post-{}", "{:x}-b"))
    return (form.format(first + n) for n in count())
