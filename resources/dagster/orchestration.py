# pyright: standard
"""What runs of tenant-months there are in Dagster, starting and ending them, starting others; tenants' partitions.

Glue for whoever is not a Dagster asset or sensor itself, above all the REST API, which imports no Dagster. What is due
and who may work on it is not decided here.
"""

import threading
from collections.abc import Callable, Collection, Generator, Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster import DagsterError, DagsterRunStatus, RunsFilter
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
)
from sqlalchemy.exc import SQLAlchemyError

from platform_assets.core.errors import TransientError
from platform_assets.core.months import list_months
from platform_assets.tenants.tenant import name_cell, split_cell
from resources.dagster.webserver import DagsterWebserver, LaunchUnknownError

CYCLE_JOB = "tenant_cycle"
"""The job that processes a list of cells."""

MONTHS_JOB = "tenant_months"
"""The job of the partitioned assets."""

TENANT_PARTITIONS = "tenants"
"""Name of the dynamic partitions."""

CELLS_TAG = ".dagster/sluice_cells"
TENANTS_TAG = "sluice/tenants"
STARTED_BY_TAG = "sluice/started_by"
LAUNCH_TAG = ".dagster/sluice_launch"
"""Names one launch, so that a run whose launch was not answered can be found."""

TAG_LENGTH = 2000
"""Characters of a tag: PostgreSQL indexes tags, and an index entry holds 2,704 bytes."""

# Not NOT_STARTED: a run that Dagster refuses to launch stays in it for ever.
_UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
_RANGE_TAGS = ("dagster/asset_partition_range_start", "dagster/asset_partition_range_end")


@dataclass(frozen=True, slots=True)
class RunInHand:
    """A queued or running run of tenant-months.

    Attributes:
        run_id: Dagster's id.
        status: `queued` or `running`.
        cells: What it is to process, as far as that is known: a run that decides for itself names none.
        created_at: Aware UTC.
        started_at: Aware UTC; None while it is queued.
    """

    run_id: str
    status: str
    cells: tuple[str, ...]
    created_at: datetime
    started_at: datetime | None = None

    @property
    def tenants(self) -> frozenset[str]:
        """The tenants of its cells."""
        return frozenset(split_cell(cell)[0] for cell in self.cells)


@dataclass(frozen=True, slots=True)
class PartitionChanges:
    """What a synchronisation did: partitions added, removed, and left for later because a backfill is going on."""

    added: tuple[str, ...] = ()
    removed: tuple[str, ...] = ()
    kept: tuple[str, ...] = ()


