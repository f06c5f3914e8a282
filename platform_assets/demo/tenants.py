"""The tenants half of the demo: three advertisers, and cycles until the new one has caught up."""

import shutil
import time

from platform_assets.demo.home import DemoError, DemoHome
from platform_assets.services import Services
from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.tenant import SourceSettings, TenantMonth, TenantType
from sandbox.tenants.command import main as write_sandbox
from sandbox.tenants.listing import ListedTenant, read_list

JOB = "tenant_cycle"

MOST_CYCLES = 5
"""Cycles after which the demo gives up: one is enough, unless something fails on the way."""


def show_tenants(home: DemoHome) -> None:
    """Registers two existing tenants and a new one, and runs cycles until the new one is EXISTING.

    Raises:
        DemoError: A cycle failed, or the new tenant did not catch up.
    """
    print("\ntenants: two existing advertisers and a new one, each with a database of its own")
    services = Services(home.settings)
    new = _register_all(services, home)
    started = time.monotonic()
    for _ in range(MOST_CYCLES):
        print(f"job:     dagster job execute -j {JOB}")
        home.check_job(JOB, home.start_job(JOB, {}).wait())
        if services.tenants.get(new).tenant_type is TenantType.EXISTING:
            break
    else:
        raise DemoError(f"{new} is still NEW after {MOST_CYCLES} cycles: {home.log_of(JOB)}")
    seconds = time.monotonic() - started
    _print_months(services, new)
    print(
        f"\n{seconds:.0f} s, Dagster included\n"
        f"tables:    {home.folder}/objects/tenants/<tenant>/<month>/ and <tenant>/customers.parquet"
    )


def _register_all(services: Services, home: DemoHome) -> str:
    """Writes the databases and registers their tenants; the id of the new one."""
    # Beside the demo's home, which is the platform's own: no source may be in it.
    folder = home.folder.with_name("demo_advertisers")
    shutil.rmtree(folder, ignore_errors=True)
    write_sandbox(["--out", str(folder), "--tenants", "3", "--existing", "2", "--quiet"])
    listed = read_list(folder)
    for tenant in listed:
        _register(services, tenant)
    return next(t.tenant_id for t in listed if t.tenant_type == TenantType.NEW)


def _register(services: Services, listed: ListedTenant) -> None:
    tenant, months = plan_tenant(
        listed.tenant_id,
        listed.name,
        TenantType(listed.tenant_type),
        SourceSettings(listed.source_url, listed.table),
        now=services.clock.now(),
        first_month=services.settings.tenants_first_month,
        last_completed_month=listed.last_completed_month or None,
    )
    services.tenants.register(tenant, months)
    print(f"{tenant.tenant_type:<9}{tenant.tenant_id}, {len(months)} month(s) to do")


def _print_months(services: Services, new: str) -> None:
    print(f"\n{'tenant':<16}{'month':<9}{'status':<11}{'events':>8}{'bad':>6}{'seconds':>9}")
    for tenant_id in services.tenants.ids():
        for month in services.tenants.months(tenant_id):
            print(_row(month))
    tenant = services.tenants.get(new)
    print(f"\n{new} is {tenant.tenant_type} now, complete up to {tenant.last_completed_month}")


def _row(month: TenantMonth) -> str:
    seconds = (
        (month.completed_at - month.started_at).total_seconds()
        if month.completed_at and month.started_at
        else 0.0
    )
    return (
        f"{month.tenant_id:<16}{month.month:<9}{month.status:<11}{month.processed_records:>8}"
        f"{month.failed_records:>6}{seconds:>9.2f}"
    )
