# pyright: standard
"""The sensor of the tags pipeline: tenant-sources that deliver raw tables become partitions by themselves."""

import dagster as dg

from platform_assets.glue import explained_failures
from platform_assets.partitions import TENANT_SOURCES
from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tags.sources import find_sources


def build_sensors(settings: Settings) -> list[dg.SensorDefinition]:
    """The sensor; it runs without anybody switching it on."""

    @dg.sensor(
        name="tags_sources",
        minimum_interval_seconds=settings.tags_sources_seconds,
        default_status=dg.DefaultSensorStatus.RUNNING,
        description="Adds a partition for each tenant-source with raw tables. One whose tables vanished keeps its own.",
    )
    def sources(
        context: dg.SensorEvaluationContext, services: dg.ResourceParam[Services]
    ) -> dg.SensorResult | dg.SkipReason:
        with explained_failures():
            found = find_sources(services.objects)
        for problem in found.problems:
            context.log.warning(problem)
        known = set(context.instance.get_dynamic_partitions(str(TENANT_SOURCES.name)))
        new = sorted(place.key for place in found.tables if place.key not in known)
        if not new:
            return dg.SkipReason(f"{len(found.tables)} tenant-sources, all known")
        return dg.SensorResult(
            skip_reason=f"added {', '.join(new)}",
            dynamic_partitions_requests=[TENANT_SOURCES.build_add_request(new)],
        )

    return [sources]
