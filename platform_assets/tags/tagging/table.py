# pyright: standard, reportAttributeAccessIssue=false
"""Tags a prepared table: its mentions and their counts, in bounded memory; same table and dictionary, same bytes."""

from bisect import bisect_right
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from itertools import accumulate
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.core.months import month_of
from platform_assets.tags.convert.masking import find_personal
from platform_assets.tags.prep.origins import locate
from platform_assets.tags.table.files import ROW_GROUP_ROWS, TableFile
from platform_assets.tags.table.schemas import TAGGED
from platform_assets.tags.tagging.summary import Summary
from platform_assets.tags.tagging.tagger import Tagger

_COLUMNS = ["row_id", "created_at", "title", "body", "title_origin", "body_origin"]
_FIELDS = ("title", "body")
_WRITE_ROWS = 1024
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_QUARTER = timedelta(minutes=15)
"""No zone was ever off by other than a multiple of it, so a month begins with one."""

_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class TagResult:
    """What was found.

    Attributes:
        rows: Rows of the prepared table.
        rows_tagged: Rows with at least one mention.
        mentions: Rows of the tagged table.
        personal: Titles and bodies that still hold something personal, which is none.
    """

    rows: int
    rows_tagged: int
    mentions: int
    personal: int


def tag_table(prepared: Path, out: Path, summary_out: Path, tagger: Tagger) -> TagResult:
    """Finds all mentions in a table; by row, the title's first, by position.

    Args:
        prepared: A file of `schemas.PREPARED`.
        out: Gets a file of `schemas.TAGGED`, with or without mentions.
        summary_out: Gets a file of `schemas.SUMMARY`.
        tagger: With the dictionary.

    Raises:
        RefusedError: kind `temporary_folder`: a file cannot be written.
    """
    summary = Summary()
    rows = rows_tagged = personal = 0
    terms = tagger.dictionary.terms
    names = (
        pa.array([term.tag_id for term in terms], pa.string()),
        pa.array([term.term for term in terms], pa.string()),
    )
    with TableFile(out, TAGGED) as tagged:
        for batch in _read(prepared):
            texts = _read_texts(batch)
            mentions = _Mentions.find(batch, texts, tagger)
            rows += len(batch)
            personal += sum(1 for text in texts if find_personal(text))
            rows_tagged += len(set(mentions.rows))
            table = mentions.describe(batch, *names)
            summary.add(mentions.rows, table["tag_id"].to_pylist(), mentions.months)
            for first in range(0, len(table), _WRITE_ROWS):
                tagged.write(table.slice(first, _WRITE_ROWS))
    summary.write(summary_out)
    return TagResult(rows, rows_tagged, tagged.rows, personal)


def _read(prepared: Path) -> Iterator[pa.RecordBatch]:
    with pq.ParquetFile(prepared) as table:
        yield from table.iter_batches(ROW_GROUP_ROWS, columns=_COLUMNS, use_threads=False)


def _read_texts(batch: pa.RecordBatch) -> list[str]:
    """Title and body of each row in turn."""
    texts = [""] * (2 * len(batch))
    texts[0::2] = batch["title"].to_pylist()
    texts[1::2] = batch["body"].to_pylist()
    return texts


@dataclass(frozen=True, slots=True)
class _Mentions:
    """The mentions of a batch, in columns: which row, field and term, and where in the field's text."""

    rows: list[int]
    fields: list[int]
    terms: list[int]
    starts: list[int]
    ends: list[int]
    lengths: list[int]
    months: list[str]

    @classmethod
    def find(cls, batch: pa.RecordBatch, texts: Sequence[str], tagger: Tagger) -> "_Mentions":
        """Matches all texts of the batch in one pass."""
        begins = [0, *accumulate(len(text) + 1 for text in texts)]
        spans = tagger.scan("\n".join(texts))
        places = [bisect_right(begins, start) - 1 for start, _, _ in spans]
        rows = [place >> 1 for place in places]
        return cls(
            rows,
            [place & 1 for place in places],
            [index for _, _, index in spans],
            [start - begins[place] for (start, _, _), place in zip(spans, places, strict=True)],
            [end - begins[place] for (_, end, _), place in zip(spans, places, strict=True)],
            [len(texts[place]) for place in places],
            _months_of(batch["created_at"], rows),
        )

    def describe(self, batch: pa.RecordBatch, tag_ids: pa.Array, terms: pa.Array) -> pa.RecordBatch:
        """The rows of the tagged table."""
        which = pa.array(self.terms, pa.int32())
        origins = self._locate(batch)
        return pa.RecordBatch.from_arrays(
            [
                batch["row_id"].take(pa.array(self.rows, pa.int32())),
                tag_ids.take(which),
                terms.take(which),
                pa.array(self.starts, pa.int32()),
                pa.array(self.ends, pa.int32()),
                pa.array(_FIELDS).take(pa.array(self.fields, pa.int32())),
                pa.array([start for start, _ in origins], pa.int32()),
                pa.array([end for _, end in origins], pa.int32()),
                pa.array(self.months, pa.string()),
            ],
            schema=TAGGED,
        )

    def _locate(self, batch: pa.RecordBatch) -> Sequence[tuple[int, int]]:
        """Start and end of each mention in the original text."""
        columns = [_Origins(batch[f"{field}_origin"]) for field in _FIELDS]
        return [
            locate(columns[field].of(row), length, start, end)
            for row, field, start, end, length in zip(
                self.rows, self.fields, self.starts, self.ends, self.lengths, strict=True
            )
        ]


class _Origins:
    """A column of origins, without a list for each of its rows."""

    def __init__(self, column: pa.ListArray) -> None:
        self._bounds: list[int] = column.offsets.to_pylist()
        first, last = self._bounds[0], self._bounds[-1]
        self._values: list[int] = column.values.slice(first, last - first).to_pylist()
        self._first = first

    def of(self, row: int) -> Sequence[int]:
        """See `platform_assets/tags/prep/origins.py`."""
        return self._values[self._bounds[row] - self._first : self._bounds[row + 1] - self._first]


def _months_of(times: pa.Array, rows: Sequence[int]) -> list[str]:
    micros = times.cast(pa.int64()).to_pylist()
    step = _QUARTER // _MICROSECOND
    return ["" if micros[row] is None else _month_of_quarter(micros[row] // step) for row in rows]


@lru_cache(maxsize=1 << 14)
def _month_of_quarter(number: int) -> str:
    """The month in the platform's zone of a quarter of an hour since 1970; empty beyond the calendar's last year."""
    try:
        return month_of(_EPOCH + number * _QUARTER)
    except OverflowError:
        return ""
