# pyright: standard
"""Schedules and the sensor of the products pipeline: a platform's day is split, then its batches leave one by one.

A batch that was begun and has not ended, because its process died, leaves again; one that has failed waits for a
person, or for the redrive, which makes it wait for the sensor again, whatever its day.
"""

from collections.abc import Collection, Iterable, Iterator
from datetime import timedelta

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from platform_assets.core.engine.units import UnitState
from platform_assets.core.errors import PermanentError
from platform_assets.glue import explained_failures
from platform_assets.partitions import PRODUCT_BATCHES, TIMEZONE, today
from platform_assets.products.batches import Batch, PlannedBatch, read_batch
from platform_assets.products.jobs import product_day
from platform_assets.products.open import read_declared
from platform_assets.products.platform import WorkerKind
from platform_assets.products.platforms import PLATFORMS
from platform_assets.products.workers import worker_tags
from platform_assets.services import Services
from platform_assets.settings import Settings
from resources.dagster.run_ends import FAULT_TAG, find_fault

PARTITION_TAG = "dagster/partition"
DAYS_BACK = 1
"""Yesterday's batches still leave: a day may begin late and end after midnight."""

MOST_RUNS = 3
"""Runs of a batch that died before it ended, after which it is left to a person."""

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.NOT_STARTED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]


def build_schedules(settings: Settings) -> list[dg.ScheduleDefinition]:
    """A schedule for each platform; those of SLUICE_PRODUCTS_PLATFORMS run by themselves.

    Raises:
        PermanentError: kind `bad_platform`: the file of SLUICE_SHOPS_FILE is wrong, as any other setting can be.
    """
    running = {name.strip() for name in settings.products_platforms.split(",")}
    shops = {**PLATFORMS, **{shop.name: shop for shop in read_declared(settings)}}
    return [
        _build_schedule(name, shop.kind, settings, running=name in running)
        for name, shop in sorted(shops.items())
    ]


def _build_schedule(
    platform: str, kind: WorkerKind, settings: Settings, *, running: bool
) -> dg.ScheduleDefinition:
    status = dg.DefaultScheduleStatus.RUNNING if running else dg.DefaultScheduleStatus.STOPPED

    @dg.schedule(
        name=f"products_{platform}",
        job=product_day,
        cron_schedule=f"0 {settings.products_schedule_hour} * * *",
        execution_timezone=TIMEZONE,
        default_status=status,
        description=f"Every day: lists the products of {platform} and splits them into batches of 50.",
    )
    def split(context: dg.ScheduleEvaluationContext) -> dg.RunRequest:
        day = today(context.scheduled_execution_time)
        config = {"ops": {"split_product_day": {"config": {"platform": platform, "day": day}}}}
        return dg.RunRequest(
            run_key=f"{platform}/{day}", run_config=config, tags=worker_tags([kind])
        )

    return split


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor; it runs without anybody switching it on."""

    @dg.sensor(
        name="product_batches",
        job_name="product_batches",
        minimum_interval_seconds=settings.products_sensor_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Starts batches that wait, of yesterday and today or redriven: as many per platform as may run.",
    )
    def batches(
        context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
    ) -> dg.SensorResult | dg.SkipReason:
        with explained_failures():
            now = services.clock.now()
            if (reason := find_fault(context.instance, "product_batches", now)) is not None:
                return dg.SkipReason(reason)
            in_hand = list_in_hand(context.instance)
            due = list(find_due(context.instance, services))
            chosen = list(choose(due, in_hand, settings.products_parallel_batches))
            given_up = [each for each in chosen if _count_dead(context.instance, each) >= MOST_RUNS]
            requests = [_request(each.batch, services) for each in chosen if each not in given_up]
        for each in given_up:
            context.log.warning(
                "%s: its last %d runs died, run it by hand", each.batch.key, MOST_RUNS
            )
        if not requests:
            return dg.SkipReason(f"{len(due)} batches wait, {len(in_hand)} are in hand")
        return dg.SensorResult(run_requests=requests)

    return [batches]


def _request(batch: Batch, services: Services) -> dg.RunRequest:
    kind = services.shops.find_platform(batch.platform).kind
    return dg.RunRequest(partition_key=batch.key, tags=worker_tags([kind]))


def find_due(instance: dg.DagsterInstance, services: Services) -> Iterator[PlannedBatch]:
    """Batches that wait: of days that were split lately, and of any day if they were redriven."""
    now = services.clock.now()
    recent = {today(now - timedelta(days=back)) for back in range(DAYS_BACK + 1)}
    known = set(_read(instance.get_dynamic_partitions(str(PRODUCT_BATCHES.name))))
    shops = set(services.shops.platforms)  # one that was declared in a file may be no more
    for platform, day in services.shops.find_waiting_days():
        for planned in services.shops.find_day(platform, day) if platform in shops else ():
            wanted = day in recent or planned.reopened_at is not None
            if planned.state is UnitState.PENDING and planned.batch in known and wanted:
                yield planned


def list_in_hand(instance: dg.DagsterInstance) -> set[Batch]:
    """The batches of queued and running runs, however they were started; ranges are left to their leases."""
    runs = instance.get_runs(RunsFilter(statuses=UNFINISHED))
    return set(_read(run.tags.get(PARTITION_TAG, "") for run in runs))


def choose(
    due: Iterable[PlannedBatch], in_hand: Collection[Batch], most: int
) -> Iterator[PlannedBatch]:
    """Batches to start, in order: of each platform as many as are free to run beside those in hand.

    Args:
        due: Batches that have not ended.
        in_hand: Batches of queued and running runs.
        most: Batches of a platform at the same time.
    """
    used: dict[str, int] = {}
    for batch in in_hand:
        used[batch.platform] = used.get(batch.platform, 0) + 1
    for planned in due:
        batch = planned.batch
        if batch not in in_hand and used.get(batch.platform, 0) < most:
            used[batch.platform] = used.get(batch.platform, 0) + 1
            yield planned


def _count_dead(instance: dg.DagsterInstance, planned: PlannedBatch) -> int:
    """Runs of a batch that ended without an end of the batch; since its redrive, if there was one.

    Not those that met a fault of the platform, for which the batch is not to blame.
    """
    ended = instance.get_runs(
        RunsFilter(
            tags={PARTITION_TAG: planned.batch.key},
            statuses=[DagsterRunStatus.FAILURE, DagsterRunStatus.CANCELED],
            created_after=planned.reopened_at,
        )
    )
    return sum(FAULT_TAG not in run.tags for run in ended)


def _read(keys: Iterable[str]) -> Iterator[Batch]:
    for key in keys:
        try:
            yield read_batch(key)
        except PermanentError:
            continue  # somebody else's partition
