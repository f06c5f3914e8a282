"""The orchestrator alone, with a real daemon: new tenants catch up, and a failing one is no matter to them."""

from datetime import timedelta
from pathlib import Path

import pytest
from dagster import DagsterRunStatus

from benchmarks.checking import compare
from platform_assets.tenants.glue import CUSTOMERS
from platform_assets.tenants.tenant import MonthStatus, TenantType
from sandbox.tenants.truth import read_truth
from tests.integration.tenants.rig import Platform, running, wait_until, write_tenants

TENANTS = 6
MONTHS = 25
BAD = "bad-missing-table"
MOST_RUNS = 4
"""One does it; a retry of the failing tenant and a tick that came in between may add to it."""

SETTINGS = {"SLUICE_TENANTS_ORCHESTRATOR_SECONDS": "5", "SLUICE_TENANTS_STALE_CHECK_SECONDS": "5"}


def is_caught_up(platform: Platform) -> bool:
    tenants, _ = platform.services.tenants.read_all()
    return all(t.tenant_type is TenantType.EXISTING for t in tenants if t.tenant_id != BAD)


@pytest.mark.slow
def test_the_orchestrator_backfills_new_tenants_in_few_runs_beside_one_that_always_fails(
    tmp_path: Path,
):
    tenants = write_tenants(
        tmp_path / "sources",
        *("--tenants", str(TENANTS), "--months", str(MONTHS), "--events-per-month", "40"),
        *("--bad", "missing-table"),
    )
    with running(tmp_path / "platform", SETTINGS) as platform:
        platform.register(tenants)
        platform.start_daemon()
        wait_until(
            lambda: is_caught_up(platform), "all good tenants are EXISTING", 240, platform.tell
        )
        wait_until(platform.is_idle, "no run is left", 60, platform.tell)

        counts = platform.services.tenant_months.count_by_status()
        assert counts[MonthStatus.COMPLETED] == TENANTS * MONTHS
        assert counts[MonthStatus.FAILED] == 1
        failed = platform.services.tenants.months(BAD)[0]
        assert failed.status is MonthStatus.FAILED, "the oldest month comes first"
        assert "source_table_missing" in (failed.error_message or "")
        assert failed.next_attempt_at is not None
        assert failed.next_attempt_at - failed.updated_at == timedelta(
            minutes=2 ** (failed.retry_count - 1)
        )
        assert compare(platform.services, platform.instance, read_truth(tmp_path / "sources")) == []

        runs = platform.instance.get_runs()
        assert 1 <= len(runs) <= MOST_RUNS, "not a process per cell"
        assert {run.status for run in runs} == {DagsterRunStatus.FAILURE}, "each had the bad tenant"
        good = {tenant.tenant_id for tenant in tenants} - {BAD}
        assert platform.instance.get_materialized_partitions(CUSTOMERS) == good
        assert platform.has_partitions()
