# pyright: standard
"""The jobs of the tenants pipeline: chosen cells, what is due, one tenant's customers, the import of old tenants."""

import dagster as dg
import pydantic

from platform_assets.core.errors import TransientError
from platform_assets.core.processes.owner import host_of
from platform_assets.glue import explained_failures, name_some
from platform_assets.services import Services
from platform_assets.tenants.assets import process_cells
from platform_assets.tenants.decide import describe
from platform_assets.tenants.glue import (
    CUSTOMERS,
    MONTH_NUMBERS,
    done_before,
    expire_months,
    fail_cells,
    read_cells,
    refresh_customers,
)
from platform_assets.tenants.importing import describe as describe_import
from platform_assets.tenants.importing import refuse_problems
from platform_assets.tenants.tenant import name_cell, split_cell


class CycleConfig(dg.Config):
    """Run configuration of a cycle.

    Attributes:
        cells: Partition keys `YYYY-MM|tenant`, months of a tenant oldest first.
        customers: Tenants whose customers are rebuilt, besides those of the cells. Neither cells nor customers: what is
            due now.
        force: Whether a month whose source has not changed is processed all the same.
    """

    cells: list[str] = pydantic.Field(default_factory=list)
    customers: list[str] = pydantic.Field(default_factory=list)
    force: bool = False


class ImportConfig(dg.Config):
    """Run configuration of an import.

    Attributes:
        path: CSV file on the machine that runs the job, or the SQLAlchemy URL of a database.
        table: Table of that database.
        apply: Whether to store what was read; a dry run otherwise.
    """

    path: str
    table: str = "advertisers"
    apply: bool = False


@dg.op(description="Processes tenant-months: those of the configuration, or what is due now.")
def run_cycle(
    context: dg.OpExecutionContext, config: CycleConfig, services: dg.ResourceParam[Services]
) -> None:
    """One slice of due work, then the customers of its tenants."""
    with explained_failures():
        cells, customers = read_cells(config.cells), list(config.customers)
        skip = done_before(context, services, cells)  # what is decided below is due in any case
        expire_months(context, services)
        decides = not cells and not customers
        if decides:
            cells, customers = _decide(context, services)
        report = process_cells(
            context, services, cells, skip=skip, in_order=True, force=config.force
        )
        customers += [split_cell(cell)[0] for cell in cells]
        fail_cells(report, refresh_customers(context, services, customers))
        if decides:
            _fail_silent(services)


def _fail_silent(services: Services) -> None:
    """Fails a cycle that had to leave months to a process that may be dead, on a host that this one cannot look at.

    Raises:
        TransientError: kind `silent_months`.
    """
    lease = services.settings.unit_lease_seconds
    silent = services.tenant_months.find_silent(lease)
    if not silent:
        return
    lines = [
        f"{name_cell(month.tenant_id, month.month)} on {host_of(month.owner or '')}, last heard of at "
        f"{month.heartbeat_at:%Y-%m-%d %H:%M:%S} UTC"
        for month in silent
    ]
    minutes = services.settings.tenants_stale_minutes
    raise TransientError(
        f"{len(silent)} tenant-months are RUNNING in processes that have given no sign of life for {lease:g} s; all "
        "else that is due is done. If the process is dead, run the cycle again on its host, or "
        f"{minutes:g} minutes (SLUICE_TENANTS_STALE_MINUTES) after its last sign: they are taken over then.\n"
        + name_some(lines, "see the state table"),
        kind="silent_months",
    )


def _decide(context: dg.OpExecutionContext, services: Services) -> tuple[list[str], list[str]]:
    """Cells and customers that are due now, as if no run had any of them in hand: the claims settle that."""
    decision = services.decide_tenants(busy=())
    context.log.info("\n".join(describe(decision)))
    cells = [name_cell(lane.tenant_id, month) for lane in decision.lanes for month in lane.months]
    return cells, services.due_customers()


@dg.job(description="What the orchestrator starts: due tenant-months and their tenants' customers.")
def tenant_cycle() -> None:
    """One cycle."""
    run_cycle()


@dg.op(description="Imports advertisers of a legacy table as EXISTING tenants.")
def read_legacy_tenants(
    context: dg.OpExecutionContext, config: ImportConfig, services: dg.ResourceParam[Services]
) -> None:
    """Reads, says what it would do, and does it if asked to; rows that are no tenants fail it, after the others."""
    with explained_failures():
        plan = services.plan_import(config.path, config.table)
        context.log.info("\n".join(describe_import(plan, services.tenants.ids())))
        added = services.tenants.import_tenants(plan.tenants) if config.apply else []
        context.log.info("%d imported", len(added))
        refuse_problems(plan)
    context.add_output_metadata({"tenants": len(plan.tenants), "imported": len(added)})


@dg.job(
    description="Imports advertisers from a CSV file or a table; a dry run unless `apply` is set."
)
def import_tenants() -> None:
    """One import."""
    read_legacy_tenants()


JOBS = [
    dg.define_asset_job(
        "tenant_months",
        selection=dg.AssetSelection.assets(*MONTH_NUMBERS),
        description="Chosen tenant-months: one partition or a range, by tags.",
    ),
    dg.define_asset_job(
        "tenant_customers",
        selection=dg.AssetSelection.assets(CUSTOMERS),
        description="The customers of one tenant, from its months.",
    ),
    tenant_cycle,
    import_tenants,
]
