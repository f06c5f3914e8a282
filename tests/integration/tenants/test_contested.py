"""Two runs that were given the same tenant-months at the same time: they share them, and no month has two workers."""

from collections import Counter
from pathlib import Path

import pytest

from benchmarks.checking import compare
from platform_assets.core.months import add_months, list_months, month_of
from platform_assets.tenants.tenant import name_cell
from sandbox.tenants.truth import read_truth
from tests.contract.state.postgres import temporary_schema
from tests.integration.tenants.rig import running, write_tenants
from tests.integration.tenants.slow_source import SlowSource
from tests.integration.tenants.trail import keep_trail, list_takeovers, read_trail

TENANTS = 4
MONTHS = 5


@pytest.mark.slow
def test_two_runs_over_the_same_months_share_them_and_no_month_has_two_workers(
    tmp_path: Path, postgres_url: str
):
    sources = tmp_path / "sources"
    settings = {"SLUICE_TENANTS_CONCURRENCY": "2", "SLUICE_TENANTS_SLICE_RECORDS": "2"}
    with temporary_schema() as url, running(tmp_path / "platform", settings) as platform:
        listed = write_tenants(
            sources,
            *("--url", url, "--tenants", str(TENANTS), "--months", str(MONTHS)),
            *("--events-per-month", "10"),
        )
        source = SlowSource(url, listed)
        source.set_pace(0.2, exclusive=True)
        current = month_of(platform.services.clock.now())
        months = list_months(add_months(current, 1 - MONTHS), current)
        platform.register(source.tenants, backfill_start=months[0])
        platform.instance.add_dynamic_partitions("tenants", platform.services.tenants.ids())
        keep_trail(platform.services.state)

        cells = [name_cell(t.tenant_id, month) for t in listed for month in months]
        runs = [platform.start_cycle(name, cells) for name in ("one", "two")]
        assert [run.wait() for run in runs] == [0, 0]

        trail = read_trail(platform.services.state)
        assert Counter((step.cell, step.status) for step in trail) == {
            (cell, status): 1 for cell in cells for status in ("RUNNING", "COMPLETED")
        }
        assert list_takeovers(trail) == []
        assert {step.pid for step in trail} == {run.pid for run in runs}, "both had a share"
        assert compare(platform.services, platform.instance, read_truth(sources)) == []
