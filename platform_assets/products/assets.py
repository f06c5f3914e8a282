# pyright: standard
"""The assets of the products pipeline: what was seen of each batch of products, what has changed, the latest state.

How a batch is scanned is in `scan.py`, what becomes of it in `publishing.py`.
"""

from collections.abc import Iterator

import dagster as dg

from platform_assets.glue import check_outputs, explained_failures, partition_check, table_spec
from platform_assets.partitions import PRODUCT_BATCHES
from platform_assets.products.glue import (
    CHANGES,
    CHECKS,
    LATEST,
    SNAPSHOTS,
    partition_batches,
    scan_batches,
)
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
    with explained_failures():
        scan_batches(context, services, partition_batches(context))
    yield from check_outputs(context)  # each batch was told as it ended, and its checks with it


# Written by every batch, and by nothing else: there is nothing to materialize.
latest = table_spec(
    LATEST,
    [SNAPSHOTS],
    "The newest look at each product of a platform. A batch that cannot be believed leaves it as it is.",
    skippable=False,
)

ASSETS = [product_batches, latest]
