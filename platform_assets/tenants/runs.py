# pyright: standard
"""`TenantRuns`: what runs of tenant-months there are in Dagster, starting them, and tenants' partitions.

What is due and who may work on it is decided in `decide.py`.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import dagster as dg
from dagster import DagsterRunStatus, RunsFilter

from platform_assets.core.months import list_months
from platform_assets.tenants.tenant import name_cell, split_cell
from resources.dagster.orchestration import UNFINISHED, Orchestration, is_backfilling
from resources.dagster.webserver import DagsterWebserver

CYCLE_JOB = "tenant_cycle"
"""The job that processes a list of cells."""

MONTHS_JOB = "tenant_months"
"""The job of the partitioned assets."""

TENANT_PARTITIONS = "tenants"
"""Name of the dynamic partitions."""

CELLS_TAG = ".dagster/sluice_cells"
TENANTS_TAG = "sluice/tenants"
TAG_LENGTH = 2000
"""Characters of a tag: PostgreSQL indexes tags, and an index entry holds 2,704 bytes."""

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


class TenantRuns(Orchestration):
    """Dagster's runs, those of tenant-months above all."""

    def check_ready(self) -> None:
        """Does nothing if a cycle can be launched now.

        Raises:
            TransientError: The webserver does not answer, or does not have the job.
        """
        self.check_job(CYCLE_JOB)

    def launch_cycle(self, cells: Sequence[str], tags: Mapping[str, str]) -> str:
        """Starts a run over the cells, months of a tenant oldest first; its id.

        Raises:
            TransientError: The webserver does not answer, or could not start it.
            RefusedError: Dagster does not accept the run.
        """
        config = {"ops": {"run_cycle": {"config": {"cells": list(cells), "force": False}}}}
        return self.launch_job(CYCLE_JOB, {**tag_cells(cells), **tags}, config=config)

    def runs_in_hand(self) -> list[RunInHand]:
        """Queued and running runs that process tenant-months, however they were started; the newest first."""
        with self.instance() as instance:
            records = instance.get_run_records(RunsFilter(statuses=UNFINISHED))
            ours = [record for record in records if _is_ours(record.dagster_run)]
            return [_describe_run(record, instance) for record in ours]

    def sync_partitions(self, tenant_ids: Collection[str]) -> PartitionChanges:
        """Makes the tenants the partitions: adds what is missing, removes the rest.

        Nothing is removed while an asset backfill is in progress: Dagster would fail the whole backfill.
        """
        with self.instance() as instance:
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


def open_runs(webserver: DagsterWebserver) -> TenantRuns:
    """The runs of the instance that DAGSTER_HOME names; opened when first needed."""
    return TenantRuns(dg.DagsterInstance.get, webserver)


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
