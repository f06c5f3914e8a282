"""Dagster as the API needs it: the interface that handlers and their tests agree on."""

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime
from typing import Protocol

from platform_assets.tenants.runs import PartitionChanges, RunInHand


class RunDesk(Protocol):
    """Launches runs and tells of them; `TenantRuns` of `platform_assets/tenants/runs.py` is the real one.

    All methods block and raise TransientError while Dagster does not answer.
    """

    def check_ready(self) -> None:
        """Does nothing if a run can be launched now."""
        ...

    def launch_cycle(self, cells: Sequence[str], tags: Mapping[str, str]) -> str:
        """Starts a run over the cells; its id."""
        ...

    def launch_job(
        self, job: str, tags: Mapping[str, str], assets: Sequence[Sequence[str]] = ()
    ) -> str:
        """Starts a run of a job over these of its assets, or over all of it; its id."""
        ...

    def find_unfinished(self, tags: Mapping[str, str]) -> str | None:
        """Id of a queued or running run that has these tags; None if there is none."""
        ...

    def runs_in_hand(self) -> list[RunInHand]:
        """Queued and running runs of tenant-months."""
        ...

    def sync_partitions(self, tenant_ids: Collection[str]) -> PartitionChanges:
        """Makes the tenants the partitions."""
        ...

    def daemon_heartbeats(self) -> Mapping[str, datetime | None]:
        """Daemon -> its last sign of life."""
        ...
