"""A home with trackings, a sandbox of Naver beside it, and the worker's measures of it."""

import json
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.search_page import list_pages
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment
from sandbox.process import SandboxProcess

_ROOT = Path(__file__).resolve().parents[2]
SLACK_SECONDS = 0.05
"""A request may arrive so much earlier than the delay says: the sandbox's own default."""

LATENCY_SECONDS = 0.1


@dataclass(frozen=True, slots=True)
class CrawlRun:
    """A day, fetched.

    Attributes:
        name: Of the row.
        delay_seconds: Between two requests to a host.
        trackings: Of all types, each with a page of its own.
        pages: Distinct ones.
        busiest: Of them, those of the host that has most.
        seconds: Wall time of the crawl.
        cpu_seconds: Of the crawling process.
        too_early: Requests that the server counts as too early.
        smallest_gap: Seconds between two arrivals at a host.
        peaks_mb: Pages so far -> most memory of the process and all that it started, up to then (PSS).
        read: The reading of the same pages, by another process; empty if it was not asked for.
    """

    name: str
    delay_seconds: float
    trackings: int
    pages: int
    busiest: int
    seconds: float
    cpu_seconds: float
    too_early: int
    smallest_gap: float
    peaks_mb: dict[int, float]
    read: dict[str, Any]

    @property
    def over_busiest(self) -> float:
        """Wall time over what the busiest host needs."""
        return self.seconds / (self.busiest * self.delay_seconds)

    @property
    def over_all(self) -> float:
        """Wall time over what all pages would need at one host."""
        return self.seconds / (self.pages * self.delay_seconds)


def measure_crawl(
    name: str,
    trackings: int,
    delay_seconds: float,
    *,
    source: str = "http",
    steps: Sequence[int] = (),
    reads: bool = False,
) -> CrawlRun:
    """Registers trackings in a fresh home and lets a fresh process fetch their pages.

    Args:
        name: Of the row.
        trackings: How many, in three types by turns, of a keyword each.
        delay_seconds: Of the platform and of the server.
        source: As in SLUICE_RANK_SOURCE.
        steps: Numbers of pages after which memory is noted; of a browser only.
        reads: Whether another process reads the ranks afterwards.
    """
    options = ("--map-port", "0", "--delay", str(delay_seconds), "--block-after", "0")
    options += ("--slack", str(SLACK_SECONDS), "--latency", str(LATENCY_SECONDS))
    with (
        SandboxProcess(options, upstream="naver") as naver,
        tempfile.TemporaryDirectory(prefix="bench-ranks-") as home,
    ):
        hosts = _register(Settings(home=Path(home)), trackings)
        variables = {
            "SLUICE_HOME": home,
            "SLUICE_NAVER_URL": naver.urls[0],
            "SLUICE_NAVER_MAP_URL": naver.urls[-1],
            "SLUICE_RANK_SOURCE": source,
            "CRAWL_DELAY_SECONDS": str(delay_seconds),
        }
        naver.reset()
        crawled = _work("crawl", variables)
        asked = [each for each in naver.stats()["hosts"].values() if each["requests"]]
        read = _work("read", variables) if reads else {}
    samples: list[tuple[int, int]] = crawled["samples"]
    return CrawlRun(
        name=name,
        delay_seconds=delay_seconds,
        trackings=trackings,
        pages=crawled["pages"],
        busiest=max(hosts.values()),
        seconds=crawled["seconds"],
        cpu_seconds=crawled["cpu_seconds"],
        too_early=sum(each["violations"] for each in asked),
        smallest_gap=min(each["smallest_gap"] for each in asked),
        peaks_mb={
            step: max((held for done, held in samples if done <= step), default=0) / 1e6
            for step in steps
        },
        read=read,
    )


def _register(settings: Settings, trackings: int) -> Counter[str]:
    """Registers them; pages by host."""
    services = Services(settings)
    types, ranks = list(RankType), services.ranks
    targets = {
        RankType.BLOG: "https://blog.naver.com/someone/223000000001",
        RankType.CAFE: "https://cafe.naver.com/somecafe/1000001",
        RankType.PLACE: "1000000001",
    }
    for number in range(trackings):
        kind = types[number % len(types)]
        ranks.register(kind, f"강릉 맛집 {number}", targets[kind], "bench")
    pages = list_pages(ranks.trackings.list(), ranks.source, ranks.view)
    services.state.close()
    return Counter(page.host.value for page in pages)


def _work(command: str, variables: dict[str, str]) -> dict[str, Any]:
    ended = subprocess.run(
        [sys.executable, "-m", "benchmarks.ranking.worker", command],
        cwd=_ROOT,
        env=child_environment(variables),
        capture_output=True,
        text=True,
        check=False,
    )
    if ended.returncode:
        raise PermanentError(f"the worker ended with {ended.returncode}: {ended.stderr[-2000:]}")
    return json.loads(ended.stdout.splitlines()[-1])
