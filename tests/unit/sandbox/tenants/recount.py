"""Counts what is in a table of events, from nothing but the definitions at the top of `sandbox/tenants/truth.py`."""

import re
import sqlite3
from collections import defaultdict
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from sandbox.tenants.truth import MonthTruth

TIME = re.compile(r"(\d{4})-(\d\d?)-(\d\d?) (\d\d:\d\d:\d\d)")
MONTH = re.compile(r"(\d{4})-(\d\d?)-")
Row = tuple[Any, ...]


def read_rows(path: Path, table: str = "events") -> list[Row]:
    """All rows of a SQLite file in the order of writing."""
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT * FROM {table} ORDER BY rowid").fetchall()


def recount(rows: Iterable[Row], month: str, after: str) -> tuple[int, int, int, Decimal]:
    """Good, bad, duplicates and revenue of the rows between two first days of months."""
    versions: dict[str, list[tuple[str, Decimal]]] = defaultdict(list)
    bad = 0
    for event_id, _, event_at, _, _, quantity, amount, updated_at in rows:
        if not month <= read_month(str(event_at)) < after:
            continue
        if event_id and is_time(str(event_at)) and isinstance(quantity, int) and amount != "NaN":
            versions[event_id].append((str(updated_at or ""), Decimal(str(amount))))
        else:
            bad += 1
    winners = [max(found)[1] for found in versions.values()]
    duplicates = sum(len(found) - 1 for found in versions.values())
    return len(winners), bad, duplicates, sum(winners, Decimal(0))


def figures(known: MonthTruth) -> tuple[int, int, int, Decimal]:
    """The same of a month's truth."""
    return known.good, known.bad, known.duplicates, known.revenue


def read_month(text: str) -> str:
    found = MONTH.match(text)
    return f"{found[1]}-{int(found[2]):02}" if found else ""


def is_time(text: str) -> bool:
    found = TIME.fullmatch(text)
    if found is None:
        return False
    year, month, day, clock = found.groups()
    try:
        datetime.fromisoformat(f"{year}-{int(month):02}-{int(day):02} {clock}")
    except ValueError:
        return False
    return True
