# pyright: standard
"""The assets of the tags pipeline: the dictionary, and four tables per shard of a tenant-source from one job of tasks.

What is done to a table is in `table/work.py`, how shards become a job in `shards/run.py`.
"""

from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from itertools import chain

import dagster as dg

from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.glue import (
    OWNERS,
    alerted_failure,
    check_outputs,
    explained_failures,
    table_spec,
)
from platform_assets.partitions import TAG_SHARDS
from platform_assets.services import Services
from platform_assets.tags.glue import (
    CHECKS,
    CONVERTED,
    DICTIONARY,
    PREPARED,
    SUMMARY,
    TAGGED,
    Cells,
    ShardProgress,
    dictionary_metadata,
    fail_unfinished,
    name_cell,
    partition_cells,
    tell_checks,
    tell_dictionary,
    tell_ignored,
    tell_shard,
)
from platform_assets.tags.shards.run import IgnoredObjects, JobProgress, ShardOutcome

GROUP = "tags"
ALERT = "tags_failed"


@dg.asset(
    key=DICTIONARY,
    group_name=GROUP,
    owners=OWNERS,
    kinds={"json"},
    description="The tag dictionary, checked and stored under its version. A new version makes tagged shards stale.",
)
def dictionary(services: dg.ResourceParam[Services]) -> dg.MaterializeResult:
    """One version."""
    with explained_failures():
        published = services.publish_dictionary()
    return dg.MaterializeResult(
        metadata=dictionary_metadata(published), data_version=dg.DataVersion(published.version)
    )


@dg.multi_asset(
    name="process_tag_shards",  # `tags` is the job: Dagster loads no two nodes of one name
    specs=[
        table_spec(
            CONVERTED,
            [],
            "Raw tables in canonical columns, personal data masked. Rows that cannot be read are dead letters.",
        ),
        table_spec(
            PREPARED,
            [CONVERTED],
            "Clean text of each row, its sentences and its tokens, with places in the text as it came.",
        ),
        table_spec(
            TAGGED,
            [PREPARED, DICTIONARY],
            "Every term of the dictionary that was found, with its places in the original text.",
        ),
        table_spec(SUMMARY, [TAGGED], "Mentions of each tag and rows that have it, by month."),
    ],
    check_specs=[
        dg.AssetCheckSpec(name, asset=key, description=check.__doc__)
        for name, (key, check) in CHECKS.items()
    ],
    partitions_def=TAG_SHARDS,
    # One job for many shards: a run starts one job with a task per shard.
    backfill_policy=dg.BackfillPolicy.single_run(),
)
def tag_shards(
    context: dg.AssetExecutionContext, services: dg.ResourceParam[Services]
) -> Iterator[dg.Output[None]]:
    """One or many shards."""
    with explained_failures():
        cells = partition_cells(context)
        with ExitStack() as alerts:
            for place in cells:
                alerts.enter_context(alerted_failure(services.alerts, ALERT, place.key))
            process_shards(context, services, cells)
    yield from check_outputs(context)  # each shard was told when it was whole


def process_shards(context: dg.AssetExecutionContext, services: Services, cells: Cells) -> None:
    """Runs shards, a job for each tenant-source, and tells Dagster of each one as soon as it is whole.

    Args:
        context: Of the step.
        services: What runs them.
        cells: Shards of each tenant-source.

    Raises:
        PlatformError: A job could not be planned or run; what was finished has been told.
        dg.Failure: Some shards are not whole.
    """
    dictionary = services.publish_dictionary()
    tell_dictionary(context, dictionary)
    ends: dict[str, ShardOutcome] = {}
    ignored: list[str] = []
    with LoopThread() as loop:
        for number, (place, shards) in enumerate(cells.items()):
            job_id = f"{context.run.run_id}-{number}"
            work = partial(services.run_shards, job_id, place, shards, dictionary.version)
            progress = ShardProgress(context.log, place)
            for event in chain.from_iterable(loop.run(work)):
                match event:
                    case JobProgress():
                        progress.tell(event)
                    case IgnoredObjects():
                        ignored += event.keys
                        tell_ignored(context, event)
                    case ShardOutcome():
                        cell = name_cell(event.shard, place)
                        ends[cell] = event
                        tell_shard(context, cell, event, dictionary.version, ignored)
    tell_checks(context, ends)
    fail_unfinished(cells, ends)


ASSETS = [dictionary, tag_shards]
