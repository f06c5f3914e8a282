# pyright: standard
"""The assets of the tenants pipeline: three tables per tenant-month from one pass over its events, one per tenant.

What is done to a month is in `process.py`, to a customer in `customers.py`; how a run tells Dagster is in `glue.py`.
"""

from collections.abc import Iterator, Mapping, Sequence
from functools import partial

import dagster as dg

from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.core.engine.units import JsonObject, Progress, Report, UnitOutcome, UnitState
from platform_assets.core.errors import PermanentError
from platform_assets.glue import (
    OWNERS,
    ProgressLog,
    check_outputs,
    explained_failures,
    table_spec,
)
from platform_assets.partitions import TENANTS
from platform_assets.services import Services
from platform_assets.tenants.cycle import run_months
from platform_assets.tenants.glue import (
    CUSTOMERS,
    EVENTS,
    PROFILES,
    ROWS_KEPT,
    SUMMARY,
    Context,
    customers_metadata,
    done_before,
    fail_cells,
    partition_cells,
    tell_done,
    tell_losses,
    tell_outcomes,
)
from platform_assets.tenants.tenant import check_tenant_id

GROUP = "tenants"

MONTH_SPECS = [
    table_spec(
        EVENTS,
        [],
        "A month's events of a tenant: valid, one per event id, by time. Bad ones are dead letters.",
    ),
    table_spec(
        PROFILES,
        [EVENTS],
        "One row per customer of a month: orders, items, revenue, first and last event, recency.",
    ),
    table_spec(
        SUMMARY,
        [PROFILES],
        "One row per tenant-month: counts, revenue, new and returning customers.",
    ),
]


def build_assets(months: dg.MultiPartitionsDefinition) -> list[dg.AssetsDefinition]:
    """The assets over tenant x month and over tenants.

    Args:
        months: Tenant x month.
    """

    @dg.multi_asset(
        name="process_tenant_months",  # `tenant_months` is the job: Dagster loads no two nodes of one name
        specs=MONTH_SPECS,
        check_specs=[
            dg.AssetCheckSpec(
                ROWS_KEPT,
                asset=EVENTS,
                description="No complete month lost all of its rows, or more than SLUICE_TENANTS_LOST_SHARE of them.",
            )
        ],
        partitions_def=months,
        # Few runs: Dagster cuts a rectangle into ranges along its shorter side, and a run does its range by itself.
        backfill_policy=dg.BackfillPolicy.single_run(),
    )
    def tenant_months(
        context: dg.AssetExecutionContext, services: dg.ResourceParam[Services]
    ) -> Iterator[dg.Output[None]]:
        with explained_failures():
            cells = partition_cells(context)
            skip = done_before(context, services, cells)
            fail_cells(process_cells(context, services, cells, skip=skip, force=True))
        yield from check_outputs(context)  # each cell was told when it was done, then the check

    @dg.asset(
        key=CUSTOMERS,
        deps=[PROFILES],
        partitions_def=TENANTS,
        group_name=GROUP,
        owners=OWNERS,
        kinds={"parquet"},
        description="One row per customer of a tenant over all months, with RFM scores and segment.",
    )
    def customers(
        context: dg.AssetExecutionContext, services: dg.ResourceParam[Services]
    ) -> dg.MaterializeResult:
        with explained_failures():
            if not context.has_partition_key:
                raise PermanentError(
                    "no partition was given: run it for a tenant, with the tag dagster/partition",
                    kind="bad_partition",
                )
            result = services.build_customers(check_tenant_id(context.partition_key))
        return dg.MaterializeResult(metadata=customers_metadata(result))

    return [tenant_months, customers]


def process_cells(
    context: Context,
    services: Services,
    cells: Sequence[str],
    *,
    skip: Mapping[str, JsonObject],
    in_order: bool = False,
    force: bool,
) -> Report:
    """Processes cells and tells Dagster of each one as soon as the state table has it.

    Args:
        context: Of the step.
        services: What processes.
        cells: Partition keys.
        skip: Those of the cells that are done already, see `done_before`.
        in_order: Whether months of a NEW tenant wait for the ones before them, and are left if one of those fails.
        force: Whether a month whose source has not changed is processed all the same.

    Raises:
        PlatformError: The run could not go on.
    """
    ledger = services.month_ledger(cells, context.run.run_id, skip=skip, in_order=in_order)
    tell_done(
        context, [UnitOutcome(each, UnitState.DONE, tries=0, detail=skip[each]) for each in skip]
    )
    work = partial(run_months, services.month_processor, ledger, in_order=in_order, force=force)
    log = ProgressLog(context.log, "tenant-months")
    with LoopThread() as loop:
        run = loop.run(work)
        for events in run:
            tell_outcomes(
                context, services, [one for one in events if isinstance(one, UnitOutcome)]
            )
            for event in events:
                if isinstance(event, Progress):
                    log.tell(event)
    tell_losses(context, services)
    return run.result
