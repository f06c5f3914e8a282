"""A tenant whose source kills every process that opens it: it costs itself, and nothing of its neighbours."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from platform_assets.core.months import month_of
from platform_assets.tenants.tenant import MonthStatus
from tests.integration.tenants.rig import Platform, running, write_tenants

MOST_DEATHS = 2

DYING = """
import os, sys

def die(event, arguments):
    if event == "sqlite3.connect" and "deadly.db" in str(arguments[0]):
        with open(os.environ["DEATHS"], "a") as log:
            log.write("died\\n")
        os._exit(9)

sys.addaudithook(die)
"""
"""Python imports `sitecustomize` at every start, in every child; the platform's code knows nothing of it."""


def die_at_the_source(folder: Path) -> Mapping[str, str]:
    """Variables by which a process ends at once, without a word, when it opens the deadly source."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(DYING)
    return {"PYTHONPATH": str(folder), "DEATHS": str(folder / "deaths")}


def find_in_hand(platform: Platform) -> list[str]:
    """Tenants whose month was in hand when the last process ended."""
    return [each.tenant_id for each in platform.services.tenant_months.find(MonthStatus.RUNNING)]


@pytest.mark.slow
def test_a_source_that_kills_each_worker_fails_its_month_alone_and_no_neighbour_is_lost(
    tmp_path: Path,
):
    sources, hook = tmp_path / "sources", tmp_path / "hook"
    listed = write_tenants(sources, "--tenants", "3", "--months", "1", "--events-per-month", "10")
    deadly = replace(listed[1], source_url=f"sqlite:///{sources / 'deadly.db'}")
    (sources / f"{deadly.tenant_id}.db").rename(sources / "deadly.db")
    everybody = [listed[0], deadly, listed[2]]
    settings = {"SLUICE_MOST_DEATHS": str(MOST_DEATHS), **die_at_the_source(hook)}
    with running(tmp_path / "platform", settings) as platform:
        current = month_of(platform.services.clock.now())
        platform.register(everybody, backfill_start=current)

        in_hand: list[list[str]] = []
        for number in range(1 + MOST_DEATHS + 1):
            platform.start_cycle(f"cycle-{number}", []).wait()
            in_hand.append(find_in_hand(platform))

        first, *alone, last = in_hand
        assert deadly.tenant_id in first
        assert alone == [[deadly.tenant_id]] * MOST_DEATHS, "had alone after its first death"
        assert last == []
        deaths = (hook / "deaths").read_text().count("died")
        assert deaths == 1 + MOST_DEATHS, "the cycle after the last death leaves it alone"

        tenants, months = platform.services.tenants.read_all()
        assert all(tenant.active for tenant in tenants)
        states = {month.tenant_id: month for month in months}
        failed = states.pop(deadly.tenant_id)
        assert (failed.status, failed.retry_count) == (MonthStatus.FAILED, 1)
        assert (failed.error_message or "").startswith(f"worker_died: {MOST_DEATHS} workers")
        assert {(each.status, each.retry_count, each.deaths) for each in states.values()} == {
            (MonthStatus.COMPLETED, 0, 0)
        }
        assert len(states) == len(everybody) - 1
