"""A rectangle of tenants and months backfilled by clicks in Dagster's UI, and what the UI shows of it afterwards."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from sqlalchemy import update

from benchmarks.checking import compare
from platform_assets.core.months import add_months, list_months, month_of
from platform_assets.tenants.glue import MONTH_NUMBERS, SUMMARY
from platform_assets.tenants.tenant import MAX_RETRIES, MonthStatus, name_cell
from resources.state.tables import tenant_month_states as states
from sandbox.tenants.truth import read_truth
from tests.integration.tenants.rig import Platform, running, wait_until, write_tenants

GOOD = 4
MONTHS = 24
BAD = "bad-missing-table"
EXHAUSTED = "tenant-0004"
"""A good tenant with one month that failed too often: it is refused, between neighbours that are not."""

FAILED = MONTHS + 1
DONE = GOOD * MONTHS - 1
MOST_RUNS = GOOD + 1
"""Dagster cuts the rectangle along its shorter side."""

SETTINGS = {"SLUICE_TENANTS_STALE_CHECK_SECONDS": "5"}

STATS = """query($key: AssetKeyInput!) { assetNodeOrError(assetKey: $key) { ... on AssetNode {
  partitionStats { numMaterialized numFailed numMaterializing } } } }"""
BACKFILLS = """query { partitionBackfillsOrError { ... on PartitionBackfills { results {
  id status numPartitions } } } }"""


def exhaust(platform: Platform, tenant_id: str, month: str) -> None:
    with platform.services.state.write() as connection:
        row = (states.c.tenant_id == tenant_id, states.c.processing_month == month)
        values = {
            "status": MonthStatus.FAILED,
            "retry_count": MAX_RETRIES + 1,
            "error_message": "source_unreachable: it did not answer",
        }
        assert connection.execute(update(states).where(*row).values(**values)).rowcount == 1


def launch(page: Page, url: str, months: Sequence[str], shot: Path) -> None:
    """What a person does: asset page, Materialize, a range of months, all tenants, Launch."""
    page.goto(f"{url}/assets/tenants/month_summary?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    page.get_by_role("button", name="Confirm").click()  # the other two tables come with it
    dialog = page.get_by_role("dialog")
    months_field = dialog.get_by_placeholder("ex:")
    months_field.fill(f"[{months[0]}...{months[-1]}]")
    months_field.press("Tab")
    dialog.get_by_role("button", name="All", exact=True).nth(1).click()
    expect(dialog.get_by_text(f"{(GOOD + 1) * MONTHS} partitions")).to_be_visible()
    page.screenshot(path=shot / "1-dialog.png")
    dialog.get_by_role("button", name="Launch backfill").click()
    expect(dialog).to_have_count(0)


def show_results(page: Page, url: str, months: Sequence[str], shot: Path) -> None:
    """The asset's partitions, of all and of one month and tenant."""
    page.goto(f"{url}/assets/tenants/month_summary?view=partitions")
    for text in (f"Failed ({FAILED})", f"Materialized ({DONE})", "Materializing (0)"):
        expect(page.get_by_text(text)).to_be_visible()
    page.screenshot(path=shot / "2-all.png")
    choose(page, months[11])
    page.wait_for_timeout(1000)  # for the picture: the tenants' marks follow the month
    page.screenshot(path=shot / "3-month.png")
    choose(page, EXHAUSTED)
    expect(page.get_by_text("failed, and did not materialize this asset.")).to_be_visible()
    page.screenshot(path=shot / "4-failed-month.png")
    choose(page, months[12])
    choose(page, EXHAUSTED)  # another month starts without a tenant
    expect(page.get_by_text("processed_records")).to_be_visible()
    page.screenshot(path=shot / "5-neighbour.png")


def choose(page: Page, partition: str) -> None:
    """Clicks a key; a second element of the same text only measures its width."""
    page.get_by_text(partition, exact=True).first.click()


def read_backfill(platform: Platform) -> dict[str, Any]:
    (backfill,) = platform.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
    return backfill


@pytest.mark.slow
def test_a_rectangle_backfilled_in_the_browser_shows_failed_months_between_green_ones(
    tmp_path: Path, page: Page
):
    tenants = write_tenants(
        tmp_path / "sources",
        *("--tenants", str(GOOD), "--months", "25", "--events-per-month", "20"),
        *("--bad", "missing-table"),
    )
    with running(tmp_path / "platform", SETTINGS) as platform:
        platform.start_webserver()
        platform.stop_sensor("tenants_orchestrator")
        platform.register(tenants)
        current = month_of(platform.services.clock.now())
        months = list_months(add_months(current, 1 - MONTHS), current)
        exhaust(platform, EXHAUSTED, months[11])
        platform.start_daemon()
        wait_until(platform.has_partitions, "the tenants are partitions", 120, platform.tell)

        launch(page, platform.url, months, tmp_path)
        wait_until(
            lambda: read_backfill(platform)["status"] == "COMPLETED_FAILED",
            "the backfill has ended",
            300,
            platform.tell,
        )
        assert read_backfill(platform)["numPartitions"] == (GOOD + 1) * MONTHS
        assert len(platform.instance.get_runs()) <= MOST_RUNS, "not a process per cell"
        show_results(page, platform.url, months, tmp_path)

        for key in MONTH_NUMBERS:
            stats = platform.ask(STATS, key={"path": key.path})["assetNodeOrError"]
            assert stats["partitionStats"] == {
                "numMaterialized": DONE,
                "numFailed": FAILED,
                "numMaterializing": 0,
            }
        assert compare(platform.services, platform.instance, read_truth(tmp_path / "sources")) == []
        done = platform.instance.get_materialized_partitions(SUMMARY)
        assert name_cell(EXHAUSTED, months[11]) not in done
        assert {name_cell(EXHAUSTED, months[10]), name_cell(EXHAUSTED, months[12])} <= done
