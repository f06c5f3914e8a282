"""Thirty days of ranks read again by clicks in Dagster's UI, from stored pages, after a reader was mended."""

import asyncio
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from playwright.sync_api import Page, expect

from platform_assets.core.clock import SystemClock
from platform_assets.ranks.chart import WIDTH
from platform_assets.ranks.glue import DAILY, PAGES
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.sessions import number_sessions
from platform_assets.ranks.tracking import Tracking
from platform_assets.services import Services
from sandbox.process import SandboxProcess
from tests.integration.tenants.rig import Platform, running, wait_until

DAYS = 30
KEYWORDS = ("강릉 맛집", "부산 여행")
HOUR_UTC = 3
"""Noon in Asia/Seoul: the same day in both zones."""

BACKFILLS = """query { partitionBackfillsOrError { ... on PartitionBackfills { results {
  id status numPartitions } } } }"""
BACKFILL = "dagster/backfill"
FIRST, LAST = "dagster/asset_partition_range_start", "dagster/asset_partition_range_end"


@dataclass(frozen=True)
class Past:
    """What was stored before the reader was mended.

    Attributes:
        days: Oldest first.
        trackings: Of all types.
        ranks: What is right, by day and tracking.
    """

    days: Sequence[str]
    trackings: Sequence[Tracking]
    ranks: dict[str, dict[int, int | None]]


class ShiftedClock(SystemClock):
    """The machine's clock at noon of another day: it goes on, as the caps need it."""

    def __init__(self, days: int) -> None:
        self.days = days
        now = super().now()
        self._to_noon = now.replace(hour=HOUR_UTC) - now

    def now(self) -> datetime:
        return super().now() + self._to_noon + timedelta(days=self.days)


def crawl_past(platform: Platform, naver: SandboxProcess) -> Past:
    """Crawls every day up to yesterday; a broken reader reads the first half, and nothing the others."""
    clock = ShiftedClock(-DAYS - 1)
    services = Services(platform.settings, clock)
    trackings = [
        register(services, naver, kind, keyword) for kind in RankType for keyword in KEYWORDS
    ]
    days: list[str] = []
    ranks: dict[str, dict[int, int | None]] = {}
    for number in range(DAYS):
        clock.days += 1
        day = services.ranks.today
        naver.tell("day", {"day": day})
        crawl = asyncio.run(services.ranks.crawl(day))
        assert crawl.report.done == len(trackings)
        tell(platform, PAGES, day)
        ranks[day] = {each.tracking_id: find_rank(naver, each, day) for each in trackings}
        if number < DAYS // 2:
            asyncio.run(services.ranks.read_day(day))
            misread(services, day)
            tell(platform, DAILY, day)
        days.append(day)
    naver.tell("day", {"day": None})
    services.state.close()
    return Past(days, trackings, ranks)


def tell(platform: Platform, asset: dg.AssetKey, day: str) -> None:
    """What the day's run told Dagster then."""
    event = dg.AssetMaterialization(asset, partition=day)
    platform.instance.report_runless_asset_event(event)


def register(services: Services, naver: SandboxProcess, kind: str, keyword: str) -> Tracking:
    """A tracking of a target that is there on three of four days."""
    target = naver.ask("targets", type=kind, keyword=keyword)["identities"][0]
    return services.ranks.register(kind, keyword, target, "acme")


def find_rank(naver: SandboxProcess, tracking: Tracking, day: str) -> int | None:
    """What the sandbox says."""
    kind, keyword = tracking.rank_type.value, tracking.keyword
    shown = naver.ask("truth", type=kind, keyword=keyword, day=day)["identities"]
    return shown.index(tracking.target) + 1 if tracking.target in shown else None


def misread(services: Services, day: str) -> None:
    """Records as a reader leaves them that counts one advertisement, and has lost the cafes."""
    for record in services.ranks.histories.read_day(day):
        capture = record.capture
        kind = services.ranks.trackings.get(capture.tracking_id).rank_type
        rank = None if kind is RankType.CAFE or capture.rank is None else capture.rank + 1
        services.ranks.histories.record(replace(capture, rank=rank))


def list_wrong(services: Services, past: Past) -> list[str]:
    """Every record that is missing, or is not as the sandbox says, its session included."""
    return [line for tracking in past.trackings for line in compare(services, tracking, past)]


