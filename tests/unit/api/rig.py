"""The API over a real state database in a file, with a Dagster that only remembers what it was asked."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from platform_assets.core.engine.units import Attempt, UnitOutcome, UnitState
from platform_assets.core.errors import TransientError
from platform_assets.services import Services
from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.runs import PartitionChanges, RunInHand
from platform_assets.tenants.state.ledger import SqlTenantLedger
from platform_assets.tenants.tenant import SourceSettings, TenantType, name_cell
from resources.state.audit import AuditEntry, SqlAudit
from tests.fakes.clock import START

SOURCE = SourceSettings("sqlite:////data/shop.db")
BATCH = "/api/v2/batch"
NO_ANSWER = TransientError("Dagster's webserver does not answer", kind="dagster_unreachable")
NO_STORAGE = TransientError("Dagster's instance cannot be read", kind="dagster_storage")


@dataclass
class FakeRuns:
    """Satisfies `api.run_desk.RunDesk`."""

    in_hand: list[RunInHand] = field(default_factory=list[RunInHand])
    launched: list[tuple[list[str], dict[str, str]]] = field(
        default_factory=list[tuple[list[str], dict[str, str]]]
    )
    jobs: list[tuple[str, dict[str, str], list[list[str]]]] = field(
        default_factory=list[tuple[str, dict[str, str], list[list[str]]]]
    )
    partitions: set[str] = field(default_factory=set[str])
    beats: dict[str, datetime | None] = field(default_factory=lambda: {"SENSOR": START})
    webserver_error: TransientError | None = None
    launch_error: TransientError | None = None
    storage_error: TransientError | None = None
    backfilling: bool = False

    def check_ready(self) -> None:
        if self.webserver_error:
            raise self.webserver_error

    def launch_cycle(self, cells: Sequence[str], tags: Mapping[str, str]) -> str:
        self.check_ready()
        if self.launch_error:
            raise self.launch_error
        run_id = f"run-{len(self.launched) + 1}"
        self.launched.append((list(cells), dict(tags)))
        self.in_hand.insert(0, RunInHand(run_id, "queued", tuple(cells), START))
        return run_id

    def launch_job(
        self, job: str, tags: Mapping[str, str], assets: Sequence[Sequence[str]] = ()
    ) -> str:
        self.check_ready()
        self.jobs.append((job, dict(tags), [list(key) for key in assets]))
        return f"run-of-{job}-{len(self.jobs)}"

    def find_unfinished(self, tags: Mapping[str, str]) -> str | None:
        self._check_storage()
        for number, (job, launched, _) in enumerate(self.jobs, 1):
            if tags.items() <= launched.items():
                return f"run-of-{job}-{number}"
        return None

    def runs_in_hand(self) -> list[RunInHand]:
        self._check_storage()
        return list(self.in_hand)

    def sync_partitions(self, tenant_ids: Collection[str]) -> PartitionChanges:
        self._check_storage()
        surplus = self.partitions - set(tenant_ids)
        added = set(tenant_ids) - self.partitions
        self.partitions |= set(tenant_ids)
        if self.backfilling:
            return PartitionChanges(tuple(added), (), tuple(surplus))
        self.partitions -= surplus
        return PartitionChanges(tuple(added), tuple(surplus))

    def daemon_heartbeats(self) -> Mapping[str, datetime | None]:
        self._check_storage()
        return self.beats

    def _check_storage(self) -> None:
        if self.storage_error:
            raise self.storage_error


def register(
    services: Services, tenant_id: str = "acme", tenant_type: TenantType = TenantType.EXISTING
) -> None:
    """Adds a tenant: EXISTING without months, or NEW with its last three."""
    is_new = tenant_type is TenantType.NEW
    tenant, months = plan_tenant(
        tenant_id,
        tenant_id.title(),
        tenant_type,
        SOURCE,
        now=services.clock.now(),
        first_month="2024-01",
        backfill_start="2026-09" if is_new else None,
    )
    services.tenants.register(tenant, months)


def claim(services: Services, tenant_id: str, month: str, run_id: str = "run-0") -> SqlTenantLedger:
    """Makes a month RUNNING under the attempt `run_id`."""
    cell = name_cell(tenant_id, month)
    ledger = SqlTenantLedger(
        services.state,
        [cell],
        run_id=run_id,
        limit=100,
        stale_seconds=1800,
        is_dead=lambda _: False,
    )
    (claimed,) = ledger.claim(ledger.plan, [cell], Attempt(run_id, "owner"), 60)
    assert claimed.state is UnitState.RUNNING, claimed
    return ledger


def finish(
    services: Services, tenant_id: str, month: str, run_id: str = "run-0", *, ok: bool = True
) -> None:
    """Makes a month COMPLETED or FAILED."""
    ledger = claim(services, tenant_id, month, run_id)
    outcome = UnitOutcome(
        name_cell(tenant_id, month),
        UnitState.DONE if ok else UnitState.FAILED,
        detail={"processed_records": 10, "failed_records": 1, "watermark": "w"} if ok else None,
        error_kind=None if ok else "source_unreachable",
        error_message=None if ok else "no answer",
    )
    assert ledger.record(ledger.plan, Attempt(run_id, "owner"), [outcome]) == set()


def fail_until_disabled(services: Services, tenant_id: str, month: str) -> None:
    """Fails a month until its tenant is disabled."""
    while services.tenants.get(tenant_id).active:
        finish(services, tenant_id, month, ok=False)


def run_of(*cells: str, status: str = "queued", run_id: str = "run-9") -> RunInHand:
    return RunInHand(run_id, status, cells, START, START + timedelta(seconds=5))


def audited(services: Services) -> list[AuditEntry]:
    return SqlAudit(services.state).find()
