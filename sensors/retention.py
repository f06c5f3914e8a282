"""The daily purge: dead letters past their retention, and the units of plans that were closed long ago."""

from datetime import timedelta

import dagster as dg

from platform_assets.partitions import TIMEZONE
from platform_assets.services import Services
from resources.state.dead_letters import SqlDeadLetters
from resources.state.ledger_queries import LedgerQueries


@dg.op
def purge_state(context: dg.OpExecutionContext, services: dg.ResourceParam[Services]) -> None:
    """Deletes what is older than SLUICE_RETENTION_DAYS from the state database."""
    before = services.clock.now() - timedelta(days=services.settings.retention_days)
    plans = LedgerQueries(services.state).purge(before)
    letters = SqlDeadLetters(services.state).purge()
    context.add_output_metadata({"plans": plans, "dead_letters": letters})


@dg.job
def purge() -> None:
    """Purges old ledger rows and dead letters."""
    purge_state()


JOBS = [purge]
SCHEDULES = [
    dg.ScheduleDefinition(
        name="purge_schedule",
        job=purge,
        cron_schedule="30 3 * * *",
        execution_timezone=TIMEZONE,
        default_status=dg.DefaultScheduleStatus.RUNNING,
        description="Every night at 03:30: ledger rows and dead letters older than SLUICE_RETENTION_DAYS.",
    )
]
