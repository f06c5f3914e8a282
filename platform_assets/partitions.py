"""Every partitions definition, and decoding partition keys into values.

Holds no asset and no schedule. All partitions share one timezone: Dagster refuses or misreads mappings between others.
"""

from datetime import datetime

import dagster as dg

from platform_assets.core.days import day_of
from platform_assets.core.errors import PermanentError
from platform_assets.core.months import TIMEZONE


def days_from(first_day: str) -> dg.DailyPartitionsDefinition:
    """Days from `first_day` up to and including today: what is collected today belongs to today."""
    return dg.DailyPartitionsDefinition(start_date=first_day, timezone=TIMEZONE, end_offset=1)


DAYS = days_from("2026-01-01")
"""The days of pipelines that have no first day of their own."""


TODAY_TAG = "sluice/today"
"""Run tag: the day of a run that was started without a partition, behind the run's id."""


def today(now: datetime) -> str:
    """The partition key of the day that `now` (aware) falls on."""
    return day_of(now)


def read_day(
    context: dg.AssetExecutionContext, now: datetime, days: dg.DailyPartitionsDefinition = DAYS
) -> str:
    """The day that a run is for: its partition key, or today when it was started without one.

    Raises:
        PermanentError: kind `bad_partition`: the key is no day that the platform has. Nothing was done.
    """
    if not context.has_partition_key:
        return _day_of_run(context, now)
    key = context.partition_key
    if not days.has_partition_key(key):
        raise PermanentError(
            f"partition {key!r} is no day between {days.start.date()} and {today(now)}; days are written YYYY-MM-DD",
            kind="bad_partition",
        )
    return key


def _day_of_run(context: dg.AssetExecutionContext, now: datetime) -> str:
    """Today, as the run's first step saw it: a run over midnight has one day.

    The tag names its run, for one that is started again from this one takes over its tags.
    """
    run = context.instance.get_run_by_id(context.run.run_id)
    run_id, _, day = (run.tags.get(TODAY_TAG, "") if run else "").partition(" ")
    if run_id == context.run.run_id:
        return day
    day = today(now)
    if run:
        context.instance.add_run_tags(
            context.run.run_id, {TODAY_TAG: f"{context.run.run_id} {day}"}
        )
    return day


TENANTS = dg.DynamicPartitionsDefinition(name="tenants")
"""The tenants of the state database; a sensor keeps the keys in step with it."""


def tenant_months(first_month: str) -> dg.MultiPartitionsDefinition:
    """Tenant x month, from `first_month` up to and including the current month. Keys read `2026-01|acme`."""
    months = dg.MonthlyPartitionsDefinition(
        start_date=first_month, fmt="%Y-%m", timezone=TIMEZONE, end_offset=1
    )
    return dg.MultiPartitionsDefinition({"month": months, "tenant": TENANTS})


PRODUCT_BATCHES = dg.DynamicPartitionsDefinition(name="product_batches")
"""Batches of shops' days, such as `musinsa/2026-11-20/07-of-28`; splitting a day adds them, the purge removes them."""

TENANT_SOURCES = dg.DynamicPartitionsDefinition(name="tenant_sources")
"""Tenant-sources that have raw tables, such as `acme:review`; a sensor keeps the keys in step with the object store."""

SHARDS = dg.StaticPartitionsDefinition([f"{number:02d}" for number in range(100)])
"""Every number that a shard can have; a tenant-source with fewer shards has nothing to do for the others."""

TAG_SHARDS = dg.MultiPartitionsDefinition({"shard": SHARDS, "tenant_source": TENANT_SOURCES})
"""Shard x tenant-source. Keys read `07|acme:review`."""
