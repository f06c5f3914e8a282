# pyright: standard
"""Between the tenants domain and Dagster: which cells a run is about, what is told of them, what has failed.

No decisions about data.
"""

import json
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import dagster as dg
from dagster import DagsterEvent

from platform_assets.core.engine.units import (
    FailedUnit,
    JsonObject,
    Report,
    UnitOutcome,
    UnitState,
)
from platform_assets.core.errors import PermanentError, PlatformError, TransientError
from platform_assets.core.months import check_month
from platform_assets.glue import (
    NAMED_FAILURES,
    blame_report,
    make_failure,
    missing_units,
    name_some,
    name_units,
    report_metadata,
)
from platform_assets.services import Services
from platform_assets.tenants.customers import CustomersResult
from platform_assets.tenants.outputs import month_key
from platform_assets.tenants.tenant import (
    MonthStatus,
    TenantMonth,
    check_tenant_id,
    name_cell,
    split_cell,
)
from resources.dagster.materializations import tell_materializations
from resources.dagster.orchestration import Orchestration
from resources.dagster.private import RETRY_NUMBER_TAG, AssetMaterializationPlannedData

EVENTS = dg.AssetKey(["tenants", "events"])
PROFILES = dg.AssetKey(["tenants", "customer_profiles"])
SUMMARY = dg.AssetKey(["tenants", "month_summary"])
CUSTOMERS = dg.AssetKey(["tenants", "customers"])

ROWS_KEPT = "rows_kept"
"""The check of the months' events."""

MONTH_NUMBERS: Mapping[dg.AssetKey, Sequence[str]] = {
    EVENTS: ("processed_records", "failed_records", "duplicates", "bytes"),
    PROFILES: ("customers", "new_customers", "returning_customers", "anonymous_events"),
    SUMMARY: ("processed_records", "orders", "items", "revenue", "watermark", "unchanged"),
}
"""Which numbers of a month's result each asset shows."""

Context = dg.AssetExecutionContext | dg.OpExecutionContext


def read_cells(keys: Iterable[str]) -> list[str]:
    """Partition keys, checked before anything is done.

    Raises:
        PermanentError: kinds `bad_partition`, `bad_month`, `bad_tenant_id`.
    """
    cells = [str(key) for key in keys]
    for cell in cells:
        tenant_id, month = split_cell(cell)
        check_month(month)
        check_tenant_id(tenant_id)
    return cells


def partition_cells(context: dg.AssetExecutionContext) -> list[str]:
    """The cells of a run of the assets: one partition, or a range.

    Raises:
        PermanentError: kinds `bad_partition`, `bad_month`, `bad_tenant_id`.
    """
    if not (context.has_partition_key or context.has_partition_key_range):
        raise PermanentError(
            "no partition was given: run it for `YYYY-MM|tenant` with the tags dagster/partition, "
            "dagster/partition/month and dagster/partition/tenant, or for a range with "
            "dagster/asset_partition_range_start and dagster/asset_partition_range_end",
            kind="bad_partition",
        )
    if context.has_partition_key:
        return read_cells([context.partition_key])
    return read_cells(context.partition_keys)


def done_before(
    context: Context, services: Services, cells: Iterable[str]
) -> dict[str, JsonObject]:
    """What the runs that this one repeats have completed of the cells: a retry does only the rest.

    Returns:
        Cell -> the numbers that the state table has of it.
    """
    repeated, wanted = _list_repeated(context), set(cells)
    if not repeated:
        return {}
    tenants = {split_cell(cell)[0] for cell in wanted} & set(services.tenants.ids())
    return {
        cell: _stored_numbers(month)
        for tenant_id in tenants
        for month in services.tenants.months(tenant_id)
        if month.status is MonthStatus.COMPLETED
        and month.run_id in repeated
        and (cell := name_cell(month.tenant_id, month.month)) in wanted
    }


def _stored_numbers(month: TenantMonth) -> JsonObject:
    """The numbers of a result that the state table keeps."""
    return {
        "processed_records": month.processed_records,
        "failed_records": month.failed_records,
        "watermark": month.watermark,
    }


def _list_repeated(context: Context) -> set[str]:
    """The runs that this one goes on from, back to the first.

    A person who repeats a run that succeeded wants all of it again. Dagster's own retry does not: it may have given
    up a run that was late, and that went on to its end all the same.
    """
    repeated: set[str] = set()
    run: dg.DagsterRun | None = context.run
    while run is not None and run.parent_run_id is not None:
        by_dagster = RETRY_NUMBER_TAG in run.tags
        run = context.instance.get_run_by_id(run.parent_run_id)
        if run is None or (run.is_success and not by_dagster):
            break
        repeated.add(run.run_id)
    return repeated


