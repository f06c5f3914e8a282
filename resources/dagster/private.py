"""Parts of Dagster that are not public: all of them, what each is for, and which test notices when one changes.

Nobody else imports `dagster._...`. Dagster is pinned, and whoever raises the pin looks here first. (The webserver's
command line is replaced in part where it starts: `platform_assets/webserver/__main__.py`.)
"""

from dagster._core.definitions.asset_checks.asset_check_evaluation import (
    AssetCheckEvaluationTargetMaterializationData as CheckedMaterialization,
)
from dagster._core.definitions.data_version import DATA_VERSION_TAG, extract_data_version_from_entry
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.events import AssetMaterializationPlannedData, StepMaterializationData
from dagster._core.execution.api import execute_run
from dagster._core.execution.backfill import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
)
from dagster._core.execution.context.system import PlanOrchestrationContext
from dagster._core.execution.plan.plan import ExecutionPlan
from dagster._core.execution.retries import RetryMode
from dagster._core.execution.step_dependency_config import StepDependencyConfig
from dagster._core.storage.event_log import SqliteEventLogStorage
from dagster._core.storage.event_log.schema import SqlEventLogStorageTable
from dagster._core.storage.tags import GRPC_INFO_TAG, RETRY_NUMBER_TAG
from dagster._utils.warnings import disable_dagster_warnings

__all__ = [  # noqa: RUF022 - grouped by what needs them
    # The cells of a cycle that failed show as failed: tests/glue/test_tenants_cycles.py.
    "AssetMaterializationPlannedData",
    # Whether an asset backfill goes on, which a removed partition would fail: tests/unit/api/test_orchestration.py.
    "BULK_ACTION_TERMINAL_STATUSES",
    "BulkActionStatus",
    "BulkActionsFilter",
    # A check about one partition names what it checked; and Dagster says whenever such checks load that they are a
    # preview: tests/glue/test_tags.py, tests/glue/test_ranks.py.
    "CheckedMaterialization",
    "disable_dagster_warnings",
    # The version of the newest materialization: tests/glue/test_tags.py.
    "DATA_VERSION_TAG",
    "extract_data_version_from_entry",
    # The executor that signs runs: tests/integration/tenants/test_dead_runs.py, tests/glue/test_pools.py.
    "ExecutionPlan",
    "GRPC_INFO_TAG",
    "PlanOrchestrationContext",
    "RetryMode",
    "StepDependencyConfig",
    # A run in the process that measures it: benchmarks/backfilling/one_run.py.
    "InMemoryJob",
    "execute_run",
    # Dagster's own retry of a run, which is told from a person's: tests/glue/test_tenants_cycles.py.
    "RETRY_NUMBER_TAG",
    # Many materializations in one transaction: tests/glue/test_materializations.py compares them with Dagster's own.
    "SqlEventLogStorageTable",
    "SqliteEventLogStorage",
    "StepMaterializationData",
]
