"""CSV and TSV by RFC 4180: quoted values may hold delimiters, quotes written twice, and line ends.

Whatever cannot be read as a row costs its first line only: reading goes on at the next line, so that a quote that is
never closed does not swallow the rows after it.
"""

import csv
from collections import deque
from collections.abc import Iterator
from operator import itemgetter
from typing import Self

from platform_assets.core.errors import PermanentError
from platform_assets.tags.columns import TableOptions, check_columns
from platform_assets.tags.lines import BadLine
from platform_assets.tags.rows import MAX_ROW_CHARACTERS, BadRow, RawRow


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
        PermanentError: kind `bad_format` (no header to be read), `bad_columns`.
    """
    records = _Records(_Feed(lines), delimiter)
    header = records.read()
    if header is None:
        return
    if isinstance(header, BadRow):
        raise PermanentError(
            f"{key} has no header that can be read: {header.message}", kind="bad_format"
        )
    names, _ = header
    columns = check_columns(names, options, key)
    # The value after the last one is None, for columns that the table does not have.
    pick = itemgetter(*(len(names) if name is None else names.index(name) for name in columns))
    records.width = len(names)
    while record := records.read():
        if isinstance(record, BadRow):
            yield record
            continue
        values, line = record
        yield RawRow(line, pick((*values, None)), records.lines)


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

    Attributes:
        width: How many values a record must have; 0: any number.
    """

    def __init__(self, feed: _Feed, delimiter: str) -> None:
        self._feed = feed
        self._delimiter = delimiter
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
        return csv.reader(self._feed, delimiter=self._delimiter, strict=True)
