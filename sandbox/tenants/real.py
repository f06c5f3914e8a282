"""Real data sets as sources: which tenants of one are taken, and its rows by tenant, a bounded number at a time.

What a row of a data set means is in `olist.py`, `retail.py` and `political.py`; all of their rows are good and come
once, so that each is counted as it is.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import NamedTuple

from platform_assets.core.errors import RefusedError
from sandbox.tenants.events import Event
from sandbox.tenants.truth import UNIT, TenantTruth, Truth

_CHUNK_ROWS = 100_000


class RealEvent(NamedTuple):
    """A row and whose it is."""

    tenant_id: str
    name: str
    event: Event


class RealTenants:
    """Source of real rows.

    Args:
        read: Starts reading the data set from its beginning.
        count: Takes only so many tenants, those with the most rows; None takes all.
    """

    def __init__(self, read: Callable[[], Iterator[RealEvent]], count: int | None) -> None:
        self._read = read
        rows: Counter[tuple[str, str]] = Counter((row.tenant_id, row.name) for row in read())
        ranked = sorted(rows, key=lambda tenant: (-rows[tenant], tenant))
        self._names = dict(ranked[:count])

    def names(self) -> dict[str, str]:
        """Tenant id -> its name, the largest first."""
        return self._names

    def read(self, truth: Truth) -> Iterator[tuple[str, Iterable[Event]]]:
        """Rows by tenant, from one chunk after the other; a tenant comes once for each chunk that it is in."""
        rows = (row for row in self._read() if row.tenant_id in self._names)
        while chunk := _group(islice(rows, _CHUNK_ROWS)):
            for tenant_id, events in chunk.items():
                _count(events, truth.tenant(tenant_id))
                yield tenant_id, events


def find_file(folder: Path, name: str) -> Path:
    """A file of the data folder.

    Raises:
        RefusedError: It is not there.
    """
    path = folder / name
    if not path.exists():
        raise RefusedError(f"no {name} in {folder}: name the folder of events data with --data")
    return path


def _group(rows: Iterable[RealEvent]) -> Mapping[str, list[Event]]:
    grouped: dict[str, list[Event]] = {}
    for tenant_id, _, event in rows:
        grouped.setdefault(tenant_id, []).append(event)
    return grouped


def _count(events: Iterable[Event], truth: TenantTruth) -> None:
    for event in events:
        known = truth.month(event.event_at[:7])
        known.good += 1
        known.revenue_units += int(Decimal(event.amount) * UNIT)
