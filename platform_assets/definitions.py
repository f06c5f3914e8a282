"""Assembly, and nothing else: the one place where settings, services, assets, jobs and schedules meet.

`build_definitions` serves production and tests alike; the module-level `defs` is what Dagster loads.
"""

from collections.abc import Mapping
from typing import cast

import dagster as dg

from platform_assets.games import assets as games_assets
from platform_assets.games import jobs as games_jobs
from platform_assets.partitions import days_from, tenant_months
from platform_assets.products import assets as products_assets
from platform_assets.products import jobs as products_jobs
from platform_assets.ranks import assets as ranks_assets
from platform_assets.ranks import jobs as ranks_jobs
from platform_assets.services import Services
from platform_assets.settings import Settings, dagster_home, load_settings
from platform_assets.tags import assets as tags_assets
from platform_assets.tags import jobs as tags_jobs
from platform_assets.tenants import assets as tenants_assets
from platform_assets.tenants import jobs as tenants_jobs
from resources.caps.limits import CAPS
from resources.dagster.pools import sync_pools
from resources.dagster.run_ends import note_end
from resources.dagster.runs import fail_dead_runs, signing_executor
from sensors import games as games_schedules
from sensors import products as products_sensors
from sensors import ranks as ranks_schedules
from sensors import redrive, retention, searches
from sensors import runs as run_sensors
from sensors import tags as tags_sensors
from sensors import tenants as tenants_sensors


def build_definitions(
    settings: Settings, overrides: Mapping[str, object] | None = None
) -> dg.Definitions:
    """Everything that Dagster shows and runs.

    Args:
        settings: Where things are and what upstreams allow.
        overrides: Resources by name that replace the real ones, for tests.
    """
    resources: dict[str, object] = {"services": Services(settings), **(overrides or {})}
    services = cast(Services, resources["services"])
    jobs = [
        *games_jobs.JOBS,
        *tenants_jobs.JOBS,
        *tags_jobs.JOBS,
        *products_jobs.JOBS,
        *ranks_jobs.build_jobs(settings),
        *retention.JOBS,
        *redrive.JOBS,
    ]
    return dg.Definitions(
        assets=[
            *games_assets.RAW_ASSETS,
            *games_assets.CURRENT_ASSETS,
            *tenants_assets.build_assets(tenant_months(settings.tenants_first_month)),
            *tags_assets.ASSETS,
            *products_assets.ASSETS,
            *ranks_assets.build_assets(days_from(settings.ranks_first_day)),
        ],
        jobs=jobs,
        sensors=[
            *tenants_sensors.build_sensors(settings),
            *tags_sensors.build_sensors(settings),
            *products_sensors.build_sensors(settings),
            *searches.build_sensors(settings),
            *run_sensors.build_sensors(jobs),
        ],
        schedules=[
            *games_schedules.build_schedules(
                settings.games_schedule_hour, running=bool(settings.igdb_client_id)
            ),
            *products_sensors.build_schedules(settings),
            *ranks_schedules.build_schedules(settings),
            *retention.SCHEDULES,
        ],
        resources=resources,
        executor=signing_executor(
            fail_dead_runs,
            lambda instance, run, failures: note_end(services.alerts, instance, run, failures),
        ),
    )


@dg.definitions
def defs() -> dg.Definitions:
    """The definitions for the environment's settings; fills in missing pool limits of the instance."""
    if dagster_home() is not None:
        with dg.DagsterInstance.get() as instance:
            sync_pools(instance, CAPS.values())
    return build_definitions(load_settings())