def expire_months(context: Context, services: Services) -> None:
    """Gives up months that nobody works on any more, before it is decided what is due: a killed run's come first.

    Also those of runs that have ended: the start of this run has ended the runs of this host's dead processes.
    """
    runs = Orchestration(context.instance, services.settings.dagster_url)
    expired = services.tenant_months.expire(
        services.settings.tenants_stale_minutes * 60,
        lambda month: runs.is_gone(month.run_id or ""),
    )
    for month in expired:
        context.log.warning("%s %s: %s", month.tenant_id, month.month, month.error_message)


def tell_outcomes(context: Context, services: Services, outcomes: Sequence[UnitOutcome]) -> None:
    """Tells Dagster of cells that have ended, done or failed; people at once of a tenant that is disabled now."""
    tell_done(context, [one for one in outcomes if one.state is UnitState.DONE])
    failed = [one for one in outcomes if one.state is not UnitState.DONE]
    for outcome in failed:
        tell_failed(context, outcome)
    if any(_is_disabled(services, outcome) for outcome in failed):
        services.alert_tenants()  # the orchestrator's next tick may be minutes away


def _is_disabled(services: Services, outcome: UnitOutcome) -> bool:
    """Whether the tenant of a failed month is disabled by now."""
    if outcome.state is not UnitState.FAILED:
        return False
    try:
        return not services.tenants.get(split_cell(outcome.unit_id)[0]).active
    except PermanentError:
        return False  # it was removed meanwhile


def tell_losses(context: Context, services: Services) -> None:
    """The check of a run: one result, over all months as the state table has them; the failing ones are in it."""
    lossy = services.alert_tenants()
    kinds = {cell: services.lost_kinds(cell) for cell in list(lossy)[:NAMED_FAILURES]}
    evaluation = dg.AssetCheckEvaluation(
        asset_key=EVENTS,
        check_name=ROWS_KEPT,
        passed=not lossy,
        severity=dg.AssetCheckSeverity.ERROR,
        description=name_some([f"{cell}: {text}" for cell, text in lossy.items()]) or None,
        metadata={"failing_cells": list(lossy), "kinds": kinds, "failing": len(lossy)},
    )
    context.log_event(evaluation)  # pyright: ignore[reportArgumentType] - taken, though not in its type


def tell_done(context: Context, outcomes: Sequence[UnitOutcome]) -> None:
    """Materializes the three assets of cells."""
    tell_materializations(
        context,
        [
            dg.AssetMaterialization(
                key, partition=outcome.unit_id, metadata=_describe_done(key, names, outcome)
            )
            for key, names in MONTH_NUMBERS.items()
            for outcome in outcomes
        ],
    )


def _describe_done(key: dg.AssetKey, names: Sequence[str], outcome: UnitOutcome) -> dict[str, Any]:
    detail = outcome.detail or {}
    numbers = _pick_numbers(detail, names)
    tenant_id, month = split_cell(outcome.unit_id)
    numbers["object"] = month_key(tenant_id, month, key.path[-1])
    rows = (
        1 if key == SUMMARY else detail.get("customers" if key == PROFILES else "processed_records")
    )
    if rows is not None:
        numbers["dagster/row_count"] = rows
    if "watermark" in numbers:
        numbers["watermark"] = show_watermark(numbers["watermark"])
    if key == SUMMARY and "revenue" in detail:
        numbers |= {"revenue": float(detail["revenue"]), "seconds": round(outcome.seconds, 3)}
    return numbers


def show_watermark(watermark: str) -> str:
    """A fingerprint of a source's month in words."""
    try:
        count, newest, changed = json.loads(watermark)
    except ValueError:
        return watermark
    return f"{count} rows, newest event {newest or 'none'}, newest change {changed or 'unknown'}"


def _pick_numbers(detail: JsonObject, names: Iterable[str]) -> dict[str, Any]:
    return {name: detail[name] for name in names if detail.get(name) is not None}


