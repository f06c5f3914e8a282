"""What was written, by tenant and month, known by whoever made the rows and not by reading them again.

Definitions: `good` counts the distinct event ids with a valid row; of several valid rows for one id the newest
`updated_at` wins, and the others are `duplicates`. `bad` counts the rows that break a rule. `revenue` is the sum of the
winners' amounts. A row belongs to the month that its `event_at` is written as of. rows = good + bad + duplicates.
"""

import json
from collections import Counter
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any, Self

from platform_assets.core.errors import RefusedError
from sandbox.tenants.drafts import write_whole

FILE_NAME = "truth.json"
UNIT = Decimal(10_000)
"""Amounts are added up as whole numbers of 1/10,000."""


@dataclass(slots=True)
class MonthTruth:
    """One tenant-month.

    Attributes:
        good: Distinct events that count.
        bad: Rows that break a rule.
        duplicates: Valid rows beyond the first of an event.
        revenue_units: Sum of what counts, in 1/10,000.
        odd: Kind of oddity (`oddities.py`) -> events that have it.
    """

    good: int = 0
    bad: int = 0
    duplicates: int = 0
    revenue_units: int = 0
    odd: Counter[str] = field(default_factory=Counter[str])

    @property
    def rows(self) -> int:
        """All rows."""
        return self.good + self.bad + self.duplicates

    @property
    def revenue(self) -> Decimal:
        """Sum of the amounts that count, with four decimals."""
        return Decimal(self.revenue_units).scaleb(-4)

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file; the revenue as text."""
        return {
            "rows": self.rows,
            "good": self.good,
            "bad": self.bad,
            "duplicates": self.duplicates,
            "revenue": f"{self.revenue:f}",
            "odd": dict(sorted(self.odd.items())),
        }

    @classmethod
    def from_json(cls, known: dict[str, Any]) -> Self:
        """Back from `to_json`."""
        units = int(Decimal(known["revenue"]) * UNIT)
        return cls(known["good"], known["bad"], known["duplicates"], units, Counter(known["odd"]))


@dataclass(slots=True)
class TenantTruth:
    """One tenant.

    Attributes:
        fails: Why nothing of it can be read (a `--bad` kind); empty for the others.
        appended: Events that were appended since it was made.
        months: Month -> its truth; empty months of a generated tenant are there too.
    """

    fails: str = ""
    appended: int = 0
    months: dict[str, MonthTruth] = field(default_factory=dict[str, MonthTruth])

    def month(self, month: str) -> MonthTruth:
        """The month's truth, to add to."""
        return self.months.setdefault(month, MonthTruth())


@dataclass(slots=True)
class Truth:
    """All tenants.

    Attributes:
        dataset: `generated` or the name of a real one.
        seed: What generated rows follow from.
        tenants: Tenant id -> its truth.
    """

    dataset: str
    seed: int
    tenants: dict[str, TenantTruth] = field(default_factory=dict[str, TenantTruth])

    def tenant(self, tenant_id: str) -> TenantTruth:
        """The tenant's truth, to add to."""
        return self.tenants.setdefault(tenant_id, TenantTruth())

    def count_rows(self) -> int:
        """Rows over all tenants and months."""
        return sum(m.rows for tenant in self.tenants.values() for m in tenant.months.values())

    def write(self, folder: Path) -> None:
        """Writes `truth.json`, whole or not at all."""
        tenants = {
            tenant_id: {
                "fails": tenant.fails,
                "appended": tenant.appended,
                "months": {month: m.to_json() for month, m in sorted(tenant.months.items())},
            }
            for tenant_id, tenant in self.tenants.items()
        }
        known = {"dataset": self.dataset, "seed": self.seed, "tenants": tenants}
        write_whole(folder / FILE_NAME, json.dumps(known, indent=1) + "\n")


def read_truth(folder: Path) -> Truth:
    """What `Truth.write` left in a folder.

    Raises:
        RefusedError: There is none.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise RefusedError(f"no {FILE_NAME} in {folder}: write tenants there first")
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    tenants = {
        tenant_id: TenantTruth(
            tenant["fails"],
            tenant["appended"],
            {month: MonthTruth.from_json(m) for month, m in tenant["months"].items()},
        )
        for tenant_id, tenant in known["tenants"].items()
    }
    return Truth(known["dataset"], known["seed"], tenants)
