"""A cycle of the command line that is killed, and run again without a daemon: nothing is left behind."""

from pathlib import Path

import pytest

from platform_assets.core.months import add_months, list_months, month_of
from platform_assets.tenants.tenant import MonthStatus
from tests.contract.state.postgres import temporary_schema
from tests.integration.tenants.rig import running, wait_until, write_tenants
from tests.integration.tenants.slow_source import SlowSource

MONTHS = 2


@pytest.mark.slow
def test_a_killed_cycle_is_made_good_by_running_it_once_more(tmp_path: Path, postgres_url: str):
    settings = {"SLUICE_TENANTS_SLICE_RECORDS": "2"}
    with temporary_schema() as url, running(tmp_path / "platform", settings) as platform:
        listed = write_tenants(
            tmp_path / "sources",
            *("--url", url, "--tenants", "2", "--months", str(MONTHS)),
            *("--events-per-month", "10"),
        )
        source = SlowSource(url, listed)
        source.set_pace(2, exclusive=False)
        current = month_of(platform.services.clock.now())
        months = list_months(add_months(current, 1 - MONTHS), current)
        platform.register(source.tenants, backfill_start=months[0])

        killed = platform.start_cycle("killed", [])
        wait_until(
            lambda: len(platform.services.tenant_months.find(MonthStatus.RUNNING)) == len(listed),
            "a month of each tenant is RUNNING",
            120,
            platform.tell,
        )
        killed.kill_leader()
        source.set_pace(0, exclusive=False)
        assert platform.start_cycle("again", []).wait() == 0

        tenants, states = platform.services.tenants.read_all()
        assert [tenant.tenant_id for tenant in tenants if not tenant.active] == []
        assert len(states) >= len(listed) * MONTHS
        assert {month.status for month in states} == {MonthStatus.COMPLETED}
        assert {month.retry_count for month in states} == {0}
