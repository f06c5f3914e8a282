"""What came out of a pipeline, in a form that does not depend on when it was done or by how many attempts.

All tables of the object store, and the ranks and states of the state database: rows without times, ids of attempts and
runs. Two homes that did the same work have the same contents.
"""

from collections import Counter
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import sqlalchemy as sa

Contents = dict[str, Counter[str]]
"""Table -> its rows as text, counted."""

UNCOMPARED = ("/raw/", "jobs/")
"""Objects that hold the way and not the result: parts of pages as received, orders and results of tasks."""

STATE_QUERIES = {
    "months": "SELECT tenant_id, processing_month, status, processed_records, failed_records"
    " FROM tenant_month_states",
    "tenants": "SELECT tenant_id, tenant_type, active, last_completed_month FROM tenants",
    "ranks": "SELECT tracking_id, checked_on, rank, session_number FROM rank_histories",
    "products": "SELECT platform, product_id, name FROM known_products",
}


def read_contents(objects: Path, engine: sa.Engine) -> Contents:
    """Everything that a home holds.

    Args:
        objects: The folder of its object store.
        engine: Its state database.
    """
    found: Contents = {}
    for path in sorted(objects.rglob("*.parquet")):
        key = path.relative_to(objects).as_posix()
        if not any(part in f"/{key}" for part in UNCOMPARED):
            found[key] = read_rows(path)
    with engine.connect() as connection:
        for name, query in STATE_QUERIES.items():
            found[name] = Counter(str(tuple(row)) for row in connection.execute(sa.text(query)))
    return found


def read_rows(path: Path) -> Counter[str]:
    """The rows of a Parquet file, columns of times left out."""
    table = pq.ParquetFile(path).read()
    kept = [field.name for field in table.schema if not pa.types.is_timestamp(field.type)]
    return Counter(map(str, table.select(kept).to_pylist()))


def count_differences(expected: Contents, found: Contents) -> tuple[int, int]:
    """Rows that are missing, and rows that should not be there (twice, or with other values)."""
    missing = extra = 0
    for key in expected.keys() | found.keys():
        wanted, there = expected.get(key, Counter()), found.get(key, Counter())
        missing += (wanted - there).total()
        extra += (there - wanted).total()
    return missing, extra


def name_differences(expected: Contents, found: Contents) -> list[str]:
    """The tables that differ, with how many rows."""
    lines = list[str]()
    for key in sorted(expected.keys() | found.keys()):
        wanted, there = expected.get(key, Counter()), found.get(key, Counter())
        if wanted != there:
            lines.append(
                f"{key}: {(wanted - there).total()} missing, {(there - wanted).total()} extra"
            )
    return lines
