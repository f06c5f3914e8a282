"""Starting a tenant's work by hand: what is started, what speaks against it, and that one start is one run.

Whether a tenant-month may be worked on is decided by the claim in the state table, for every run alike. What is checked
here spares an operator a run that would do nothing.
"""

from collections.abc import Generator, Sequence
from contextlib import contextmanager
from uuid import uuid4

from api.auth import Actor
from api.run_desk import RunDesk
from api.running import find_holder
from platform_assets.core.engine.units import Attempt
from platform_assets.core.errors import PermanentError
from platform_assets.core.months import check_month, month_of
from platform_assets.core.processes.owner import describe_owner
from platform_assets.services import Services
from platform_assets.tenants.decide import Facts, Limits, decide
from platform_assets.tenants.tenant import MonthStatus, Tenant, TenantMonth, TenantType, name_cell
from platform_assets.tenants.transitions import is_exhausted
from resources.dagster.orchestration import STARTED_BY_TAG
from resources.state.leases import SqlLeases

LEASE_SECONDS = 120.0
"""Longer than the check and the launch can take; a dead process of this host holds nothing."""

ACTOR_TAG = "sluice/actor"


class Starter:
    """Starts runs for tenants. Every method blocks.

    Args:
        services: The state database.
        runs: Dagster.
    """

    def __init__(self, services: Services, runs: RunDesk) -> None:
        self._services = services
        self._runs = runs

    def trigger(self, tenant_id: str, month: str | None, actor: Actor) -> tuple[str, list[str]]:
        """Starts a month, or what is due; the run's id and its cells.

        Raises:
            PermanentError: kinds `unknown_tenant`, `tenant_disabled`, `tenant_busy`, `bad_month`, `month_order`,
                `exhausted`.
            TransientError: Dagster or the database does not answer; nothing was started.
        """
        with self._alone(tenant_id):
            tenant, months = self._read_idle(tenant_id)
            chosen = [month] if month else self._choose(tenant, months)
            self._check_months(tenant, months, chosen)
            return self._launch(tenant_id, chosen, actor)

    def retry(self, tenant_id: str, month: str, actor: Actor) -> tuple[str, list[str]]:
        """Resets a failed month and starts it; the run's id and its cells.

        Raises:
            PermanentError: kinds `unknown_tenant`, `unknown_month`, `not_failed`, `tenant_disabled`, `tenant_busy`.
            TransientError: Dagster or the database does not answer. If that shows after the reset, the orchestrator
                starts the month by itself.
        """
        with self._alone(tenant_id):
            _, months = self._read_idle(tenant_id)
            if any(row.month == month and row.status is MonthStatus.FAILED for row in months):
                # Before the reset: while nothing can be started, nothing is changed.
                self._runs.check_ready()
            self._services.tenant_months.reset(tenant_id, month)
            return self._launch(tenant_id, [month], actor)

    def check_idle(self, tenant_id: str) -> None:
        """Does nothing if no run has the tenant in hand.

        Raises:
            PermanentError: kinds `unknown_tenant`, `tenant_busy`.
        """
        tenant = self._services.tenants.get(tenant_id)
        self._refuse_held(tenant, self._services.tenants.months(tenant_id))

    @contextmanager
    def _alone(self, tenant_id: str) -> Generator[None]:
        """From the first look to the launch nobody else starts this tenant."""
        self._services.tenants.get(tenant_id)
        leases, name = SqlLeases(self._services.state), f"tenants/start/{tenant_id}"
        attempt = Attempt(uuid4().hex, describe_owner())
        if leases.acquire(name, attempt, LEASE_SECONDS) is None:
            raise PermanentError(
                f"somebody else is starting {tenant_id} at this moment", kind="tenant_busy"
            )
        try:
            yield
        finally:
            leases.release(name, attempt)

    def _read_idle(self, tenant_id: str) -> tuple[Tenant, list[TenantMonth]]:
        """An active tenant that nothing has in hand, and its months."""
        tenant = self._services.tenants.get(tenant_id)
        if not tenant.active:
            raise PermanentError(
                f"{tenant_id} is not active ({tenant.disabled_reason or 'no reason given'}); activate it first",
                kind="tenant_disabled",
            )
        months = self._services.tenants.months(tenant_id)
        self._refuse_held(tenant, months)
        return tenant, months

    def _refuse_held(self, tenant: Tenant, months: Sequence[TenantMonth]) -> None:
        holder = find_holder(tenant, months, self._runs.runs_in_hand())
        if holder is not None:
            raise PermanentError(f"{tenant.tenant_id}: {holder}", kind="tenant_busy")

    def _choose(self, tenant: Tenant, months: Sequence[TenantMonth]) -> list[str]:
        return choose_months(
            tenant,
            months,
            Facts(
                tenants=[tenant],
                months=months,
                now=self._services.clock.now(),
                busy=frozenset(),
                fingerprints={},
                running=0,
                queued=0,
            ),
            self._services.settings.tenants_grace_days,
        )

    def _check_months(
        self, tenant: Tenant, months: Sequence[TenantMonth], chosen: Sequence[str]
    ) -> None:
        first, current = (
            self._services.settings.tenants_first_month,
            month_of(self._services.clock.now()),
        )
        for month in chosen:
            if not first <= check_month(month) <= current:
                raise PermanentError(
                    f"{month} cannot be processed: it is not within {first} (SLUICE_TENANTS_FIRST_MONTH) and {current}",
                    kind="bad_month",
                )
        refuse_unclaimable(tenant, months, chosen)

    def _launch(self, tenant_id: str, months: Sequence[str], actor: Actor) -> tuple[str, list[str]]:
        cells = [name_cell(tenant_id, month) for month in months]
        tags = {STARTED_BY_TAG: "api", ACTOR_TAG: actor.name}
        return self._runs.launch_cycle(cells, tags), cells


def choose_months(
    tenant: Tenant, months: Sequence[TenantMonth], facts: Facts, grace_days: int
) -> list[str]:
    """What a start without a month means: what is due; else a backfill's rest, or the current month.

    Args:
        tenant: The tenant.
        months: Its months.
        facts: About this tenant alone, with nothing in hand.
        grace_days: Days that a month stays open after its end.
    """
    for lane in decide(facts, Limits(in_flight=1, queued=0, grace_days=grace_days)).lanes:
        return list(lane.months)
    left = sorted(row.month for row in months if row.status is not MonthStatus.COMPLETED)
    if tenant.tenant_type is TenantType.NEW and left:
        return left
    return [month_of(facts.now)]


def refuse_unclaimable(
    tenant: Tenant, months: Sequence[TenantMonth], chosen: Sequence[str]
) -> None:
    """Does nothing if the state table would let a run have the months.

    Raises:
        PermanentError: kinds `exhausted`, `month_order`.
    """
    for row in months:
        if row.month in chosen and is_exhausted(row):
            raise PermanentError(
                f"{row.month} of {tenant.tenant_id} failed {row.retry_count} times; retry it to start anew",
                kind="exhausted",
            )
    if tenant.tenant_type is TenantType.EXISTING or not chosen:
        return
    open_before = [
        row.month
        for row in months
        if row.month < min(chosen) and row.status is not MonthStatus.COMPLETED
    ]
    if open_before:
        raise PermanentError(
            f"{tenant.tenant_id} is NEW: {min(open_before)} must be completed before {min(chosen)}",
            kind="month_order",
        )
