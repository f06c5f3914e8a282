# pyright: standard
"""The jobs of the products pipeline: splitting a platform's day, scanning chosen batches, answering searches."""

import dagster as dg
import pydantic

from platform_assets.glue import explained_failures
from platform_assets.products.glue import (
    CHANGES,
    DAY_TAG,
    PLATFORM_TAG,
    SNAPSHOTS,
    answer_searches,
    split_day,
)
from platform_assets.services import Services
from resources.dagster.run_ends import tries_again


class DayConfig(dg.Config):
    """Whose day is split."""

    platform: str = pydantic.Field(
        default="",
        description="A platform, such as musinsa; the run's tag sluice/platform if empty.",
    )
    day: str = pydantic.Field(
        default="", description="YYYY-MM-DD; the run's tag sluice/day, or today, if empty."
    )


@dg.op
def split_product_day(
    context: dg.OpExecutionContext, config: DayConfig, services: dg.ResourceParam[Services]
) -> None:
    """Lists the platform's products and splits them into batches; a day that was split stays as it is."""
    with explained_failures():
        tags = context.run.tags  # `dagster job execute` takes no configuration but from a file
        platform = config.platform or tags.get(PLATFORM_TAG, "")
        planned = split_day(context, services, platform, config.day or tags.get(DAY_TAG))
    context.add_output_metadata(
        {"batches": len(planned), "products": sum(len(each.products) for each in planned)}
    )


@dg.job(
    tags=tries_again(),
    description="Splits the day of a platform into batches; the sensor product_batches starts them.",
)
def product_day() -> None:
    """One op."""
    split_product_day()


@dg.op
def answer_product_searches(
    context: dg.OpExecutionContext, services: dg.ResourceParam[Services]
) -> None:
    """Searches the shops for the keywords that wait; a search that fails is noted at its request."""
    with explained_failures():
        context.add_output_metadata(answer_searches(context, services))


@dg.job(description="Answers the search requests that wait; the sensor product_searches starts it.")
def product_searches() -> None:
    """One op."""
    answer_product_searches()


JOBS = [
    product_day,
    product_searches,
    dg.define_asset_job(
        "product_batches",
        selection=dg.AssetSelection.assets(SNAPSHOTS, CHANGES),
        description="Chosen batches of products: one partition, or a range.",
    ),
]
