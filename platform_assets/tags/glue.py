# pyright: standard
"""Between the tags domain and Dagster: which shards a run is about, what is told of them, what has failed.

No decisions about data.
"""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any

import dagster as dg

from platform_assets.core.engine.units import FailedUnit
from platform_assets.core.errors import PermanentError
from platform_assets.core.findings import Finding
from platform_assets.glue import (
    LEFT,
    LOG_SECONDS,
    blame_units,
    make_failure,
    name_some,
    tell_run_finding,
)
from platform_assets.tags.dictionary.publishing import PublishedDictionary
from platform_assets.tags.keys import TenantSource, check_shard, read_tenant_source
from platform_assets.tags.quality import (
    DATES_READ,
    NO_PERSONAL_DATA,
    ROWS_KEPT,
    TAG_RATE,
    check_dates,
    check_personal,
    check_rows,
    check_tag_rate,
)
from platform_assets.tags.shards.result import TableResult, TableState
from platform_assets.tags.shards.run import IgnoredObjects, JobProgress, ShardOutcome
from resources.dagster.materializations import tell_materializations
from resources.dagster.private import DATA_VERSION_TAG, extract_data_version_from_entry

DICTIONARY = dg.AssetKey(["tags", "dictionary"])
CONVERTED = dg.AssetKey(["tags", "converted"])
PREPARED = dg.AssetKey(["tags", "prepared"])
TAGGED = dg.AssetKey(["tags", "tagged"])
SUMMARY = dg.AssetKey(["tags", "tag_summary"])
SHARD_KEYS = (CONVERTED, PREPARED, TAGGED, SUMMARY)

CHECKS: Mapping[str, tuple[dg.AssetKey, Callable[[Sequence[TableResult]], Finding]]] = {
    ROWS_KEPT: (CONVERTED, check_rows),
    DATES_READ: (CONVERTED, check_dates),
    NO_PERSONAL_DATA: (PREPARED, check_personal),
    TAG_RATE: (TAGGED, check_tag_rate),
}
"""Of which asset each check is."""

_NAMED = 5
_MOST_NAMED = 20

Cells = Mapping[TenantSource, Sequence[str]]
"""Shards of each tenant-source."""


def read_cells(keys: Iterable[str]) -> Cells:
    """Partition keys such as `07|acme:review`, checked before anything is done.

    Raises:
        PermanentError: kinds `bad_partition`, `bad_shard`, `bad_tenant_source`.
    """
    cells: dict[TenantSource, list[str]] = defaultdict(list)
    for key in keys:
        shard, separator, place = str(key).partition("|")
        if not separator:
            raise PermanentError(
                f"partition {key!r}: write a shard and a tenant-source, such as 07|acme:review",
                kind="bad_partition",
            )
        cells[read_tenant_source(place)].append(check_shard(shard))
    return cells


def name_cell(shard: str, place: TenantSource) -> str:
    """The partition key of a shard."""
    return f"{shard}|{place.key}"


def partition_cells(context: dg.AssetExecutionContext) -> Cells:
    """The shards of a run of the assets: one partition, or a range.

    Raises:
        PermanentError: kinds `bad_partition`, `bad_shard`, `bad_tenant_source`.
    """
    if context.has_partition_key:
        return read_cells([context.partition_key])
    return read_cells(context.partition_keys)


def tell_dictionary(context: dg.AssetExecutionContext, dictionary: PublishedDictionary) -> None:
    """Materializes a version of the dictionary that Dagster does not know yet: what was made with another is stale."""
    known = context.instance.get_latest_materialization_event(DICTIONARY)
    version = extract_data_version_from_entry(known) if known else None
    if version is None or version.value != dictionary.version:
        context.log_event(
            dg.AssetMaterialization(
                DICTIONARY,
                metadata=dictionary_metadata(dictionary),
                tags={DATA_VERSION_TAG: dictionary.version},
            )
        )


def dictionary_metadata(dictionary: PublishedDictionary) -> dict[str, Any]:
    """Numbers of a version of the dictionary."""
    metadata: dict[str, Any] = {
        "version": dictionary.version,
        "source": dictionary.source,
        "tags": dictionary.tags,
        "terms": dictionary.terms,
    }
    if dictionary.notes:
        metadata["notes"] = dg.MetadataValue.md("\n".join(f"- {note}" for note in dictionary.notes))
    return metadata