class Orchestration:
    """Dagster as the rest of the platform sees it. Safe to use from several threads; every method blocks.

    Args:
        instance: Dagster's instance, or what opens it: then it is opened when first needed, and tried again after a
            failure.
        webserver: Where runs are launched: an address, or a `DagsterWebserver`.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance | Callable[[], dg.DagsterInstance],
        webserver: str | DagsterWebserver,
    ) -> None:
        self._webserver = DagsterWebserver(webserver) if isinstance(webserver, str) else webserver
        self._opened = instance if isinstance(instance, dg.DagsterInstance) else None
        self._open = instance
        # Two threads on one SQLite instance can block each other for ever (dagster 1.13.27).
        self._asking = threading.Lock()

    def check_ready(self) -> None:
        """Does nothing if a cycle can be launched now.

        Raises:
            TransientError: The webserver does not answer, or does not have the job.
        """
        self._webserver.find_job(CYCLE_JOB)

    def launch_cycle(self, cells: Sequence[str], tags: Mapping[str, str]) -> str:
        """Starts a run over the cells, months of a tenant oldest first; its id.

        Raises:
            TransientError: The webserver does not answer, or could not start it.
            RefusedError: Dagster does not accept the run.
        """
        selector = self._webserver.find_job(CYCLE_JOB)
        config = {"ops": {"run_cycle": {"config": {"cells": list(cells), "force": False}}}}
        return self._launch(selector, config, {**tag_cells(cells), **tags})

    def launch_job(
        self, job: str, tags: Mapping[str, str], assets: Sequence[Sequence[str]] = ()
    ) -> str:
        """Starts a run of a job over these of its assets, or over all of it; its id.

        Args:
            job: Name of the job.
            tags: Its partition, too: `dagster/partition`, or the two tags of a range.
            assets: Keys of the assets.

        Raises:
            TransientError: The webserver does not answer, or could not start it.
            RefusedError: Dagster does not accept the run.
        """
        selector = dict(self._webserver.find_job(job))
        if assets:
            selector["assetSelection"] = [{"path": list(key)} for key in assets]
        return self._launch(selector, {}, tags)

    def find_unfinished(self, tags: Mapping[str, str]) -> str | None:
        """Id of a queued or running run that has these tags; None if there is none."""
        wanted = RunsFilter(tags=dict(tags), statuses=_UNFINISHED)
        with self._asked() as instance:
            records = instance.get_run_records(wanted, limit=1)
        return records[0].dagster_run.run_id if records else None

    def runs_in_hand(self) -> list[RunInHand]:
        """Queued and running runs that process tenant-months, however they were started; the newest first."""
        with self._asked() as instance:
            records = instance.get_run_records(RunsFilter(statuses=_UNFINISHED))
            ours = [record for record in records if _is_ours(record.dagster_run)]
            return [_describe_run(record, instance) for record in ours]

    def is_going_on(self, run_id: str) -> bool:
        """Whether a run has not ended yet; False for no id at all."""
        return bool(run_id) and not self.is_gone(run_id)

    def is_gone(self, run_id: str) -> bool:
        """Whether a run has ended or was never there; False for no id at all: not Dagster's to say."""
        if not run_id:
            return False
        with self._asked() as instance:
            run = instance.get_run_by_id(run_id)
        return run is None or run.is_finished

    def terminate(self, run_id: str) -> bool:
        """Asks a run to end; whether there was something to ask."""
        with self._asked() as instance:
            run = instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                return False
            return instance.run_coordinator.cancel_run(run_id)

    def sync_partitions(self, tenant_ids: Collection[str]) -> PartitionChanges:
        """Makes the tenants the partitions: adds what is missing, removes the rest.

        Nothing is removed while an asset backfill is in progress: Dagster would fail the whole backfill.
        """
        with self._asked() as instance:
            known = set(instance.get_dynamic_partitions(TENANT_PARTITIONS))
            added = sorted(set(tenant_ids) - known)
            surplus = sorted(known - set(tenant_ids))
            if added:
                instance.add_dynamic_partitions(TENANT_PARTITIONS, added)
            if surplus and is_backfilling(instance):
                return PartitionChanges(tuple(added), (), tuple(surplus))
            for tenant_id in surplus:
                instance.delete_dynamic_partition(TENANT_PARTITIONS, tenant_id)
        return PartitionChanges(tuple(added), tuple(surplus))

    def daemon_heartbeats(self) -> dict[str, datetime | None]:
        """Daemon -> its last sign of life, for every daemon that the instance needs; None where there was none yet."""
        with self._asked() as instance:
            beats = instance.get_daemon_heartbeats()
            needed = instance.get_required_daemon_types()
        return {
            name: datetime.fromtimestamp(beats[name].timestamp, UTC) if name in beats else None
            for name in needed
        }

    def _launch(
        self, selector: Mapping[str, Any], config: Mapping[str, Any], tags: Mapping[str, str]
    ) -> str:
        launch_id = uuid4().hex
        try:
            return self._webserver.launch(selector, config, {**tags, LAUNCH_TAG: launch_id})
        except LaunchUnknownError:
            run_id = self._find_launched(launch_id)
            if run_id is None:
                raise
            return run_id

    def _find_launched(self, launch_id: str) -> str | None:
        with self._asked() as instance:
            records = instance.get_run_records(RunsFilter(tags={LAUNCH_TAG: launch_id}), limit=1)
        return records[0].dagster_run.run_id if records else None

    @contextmanager
    def _asked(self) -> Generator[dg.DagsterInstance]:
        """The instance; failures of its storage become ours."""
        try:
            with self._asking:
                yield self._instance()
        except (SQLAlchemyError, DagsterError) as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise TransientError(
                f"Dagster's instance cannot be read ({type(error).__name__}: {reason}); check its storage in "
                "dagster.yaml",
                kind="dagster_storage",
            ) from error

    def _instance(self) -> dg.DagsterInstance:
        if self._opened is None:
            assert not isinstance(self._open, dg.DagsterInstance)
            self._opened = self._open()
        return self._opened


