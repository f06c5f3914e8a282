"""Tenants listed, added, switched on and off, removed; with Dagster's partitions kept in step."""

import structlog

from api.run_desk import RunDesk
from api.schemas import DeletedOut, RegistrationIn, TenantOut, TenantPageOut
from api.starting import Starter
from platform_assets.core.errors import PlatformError
from platform_assets.services import Services
from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.state.tenants import TenantFilter
from platform_assets.tenants.tenant import SourceSettings


class Tenancy:
    """Changes tenants. Every method blocks.

    Args:
        services: The state database.
        runs: Dagster.
    """

    def __init__(self, services: Services, runs: RunDesk) -> None:
        self._services = services
        self._runs = runs

    def register(self, wanted: RegistrationIn) -> TenantOut:
        """Adds a tenant.

        Raises:
            PermanentError: kinds `tenant_exists`, `bad_tenant_id`, `bad_name`, `bad_month`, `bad_source`,
                `source_refused`.
        """
        tenant, months = plan_tenant(
            wanted.tenant_id,
            wanted.name,
            wanted.tenant_type,
            SourceSettings(wanted.source.url, wanted.source.table, wanted.source.columns),
            now=self._services.clock.now(),
            first_month=self._services.settings.tenants_first_month,
            backfill_start=wanted.backfill_start_month,
            last_completed_month=wanted.last_completed_month,
        )
        self._services.sources.check(tenant.source.url)
        self._services.tenants.register(tenant, months)
        self._sync_partitions()
        return TenantOut.model_validate(tenant)

    def activate(self, tenant_id: str) -> TenantOut:
        """Switches a tenant on; PermanentError of kind `unknown_tenant` if there is none."""
        return TenantOut.model_validate(self._services.tenants.activate(tenant_id))

    def deactivate(self, tenant_id: str, reason: str) -> TenantOut:
        """Switches a tenant off; PermanentError of kind `unknown_tenant` if there is none."""
        return TenantOut.model_validate(self._services.tenants.deactivate(tenant_id, reason))

    def delete(self, tenant_id: str) -> DeletedOut:
        """Removes a tenant that nothing has in hand.

        Raises:
            PermanentError: kinds `unknown_tenant`, `tenant_busy`.
        """
        Starter(self._services, self._runs).check_idle(tenant_id)
        self._services.tenants.delete(tenant_id)
        return DeletedOut(tenant_id=tenant_id, partition_removed=self._sync_partitions())

    def _sync_partitions(self) -> bool:
        """Whether Dagster's partitions are the tenants now. If not, a sensor brings them in step later."""
        try:
            changes = self._runs.sync_partitions(self._services.tenants.ids())
        except PlatformError as error:
            structlog.get_logger().warning("partitions_not_synced", reason=error.kind)
            return False
        return not changes.kept


def list_tenants(services: Services, wanted: TenantFilter, limit: int, after: str) -> TenantPageOut:
    """One page of tenants; one more than asked for is read to see whether there is another page."""
    found, total = services.tenants.find_page(wanted, limit + 1, after)
    items = [TenantOut.model_validate(tenant) for tenant in found[:limit]]
    return TenantPageOut(
        items=items,
        total=total,
        next=items[-1].tenant_id if len(found) > limit else None,
    )
