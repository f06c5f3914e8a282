# pyright: standard
"""The assets of the products pipeline: what was seen of each batch of products, what has changed, the latest state.

How a batch is scanned is in `scan.py`, what becomes of it in `publishing.py`.
"""

from collections.abc import Iterator, Sequence
from functools import partial

import dagster as dg

from platform_assets.core.engine.loop_thread import LoopThread
from platform_assets.glue import check_outputs, explained_failures, partition_check, table_spec
from platform_assets.partitions import PRODUCT_BATCHES
from platform_assets.products.batch_result import BatchResult
from platform_assets.products.batches import Batch
from platform_assets.products.glue import (
    CHANGES,
    CHECKS,
    LATEST,
    SNAPSHOTS,
    ProgressLines,
    fail_unfinished,
    partition_batches,
    tell_batch,
    tell_day,
)
from platform_assets.products.quality import ACCEPT_TAG
from platform_assets.services import Services


@dg.multi_asset(
    name="scan_product_batches",
    specs=[
        table_spec(
            SNAPSHOTS, [], "Every product of a batch as its shop showed it: price, status, rating."
        ),
        table_spec(
            CHANGES,
            [SNAPSHOTS],
            "What has changed since each product was last seen: price, name, status.",
        ),
    ],
    check_specs=[
        partition_check(name, SNAPSHOTS, description, PRODUCT_BATCHES)
        for name, description in CHECKS.items()
    ],
    partitions_def=PRODUCT_BATCHES,
    # Batches are independent: each is a run, so that workers on more machines take them.
    backfill_policy=dg.BackfillPolicy.multi_run(max_partitions_per_run=1),
)
def product_batches(
    context: dg.AssetExecutionContext, services: dg.ResourceParam[Services]
) -> Iterator[dg.Output[None]]:
    """One or many batches."""
    with explained_failures(), LoopThread() as loop:
        scan(context, services, loop, partition_batches(context))
    yield from check_outputs(context)  # each batch was told as it ended, and its checks with it


def scan(
    context: dg.AssetExecutionContext,
    services: Services,
    loop: LoopThread,
    batches: Sequence[Batch],
) -> None:
    """Scans batches and tells Dagster of each one as it ends.

    Args:
        context: Of the step.
        services: What scans.
        loop: Where the work runs.
        batches: Of the run.

    Raises:
        PlatformError: A batch could not be begun; what had ended was told.
        dg.Failure: Batches have failed.
    """
    results: dict[Batch, BatchResult] = {}
    lines = ProgressLines(context.log)
    accepted = context.run.tags.get(ACCEPT_TAG) == "true"
    work = partial(services.shops.scan_batches, batches, mass_accepted=accepted)
    for events in loop.run(work):
        for event in events:
            if isinstance(event, BatchResult):
                results[event.batch] = event
                tell_batch(context, services, event)
            else:
                lines.tell(event)
                tell_day(context, services, event, results)
    fail_unfinished(batches, results)


# Written by every batch, and by nothing else: there is nothing to materialize.
latest = table_spec(
    LATEST,
    [SNAPSHOTS],
    "The newest look at each product of a platform. A batch that cannot be believed leaves it as it is.",
    skippable=False,
)

ASSETS = [product_batches, latest]
