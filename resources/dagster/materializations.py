# pyright: standard
"""Many materializations told to Dagster at once.

`context.log_event` stores one event in three transactions on two SQLite files, for about 9 ms of CPU, and has no batch:
Dagster's own (`store_event_batch`) is real on PostgreSQL only. Here a batch is two transactions. What Dagster reads
afterwards is the same, which tests/glue/test_materializations.py compares, for it leans on methods of Dagster that are
not public.
"""

import logging
import os
import time
from collections.abc import Sequence

import dagster as dg
from dagster import DagsterEvent, DagsterEventType, EventLogEntry

from resources.dagster.private import (
    SqlEventLogStorageTable,
    SqliteEventLogStorage,
    StepMaterializationData,
)

StepContext = dg.AssetExecutionContext | dg.OpExecutionContext

STORED_TOGETHER = 200
"""Events of a transaction at most: seven values each, and SQLite takes 32,766 in a statement (sqlite.org/limits)."""


def tell_materializations(
    context: StepContext, materializations: Sequence[dg.AssetMaterialization]
) -> None:
    """Stores materializations as events of the step that runs, in the order given.

    Args:
        context: Of the step; called in the step's own thread.
        materializations: Any number, of any assets.
    """
    for start in range(0, len(materializations), STORED_TOGETHER):
        _store(context, materializations[start : start + STORED_TOGETHER])


def _store(context: StepContext, materializations: Sequence[dg.AssetMaterialization]) -> None:
    # One asset at a time: its row is updated from the last event of a batch.
    by_asset: dict[dg.AssetKey, list[EventLogEntry]] = {}
    for materialization in materializations:
        entries = by_asset.setdefault(materialization.asset_key, [])
        entries.append(_make_entry(context, materialization))
    storage = context.instance.event_log_storage
    if isinstance(storage, SqliteEventLogStorage):
        _store_in_sqlite(storage, context.run.run_id, list(by_asset.values()))
        return
    for entries in by_asset.values():
        storage.store_event_batch(entries)


def _make_entry(context: StepContext, materialization: dg.AssetMaterialization) -> EventLogEntry:
    """The entry that `context.log_event` would make."""
    step = context.get_step_execution_context()
    event = DagsterEvent(
        event_type_value=DagsterEventType.ASSET_MATERIALIZATION.value,
        job_name=step.job_name,
        step_handle=step.step.handle,
        node_handle=step.step.node_handle,
        step_kind_value=step.step.kind.value,
        logging_tags=step.event_tags,
        event_specific_data=StepMaterializationData(materialization),
        message=materialization.description or f"Materialized value {materialization.label}.",
        pid=os.getpid(),
    )
    return EventLogEntry(
        error_info=None,
        level=logging.DEBUG,
        user_message=event.message or "",
        run_id=context.run.run_id,
        timestamp=time.time(),
        step_key=step.step.key,
        job_name=step.job_name,
        dagster_event=event,
    )


def _store_in_sqlite(
    storage: SqliteEventLogStorage, run_id: str, batches: Sequence[Sequence[EventLogEntry]]
) -> None:
    """The run's own file first, then the index over all runs, as `store_event` does it."""
    together = [entry for entries in batches for entry in entries]
    with storage.run_connection(run_id) as connection:
        connection.execute(storage.prepare_insert_event_batch(together))
    with storage.index_transaction() as connection:
        for entries in batches:
            insert = storage.prepare_insert_event_batch(entries)
            found = connection.execute(insert.returning(SqlEventLogStorageTable.c.id))
            ids = sorted(row[0] for row in found)  # SQLite promises no order of what it returns
            storage._store_asset_event_tags(connection, entries, ids)  # noqa: SLF001
            storage._store_asset_event(connection, entries[-1], ids[-1])  # noqa: SLF001
