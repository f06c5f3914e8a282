# pyright: standard, reportAttributeAccessIssue=false
"""The columns of every table that the tags pipeline writes. How files are written is in `files.py`.

Positions are code points: `start` is the first one, `end` the one after the last. Text is masked in every table.
"""

from collections.abc import Mapping

import pyarrow as pa

TIME = pa.timestamp("us", tz="UTC")

SENTENCE = pa.struct(
    [
        pa.field("field", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
    ]
)
"""A sentence of a row: `field` is `title` or `body`, positions are in that field's prepared text."""

TOKEN = pa.struct(
    [
        pa.field("form", pa.string(), nullable=False),
        pa.field("pos", pa.string(), nullable=False),
        pa.field("field", pa.string(), nullable=False),
        pa.field("start", pa.int32(), nullable=False),
        pa.field("end", pa.int32(), nullable=False),
    ]
)
"""A token of a row, like `SENTENCE`; `pos` is its part of speech in the Sejong tag set, empty without kiwi."""

_ORIGIN = pa.list_(pa.field("item", pa.int32(), nullable=False))


def _schema(columns: Mapping[str, pa.DataType], *, optional: tuple[str, ...] = ()) -> pa.Schema:
    return pa.schema(
        [pa.field(name, kind, nullable=name in optional) for name, kind in columns.items()]
    )


CONVERTED = _schema(
    {
        "tenant_id": pa.string(),
        "source": pa.string(),
        "table_id": pa.string(),
        "row_id": pa.string(),
        "created_at": TIME,
        "author_hash": pa.string(),
        "title": pa.string(),
        "body": pa.string(),
    },
    optional=("created_at", "author_hash"),
)
"""Rows of a raw table in the order of the file; `title` and `body` are as they came, but for masks of the same length,
and empty where there is none."""

PREPARED = _schema(
    {
        "tenant_id": pa.string(),
        "source": pa.string(),
        "table_id": pa.string(),
        "row_id": pa.string(),
        "created_at": TIME,
        "title": pa.string(),
        "body": pa.string(),
        "title_origin": _ORIGIN,
        "body_origin": _ORIGIN,
        "sentences": pa.list_(pa.field("item", SENTENCE, nullable=False)),
        "tokens": pa.list_(pa.field("item", TOKEN, nullable=False)),
    },
    optional=("created_at",),
)
"""Rows of `CONVERTED`, cleaned. `title_origin` and `body_origin` lead back to its texts: see `prep/origins.py`."""

TAGGED = _schema(
    {
        "row_id": pa.string(),
        "tag_id": pa.string(),
        "term": pa.string(),
        "start": pa.int32(),
        "end": pa.int32(),
        "field": pa.string(),
        "orig_start": pa.int32(),
        "orig_end": pa.int32(),
        "month": pa.string(),
    }
)
"""Mentions of tags: `start` and `end` in the prepared text of `field`, `orig_start` and `orig_end` in the converted
one; `month` is `YYYY-MM` in the platform's zone, empty when the row has no date."""

SUMMARY = _schema(
    {"tag_id": pa.string(), "month": pa.string(), "mentions": pa.int64(), "rows": pa.int64()}
)
"""Counts by tag and month of a table or a shard; `rows` counts each row once."""

DEAD_LETTERS = _schema(
    {
        "table_id": pa.string(),
        "file": pa.string(),
        "line": pa.int64(),
        "kind": pa.string(),
        "message": pa.string(),
        "raw": pa.string(),
    }
)
"""Rows that could not be read: `file` is the raw table's object key, `line` counts from 1 (a row number in Parquet),
`raw` is masked and at most 2,000 characters."""
