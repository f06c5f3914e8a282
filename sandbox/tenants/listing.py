"""The list of tenants, as CSV: all of them for whoever registers them, and the EXISTING ones as a legacy table.

A legacy table of advertisers is what `python -m platform_assets.tenants import` reads; it has its own column names.
"""

import csv
import io
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, fields
from pathlib import Path

from platform_assets.core.errors import RefusedError
from sandbox.tenants.drafts import write_whole

FILE_NAME = "tenants.csv"
LEGACY_NAME = "advertisers.csv"
EXISTING = "EXISTING"
_LEGACY = {
    "advertiser_id": "tenant_id",
    "name": "name",
    "last_completed_month": "last_completed_month",
    "source_url": "source_url",
    "source_table": "table",
}
"""Column of the legacy table -> attribute."""


@dataclass(frozen=True, slots=True)
class ListedTenant:
    """One line; the names of the attributes are the header.

    Attributes:
        tenant_id: Key.
        name: For people.
        tenant_type: NEW or EXISTING.
        last_completed_month: `YYYY-MM`; empty for NEW.
        source_url: SQLAlchemy URL of its database, without a password.
        table: Its table of events.
        columns: JSON object of columns that are named otherwise.
    """

    tenant_id: str
    name: str
    tenant_type: str
    last_completed_month: str
    source_url: str
    table: str
    columns: str = "{}"


def format_list(tenants: Iterable[ListedTenant]) -> str:
    """CSV of all tenants, with a header."""
    return _format({field.name: field.name for field in fields(ListedTenant)}, tenants)


def write_lists(folder: Path, tenants: Iterable[ListedTenant]) -> None:
    """Writes `tenants.csv` with all of them and `advertisers.csv` with the EXISTING ones, each whole or not at all."""
    tenants = list(tenants)
    existing = (tenant for tenant in tenants if tenant.tenant_type == EXISTING)
    write_whole(folder / FILE_NAME, format_list(tenants))
    write_whole(folder / LEGACY_NAME, _format(_LEGACY, existing))


def read_list(folder: Path) -> list[ListedTenant]:
    """What `write_lists` left in a folder.

    Raises:
        RefusedError: There is none.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise RefusedError(f"no {FILE_NAME} in {folder}: write tenants there first")
    with path.open(encoding="utf-8", newline="") as lines:
        return [ListedTenant(**row) for row in csv.DictReader(lines)]


def _format(columns: Mapping[str, str], tenants: Iterable[ListedTenant]) -> str:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows([getattr(tenant, name) for name in columns.values()] for tenant in tenants)
    return text.getvalue()
