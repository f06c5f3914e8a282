"""A tenant and one of its months, as values: what the state tables hold, and the words for it.

What may follow what is in `transitions.py`, what is due in `decide.py`; SQL is in `state/`.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from platform_assets.core.errors import PermanentError

BACKFILL_MONTHS = 24
"""Months before the current one that a new tenant is backfilled from: with the current one, 25 in all."""

MAX_RETRIES = 3
"""Failures of a month that are tried again; the one after them disables the tenant."""

_TENANT_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,49}")


class TenantType(StrEnum):
    """NEW while its history is backfilled, EXISTING when only its current months are kept up to date."""

    NEW = "NEW"
    EXISTING = "EXISTING"


class MonthStatus(StrEnum):
    """Stored status of a tenant-month; `transitions.py` draws how one follows the other."""

    PENDING = "PENDING"
    RUNNING = "RUNNING"
    COMPLETED = "COMPLETED"
    FAILED = "FAILED"


@dataclass(frozen=True, slots=True)
class SourceSettings:
    """Where a tenant's events are.

    Attributes:
        url: SQLAlchemy URL of the database. A password is not written into it: `${NAME}` stands for the value of the
            variable SLUICE_SOURCE_NAME, filled in when the source is opened.
        table: Table or view of events, perhaps with its schema: `shop.events`.
        columns: Canonical column -> the table's own name, for those that are named otherwise (`events.py` lists the
            canonical ones).
    """

    url: str
    table: str = "events"
    columns: Mapping[str, str] = field(default_factory=dict[str, str])


@dataclass(frozen=True, slots=True)
class Tenant:
    """One advertiser.

    Attributes:
        tenant_id: Key, at most 50 characters; see `check_tenant_id`.
        name: Name for people.
        tenant_type: NEW or EXISTING.
        active: Whether anything of it runs by itself.
        disabled_reason: Why it is not active; None while it is.
        current_processing_month: The month that is processed next (NEW) or was last (EXISTING).
        backfill_start_month: First month of the backfill; None for one that was registered as EXISTING.
        backfill_completed: Whether the history is complete.
        last_completed_month: The latest month that is complete.
        customers_at: When the table of its customers was last built; None before the first time.
        source: Where its events are.
        created_at: Aware UTC.
        updated_at: Aware UTC.
    """

    tenant_id: str
    name: str
    tenant_type: TenantType
    active: bool
    disabled_reason: str | None
    current_processing_month: str | None
    backfill_start_month: str | None
    backfill_completed: bool
    last_completed_month: str | None
    customers_at: datetime | None
    source: SourceSettings
    created_at: datetime
    updated_at: datetime


@dataclass(frozen=True, slots=True)
class TenantMonth:
    """The state of one tenant-month.

    Attributes:
        tenant_id: The tenant.
        month: `YYYY-MM`.
        status: See `MonthStatus`.
        started_at: Start of the last attempt.
        heartbeat_at: Last sign of life of a running attempt.
        completed_at: End of the last attempt that succeeded.
        processed_records: Good events of the month.
        failed_records: Events that became dead letters.
        error_message: What the last failure said, at most 1000 characters.
        retry_count: Failures since the last success or reset; at most `max_retries` + 1.
        max_retries: Failures that are tried again.
        next_attempt_at: When a month that failed or was given back is due again; None if never, or at once.
        attempt_id: Who works on it, or did last: the fencing token.
        owner: The process of that attempt, as `core/processes/owner.py` describes it.
        run_id: Dagster run of that attempt; empty outside Dagster.
        watermark: Fingerprint of the source's month when the last successful attempt began to read it.
        created_at: Aware UTC.
        updated_at: Aware UTC.
        deaths: Workers that died in a row while they had it in hand.
        faults: Attempts in a row that met a fault of the platform; none of them counts as a failure.
    """

    tenant_id: str
    month: str
    status: MonthStatus
    started_at: datetime | None
    heartbeat_at: datetime | None
    completed_at: datetime | None
    processed_records: int
    failed_records: int
    error_message: str | None
    retry_count: int
    max_retries: int
    next_attempt_at: datetime | None
    attempt_id: str | None
    owner: str | None
    run_id: str | None
    watermark: str | None
    created_at: datetime
    updated_at: datetime
    deaths: int = 0
    faults: int = 0


def check_tenant_id(text: str) -> str:
    """The id itself, good as a partition key and as a folder name.

    Raises:
        PermanentError: kind `bad_tenant_id`.
    """
    if _TENANT_ID.fullmatch(text) is None:
        raise PermanentError(
            f"{text[:60]!r} is no tenant id; use 1 to 50 letters, digits, `_`, `-` and single dots, the first a letter "
            "or digit: other characters would break partition keys",
            kind="bad_tenant_id",
        )
    return text


def name_cell(tenant_id: str, month: str) -> str:
    """The partition key of a tenant-month, as Dagster orders the dimensions by name: `2026-01|acme`."""
    return f"{month}|{tenant_id}"


def split_cell(key: str) -> tuple[str, str]:
    """(tenant id, month) of a partition key.

    Raises:
        PermanentError: kind `bad_partition`: not of the form `YYYY-MM|tenant`.
    """
    month, bar, tenant_id = key.partition("|")
    if not bar or not tenant_id:
        raise PermanentError(
            f"partition {key[:80]!r} is no tenant-month; they are written YYYY-MM|tenant, such as 2026-01|acme",
            kind="bad_partition",
        )
    return tenant_id, month
