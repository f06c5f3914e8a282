# pyright: standard
"""`Orchestration`: Dagster's runs, started, found and ended, for whoever is not a Dagster asset or sensor itself.

Above all the REST API, which imports no Dagster. What is due and who may work on it is not decided here; what runs of
one pipeline mean belongs to that pipeline.
"""

import threading
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import uuid4

import dagster as dg
from dagster import DagsterError, DagsterRunStatus, RunsFilter
from sqlalchemy.exc import SQLAlchemyError

from platform_assets.core.errors import TransientError
from resources.dagster.private import (
    BULK_ACTION_TERMINAL_STATUSES,
    BulkActionsFilter,
    BulkActionStatus,
)
from resources.dagster.webserver import DagsterWebserver, LaunchUnknownError

STARTED_BY_TAG = "sluice/started_by"
LAUNCH_TAG = ".dagster/sluice_launch"
"""Names one launch, so that a run whose launch was not answered can be found."""

UNFINISHED = [
    DagsterRunStatus.QUEUED,
    DagsterRunStatus.STARTING,
    DagsterRunStatus.STARTED,
    DagsterRunStatus.CANCELING,
]
"""Not NOT_STARTED: a run that Dagster refuses to launch stays in it for ever."""


class Orchestration:
    """Dagster as the rest of the platform sees it. Safe to use from several threads; every method blocks.

    Args:
        instance: Dagster's instance, or what opens it: then it is opened when first needed, and tried again after a
            failure.
        webserver: Where runs are launched: an address, or a `DagsterWebserver`.
    """

    def __init__(
        self,
        instance: dg.DagsterInstance | Callable[[], dg.DagsterInstance],
        webserver: str | DagsterWebserver,
    ) -> None:
        self._webserver = DagsterWebserver(webserver) if isinstance(webserver, str) else webserver
        self._opened = instance if isinstance(instance, dg.DagsterInstance) else None
        self._open = instance
        # Two threads on one SQLite instance can block each other for ever (dagster 1.13.27).
        self._asking = threading.Lock()

    def check_job(self, job: str) -> None:
        """Does nothing if a run of the job can be launched now.

        Raises:
            TransientError: The webserver does not answer, or does not have the job.
        """
        self._webserver.find_job(job)

    def launch_job(
        self,
        job: str,
        tags: Mapping[str, str],
        assets: Sequence[Sequence[str]] = (),
        config: Mapping[str, Any] | None = None,
    ) -> str:
        """Starts a run of a job over these of its assets, or over all of it; its id.

        Args:
            job: Name of the job.
            tags: Its partition, too: `dagster/partition`, or the two tags of a range.
            assets: Keys of the assets.
            config: Run configuration.

        Raises:
            TransientError: The webserver does not answer, or could not start it.
            RefusedError: Dagster does not accept the run.
        """
        selector = dict(self._webserver.find_job(job))
        if assets:
            selector["assetSelection"] = [{"path": list(key)} for key in assets]
        return self._launch(selector, config or {}, tags)

    def find_unfinished(self, tags: Mapping[str, str]) -> str | None:
        """Id of a queued or running run that has these tags; None if there is none."""
        wanted = RunsFilter(tags=dict(tags), statuses=UNFINISHED)
        with self.instance() as instance:
            records = instance.get_run_records(wanted, limit=1)
        return records[0].dagster_run.run_id if records else None

    def is_going_on(self, run_id: str) -> bool:
        """Whether a run has not ended yet; False for no id at all."""
        return bool(run_id) and not self.is_gone(run_id)

    def is_gone(self, run_id: str) -> bool:
        """Whether a run has ended or was never there; False for no id at all: not Dagster's to say."""
        if not run_id:
            return False
        with self.instance() as instance:
            run = instance.get_run_by_id(run_id)
        return run is None or run.is_finished

    def terminate(self, run_id: str) -> bool:
        """Asks a run to end; whether there was something to ask."""
        with self.instance() as instance:
            run = instance.get_run_by_id(run_id)
            if run is None or run.is_finished:
                return False
            return instance.run_coordinator.cancel_run(run_id)

    def daemon_heartbeats(self) -> dict[str, datetime | None]:
        """Daemon -> its last sign of life, for every daemon that the instance needs; None where there was none yet."""
        with self.instance() as instance:
            beats = instance.get_daemon_heartbeats()
            needed = instance.get_required_daemon_types()
        return {
            name: datetime.fromtimestamp(beats[name].timestamp, UTC) if name in beats else None
            for name in needed
        }

    def _launch(
        self, selector: Mapping[str, Any], config: Mapping[str, Any], tags: Mapping[str, str]
    ) -> str:
        launch_id = uuid4().hex
        try:
            return self._webserver.launch(selector, config, {**tags, LAUNCH_TAG: launch_id})
        except LaunchUnknownError:
            run_id = self._find_launched(launch_id)
            if run_id is None:
                raise
            return run_id

    def _find_launched(self, launch_id: str) -> str | None:
        with self.instance() as instance:
            records = instance.get_run_records(RunsFilter(tags={LAUNCH_TAG: launch_id}), limit=1)
        return records[0].dagster_run.run_id if records else None

    @contextmanager
    def instance(self) -> Generator[dg.DagsterInstance]:
        """The instance; failures of its storage become ours."""
        try:
            with self._asking:
                yield self._open_once()
        except (SQLAlchemyError, DagsterError) as error:
            reason = str(error).strip().partition("\n")[0][:200]
            raise TransientError(
                f"Dagster's instance cannot be read ({type(error).__name__}: {reason}); check its storage in "
                "dagster.yaml",
                kind="dagster_storage",
            ) from error

    def _open_once(self) -> dg.DagsterInstance:
        if self._opened is None:
            assert not isinstance(self._open, dg.DagsterInstance)
            self._opened = self._open()
        return self._opened


def open_orchestration(webserver: DagsterWebserver) -> Orchestration:
    """The orchestration of the instance that DAGSTER_HOME names; opened when first needed."""
    return Orchestration(dg.DagsterInstance.get, webserver)


def is_backfilling(instance: dg.DagsterInstance) -> bool:
    """Whether an asset backfill goes on: Dagster fails it whole if one of its dynamic partitions is removed."""
    going_on = [
        status for status in BulkActionStatus if status not in BULK_ACTION_TERMINAL_STATUSES
    ]
    backfills = instance.get_backfills(filters=BulkActionsFilter(statuses=going_on), limit=1000)
    return any(backfill.is_asset_backfill for backfill in backfills)