def tell_failed(context: Context, outcome: UnitOutcome) -> None:
    """Makes a failed cell show as failed: a run of the assets has planned its cells, a cycle plans this one now."""
    context.log.warning(
        "%s failed (%s): %s", outcome.unit_id, outcome.error_kind, outcome.error_message
    )
    if isinstance(context, dg.AssetExecutionContext):
        return
    for key in MONTH_NUMBERS:
        planned = AssetMaterializationPlannedData(key, partition=outcome.unit_id)
        event = DagsterEvent.build_asset_materialization_planned_event(
            context.job_name, str(context.op_handle), planned
        )
        context.instance.report_dagster_event(event, context.run.run_id)


def fail_cells(report: Report, customers: Sequence[FailedUnit] = ()) -> None:
    """Raises a failure that lists what is not done, if there is anything.

    Args:
        report: How the cells went.
        customers: Tables of customers that could not be built.
    """
    if report.complete and not customers:
        return
    kind, transient = blame_report(report, customers)
    raise make_failure(
        f"{_count_cells(report)}"
        + (f" ({report.stop})" if report.stop else "")
        + (f", customers of {len(customers)} tenants could not be built" if customers else "")
        + ". The orchestrator tries what failed or is left again by itself; re-executing this run does only that.\n"
        + name_some(name_units([*missing_units(report), *customers]), "see the state table"),
        kind,
        transient=transient,
        **report_metadata(report),
        # A month that fails is tried again by itself; when it has failed for good its tenant's alert says so.
        alerted=not customers and not report.left,
        failed_cells=[u.unit_id for u in report.failures],
    )


def _count_cells(report: Report) -> str:
    """What is complete first: one tenant that failed is not the whole cycle."""
    done = report.done + report.skipped
    counts = [f"{done} of {report.total} tenant-months are complete"]
    if report.failed:
        counts.append(f"{report.failed} failed")
    if report.left:
        counts.append(f"{report.left} are left")
    return ", ".join(counts)


def customers_metadata(result: CustomersResult) -> dict[str, Any]:
    """Numbers of one customers table, for plots."""
    return {
        "dagster/row_count": result.customers,
        "months": result.months,
        "bytes": result.bytes,
        **{f"segment {name}": count for name, count in sorted(result.segments.items())},
    }


def refresh_customers(
    context: dg.OpExecutionContext, services: Services, tenant_ids: Collection[str]
) -> list[FailedUnit]:
    """Builds the customers of tenants whose months are new, and materializes each.

    Returns:
        The tenants for which that failed; the others are built all the same.
    """
    failed: list[FailedUnit] = []
    for tenant_id in sorted(set(services.due_customers()) & set(tenant_ids)):
        try:
            result = services.build_customers(tenant_id)
        except PlatformError as error:
            may_help = isinstance(error, TransientError)
            failed.append(FailedUnit(f"customers of {tenant_id}", error.kind, str(error), may_help))
            continue
        context.log_event(
            dg.AssetMaterialization(
                CUSTOMERS, partition=tenant_id, metadata=customers_metadata(result)
            )
        )
    return failed


TELL_LIMIT = 100
"""Cells that are told to Dagster afterwards at a time: three events each, about 10 ms an event."""


def tell_missing(
    instance: dg.DagsterInstance, services: Services, is_going_on: Callable[[str], bool]
) -> int:
    """Materializes cells that the state table has as complete and Dagster does not know of; how many.

    A run that is killed between the two leaves such a cell; so does a new Dagster instance on an old state database.

    Args:
        instance: Dagster's.
        services: The adapters.
        is_going_on: Whether the run with this id still works: it will tell of its cells by itself.
    """
    told = {key: instance.get_materialized_partitions(key) for key in MONTH_NUMBERS}
    completed = {
        name_cell(month.tenant_id, month.month): month
        for month in services.tenants.read_all()[1]
        if month.status is MonthStatus.COMPLETED
    }
    missing = [
        month
        for cell, month in completed.items()
        if any(cell not in known for known in told.values())
    ]
    alive = {run_id for run_id in {month.run_id or "" for month in missing} if is_going_on(run_id)}
    missing = [month for month in missing if (month.run_id or "") not in alive][:TELL_LIMIT]
    for month in missing:
        cell = name_cell(month.tenant_id, month.month)
        numbers = _stored_numbers(month)
        for key, known in told.items():
            if cell not in known:
                metadata = _pick_numbers(numbers, MONTH_NUMBERS[key])
                instance.report_runless_asset_event(
                    dg.AssetMaterialization(key, partition=cell, metadata=metadata)
                )
    return len(missing)