def compare(services: Services, tracking: Tracking, past: Past) -> Iterable[str]:
    wanted = [past.ranks[day][tracking.tracking_id] for day in past.days]
    sessions = number_sessions(rank is not None for rank in wanted)
    right = list(zip(past.days, wanted, sessions, strict=True))
    found = [
        (each.capture.checked_on, each.capture.rank, each.session_number)
        for each in services.ranks.histories.read(tracking.tracking_id)
    ]
    return [f"{tracking.tracking_id}: {each}" for each in set(right) ^ set(found)]


def list_pages(services: Services) -> dict[str, Any]:
    """Every stored object of a page, with what tells two writings apart."""
    return {each.key: each for each in services.objects.list("ranks/pages/")}


def launch(page: Page, url: str, days: Sequence[str], shot: Path) -> None:
    """What a person does: asset page, Materialize, a range of days, Launch."""
    page.goto(f"{url}/assets/ranks/daily?view=partitions")
    page.get_by_role("button", name="Materialize").first.click()
    dialog = page.get_by_role("dialog")
    chosen = dialog.get_by_role("textbox").first
    chosen.fill(f"[{days[0]}...{days[-1]}]")
    chosen.press("Tab")
    expect(dialog.get_by_text(f"{DAYS} partitions")).to_be_visible()
    expect(dialog.get_by_text("Backfills all partitions in a single run.")).to_be_visible()
    page.screenshot(path=shot / "1-dialog.png")
    dialog.get_by_role("button", name="Launch backfill").click()
    expect(dialog).to_have_count(0)


def show_results(page: Page, url: str, backfill: str, days: Sequence[str], shot: Path) -> None:
    """The backfill, the asset's partitions, and the last day with the pictures of what moved."""
    page.goto(f"{url}/runs/b/{backfill}")
    expect(page.get_by_text("100% completed")).to_be_visible()
    page.screenshot(path=shot / "2-backfill.png")
    page.goto(f"{url}/assets/ranks/daily?view=partitions")
    for text in ("Failed (0)", f"Materialized ({DAYS})", "Materializing (0)"):
        expect(page.get_by_text(text)).to_be_visible()
    page.get_by_text(days[-1], exact=True).first.click()
    page.get_by_text("[Show Markdown]").click()
    picture = page.locator("img[src^='data:image/svg+xml;base64,']").first
    expect(picture).to_be_visible()
    assert picture.evaluate("each => each.naturalWidth") == WIDTH
    page.screenshot(path=shot / "3-pictures.png")


def read_backfill(platform: Platform) -> dict[str, Any]:
    (backfill,) = platform.ask(BACKFILLS)["partitionBackfillsOrError"]["results"]
    return backfill


@pytest.fixture
def naver() -> Iterator[SandboxProcess]:
    options = ("--map-port", "0", "--delay", "0", "--latency", "0.005")
    with SandboxProcess(options, upstream="naver") as process:
        yield process


@pytest.fixture
def platform(tmp_path: Path, naver: SandboxProcess) -> Iterator[Platform]:
    settings = {
        "SLUICE_NAVER_URL": naver.urls[0],
        "SLUICE_NAVER_MAP_URL": naver.urls[-1],
        "CRAWL_DELAY_SECONDS": "0.01",
    }
    with running(tmp_path / "platform", settings) as platform:
        yield platform


@pytest.fixture
def past(platform: Platform, naver: SandboxProcess) -> Past:
    """Before the page: Playwright's loop is running as long as there is one."""
    return crawl_past(platform, naver)


@pytest.mark.slow
def test_thirty_days_are_read_again_from_stored_pages_by_clicks_in_the_browser(
    tmp_path: Path, naver: SandboxProcess, platform: Platform, past: Past, page: Page
):
    assert len(list_wrong(platform.services, past)) > DAYS
    pages, asked = list_pages(platform.services), naver.stats()
    platform.start_webserver()
    platform.start_daemon()

    launch(page, platform.url, past.days, tmp_path)
    wait_until(
        lambda: read_backfill(platform)["status"].startswith("COMPLETED"),
        "the backfill has ended",
        300,
        lambda: [run.status for run in platform.instance.get_runs()],
    )
    backfill = read_backfill(platform)
    assert (backfill["status"], backfill["numPartitions"]) == ("COMPLETED_SUCCESS", DAYS)
    show_results(page, platform.url, backfill["id"], past.days, tmp_path)

    (run,) = platform.instance.get_runs(dg.RunsFilter(tags={BACKFILL: backfill["id"]}))
    assert (run.tags[FIRST], run.tags[LAST]) == (past.days[0], past.days[-1])
    assert list_wrong(platform.services, past) == []
    assert naver.stats() == asked, "no page was fetched"
    assert list_pages(platform.services) == pages, "no page was written"
