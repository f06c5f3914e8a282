"""What processing one tenant-month came to, as the ledger, the assets and the API show it.

The numbers are those of the month's summary; how they come about is in `process.py`.
"""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from decimal import Decimal
from typing import Any


@dataclass(frozen=True, slots=True)
class MonthResult:
    """What processing one tenant-month came to.

    Attributes:
        processed_records: Events of the month, one per id.
        failed_records: Rows that became dead letters.
        duplicates: Valid rows beyond the first of an id.
        customers: Distinct customers.
        new_customers: Those without an event before the month.
        returning_customers: Those with one.
        anonymous_events: Events without a customer.
        orders: Distinct orders with a positive quantity.
        items: Sum of quantities.
        revenue: Sum of amounts.
        watermark: The source's fingerprint when reading began.
        unchanged: Whether the tables were left as they were because the source had not changed.
        bytes: Size of the three tables.
    """

    processed_records: int
    failed_records: int
    duplicates: int
    customers: int
    new_customers: int
    returning_customers: int
    anonymous_events: int
    orders: int
    items: int
    revenue: Decimal
    watermark: str | None
    unchanged: bool
    bytes: int

    def detail(self) -> dict[str, object]:
        """The result as a JSON object for the ledger; money as text."""
        return {**asdict(self), "revenue": str(self.revenue)}


def make_result(
    row: Mapping[str, Any], watermark: str | None, size: int, *, unchanged: bool
) -> MonthResult:
    """The result of a month from the row of its summary.

    Args:
        row: Column of `outputs.SUMMARY` -> value, revenue as a decimal.
        watermark: The source's fingerprint when reading began.
        size: Bytes of the three tables.
        unchanged: Whether the tables were left as they were.
    """
    return MonthResult(
        processed_records=row["events"],
        failed_records=row["failed_records"],
        duplicates=row["duplicates"],
        customers=row["customers"],
        new_customers=row["new_customers"],
        returning_customers=row["returning_customers"],
        anonymous_events=row["anonymous_events"],
        orders=row["orders"],
        items=row["items"],
        revenue=row["revenue"],
        watermark=watermark,
        unchanged=unchanged,
        bytes=size,
    )
