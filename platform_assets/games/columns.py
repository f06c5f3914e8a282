# pyright: standard
"""Turning raw records into typed columns. Pure: bytes in, Arrow table and a list of oddities out.

A table has `id`, the entity's typed columns, `rest` (JSON of every other field; null when there is none), `seen_on`
(the day that the row comes from) and `deleted_on` (the day whose full refresh no longer had it; else null).
Missing fields become null. A field of another type than the table of entities says is drift that breaks the table.
"""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import msgspec
import pyarrow as pa

from platform_assets.core.decoding import UNREADABLE, UnreadableError, decode_json
from platform_assets.games.drift import Drift
from platform_assets.games.entities import Entity, Kind
from platform_assets.games.pages import INT64

_read_one = msgspec.json.Decoder(dict[str, Any])
_read_all = msgspec.json.Decoder(list[dict[str, Any]])

_TYPES: Mapping[Kind, pa.DataType] = {
    Kind.INTEGER: pa.int64(),
    Kind.NUMBER: pa.float64(),
    Kind.TEXT: pa.string(),
    Kind.FLAG: pa.bool_(),
    Kind.IDS: pa.list_(pa.int64()),
    Kind.SECONDS: pa.int64(),
}


def schema_of(entity: Entity) -> pa.Schema:
    """The table's schema."""
    return pa.schema(
        [
            pa.field("id", pa.int64(), nullable=False),
            *(pa.field(name, _TYPES[kind]) for name, kind in entity.columns.items()),
            pa.field("rest", pa.string()),
            pa.field("seen_on", pa.string(), nullable=False),
            pa.field("deleted_on", pa.string()),
        ]
    )


def read_columns(entity: Entity, lines: bytes, day: str, drift: Drift) -> pa.Table:
    """Typed columns of JSON Lines; what is odd about them is added to `drift`.

    Args:
        entity: Names the columns.
        lines: One record a line, in id order.
        day: Becomes `seen_on`.
        drift: Counts are added to it. A column with a value of another type comes out null: a caller that finds
            `drift.changed` filled must not publish the table.
    """
    records = _read_records(lines, drift)
    ids = [record.pop("id") for record in records]
    columns: list[pa.Array] = [pa.array(ids, pa.int64())]
    for name, kind in entity.columns.items():
        columns.append(_column(name, kind, [record.pop(name, None) for record in records], drift))
    columns.append(pa.array([_rest(record, drift) for record in records], pa.string()))
    columns.append(pa.array([day] * len(records), pa.string()))
    columns.append(pa.nulls(len(records), pa.string()))
    drift.records += len(records)
    return pa.Table.from_arrays(columns, schema=schema_of(entity))


def _read_records(lines: bytes, drift: Drift) -> list[dict[str, Any]]:
    """The records; one that cannot be read is left out and counted."""
    try:
        return decode_json(b"[" + lines.strip().replace(b"\n", b",") + b"]", _read_all)
    except UnreadableError:
        return list(_read_each(lines, drift))


def _read_each(lines: bytes, drift: Drift) -> Iterator[dict[str, Any]]:
    for line in lines.splitlines():
        try:
            record = decode_json(line, _read_one)
            if record["id"] not in INT64:
                raise UnreadableError("the id has more than 64 bits")
            msgspec.json.encode(record)
        except (UnreadableError, *UNREADABLE) as error:
            drift.unread.append(f"{line[:40]!r}: {error}")
        else:
            yield record


def _column(name: str, kind: Kind, values: Sequence[Any], drift: Drift) -> pa.Array:
    try:
        column = pa.array(values, _TYPES[kind])
    except (pa.ArrowInvalid, pa.ArrowTypeError, OverflowError) as error:
        drift.changed.setdefault(name, f"expected {kind}: {error}")
        return pa.nulls(len(values), _TYPES[kind])
    if column.null_count:
        drift.missing[name] += column.null_count
    return column


def _rest(record: dict[str, Any], drift: Drift) -> str | None:
    if not record:
        return None
    drift.new.update(record.keys())
    return msgspec.json.encode(record, order="deterministic").decode()
