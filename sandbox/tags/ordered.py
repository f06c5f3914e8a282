"""Tables that are made to order: broken ones, each in its own way, and one of a given size. Their text is invented."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from itertools import count
from random import Random

from sandbox.tags.generated import GeneratedTables
from sandbox.tags.layouts import PARQUET, Column, Layout
from sandbox.tags.rows import BadKind, Row
from sandbox.tags.sources import Sketch, Table

_BROKEN_ROWS = 200
_POOL_ROWS = 2000
_FOREIGN = ("key", "value", "flag", "kind", "note", "more", "rest", "last")
_UTF32_MARK = b"\xff\xfe\x00\x00"

Damage = Callable[[bytes], bytes]


class BrokenKind(StrEnum):
    """Why no row of a table can be read."""

    UNKNOWN_ENCODING = "unknown_encoding"
    TRUNCATED = "truncated"
    BAD_COLUMNS = "bad_columns"
    EMPTY_FILE = "empty_file"


@dataclass(frozen=True, slots=True)
class BrokenTable:
    """A table, and what is to be done to its file.

    Attributes:
        keeps_text: Whether some of the text can still be seen in it.
    """

    table: Table
    damage: Damage
    keeps_text: bool = True


def make_broken(
    kind: BrokenKind, invented: GeneratedTables, sketch: Sketch
) -> Iterator[BrokenTable]:
    """Tables that are broken in one way.

    Args:
        kind: In which.
        invented: Makes their rows.
        sketch: What good tables of the source look like.
    """
    for name, extension, damage in _DAMAGES[kind]:
        layout = sketch.draw_up(extension)
        if kind is BrokenKind.BAD_COLUMNS:
            layout = _rename(layout)
        table = invented.draw_table(f"broken_{name}", _BROKEN_ROWS, layout)
        yield BrokenTable(table, damage, damage not in {_empty, _scramble})


def make_big(invented: GeneratedTables, sketch: Sketch) -> Table:
    """A CSV without end, to be cut at the size that is asked for; its texts repeat, its ids do not."""
    layout = sketch.draw_up("csv")
    numeric = any(column.numeric for column in layout.columns if column.holds == "row_id")
    pool = invented.draw_table("big", _POOL_ROWS, layout)
    return Table(pool.table_id, layout, _repeat(pool.rows, numeric=numeric))


def _repeat(rows: Iterable[Row], *, numeric: bool) -> Iterator[Row]:
    pool = list(rows)
    good_id = None
    for number in count():
        row = pool[number % len(pool)]
        if row.bad is None:
            row.row_id = good_id = number if numeric else str(number)
        elif row.bad is BadKind.REPEATED_ID:
            row.row_id = good_id
        yield row
        # Known from the first time.
        row.personal = []


def _rename(layout: Layout) -> Layout:
    columns = [
        Column(name, column.holds, column.numeric)
        for name, column in zip(_FOREIGN, layout.columns, strict=False)
    ]
    return Layout(layout.extension, layout.encoding, columns, layout.date_form)


def _recode(data: bytes) -> bytes:
    return _UTF32_MARK + data.decode("utf-8", "replace").encode("utf-32-le")


def _scramble(data: bytes) -> bytes:
    return Random(len(data)).randbytes(len(data))


def _cut(data: bytes) -> bytes:
    return data[: len(data) * 3 // 5]


def _empty(_: bytes) -> bytes:
    return b""


def _leave(data: bytes) -> bytes:
    return data


_DAMAGES: dict[BrokenKind, tuple[tuple[str, str, Damage], ...]] = {
    BrokenKind.UNKNOWN_ENCODING: (("utf32", "csv", _recode), ("random_bytes", "jsonl", _scramble)),
    BrokenKind.TRUNCATED: (("cut_gz", "csv.gz", _cut), ("cut_parquet", PARQUET, _cut)),
    BrokenKind.BAD_COLUMNS: (
        *(("columns", "csv", _leave), ("columns_jsonl", "jsonl", _leave)),
        ("columns_parquet", PARQUET, _leave),
    ),
    BrokenKind.EMPTY_FILE: (
        *(("empty", "csv", _empty), ("empty_gz", "jsonl.gz", _empty)),
        ("empty_parquet", PARQUET, _empty),
    ),
}
"""Name, extension and damage of the tables of each kind."""
