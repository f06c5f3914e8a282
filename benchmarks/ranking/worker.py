"""Crawls today's pages, or reads their ranks, as runs of the assets do, and says how long it took. A fresh process.

    python -m benchmarks.ranking.worker crawl|read

Settings say where Naver and the platform's home are. A line of JSON on standard output holds the measures.
"""

import asyncio
import json
import sys
import threading
import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from typing import Any

from sqlalchemy import event
from sqlalchemy.engine import Engine

from benchmarks.products_scanning.pages import measure_family
from platform_assets.core.engine.units import Progress
from platform_assets.core.errors import PermanentError
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.search_page import RankSource, list_candidates
from platform_assets.ranks.stored_page import find_note, read_body
from platform_assets.services import Services
from platform_assets.settings import load_settings

LOOK_SECONDS = 0.5


def crawl(services: Services) -> dict[str, Any]:
    """Fetches today's pages; with a browser, memory of this process and all that it started is noted meanwhile."""
    ranks, done = services.ranks, 0

    def count(progress: Progress) -> None:
        nonlocal done
        done = progress.done

    samples: list[tuple[int, int]] = []
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(LOOK_SECONDS):
            samples.append((done, measure_family(())))

    watching = threading.Thread(target=watch)
    if (
        ranks.source is RankSource.BROWSER
    ):  # looking takes time that a crawl without one is short of
        watching.start()
    started, cpu = time.perf_counter(), time.process_time()
    try:
        result = asyncio.run(ranks.crawl(ranks.today, on_progress=count))
    finally:
        seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
        ended.set()
    if result.report.done != result.pages:
        raise PermanentError(f"{result.report.done} of {result.pages} pages: {result.report}")
    return {"seconds": seconds, "cpu_seconds": cpu, "pages": result.pages, "samples": samples}


def read(services: Services) -> dict[str, Any]:
    """Reads today's ranks, then each page and each record once more, alone, to see what takes how long."""
    ranks = services.ranks
    ranks.trackings.list()  # the database is open
    started, cpu = time.perf_counter(), time.process_time()
    with counted_statements() as spent:
        result = asyncio.run(ranks.read_day(ranks.today))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    if not result.complete:
        raise PermanentError(f"{len(result.records)} of {result.total}: {result.failures[:3]}")
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "trackings": result.total,
        "statements": len(spent),
        "statement_seconds": sum(spent),
        "page_seconds": time_pages(services),
        "record_seconds": time_records(services),
    }


@contextmanager
def counted_statements() -> Generator[list[float]]:
    """Seconds of each statement that any engine executes within the block, commits aside."""
    spent: list[float] = []
    began = threading.local()

    def begin(*_: object) -> None:
        began.at = time.perf_counter()

    def end(*_: object) -> None:
        spent.append(time.perf_counter() - began.at)

    event.listen(Engine, "before_cursor_execute", begin)
    event.listen(Engine, "after_cursor_execute", end)
    yield spent
    event.remove(Engine, "before_cursor_execute", begin)
    event.remove(Engine, "after_cursor_execute", end)


def time_pages(services: Services) -> float:
    """Fetching each tracking's page from the store, unpacking and reading it."""
    ranks, objects = services.ranks, services.objects
    trackings = ranks.trackings.list()
    started = time.perf_counter()
    for each in trackings:
        page = list_candidates(each.rank_type, each.keyword, ranks.source, ranks.view)[0]
        note = find_note(objects, ranks.today, page.page_id)
        assert note is not None
        read_page(read_body(objects, ranks.today, note), each.rank_type, page.surface)
    return time.perf_counter() - started


def time_records(services: Services) -> float:
    """Storing each record once more: a transaction each."""
    histories = services.ranks.histories
    records = histories.read_day(services.ranks.today)
    started = time.perf_counter()
    for each in records:
        histories.record(each.capture)
    return time.perf_counter() - started


def main(arguments: Sequence[str]) -> None:
    """The command line."""
    services = Services(load_settings())
    work = {"crawl": crawl, "read": read}[arguments[0]]
    measured = work(services)
    services.state.close()
    sys.stdout.write(f"{json.dumps(measured)}\n")


if __name__ == "__main__":
    main(sys.argv[1:])
