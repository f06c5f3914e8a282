"""What does a day of products cost: time over products / rate, checkpoints, kills, and pages in a browser?

    python -m benchmarks.products [--parts pace real kills pages] [--runs 3] [--products 1400] [--pages 500]
                                  [--json FILE]

Everything runs against the sandbox's shops, whose Musinsa refuses whatever is above the cap. One process scans a day
batch after batch; in production each batch is a run of its own, whose start comes on top.

- pace: 1,400 products at eight times the real pace, and with a cap that is never reached.
- real: products at the real pace, 5 a second.
- kills: a day whose process gets SIGKILL at several points.
- pages: one Chromium loads product after product, without a cap that it could reach.
"""

import argparse
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from statistics import median

from benchmarks.products_scanning.kills import Kill, measure_kills
from benchmarks.products_scanning.pace import PaceRun, measure_pace
from benchmarks.products_scanning.pages import PageRun, measure_pages
from benchmarks.products_scanning.worker import PLATFORM
from benchmarks.tables import Goal, describe_goals, format_goals, format_table, write_json
from resources.caps.limits import find_cap

PARTS = ("pace", "real", "kills", "pages")
FAST, UNCAPPED = 40, 100_000
KILLS = 10
REAL_SHARE = 4
"""At the real pace a quarter of the products is scanned: 1,400 take nearly five minutes."""

BROWSER_PLATFORMS = ("kurly", "ably")
"""One whose page holds its data, one whose page's script fetches it."""

PACE_HEADERS = (
    "cap", "runs", "products", "wall s", "x limit", "(range)", "batch s", "checkpoints %", "ledger %",
    "CPU ms / product", "429s",
)  # fmt: skip
KILL_HEADERS = ("kills", "repeated, median", "most", "in flight", "s until it goes on, median")


def format_paces(runs: Sequence[PaceRun]) -> str:
    """One line a cap: medians over its runs, the worst for the 429s."""
    names = list(dict.fromkeys(run.name for run in runs))
    return format_table(
        PACE_HEADERS, [_format_pace([r for r in runs if r.name == n]) for n in names]
    )


def _format_pace(runs: Sequence[PaceRun]) -> list[str]:
    ratios = [run.ratio for run in runs]
    limited = runs[0].rate < UNCAPPED
    return [
        runs[0].name,
        str(len(runs)),
        f"{runs[0].products:,}",
        f"{median(run.seconds for run in runs):.1f}",
        f"{median(ratios):.3f}" if limited else "",
        f"{min(ratios):.3f} to {max(ratios):.3f}" if limited else "",
        f"{median(run.batch_seconds for run in runs):.2f}",
        f"{100 * median(run.checkpoint_seconds / run.seconds for run in runs):.2f}",
        f"{100 * median(run.ledger_seconds / run.seconds for run in runs):.2f}",
        f"{1000 * median(run.cpu_seconds / run.products for run in runs):.1f}",
        str(max(run.refused for run in runs)),
    ]


def format_kills(kills: Sequence[Kill]) -> str:
    """One line."""
    repeated = [kill.repeated for kill in kills]
    row = (
        str(len(kills)),
        f"{median(repeated):g}",
        str(max(repeated)),
        str(find_cap(PLATFORM).in_flight),
        f"{median(kill.resumed_seconds for kill in kills):.1f}",
    )
    return format_table(KILL_HEADERS, [row])


def format_pages(runs: Sequence[PageRun]) -> str:
    """One line a platform."""
    steps = list(runs[0].peaks_mb)
    headers = ("shop", "pages", "at a time", "pages / min", "start s")
    headers += (*(f"MB at {step}" for step in steps), "RSS added up MB")
    rows = [
        (
            run.platform,
            str(run.pages),
            str(run.in_flight),
            f"{run.per_minute:.0f}",
            f"{run.start_seconds:.1f}",
            *(f"{run.peaks_mb[step]:.0f}" for step in steps),
            f"{run.resident_mb:.0f}",
        )
        for run in runs
    ]
    return format_table(headers, rows)


def list_goals(paces: Sequence[PaceRun], kills: Sequence[Kill]) -> list[Goal]:
    """Those of spec/products.md."""
    shares = [run.checkpoint_seconds / run.seconds for run in paces if run.rate < UNCAPPED]
    return [
        Goal("checkpoints, % of a capped batch", 5, 100 * median(shares) if shares else None),
        Goal("429s, worst run", 0, max((run.refused for run in paces), default=None)),
        # What is read between two writes of the ledger, a quarter of a second apart, comes on top of what is open.
        Goal(
            "repeated after a kill, worst",
            find_cap(PLATFORM).in_flight + FAST / 4,
            max((kill.repeated for kill in kills), default=None),
        ),
    ]


def measure_paces(parts: Sequence[str], products: int, runs: int) -> list[PaceRun]:
    """The parts `pace` and `real`."""
    rate = find_cap(PLATFORM).requests
    paces: list[PaceRun] = []
    if "pace" in parts:
        for _ in range(runs):
            paces.append(measure_pace(f"{FAST} a second", products, FAST))
            paces.append(measure_pace("never reached", products, UNCAPPED))
    if "real" in parts:
        paces.append(measure_pace(f"{rate} a second, the real one", products // REAL_SHARE, rate))
    return paces


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--products", type=int, default=1400)
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()

    paces = measure_paces(options.parts, options.products, options.runs)
    if paces:
        print(f"{format_paces(paces)}\n", flush=True)
    kills: list[Kill] = []
    if "kills" in options.parts:
        step = options.products // (KILLS + 1)
        points = [step * number for number in range(1, KILLS + 1)]
        kills = measure_kills(options.products, FAST, points)
        print(f"{format_kills(kills)}\n", flush=True)
    pages: list[PageRun] = []
    if "pages" in options.parts:
        steps = [options.pages * fifth // 5 for fifth in range(1, 6)]
        pages = [measure_pages(name, options.pages, steps) for name in BROWSER_PLATFORMS]
        print(f"{format_pages(pages)}\n", flush=True)
    goals = list_goals(paces, kills)
    print(format_goals(goals))
    write_json(
        options.json,
        {
            "pace": [asdict(run) for run in paces],
            "kills": [asdict(kill) for kill in kills],
            "pages": [asdict(run) for run in pages],
            "goals": describe_goals(goals),
        },
    )


if __name__ == "__main__":
    main()
