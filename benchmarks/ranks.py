"""What does a day of ranks cost: fetching over pages x delay, reading a tracking, and pages in a browser?

    python -m benchmarks.ranks [--parts scaled real browser] [--runs 3] [--trackings 300] [--json FILE]

Trackings in three types, each with a page of its own, against the sandbox's Naver in a process of its own; places are
on a host of their own, blogs and cafes share one. Each crawl is a fresh process in a fresh home.

- scaled: a delay of 0.2 s between two requests to a host; another process then reads the ranks.
- real: 40 trackings at the real delay, 2 s.
- browser: the same pages in one Chromium, with a delay that is never waited for.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.ranking.measuring import CrawlRun, measure_crawl
from benchmarks.tables import Goal, describe_goals, format_goals, format_table, write_json

PARTS = ("scaled", "real", "browser")
SCALED_DELAY, REAL_DELAY, NO_DELAY = 0.2, 2.0, 0.01
REAL_TRACKINGS = 40

CRAWL_HEADERS = (
    "crawl", "runs", "pages", "busiest host", "wall s", "x busiest host", "(range)", "x all pages",
    "CPU ms / page", "too early", "smallest gap s",
)  # fmt: skip
READ_HEADERS = (
    "reading", "runs", "ms / tracking", "CPU ms", "statements", "SQL ms", "SQL %", "page alone ms",
    "record alone ms",
)  # fmt: skip


def format_crawls(runs: Sequence[CrawlRun]) -> str:
    """One line a delay: medians over its runs, the worst for what is too early."""
    names = list(dict.fromkeys(run.name for run in runs))
    return format_table(
        CRAWL_HEADERS, [_format_crawl([run for run in runs if run.name == name]) for name in names]
    )


def _format_crawl(runs: Sequence[CrawlRun]) -> list[str]:
    ratios = [run.over_busiest for run in runs]
    return [
        runs[0].name,
        str(len(runs)),
        str(runs[0].pages),
        str(runs[0].busiest),
        f"{median(run.seconds for run in runs):.1f}",
        f"{median(ratios):.3f}",
        f"{min(ratios):.3f} to {max(ratios):.3f}",
        f"{median(run.over_all for run in runs):.3f}",
        f"{1000 * median(run.cpu_seconds / run.pages for run in runs):.1f}",
        str(max(run.too_early for run in runs)),
        f"{min(run.smallest_gap for run in runs):.3f}",
    ]


def format_reads(runs: Sequence[CrawlRun]) -> str:
    """One line: medians over the runs."""
    count = runs[0].trackings

    def each_ms(name: str) -> float:
        return 1000 * median(run.read[name] for run in runs) / count

    row = [
        f"{count} trackings",
        str(len(runs)),
        f"{each_ms('seconds'):.2f}",
        f"{each_ms('cpu_seconds'):.2f}",
        f"{median(run.read['statements'] for run in runs) / count:.1f}",
        f"{each_ms('statement_seconds'):.2f}",
        f"{100 * median(run.read['statement_seconds'] / run.read['seconds'] for run in runs):.0f}",
        f"{each_ms('page_seconds'):.2f}",
        f"{each_ms('record_seconds'):.2f}",
    ]
    return format_table(READ_HEADERS, [row])


def format_browser(run: CrawlRun) -> str:
    """One line."""
    headers = ("browser", "pages", "pages / min", *(f"MB at {step}" for step in run.peaks_mb))
    row = (
        "one Chromium",
        str(run.pages),
        f"{60 * run.pages / run.seconds:.0f}",
        *(f"{peak:.0f}" for peak in run.peaks_mb.values()),
    )
    return format_table(headers, [row])


def list_goals(runs: Sequence[CrawlRun]) -> list[Goal]:
    """Our own: politeness is kept, and nothing is added to it."""

    def measure(name: str) -> float | None:
        found = [run.over_busiest for run in runs if run.name == name]
        return median(found) if found else None

    return [
        Goal("scaled: wall / (pages of the busiest host x delay)", 1.05, measure("scaled")),
        Goal("real: wall / (pages of the busiest host x delay)", 1.05, measure("real")),
        Goal(
            "requests too early, worst run", 0, max((run.too_early for run in runs), default=None)
        ),
    ]


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--trackings", type=int, default=300)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    parts, count = options.parts, options.trackings

    crawls: list[CrawlRun] = []
    if "scaled" in parts:
        crawls += [
            measure_crawl("scaled", count, SCALED_DELAY, reads=True) for _ in range(options.runs)
        ]
    if "real" in parts:
        crawls.append(measure_crawl("real", REAL_TRACKINGS, REAL_DELAY))
    if crawls:
        print(f"{format_crawls(crawls)}\n", flush=True)
    reads = [run for run in crawls if run.read]
    if reads:
        print(f"{format_reads(reads)}\n", flush=True)
    browser = None
    if "browser" in parts:
        steps = [count * third // 3 for third in range(1, 4)]
        browser = measure_crawl("browser", count, NO_DELAY, source="browser", steps=steps)
        print(f"{format_browser(browser)}\n", flush=True)
    goals = list_goals(crawls)
    print(format_goals(goals))
    write_json(
        options.json,
        {
            "crawls": [asdict(run) for run in crawls],
            "browser": asdict(browser) if browser else None,
            "goals": describe_goals(goals),
        },
    )


if __name__ == "__main__":
    main()