def tell_shard(
    context: dg.AssetExecutionContext,
    cell: str,
    end: ShardOutcome,
    version: str,
    ignored: Sequence[str],
) -> None:
    """Tells Dagster of a shard that is whole; of one that is not, the log.

    Args:
        context: Of the step.
        cell: The shard's partition key.
        end: How it ended.
        version: Of the dictionary.
        ignored: Objects that were left alone beside the tables of its tenant-source.
    """
    result = end.result
    if end.reason is not None or result is None:
        context.log.warning("%s: %s", cell, end.reason)
        return
    tables = result.tables
    numbers: dict[str, Any] = {
        "tables": len(tables),
        "tables_done_before": sum(table.state is TableState.SKIPPED for table in tables),
        "dagster/partition_row_count": sum(table.rows for table in tables),
        "seconds": round(sum(table.seconds for table in tables), 3),
    }
    letters = sum(table.dead_letters for table in tables)
    mentions = sum(table.mentions for table in tables)
    made_with = {"dictionary_version": version}
    extra: Mapping[dg.AssetKey, dict[str, Any]] = {
        CONVERTED: {"dead_letters": letters, **_describe_raw(tables, ignored)},
        PREPARED: {},
        TAGGED: {"mentions": mentions, **made_with},
        SUMMARY: {"mentions": mentions, **made_with},
    }
    tell_materializations(
        context,
        [
            dg.AssetMaterialization(key, partition=cell, metadata={**numbers, **extra[key]})
            for key in SHARD_KEYS
        ],
    )


def _describe_raw(tables: Sequence[TableResult], ignored: Sequence[str]) -> dict[str, Any]:
    """What a person may want to know of the raw tables of a shard, and of what lies beside them."""
    empty = [table.table_id for table in tables if not table.rows and not table.dead_letters]
    numbers: dict[str, Any] = {
        "dates_not_read": sum(table.unread_dates for table in tables),
        "unsure_syllables": sum(table.unsure_syllables for table in tables),
        "tables_empty": len(empty),
        "objects_ignored": len(ignored),
    }
    if empty:
        numbers["empty_tables"] = empty[:_MOST_NAMED]
    if ignored:
        numbers["ignored_objects"] = list(ignored[:_MOST_NAMED])
    return numbers


def tell_ignored(context: dg.AssetExecutionContext, ignored: IgnoredObjects) -> None:
    """Names some objects that were left alone in the run's log."""
    context.log.info("left alone beside the tables: %s", ", ".join(ignored.keys[:_NAMED]))


def tell_checks(context: dg.AssetExecutionContext, ends: Mapping[str, ShardOutcome]) -> None:
    """A result of each check for the whole run, which names the shards that fail it."""
    tables = {cell: end.result.tables for cell, end in ends.items() if end.result is not None}
    for key, check in CHECKS.values():
        finding = check([table for each in tables.values() for table in each])
        failing = [cell for cell, each in tables.items() if not check(each).passed]
        tell_run_finding(context, key, finding, failing)


class ShardProgress:
    """A line in the run's log now and then.

    Args:
        log: The run's log; use it from the step's own thread only.
        place: Whose shards.
    """

    def __init__(self, log: dg.DagsterLogManager, place: TenantSource) -> None:
        self._log = log
        self._place = place
        self._told = 0.0

    def tell(self, progress: JobProgress) -> None:
        """Logs how the job is doing, if it is time."""
        if progress.seconds - self._told < LOG_SECONDS:
            return
        self._told = progress.seconds
        left = progress.left_seconds
        self._log.info(
            "%s: %d of %d tables done, %d failed, %d running, %.0f s, %s; slowest: %s",
            self._place.key,
            progress.done,
            progress.total,
            progress.failed,
            len(progress.running),
            progress.seconds,
            "no estimate yet" if left is None else f"about {left:.0f} s left",
            ", ".join(f"{table} {seconds:.1f} s" for table, seconds in progress.slowest) or "none",
        )


def fail_unfinished(cells: Cells, ends: Mapping[str, ShardOutcome]) -> None:
    """Fails a run of which shards are not whole, if there are any.

    Raises:
        dg.Failure: With each of them.
    """
    wanted = [name_cell(shard, place) for place, shards in cells.items() for shard in shards]
    failed = list(_list_unfinished(wanted, ends))
    if not failed:
        return
    kind, transient = blame_units(failed)
    raise make_failure(
        f"{len(failed)} of {len(wanted)} shards are not whole; the others are complete. Re-executing this "
        "run does only the tables that are not done.\n"
        + name_some(
            [f"{each.unit_id}: {each.message}" for each in failed], "see their result files"
        ),
        kind,
        transient=transient,
        shards=len(wanted),
        shards_failed=len(failed),
        failed_shards=[each.unit_id for each in failed],
        failed_tables=_list_failed_tables(ends),
    )


def _list_unfinished(
    wanted: Sequence[str], ends: Mapping[str, ShardOutcome]
) -> Iterator[FailedUnit]:
    for cell in wanted:
        end = ends.get(cell)
        if end is None:
            yield FailedUnit(cell, LEFT, "its task did not end", transient=True)
        elif end.reason is not None:
            kind, transient = blame_units(end.blamed)
            yield FailedUnit(cell, kind, end.reason, transient)


def _list_failed_tables(ends: Mapping[str, ShardOutcome]) -> list[str]:
    return [
        f"{cell.partition('|')[2]}/{table.table_id}"
        for cell, end in ends.items()
        if end.result is not None
        for table in end.result.failed
    ]
