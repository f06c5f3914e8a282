"""Rows of a legacy table of advertisers, read from CSV text or from mappings: numbered, with named columns. Pure.

Whether the values are any good is for `importing.py`.

The header of a CSV file, in any order and case (`Advertiser ID` is `advertiser_id`):

    advertiser_id,name,last_completed_month,source_url,source_table,source_columns
    acme,Acme Ltd,2026-01,postgresql://shop:${ACME}@db:5432/acme,shop.events,event_id=id;event_at=occurred_at

`name`, `source_table` and `source_columns` may be missing or empty; so may a `last_completed_month` be empty.
"""

import csv
import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass

from platform_assets.core.decoding import decode_euc_kr, decodes
from platform_assets.core.errors import PermanentError

_UTF16_MARKS = (b"\xff\xfe", b"\xfe\xff")

REQUIRED = ("advertiser_id", "last_completed_month", "source_url")
"""Columns that a legacy table must have."""

COLUMNS = (
    "advertiser_id",
    "name",
    "last_completed_month",
    "source_url",
    "source_table",
    "source_columns",
)
"""Columns that are read; others are left alone."""


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with a row, for who has to correct it.

    Attributes:
        line: Line of the file, or number of the row, from 1.
        column: Which column; empty when it is the row as a whole.
        message: What is wrong, and what would be right. Holds no secret.
    """

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}, {self.column}" if self.column else f"line {self.line}"
        return f"{where}: {self.message}"


@dataclass(frozen=True, slots=True)
class ImportRow:
    """One advertiser as it is written in the legacy table.

    Attributes:
        line: Line of the file on which it begins, or number of the row, from 1.
        values: Column -> value, for those of `COLUMNS` that the table has.
    """

    line: int
    values: Mapping[str, object]


@dataclass(frozen=True, slots=True)
class AdvertiserRows:
    """A legacy table that was read.

    Attributes:
        rows: Those that have the form of a row, in order.
        problems: What else there was.
        ignored: Columns of the table that are not read.
    """

    rows: tuple[ImportRow, ...]
    problems: tuple[Problem, ...] = ()
    ignored: tuple[str, ...] = ()


def decode_csv(data: bytes) -> str:
    """The text of a CSV file: UTF-8, UTF-16 with its mark, or CP949, which Excel writes on Korean machines.

    Raises:
        PermanentError: kind `bad_import`.
    """
    utf16 = data[:2] in _UTF16_MARKS
    if decodes(data, "utf-16" if utf16 else "utf-8-sig"):
        return data.decode("utf-16" if utf16 else "utf-8-sig")
    with suppress(UnicodeDecodeError):
        if not utf16:
            return decode_euc_kr(data)
    raise PermanentError(
        "the file is a CSV neither in UTF-8 nor in CP949; save it as `CSV UTF-8`", kind="bad_import"
    )


def parse_csv(text: str) -> AdvertiserRows:
    """The rows of CSV text: comma-separated, with a header. A byte order mark and blank lines do not matter."""
    lines = _read_lines(text.removeprefix("\ufeff"))
    try:
        line, header = next(lines, (1, list[str]()))
        names = [_name_column(cell) for cell in header]
        if fault := _find_header_fault(names):
            return AdvertiserRows((), (Problem(line, "", fault),))
    except csv.Error as error:
        return AdvertiserRows((), (Problem(1, "", f"the header is no CSV: {error}"),))
    rows, problems = _split_lines(lines, names)
    return AdvertiserRows(tuple(rows), tuple(problems), _list_ignored(names))


def number_rows(rows: Iterable[Mapping[str, object]]) -> AdvertiserRows:
    """Rows of a SQL table, each a mapping of column to value, numbered from 1."""
    named = [{_name_column(name): value for name, value in row.items()} for row in rows]
    if not named:
        return AdvertiserRows(())
    if fault := _find_header_fault(list(named[0])):
        return AdvertiserRows((), (Problem(1, "", fault),))
    found = tuple(ImportRow(number, _pick(row)) for number, row in enumerate(named, start=1))
    return AdvertiserRows(found, (), _list_ignored(list(named[0])))


def _read_lines(text: str) -> Iterator[tuple[int, list[str]]]:
    """(line on which it begins, cells) of every row that is not blank."""
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    begins = 1
    for cells in reader:
        if any(cell.strip() for cell in cells):
            yield begins, cells
        begins = reader.line_num + 1


def _split_lines(
    lines: Iterator[tuple[int, list[str]]], names: Sequence[str]
) -> tuple[list[ImportRow], list[Problem]]:
    rows, problems, last = list[ImportRow](), list[Problem](), 1
    try:
        for last, cells in lines:
            if len(cells) == len(names):
                rows.append(ImportRow(last, _pick(dict(zip(names, cells, strict=True)))))
            else:
                message = f"{len(cells)} values for {len(names)} columns; quote values with commas"
                problems.append(Problem(last, "", message))
    except csv.Error as error:
        message = f"behind this line the file is no CSV, nothing of it was read: {error}"
        problems.append(Problem(last, "", message))
    return rows, problems


def _name_column(name: str) -> str:
    return name.strip().lower().replace(" ", "_").replace("-", "_")


def _find_header_fault(names: Sequence[str]) -> str | None:
    if missing := [name for name in REQUIRED if name not in names]:
        return f"no column {', '.join(missing)}; the columns are {', '.join(COLUMNS)}"
    if doubled := [name for name in COLUMNS if names.count(name) > 1]:
        return f"column {', '.join(doubled)} is there more than once"
    return None


def _list_ignored(names: Iterable[str]) -> tuple[str, ...]:
    return tuple(name for name in names if name not in COLUMNS)


def _pick(row: Mapping[str, object]) -> Mapping[str, object]:
    return {name: row[name] for name in COLUMNS if name in row}