def open_orchestration(webserver: DagsterWebserver) -> Orchestration:
    """The orchestration of the instance that DAGSTER_HOME names; opened when first needed."""
    return Orchestration(dg.DagsterInstance.get, webserver)


def tag_cells(cells: Sequence[str]) -> dict[str, str]:
    """Tags that tell which cells and tenants a run is for; left out where they would be too long."""
    tenants = dict.fromkeys(split_cell(cell)[0] for cell in cells)
    tags = {CELLS_TAG: ",".join(cells), TENANTS_TAG: ",".join(tenants)}
    return {key: value for key, value in tags.items() if value and len(value) <= TAG_LENGTH}


def _is_ours(run: dg.DagsterRun) -> bool:
    if run.job_name in {CYCLE_JOB, MONTHS_JOB}:
        return True
    return any(key.path[0] == TENANT_PARTITIONS for key in run.asset_selection or ())


def _describe_run(record: dg.RunRecord, instance: dg.DagsterInstance) -> RunInHand:
    run = record.dagster_run
    return RunInHand(
        run_id=run.run_id,
        status="queued" if run.status is DagsterRunStatus.QUEUED else "running",
        cells=_read_cells(run, instance),
        created_at=record.create_timestamp,
        started_at=datetime.fromtimestamp(record.start_time, UTC) if record.start_time else None,
    )


def _read_cells(run: dg.DagsterRun, instance: dg.DagsterInstance) -> tuple[str, ...]:
    """The cells of a run: from its configuration, its tag, its partition or its range of partitions."""
    configured = _read_config(run.run_config)
    if configured:
        return configured
    if tagged := run.tags.get(CELLS_TAG):
        return tuple(tagged.split(","))
    start, end = (run.tags.get(tag) for tag in _RANGE_TAGS)
    if start and end:
        return tuple(_list_range(start, end, instance))
    partition = run.tags.get("dagster/partition")
    return (partition,) if partition and "|" in partition else ()


def _read_config(run_config: Mapping[str, object]) -> tuple[str, ...]:
    node: object = run_config
    for key in ("ops", "run_cycle", "config", "cells"):
        node = node.get(key) if isinstance(node, Mapping) else None
    return tuple(str(cell) for cell in node) if isinstance(node, list) else ()


def _list_range(start: str, end: str, instance: dg.DagsterInstance) -> Iterable[str]:
    """The rectangle between two cells; tenants in the order in which Dagster keeps them."""
    (first_tenant, first_month), (last_tenant, last_month) = split_cell(start), split_cell(end)
    tenants = list(instance.get_dynamic_partitions(TENANT_PARTITIONS))
    if first_tenant in tenants and last_tenant in tenants:
        tenants = tenants[tenants.index(first_tenant) : tenants.index(last_tenant) + 1]
    else:
        tenants = [first_tenant, last_tenant]
    for tenant_id in tenants:
        for month in list_months(first_month, last_month):
            yield name_cell(tenant_id, month)


def is_backfilling(instance: dg.DagsterInstance) -> bool:
    """Whether an asset backfill goes on: Dagster fails it whole if one of its dynamic partitions is removed."""
    going_on = [
        status for status in BulkActionStatus if status not in BULK_ACTION_TERMINAL_STATUSES
    ]
    backfills = instance.get_backfills(filters=BulkActionsFilter(statuses=going_on), limit=1000)
    return any(backfill.is_asset_backfill for backfill in backfills)
