# pyright: standard, reportAttributeAccessIssue=false
"""Compares what is said of tenant-months: by Dagster, the state table, the objects, and whoever made the events.

For tests and benchmarks over tenants of the sandbox. Every difference is a line of text; no line means that all agree.
"""

import io
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from itertools import chain
from pathlib import Path

import dagster as dg
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_assets.core.objects import ObjectMissingError, ObjectStore
from platform_assets.partitions import tenant_months
from platform_assets.services import Services
from platform_assets.tenants.glue import MONTH_NUMBERS
from platform_assets.tenants.outputs import month_key, read_summary
from platform_assets.tenants.process import TABLES
from platform_assets.tenants.tenant import MonthStatus, TenantMonth, name_cell
from sandbox.tenants.truth import MonthTruth, Truth

SHOWN_AS = {
    MonthStatus.COMPLETED: "MATERIALIZED",
    MonthStatus.FAILED: "FAILED",
    MonthStatus.PENDING: "",
    MonthStatus.RUNNING: "",
}
"""How Dagster is to show a cell; while one is RUNNING the two may differ."""


@dataclass(frozen=True, slots=True)
class StoredMonth:
    """What the objects of a tenant-month hold.

    Attributes:
        events: Rows of the table of events.
        amounts: Sum of their amounts.
        identified: Those of them with a customer.
        profiled: Sum of events over the table of customers.
        summary: The row of the summary.
    """

    events: int
    amounts: Decimal
    identified: int
    profiled: int
    summary: Mapping[str, object]


def compare(services: Services, instance: dg.DagsterInstance, truth: Truth) -> list[str]:
    """Every difference, over all tenants that are registered.

    Args:
        services: State table and objects.
        instance: Dagster's.
        truth: What the sandbox wrote.
    """
    months = services.tenants.read_all()[1]
    shown = read_shown(instance, services.settings.tenants_first_month, months)
    return list(
        chain.from_iterable(
            chain(_compare_shown(month, shown), _compare_stored(services.objects, truth, month))
            for month in months
        )
    )


def read_shown(
    instance: dg.DagsterInstance, first_month: str, months: Iterable[TenantMonth]
) -> dict[str, dict[str, str]]:
    """Asset -> cell -> how Dagster shows it: `MATERIALIZED`, `FAILED`, `IN_PROGRESS`, or empty for not at all."""
    cells = [name_cell(month.tenant_id, month.month) for month in months]
    partitions = tenant_months(first_month)
    shown: dict[str, dict[str, str]] = {}
    for key in MONTH_NUMBERS:
        statuses = instance.get_status_by_partition(key, cells, partitions) or {}
        shown[key.to_user_string()] = {
            cell: status.value if status else "" for cell, status in statuses.items()
        }
    return shown


def read_stored(objects: ObjectStore, tenant_id: str, month: str) -> StoredMonth | None:
    """What is there of a tenant-month; None if a table is missing."""
    try:
        events, profiles = (
            pq.read_table(io.BytesIO(objects.get(month_key(tenant_id, month, name))))
            for name in TABLES[:2]
        )
        summary = read_summary(objects, tenant_id, month)
    except ObjectMissingError:
        return None
    return StoredMonth(
        events=len(events),
        amounts=pc.sum(events["amount"]).as_py() or Decimal(0),
        identified=len(events) - events["customer_id"].null_count,
        profiled=pc.sum(profiles["events"]).as_py() or 0,
        summary=summary,
    )


def _compare_shown(month: TenantMonth, shown: Mapping[str, Mapping[str, str]]) -> Iterator[str]:
    cell, wanted = name_cell(month.tenant_id, month.month), SHOWN_AS[month.status]
    for asset, statuses in shown.items():
        found = statuses.get(cell, "")
        if month.status is MonthStatus.RUNNING:
            yield f"{cell}: is RUNNING"
        elif found != wanted:
            yield f"{cell}: {asset} is {found or 'nothing'} in Dagster, {month.status} in the state"


def _compare_stored(objects: ObjectStore, truth: Truth, month: TenantMonth) -> Iterator[str]:
    cell = name_cell(month.tenant_id, month.month)
    stored = read_stored(objects, month.tenant_id, month.month)
    if month.status is not MonthStatus.COMPLETED:
        return
    if stored is None:
        yield f"{cell}: is COMPLETED, and a table of it is missing"
        return
    known = truth.tenant(month.tenant_id).month(month.month)
    for what, found, wanted in _list_numbers(month, stored, known):
        if found != wanted:
            yield f"{cell}: {what} {found}, and it is {wanted}"


def _list_numbers(
    month: TenantMonth, stored: StoredMonth, known: MonthTruth
) -> Sequence[tuple[str, object, object]]:
    """(what, found, true) of everything that is counted."""
    summary = stored.summary
    return [
        ("the state has processed_records", month.processed_records, known.good),
        ("the state has failed_records", month.failed_records, known.bad),
        ("events has rows", stored.events, known.good),
        ("events has amounts of", stored.amounts, known.revenue),
        ("customer_profiles has events", stored.profiled, stored.identified),
        ("month_summary has tenant_id", summary["tenant_id"], month.tenant_id),
        ("month_summary has month", summary["month"], month.month),
        ("month_summary has events", summary["events"], known.good),
        ("month_summary has failed_records", summary["failed_records"], known.bad),
        ("month_summary has duplicates", summary["duplicates"], known.duplicates),
        ("month_summary has revenue", summary["revenue"], known.revenue),
    ]


def open_instance(dagster_home: Path) -> dg.DagsterInstance:
    """The instance of a Dagster home that need not be this process's own."""
    return dg.DagsterInstance.from_config(str(dagster_home))
