"""The tenants that are measured: their databases, written once by the sandbox, and the cells to do. No measuring."""

import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from platform_assets.core.clock import SystemClock
from platform_assets.core.months import add_months, list_months, month_of
from platform_assets.services import Services
from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.tenant import SourceSettings, TenantType, name_cell
from sandbox.tenants.listing import read_list
from sandbox.tenants.truth import read_truth

ROOT = Path(__file__).resolve().parent.parent.parent


@dataclass(frozen=True, slots=True)
class World:
    """All tenants, with a SQLite file each.

    Attributes:
        folder: Where the sandbox wrote them.
        sources: Tenant id -> where its events are.
        months: Months of each, oldest first; the last is the current one.
        records: Events that count in all of them.
    """

    folder: Path
    sources: dict[str, SourceSettings]
    months: Sequence[str]
    records: int

    @property
    def cell_count(self) -> int:
        """Tenants x months."""
        return len(self.sources) * len(self.months)

    def slices(self, tenants: int) -> list[list[str]]:
        """The cells of so many tenants each, months of a tenant oldest first."""
        ids = list(self.sources)
        return [
            [name_cell(tenant_id, month) for tenant_id in part for month in self.months]
            for part in (ids[start : start + tenants] for start in range(0, len(ids), tenants))
        ]


def write_world(folder: Path, tenants: int, months: int, events: int) -> World:
    """Has the sandbox write the databases.

    Args:
        folder: Where to.
        tenants: How many.
        months: Of each.
        events: Mean of a month.
    """
    options = {"--tenants": tenants, "--months": months, "--events-per-month": events}
    arguments = [text for name, value in options.items() for text in (name, str(value))]
    subprocess.run(
        [sys.executable, "-m", "sandbox", "tenants", "--out", str(folder), *arguments],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        check=True,
    )
    current = month_of(SystemClock().now())
    truth = read_truth(folder)
    return World(
        folder,
        read_sources(folder),
        list_months(add_months(current, 1 - months), current),
        sum(month.good for tenant in truth.tenants.values() for month in tenant.months.values()),
    )


def read_sources(folder: Path) -> dict[str, SourceSettings]:
    """Tenant id -> where its events are."""
    return {
        listed.tenant_id: SourceSettings(listed.source_url, listed.table)
        for listed in read_list(folder)
    }


def register_all(services: Services, world: World) -> None:
    """Registers every tenant as NEW, with a state for each of its months."""
    for tenant_id, source in world.sources.items():
        tenant, months = plan_tenant(
            tenant_id,
            "",
            TenantType.NEW,
            source,
            now=services.clock.now(),
            first_month=services.settings.tenants_first_month,
            backfill_start=world.months[0],
        )
        services.tenants.register(tenant, months)
