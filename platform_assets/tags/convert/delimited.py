r"""CSV and TSV by RFC 4180: quoted values may hold delimiters, quotes written twice, and line ends.

Quotes within values that are escaped by a backslash, as MySQL's tools write them, are read where more of the first rows
can be read so. `\N` is no value. Whatever cannot be read as a row costs its first line only: reading goes on at the
next line, so that a quote that is never closed does not swallow the rows after it.
"""

import csv
import re
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from typing import Self

from platform_assets.core.errors import PermanentError
from platform_assets.tags.convert.columns import TableOptions, check_columns, find_columns
from platform_assets.tags.convert.dates import read_time
from platform_assets.tags.convert.lines import BadLine
from platform_assets.tags.convert.rows import MAX_ROW_CHARACTERS, BadRow, RawRow

_SAMPLE_LINES = 1000
_SAMPLE_CHARACTERS = 1024 * 1024
_NAME_CHARACTERS = 60
_NO_VALUE = r"\N"
_ESCAPED = re.compile(r'\\(["\\])')


def read_delimited(
    lines: Iterator[str], delimiter: str, options: TableOptions, key: str
) -> Iterator[RawRow | BadRow]:
    """The rows below the header; blank lines are none.

    Args:
        lines: Lines with their line feeds.
        delimiter: Between values.
        options: Of the table's source.
        key: Object key of the table, for messages.

    Raises:
        PermanentError: kind `bad_format` (no header to be read), `no_header`, `bad_columns`.
    """
    quoted = options.quoting != "off"
    if quoted:
        lines = _unescape_where_better(lines, delimiter)
    records = _Records(_Feed(lines), delimiter, quoted=quoted)
    header = records.read()
    if header is None:
        return
    if isinstance(header, BadRow):
        raise PermanentError(
            f"{key} has no header that can be read: {header.message}", kind="bad_format"
        )
    names, _ = header
    _refuse_row(names, options, key)
    columns = check_columns(names, options, key)
    # The value after the last one is None, for columns that the table does not have.
    pick = itemgetter(*(len(names) if name is None else names.index(name) for name in columns))
    records.width = len(names)
    while record := records.read():
        if isinstance(record, BadRow):
            yield record
            continue
        values, line = record
        if _NO_VALUE in values:
            values = [None if value == _NO_VALUE else value for value in values]
        yield RawRow(line, pick((*values, None)), records.lines)


def _refuse_row(names: Sequence[str], options: TableOptions, key: str) -> None:
    """Refuses a first line that is a row by its looks: no name is known, and some values are numbers, dates or text."""
    if options.columns or any(name is not None for name in find_columns(names, options)):
        return
    if any(_is_value(name) for name in names):
        raise PermanentError(
            f"{key} has no header: its first line looks like a row and not like names of columns; write a first line "
            "such as id,title,body above it",
            kind="no_header",
        )


def _is_value(name: str) -> bool:
    if len(name) > _NAME_CHARACTERS or re.fullmatch(r"[+-]?\d[\d,.]*", name.strip()):
        return True
    try:
        return bool(name.strip()) and read_time(name) is not None
    except ValueError:
        return False


def _unescape_where_better(lines: Iterator[str], delimiter: str) -> Iterator[str]:
    """The lines; quotes after a backslash are written twice where more of the first rows can be read so."""
    sample = take_sample(lines)
    rest = chain(sample, lines)
    if not any(r"\"" in line for line in sample):
        return rest
    unescaped = list(map(_unescape, sample))
    if _count_rows(unescaped, delimiter) > _count_rows(sample, delimiter):
        return map(_unescape, rest)
    return rest


def take_sample(lines: Iterator[str]) -> list[str]:
    """The first lines of a table, to look at."""
    sample: list[str] = []
    characters = 0
    for line in lines:
        sample.append(line)
        characters += len(line)
        if len(sample) == _SAMPLE_LINES or characters > _SAMPLE_CHARACTERS:
            break
    return sample


def _unescape(line: str) -> str:
    """Quotes after a backslash written twice; other backslashes stay, they may be meant."""
    if type(line) is not str or r"\"" not in line:
        return line
    return _ESCAPED.sub(lambda match: '""' if match[1] == '"' else match[0], line)


def _count_rows(sample: Sequence[str], delimiter: str) -> int:
    """How many rows can be read that are as wide as the first."""
    records = _Records(_Feed(iter(sample)), delimiter, quoted=True)
    rows = 0
    while record := records.read():
        if isinstance(record, BadRow):
            continue
        records.width = records.width or len(record[0])
        rows += 1
    return rows


class _TooLongError(Exception):
    """A record has more characters than a row may have."""


class _Feed:
    """Lines for `csv.reader`, which can be had again.

    Attributes:
        taken: Lines of the current record.
        line: How many lines came before it.
    """

    def __init__(self, lines: Iterator[str]) -> None:
        self._lines = lines
        self._again: deque[str] = deque()
        self._size = 0
        self.taken: list[str] = []
        self.line = 0

    def begin(self) -> None:
        """Starts a record."""
        self.line += len(self.taken)
        self.taken = []
        self._size = 0

    def keep_first(self) -> None:
        """Gives all lines of the record but the first one again."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> str:
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        self._size += len(line)
        if self._size > MAX_ROW_CHARACTERS:
            raise _TooLongError
        return line


class _Records:
    """Records of a delimited text.

    Args:
        feed: Its lines.
        delimiter: Between values.
        quoted: Whether quotes are around values.

    Attributes:
        width: How many values a record must have; 0: any number.
    """

    def __init__(self, feed: _Feed, delimiter: str, *, quoted: bool) -> None:
        self._feed = feed
        self._delimiter = delimiter
        self._quoted = quoted
        self._reader = self._open()
        self.width = 0

    @property
    def lines(self) -> list[str]:
        """The lines of the record that was read last."""
        return self._feed.taken

    def read(self) -> tuple[list[str], int] | BadRow | None:
        """The next record that is not blank: its values and its first line, or why it is none; None at the end."""
        feed = self._feed
        while True:
            feed.begin()
            try:
                values = next(self._reader)
            except StopIteration:
                return None
            except csv.Error as error:
                return self._give_up("bad_row", str(error))
            except _TooLongError:
                message = f"a quote is not closed within {MAX_ROW_CHARACTERS:,} characters"
                return self._give_up("row_too_long", message)
            if any(type(line) is not str for line in feed.taken):
                return self._refuse_bad_line()
            if values:
                break
        if self.width and len(values) != self.width:
            message = f"it has {len(values)} values, and the header has {self.width}"
            return self._give_up("bad_row", message)
        return values, feed.line + 1

    def _refuse_bad_line(self) -> BadRow:
        """A record with a line that did not decode; all of it, unless its end is not known."""
        bad = next(line for line in self._feed.taken if isinstance(line, BadLine))
        if bad.kind == "row_too_long":
            return self._give_up(bad.kind, bad.message)
        return BadRow(self._feed.line + 1, bad.kind, bad.message, "".join(self._feed.taken))

    def _give_up(self, kind: str, message: str) -> BadRow:
        self._feed.keep_first()
        self._reader = self._open()
        return BadRow(self._feed.line + 1, kind, message, self._feed.taken[0])

    def _open(self) -> Iterator[list[str]]:
        csv.field_size_limit(MAX_ROW_CHARACTERS)
        quoting = csv.QUOTE_MINIMAL if self._quoted else csv.QUOTE_NONE
        return csv.reader(self._feed, delimiter=self._delimiter, quoting=quoting, strict=True)
