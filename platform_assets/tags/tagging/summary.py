# pyright: standard, reportAttributeAccessIssue=false
"""How often each tag is mentioned in each month: of a table, and of the tables of a shard together."""

from collections import Counter
from collections.abc import Iterable, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.core.errors import PermanentError
from platform_assets.tags.table.files import TableFile
from platform_assets.tags.table.schemas import SUMMARY

_WRITE_ROWS = 1024

TagMonth = tuple[str, str]
"""A tag id and a month as `YYYY-MM`, empty for rows without a date."""


class Summary:
    """Counts by tag and month."""

    def __init__(self) -> None:
        self._mentions: Counter[TagMonth] = Counter()
        self._rows: Counter[TagMonth] = Counter()

    def add(self, rows: Sequence[int], tag_ids: Sequence[str], months: Sequence[str]) -> None:
        """Counts mentions.

        Args:
            rows: Of each mention its row, by any number that is the row's own within this call.
            tag_ids: Of each mention its tag.
            months: Of each mention the month of its row.
        """
        self._mentions.update(zip(tag_ids, months, strict=True))
        distinct = set(zip(rows, tag_ids, months, strict=True))
        self._rows.update((tag_id, month) for _, tag_id, month in distinct)

    def add_counts(self, counts: Iterable[tuple[str, str, int, int]]) -> None:
        """Adds what was counted elsewhere: tag id, month, mentions, rows."""
        for tag_id, month, mentions, rows in counts:
            self._mentions[tag_id, month] += mentions
            self._rows[tag_id, month] += rows

    def write(self, out: Path) -> int:
        """Writes a table of `schemas.SUMMARY` by tag and month; how many rows it has.

        Raises:
            RefusedError: kind `temporary_folder`: the file cannot be written.
        """
        keys = sorted(self._mentions)
        with TableFile(out, SUMMARY) as table:
            for first in range(0, len(keys), _WRITE_ROWS):
                chunk = keys[first : first + _WRITE_ROWS]
                columns = [
                    [tag_id for tag_id, _ in chunk],
                    [month for _, month in chunk],
                    [self._mentions[key] for key in chunk],
                    [self._rows[key] for key in chunk],
                ]
                arrays = [
                    pa.array(values, field.type)
                    for values, field in zip(columns, SUMMARY, strict=True)
                ]
                table.write(pa.RecordBatch.from_arrays(arrays, schema=SUMMARY))
        return len(keys)


def merge_summaries(paths: Iterable[Path], out: Path) -> int:
    """Writes the counts of several summaries in one, whatever order they come in; how many rows it has.

    Raises:
        PermanentError: kind `bad_summary`: one of them cannot be read.
        RefusedError: kind `temporary_folder`: the file cannot be written.
    """
    merged = Summary()
    for path in paths:
        merged.add_counts(zip(*_read(path).to_pydict().values(), strict=True))
    return merged.write(out)


def _read(path: Path) -> pa.Table:
    try:
        with pq.ParquetFile(path) as file:
            table = file.read(use_threads=False)
            if not table.schema.equals(SUMMARY):
                raise pa.ArrowInvalid(f"its columns are {', '.join(table.column_names)}")
    except (OSError, pa.ArrowException) as error:
        raise PermanentError(
            f"the tag summary {path.name} cannot be read ({error}): remove the receipt of its table, then run its "
            "shard again",
            kind="bad_summary",
        ) from error
    return table
