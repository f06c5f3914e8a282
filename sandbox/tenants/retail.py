"""UCI's Online Retail of 2010-12 to 2011-10, a CSV file a day, as events: one per invoice line, a tenant is a country.

Invoice lines have no key and identical ones repeat, so the event id is the invoice and the number of the line in it.
Invoices that start with C are cancellations; lines that take pieces or money back on other invoices are adjustments.
Customer ids are floats in the files (`17850.0`) and are written without the fraction (`17850`); a quarter have none.
"""

import csv
import io
import re
import tarfile
from collections import Counter
from collections.abc import Iterator
from decimal import Decimal
from pathlib import Path

from sandbox.tenants.events import CANCELLATION, PURCHASE, Event
from sandbox.tenants.real import RealEvent, find_file

ADJUSTMENT = "adjustment"
_FOLDER = "online_retail_by_day"
_NO_NAME = re.compile(r"[^a-z0-9]+")


def read_retail(folder: Path) -> Iterator[RealEvent]:
    """All invoice lines, day by day.

    Raises:
        RefusedError: The folder is not there.
    """
    for path in sorted(find_file(folder, _FOLDER).glob("*.tar.gz")):
        with tarfile.open(path) as archive:
            for day in archive:
                if file := archive.extractfile(day):
                    yield from _read_day(io.TextIOWrapper(file, "utf-8", newline=""))


def _read_day(lines: io.TextIOWrapper) -> Iterator[RealEvent]:
    """The lines of one day; an invoice is never on two."""
    seen: Counter[str] = Counter()
    for row in csv.DictReader(lines):
        invoice, country = row["InvoiceNo"], row["Country"]
        seen[invoice] += 1
        pieces, amount = int(row["Quantity"]), Decimal(row["Quantity"]) * Decimal(row["UnitPrice"])
        event = Event(
            event_id=f"{invoice}-{seen[invoice]}",
            customer_id=row["CustomerID"].removesuffix(".0") or None,
            event_at=row["InvoiceDate"],
            event_type=_name_type(invoice, pieces, amount),
            order_id=invoice,
            quantity=pieces,
            amount=f"{amount + 0:f}",  # no -0.0
            updated_at=None,
        )
        yield RealEvent(_NO_NAME.sub("-", country.lower()), country, event)


def _name_type(invoice: str, pieces: int, amount: Decimal) -> str:
    if invoice.startswith("C"):
        return CANCELLATION
    return ADJUSTMENT if pieces < 0 or amount < 0 else PURCHASE
