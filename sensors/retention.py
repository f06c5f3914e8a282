# pyright: standard
"""The daily purge: dead letters, units of plans that ended or were left long ago, old batches, old pages."""

from datetime import datetime, timedelta

import dagster as dg

from platform_assets.partitions import PRODUCT_BATCHES, TIMEZONE, today
from platform_assets.ranks.stored_page import drop_pages
from platform_assets.services import Services
from resources.dagster.orchestration import is_backfilling
from resources.dagster.run_ends import tries_again
from resources.state.audit import SqlAudit
from resources.state.dead_letters import SqlDeadLetters
from resources.state.ledger_queries import LedgerQueries


@dg.op
def purge_state(context: dg.OpExecutionContext, services: dg.ResourceParam[Services]) -> None:
    """Deletes what is older than SLUICE_RETENTION_DAYS, SLUICE_RANK_PAGES_DAYS and SLUICE_AUDIT_DAYS say."""
    now, settings = services.clock.now(), services.settings
    before = now - timedelta(days=settings.retention_days)
    first_pages = today(now - timedelta(days=settings.rank_pages_days))
    context.add_output_metadata(
        {
            "plans": LedgerQueries(services.state).purge(before),
            "plans_abandoned": services.ledger.close_abandoned(before),
            "audit": SqlAudit(services.state).purge(now - timedelta(days=settings.audit_days)),
            "dead_letters": SqlDeadLetters(services.state).purge(),
            "searches": services.shops.searches.purge(before),
            "batches": drop_batches(context.instance, before),
            "rank_pages": drop_pages(services.objects, first_pages),
        }
    )


def drop_batches(instance: dg.DagsterInstance, before: datetime) -> int:
    """Removes the partitions of batches of days before that of `before`; none while a backfill goes on."""
    if is_backfilling(instance):
        return 0
    name, first = str(PRODUCT_BATCHES.name), today(before)
    old = [
        key
        for key in instance.get_dynamic_partitions(name)
        if (parts := key.split("/"))[1:] and parts[1] < first
    ]
    for key in old:
        instance.delete_dynamic_partition(name, key)
    return len(old)


@dg.job(tags=tries_again())
def purge() -> None:
    """Purges old ledger rows, dead letters and batches."""
    purge_state()


JOBS = [purge]
SCHEDULES = [
    dg.ScheduleDefinition(
        name="purge_schedule",
        job=purge,
        cron_schedule="30 3 * * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night at 03:30: ledger rows, dead letters and batches older than SLUICE_RETENTION_DAYS.",
    )
]
