"""Schedules of the games pipeline: what changed, every day; everything, once a week, which also finds deletions."""

import dagster as dg

from platform_assets.partitions import TIMEZONE, today

FULL_DAY = 0
"""Day of the week of the full refresh (0 is Sunday)."""


def build_schedules(hour: int, *, running: bool) -> list[dg.ScheduleDefinition]:
    """The schedules.

    Args:
        hour: Hour of the day in Asia/Seoul.
        running: Whether they run without anybody switching them on; false where no credentials are set.
    """
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED
    return [
        _build("games_incremental_schedule", "games_incremental", f"0 {hour} * * 1-6", status),
        _build("games_full_schedule", "games_full", f"0 {hour} * * {FULL_DAY}", status),
    ]


def _build(
    name: str,
    job_name: str,
    cron: str,
    status: dg.DefaultScheduleStatus,
) -> dg.ScheduleDefinition:
    @dg.schedule(
        name=name,
        job_name=job_name,
        cron_schedule=cron,
        execution_timezone=TIMEZONE,
        default_status=status,
        description="Runs for the day it ticks on. Stopped by default while SLUICE_IGDB_CLIENT_ID is empty.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = today(context.scheduled_execution_time)
        return dg.RunRequest(run_key=f"{name}/{day}", partition_key=day)

    return tick
