# pyright: standard
"""Running assets and jobs in process, and reading what the run recorded."""

from collections.abc import Mapping
from typing import Any

import dagster as dg

from platform_assets.definitions import build_definitions
from platform_assets.games.assets import CURRENT_ASSETS, RAW_ASSETS
from platform_assets.games.entities import ENTITIES
from platform_assets.games.plan import Mode
from platform_assets.services import Services

RAW = dict(zip((entity.name for entity in ENTITIES), RAW_ASSETS, strict=True))
CURRENT = dict(zip((entity.name for entity in ENTITIES), CURRENT_ASSETS, strict=True))


def key_of(name: str) -> dg.AssetKey:
    return dg.AssetKey(["games", name])


def run_assets(
    services: Services,
    instance: dg.DagsterInstance,
    entity: str,
    *,
    day: str | None,
    mode: Mode = Mode.FULL,
    only_raw: bool = False,
) -> dg.ExecuteInProcessResult:
    """Materializes an entity's raw day and its table; failures are in the result."""
    return dg.materialize(
        [RAW[entity]] if only_raw else [RAW[entity], CURRENT[entity]],
        partition_key=day,
        instance=instance,
        resources={"services": services},
        run_config={"ops": {f"games__raw_{entity}": {"config": {"mode": mode.value}}}},
        raise_on_error=False,
    )


def run_table(
    services: Services, instance: dg.DagsterInstance, entity: str
) -> dg.ExecuteInProcessResult:
    """Materializes an entity's table alone; failures are in the result."""
    return dg.materialize(
        [CURRENT[entity]],
        instance=instance,
        resources={"services": services},
        raise_on_error=False,
    )


def run_job(
    services: Services, instance: dg.DagsterInstance, name: str, day: str
) -> dg.ExecuteInProcessResult:
    """Runs a job as it is defined."""
    definitions = build_definitions(services.settings, {"services": services})
    return definitions.resolve_job_def(name).execute_in_process(
        partition_key=day, instance=instance, raise_on_error=False
    )


def read_metadata(result: dg.ExecuteInProcessResult, name: str) -> Mapping[str, Any]:
    """Plain values of an asset's only materialization."""
    (event,) = result.asset_materializations_for_node(f"games__{name}")
    return {label: value.value for label, value in event.metadata.items()}


def read_failure(result: dg.ExecuteInProcessResult) -> tuple[str, Mapping[str, Any]]:
    """Description and metadata of the only failed step."""
    (event,) = [event for event in result.all_events if event.is_step_failure]
    data = event.step_failure_data.user_failure_data
    assert data is not None, event.step_failure_data.error
    return data.description or "", {label: value.value for label, value in data.metadata.items()}
