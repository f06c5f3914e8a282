"""What the end of a tenant-month's attempt writes: its own row, its tenant's, and months that are new to a backfill.

What follows from what is in `platform_assets/tenants/transitions.py`; who may write is for `ledger.py` to know.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime

from sqlalchemy import Connection

from platform_assets.core.engine.units import JsonObject, UnitOutcome, UnitState
from platform_assets.core.months import month_of
from platform_assets.tenants import transitions
from platform_assets.tenants.state.claims import fail_month
from platform_assets.tenants.state.rows import (
    Cell,
    insert_months,
    read_months,
    write_months,
    write_tenants,
)
from platform_assets.tenants.tenant import MonthStatus, Tenant, TenantMonth, TenantType
from resources.state.tables import tenant_month_states as states


def write_outcomes(
    connection: Connection,
    tenants: dict[str, Tenant],
    held: Mapping[str, TenantMonth],
    outcomes: Sequence[UnitOutcome],
    now: datetime,
) -> None:
    """Writes how tenant-months ended, and what follows for their tenants.

    Args:
        connection: In a transaction that has locked all of them.
        tenants: By id; changed ones are replaced.
        held: The tenant-months of the outcomes, by unit id.
        outcomes: How they ended.
        now: Taken under the locks.
    """
    ended: dict[Cell, TenantMonth] = {}
    changed: dict[str, Tenant] = {}
    for outcome in outcomes:
        month = held[outcome.unit_id]
        before = tenants[month.tenant_id]
        after, month = _end(before, month, outcome, now)
        ended[month.tenant_id, month.month] = month
        if after is not before:
            tenants[month.tenant_id] = changed[month.tenant_id] = after
    write_months(connection, ended.values())
    completed = [m for m in ended.values() if m.status is MonthStatus.COMPLETED]
    changed |= _advance(connection, tenants, completed, now)
    write_tenants(connection, changed.values())


def _end(
    tenant: Tenant, month: TenantMonth, outcome: UnitOutcome, now: datetime
) -> tuple[Tenant, TenantMonth]:
    if outcome.state is UnitState.DONE:
        return tenant, transitions.complete(month, _read_numbers(outcome.detail or {}), now)
    if outcome.state is UnitState.FAILED:
        message = f"{outcome.error_kind}: {outcome.error_message}"
        return fail_month(tenant, month, message, now)
    if outcome.error_kind is not None:  # a fault of the platform
        message = f"{outcome.error_kind}: {outcome.error_message}"
        return tenant, transitions.put_off(month, message, now)
    return tenant, transitions.give_back(month, now)


def _advance(
    connection: Connection,
    tenants: Mapping[str, Tenant],
    completed: Sequence[TenantMonth],
    now: datetime,
) -> dict[str, Tenant]:
    """The tenants of completed months as they are now; adds the months that are new to a backfill."""
    advanced: dict[str, Tenant] = {}
    added: list[TenantMonth] = []
    for tenant_id, months in _gather(connection, tenants, completed).items():
        advanced[tenant_id], new = transitions.after_completion(
            tenants[tenant_id], months, month_of(now), now
        )
        added += [transitions.new_month(tenant_id, month, now) for month in new]
    insert_months(connection, added)
    return advanced


def _gather(
    connection: Connection, tenants: Mapping[str, Tenant], completed: Sequence[TenantMonth]
) -> dict[str, list[TenantMonth]]:
    """The months that say where each tenant stands: all of a NEW one; an EXISTING one's own row knows the others."""
    new = {m.tenant_id for m in completed if tenants[m.tenant_id].tenant_type is TenantType.NEW}
    telling = [month for month in completed if month.tenant_id not in new]
    if new:
        telling += read_months(connection, states.c.tenant_id.in_(new))
    gathered: dict[str, list[TenantMonth]] = {}
    for month in telling:
        gathered.setdefault(month.tenant_id, []).append(month)
    return gathered


def _read_numbers(detail: JsonObject) -> transitions.MonthNumbers:
    return transitions.MonthNumbers(
        processed_records=detail.get("processed_records", 0),
        failed_records=detail.get("failed_records", 0),
        watermark=detail.get("watermark"),
    )
