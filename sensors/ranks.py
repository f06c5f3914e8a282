"""The schedule of the ranks pipeline: every day, at the hour and minute of the settings."""

import dagster as dg

from platform_assets.partitions import TIMEZONE, today
from platform_assets.settings import Settings


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """The schedule; stopped unless SLUICE_RANK_SCHEDULE says otherwise."""
    running = settings.rank_schedule
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name="daily_ranks_schedule",
        job_name="daily_ranks",
        cron_schedule=f"{settings.crawl_schedule_minute} {settings.crawl_schedule_hour} * * *",
        execution_timezone=TIMEZONE,
        default_status=status,
        description="Every day: fetches the pages of results of all active trackings and reads their ranks.",
    )
    def tick(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = today(context.scheduled_execution_time)
        return dg.RunRequest(run_key=f"daily_ranks/{day}", partition_key=day)

    return [tick]
