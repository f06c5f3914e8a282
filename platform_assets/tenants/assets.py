# pyright: standard
"""The assets of the tenants pipeline: three tables per tenant-month from one pass over its events, one per tenant.

What is done to a month is in `process.py`, to a customer in `customers.py`; how a run tells Dagster is in `glue.py`.
"""

from collections.abc import Iterator

import dagster as dg

from platform_assets.core.errors import PermanentError
from platform_assets.glue import OWNERS, check_outputs, explained_failures, table_spec
from platform_assets.partitions import TENANTS
from platform_assets.services import Services
from platform_assets.tenants.glue import (
    CUSTOMERS,
    EVENTS,
    PROFILES,
    ROWS_KEPT,
    SUMMARY,
    customers_metadata,
    done_before,
    fail_cells,
    partition_cells,
    process_cells,
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
            report = process_cells(context, services, cells, skip=skip, in_order=False, force=True)
            fail_cells(report)
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
