"""What does a page cost between the reply and the compressed part? Ours, and the ways that are usual.

    python -m benchmarks.parsing [--pages 40] [--runs 3] [--json FILE]

Ours splits the reply at record borders without decoding the records, checks ids and order, and compresses with zstd.
The peers decode and encode each record and compress with gzip.
"""

import argparse
import gzip
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

import zstandard

from benchmarks.tables import format_table, write_json
from platform_assets.games.landing import COMPRESSION_LEVEL
from platform_assets.games.pages import read_page
from platform_assets.games.ranges import PAGE_SIZE, IdRange
from sandbox.igdb.catalog import open_catalog
from sandbox.igdb.pages import Pages

Pack = Callable[[bytes], bytes]
HEADERS = ("a page of 500 records", "CPU ms", "x ours", "compression")


@dataclass(frozen=True, slots=True)
class Cost:
    """One way from reply to part.

    Attributes:
        name: Which way.
        page_ms: CPU time a page.
        compression: Bytes of the reply by bytes of the part.
    """

    name: str
    page_ms: float
    compression: float


def make_pages(count: int) -> list[bytes]:
    """Replies as the sandbox generates them."""
    pages = Pages(open_catalog(data=None, games=count * PAGE_SIZE, seed=1))
    query = "fields *; sort id asc; limit {}; offset {};"
    return [
        pages.answer_rows("games", query.format(PAGE_SIZE, number * PAGE_SIZE)).body
        for number in range(count)
    ]


def pack_ours(body: bytes) -> bytes:
    """As `read_page` and `land_page` do."""
    page = read_page(body, IdRange(0, None), "benchmark")
    return zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(page.lines)


def pack_decoded(body: bytes, level: int) -> bytes:
    """Decodes all records, encodes them as JSON Lines, compresses with gzip."""
    lines = [json.dumps(record, separators=(",", ":")) for record in json.loads(body)]
    return gzip.compress("\n".join(lines).encode(), level)


WAYS: dict[str, Pack] = {
    f"ours: split, check, zstd {COMPRESSION_LEVEL}": pack_ours,
    "json.loads and dumps, gzip 6": lambda body: pack_decoded(body, 6),
    "json.loads and dumps, gzip 1": lambda body: pack_decoded(body, 1),
}


def measure(name: str, pack: Pack, pages: Sequence[bytes], runs: int) -> Cost:
    """Packs all pages several times; the median of the runs."""
    seconds: list[float] = []
    packed_bytes = 0
    for _ in range(runs):
        started = time.process_time()
        packed_bytes = sum(len(pack(page)) for page in pages)
        seconds.append(time.process_time() - started)
    return Cost(name, median(seconds) * 1e3 / len(pages), sum(map(len, pages)) / packed_bytes)


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=40)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--json", type=Path)
    options = parser.parse_args()
    pages = make_pages(options.pages)
    costs = [measure(name, pack, pages, options.runs) for name, pack in WAYS.items()]
    rows = [
        (c.name, f"{c.page_ms:.2f}", f"{c.page_ms / costs[0].page_ms:.1f}", f"{c.compression:.2f}")
        for c in costs
    ]
    kilobytes = sum(map(len, pages)) / len(pages) / 1e3
    print(f"{len(pages)} pages of {kilobytes:.0f} kB, median of {options.runs} runs\n")
    print(format_table(HEADERS, rows))
    write_json(options.json, [asdict(cost) for cost in costs])


if __name__ == "__main__":
    main()
