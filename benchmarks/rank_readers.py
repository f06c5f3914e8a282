"""What does it cost to read a page of results? The same small job with three parsers, and our whole reading.

    python -m benchmarks.rank_readers DATA [--runs 5] [--json FILE]

DATA holds saved pages (`*.html.gz`), which are not part of the repository. The job: parse a decoded page, and list the
URLs of all links in order; `pages alike` says on how many pages a parser finds as many links as the first. Our reading
finds out which page it is and reads its posts of blogs, or says what else it is.
"""

import argparse
import gzip
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from bs4 import BeautifulSoup
from lxml import html
from selectolax.lexbor import LexborHTMLParser

from benchmarks.tables import format_table, write_json
from platform_assets.core.errors import PlatformError
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType

Job = Callable[[str], int]
HEADERS = ("a page", "CPU ms, mean", "worst page", "x selectolax", "links", "pages alike")


@dataclass(frozen=True, slots=True)
class Cost:
    """One way to read a page.

    Attributes:
        name: Which way.
        page_ms: CPU time a page, mean over all pages of the medians over the runs.
        worst_ms: The same of the page that takes longest.
        counts: What was found on each page: links, or results.
    """

    name: str
    page_ms: float
    worst_ms: float
    counts: tuple[int, ...]


def list_with_selectolax(page: str) -> int:
    """Lexbor, in C."""
    return len([link.attrs.sget("href") for link in LexborHTMLParser(page).css("a[href]")])


def list_with_lxml(page: str) -> int:
    """libxml2, in C."""
    return len(
        [link.get("href") for link in html.document_fromstring(page).iterfind(".//a[@href]")]
    )


def list_with_soup(page: str, builder: str) -> int:
    """Python objects over another parser."""
    soup = BeautifulSoup(page, builder)
    return len([link["href"] for link in soup.find_all("a", href=True)])


def read_ours(page: str) -> int:
    """Which page it is, and its posts of blogs."""
    try:
        return len(read_page(page.encode(), RankType.BLOG).items)
    except PlatformError:
        return 0


JOBS: dict[str, Job] = {
    "selectolax: all links": list_with_selectolax,
    "lxml: all links": list_with_lxml,
    "BeautifulSoup on lxml: all links": lambda page: list_with_soup(page, "lxml"),
    "BeautifulSoup on html.parser: all links": lambda page: list_with_soup(page, "html.parser"),
    "ours: which page, its blog posts": read_ours,
}


def measure(name: str, job: Job, pages: Sequence[str], runs: int) -> Cost:
    """Does a job on each page several times; medians of the runs."""
    medians: list[float] = []
    counts: list[int] = []
    for page in pages:
        seconds: list[float] = []
        found = 0
        for _ in range(runs):
            started = time.process_time()
            found = job(page)
            seconds.append(time.process_time() - started)
        medians.append(median(seconds) * 1e3)
        counts.append(found)
    return Cost(name, sum(medians) / len(medians), max(medians), tuple(counts))


def describe(cost: Cost, first: Cost) -> tuple[str, ...]:
    """A row of the table, beside the first way."""
    alike = sum(one == other for one, other in zip(cost.counts, first.counts, strict=True))
    ours = cost.name.startswith("ours")
    return (
        cost.name,
        f"{cost.page_ms:.1f}",
        f"{cost.worst_ms:.1f}",
        f"{cost.page_ms / first.page_ms:.1f}",
        "-" if ours else f"{sum(cost.counts):,}",
        "-" if ours else f"{alike} of {len(cost.counts)}",
    )


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", type=Path, nargs="?", help="folder of saved pages, *.html.gz")
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    files = sorted(options.data.rglob("*.html.gz")) if options.data else []
    if not files:
        print("no saved pages: give the folder that holds *.html.gz; nothing was measured")
        return
    pages = [gzip.decompress(file.read_bytes()).decode("utf-8", "replace") for file in files]
    costs = [measure(name, job, pages, options.runs) for name, job in JOBS.items()]
    megabytes = sum(len(page.encode()) for page in pages) / len(pages) / 1e6
    print(f"{len(pages)} pages of {megabytes:.2f} MB, medians of {options.runs} runs\n")
    print(format_table(HEADERS, [describe(cost, costs[0]) for cost in costs]))
    write_json(options.json, [asdict(cost) for cost in costs])


if __name__ == "__main__":
    main()
