"""What happens to rows between their source and their table: personal data, dirty text, bad rows. Pure.

Every row can be soiled and still be good; that a row is bad is one thing, and why stands in `Row.bad`.
"""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from random import Random

from sandbox.tags.dates import NO_DATES
from sandbox.tags.dirt import soil
from sandbox.tags.layouts import Layout
from sandbox.tags.mentions import Mentions
from sandbox.tags.personal import draw_personal, draw_phone
from sandbox.tags.rows import BAD_BYTE, BadKind, Row, Written

_SOILED_PER_BAD = 10
_PERSONAL_IN_BAD = 0.5
_BAD_BYTES_EVERY = 8
"""Rows for each with bad bytes, or nobody could tell the encoding of a small table."""

_LINE_ENDS = re.compile(r"[\r\n]+")


@dataclass(frozen=True, slots=True)
class Dirt:
    """How much is planted.

    Attributes:
        bad: Share of the rows that cannot be read; ten times as many have dirty text.
        personal: Share of the rows with personal data; every second bad row has some, unless it is 0.
    """

    bad: float
    personal: float


class Planter:
    """Plants in the rows of one table.

    Args:
        layout: Of the table.
        dirt: How much.
        random: What it follows from.
        mentions: For terms that nobody is to see; None to use none.
    """

    def __init__(
        self, layout: Layout, dirt: Dirt, random: Random, mentions: Mentions | None
    ) -> None:
        self._layout = layout
        self._dirt = dirt
        self._random = random
        self._mentions = mentions
        self._kinds = layout.list_bad_kinds()
        self._good_id: Written = None
        self._rows: Counter[BadKind | None] = Counter()

    def plant(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The rows, changed in place."""
        dirt, draw = self._dirt, self._random.random
        soiled = min(1.0, dirt.bad * _SOILED_PER_BAD)
        in_bad = max(dirt.personal, _PERSONAL_IN_BAD) if dirt.personal else 0.0
        for row in rows:
            if draw() < soiled:
                self._soil(row)
            kind = self._choose_kind() if draw() < dirt.bad else None
            if draw() < (in_bad if kind else dirt.personal):
                self._plant_personal(row)
            if kind:
                self._spoil(row, kind)
            if row.bad is None and (self._good_id is None or draw() < 0.2):
                self._good_id = row.row_id
            self._rows[kind] += 1
            yield row

    def _soil(self, row: Row) -> None:
        words = row.title if row.title and self._random.random() < 0.1 else row.body
        if not words:
            return
        hidden = self._mentions.draw_hidden(self._random) if self._mentions else None
        encodes = self._layout.encodes
        if soil(words, self._random, encodes, hidden.text if hidden else "tag") and hidden:
            row.decoys.append(hidden.tag_id)

    def _plant_personal(self, row: Row) -> None:
        random = self._random
        personal = draw_personal(random, self._layout.encodes)
        place = random.random()
        if place < 0.1 and self._layout.has("author"):
            row.author = personal.raw
        elif place < 0.2 and row.title:
            row.title.append(personal.raw)
        else:
            row.body.insert(random.randrange(len(row.body) + 1), personal.raw)
        row.personal.append(personal)

    def _choose_kind(self) -> BadKind | None:
        kind = self._random.choice(self._kinds) if self._kinds else None
        few = self._rows.total() < _BAD_BYTES_EVERY * (self._rows[BadKind.BAD_BYTES] + 1)
        if (kind is BadKind.REPEATED_ID and self._good_id is None) or (
            kind is BadKind.BAD_BYTES and few
        ):
            return None
        return kind

    def _spoil(self, row: Row, kind: BadKind) -> None:
        random = self._random
        row.bad = None if kind is BadKind.BAD_DATE else kind
        row.month = "" if kind is BadKind.BAD_DATE else row.month
        if kind is BadKind.MISSING_ID:
            row.row_id = None
        elif kind is BadKind.REPEATED_ID:
            row.row_id = self._good_id
        elif kind is BadKind.BAD_DATE and random.random() < 0.3:
            personal = draw_phone(random)
            row.date = personal.shown
            row.personal.append(personal)
        elif kind is BadKind.BAD_DATE:
            row.date = random.choice(NO_DATES)
        elif kind is BadKind.BAD_BYTES:
            row.body.insert(random.randrange(len(row.body) + 1), BAD_BYTE)
        elif kind is BadKind.FIELD_COUNT:
            # On one line: where a row that is broken ends is not to be known.
            row.title[:] = (_LINE_ENDS.sub(" ", word) for word in row.title)
            row.body[:] = (_LINE_ENDS.sub(" ", word) for word in row.body)
