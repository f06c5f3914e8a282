"""A worker that is stopped past the limit loses its month, and can write nothing when it wakes up."""

import json
import os
import signal
from pathlib import Path

import pytest

from benchmarks.checking import compare
from platform_assets.core.months import month_of
from platform_assets.tenants.outputs import month_key
from platform_assets.tenants.process import TABLES
from platform_assets.tenants.tenant import MonthStatus, TenantMonth, name_cell
from sandbox.tenants.command import main as write_sandbox
from sandbox.tenants.truth import read_truth
from tests.contract.state.postgres import temporary_schema
from tests.integration.tenants.processes import Session
from tests.integration.tenants.rig import Platform, running, wait_until, write_tenants
from tests.integration.tenants.slow_source import SlowSource
from tests.integration.tenants.trail import read_pid

TENANT = "tenant-0001"
SETTINGS = {
    # The first tick, before there is a tenant, is the only one: the test starts the runs.
    "SLUICE_TENANTS_ORCHESTRATOR_SECONDS": "86400",
    "SLUICE_TENANTS_STALE_CHECK_SECONDS": "5",
    "SLUICE_TENANTS_STALE_MINUTES": "0.1",
    "SLUICE_TENANTS_SLICE_RECORDS": "2",
    "SLUICE_UNIT_LEASE_SECONDS": "3",
}


def read_state(platform: Platform, month: str) -> TenantMonth:
    return platform.services.tenant_months.get(TENANT, month)


def read_bytes(platform: Platform, month: str) -> list[bytes]:
    return [platform.services.objects.get(month_key(TENANT, month, table)) for table in TABLES]


def count_outcomes(platform: Platform, month: str) -> int:
    """Ends of the month that a state table took, by the log of units."""
    lines = platform.settings.log_path.read_text().splitlines()
    return sum(json.loads(line)["unit_id"] == name_cell(TENANT, month) for line in lines)


def start_slow_reader(platform: Platform, month: str) -> Session:
    """A run that is in the middle of the month."""
    session = platform.start_cycle("stopped", [name_cell(TENANT, month)])
    wait_until(
        lambda: read_state(platform, month).status is MonthStatus.RUNNING,
        "the month is RUNNING",
        120,
        platform.tell,
    )
    assert read_pid(read_state(platform, month).owner) == session.pid
    return session


@pytest.mark.slow
def test_a_worker_that_slept_past_the_limit_cannot_write_over_the_one_that_took_its_month(
    tmp_path: Path, postgres_url: str
):
    sources = tmp_path / "sources"
    with temporary_schema() as url, running(tmp_path / "platform", SETTINGS) as platform:
        listed = write_tenants(
            sources,
            *("--url", url, "--tenants", "1", "--months", "1", "--events-per-month", "40"),
        )
        source = SlowSource(url, listed)
        source.set_pace(0.5, exclusive=False)
        platform.start_daemon()
        wait_until(platform.has_ticked, "the daemon's first ticks are over", 120, platform.tell)
        month = month_of(platform.services.clock.now())
        platform.register(source.tenants, backfill_start=month)

        stopped = start_slow_reader(platform, month)
        os.kill(stopped.pid, signal.SIGSTOP)
        wait_until(
            lambda: read_state(platform, month).status is MonthStatus.PENDING,
            "the stale month is given back",
            60,
            platform.tell,
        )
        lost = read_state(platform, month)
        assert (lost.error_message or "").startswith("stale: no heartbeat for 6 s")
        assert (lost.retry_count, lost.deaths) == (0, 1), "a death is no failure"

        # What the stopped one has read is not all any more: its tables would have other bytes.
        source.set_pace(0, exclusive=False)
        assert write_sandbox(["--out", str(sources), "--url", url, "--append", "5"]) == 0
        assert platform.start_cycle("second", [name_cell(TENANT, month)]).wait() == 0
        state, tables = read_state(platform, month), read_bytes(platform, month)
        assert state.status is MonthStatus.COMPLETED
        assert state.run_id != lost.run_id

        os.kill(stopped.pid, signal.SIGCONT)
        stopped.wait()
        assert read_state(platform, month) == state
        assert read_bytes(platform, month) == tables
        assert count_outcomes(platform, month) == 1, "what the stopped one did is no outcome"
        wait_until(platform.is_idle, "no run is left", 60, platform.tell)
        wait_until(platform.has_partitions, "the tenant is a partition", 60, platform.tell)
        assert compare(platform.services, platform.instance, read_truth(sources)) == []
