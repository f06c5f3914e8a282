"""Records as they arrive, in id order, for whoever wants them without landing them first.

Ranges are read at the same time and come out in order. What is ahead of the reader waits in a window that is bounded in
pages and in bytes, so memory stays flat however large the entity is; the range that the reader is at never waits.
"""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing
from dataclasses import dataclass

import structlog

from platform_assets.games.entities import Entity
from platform_assets.games.pages import Page
from platform_assets.games.plan import Draft, draft_plan
from platform_assets.games.set_aside import describe_odd
from platform_assets.games.source import Prefetched, Source, read_range

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Reading:
    """How an entity is read. `sequential` and `concurrent` differ in these numbers only.

    Attributes:
        lanes: Ranges read at the same time; 1 reads page after page.
        window_pages: Pages that may wait for their turn (48: below 16 the order costs time, measured).
        window_bytes: Bytes that may wait for their turn.
    """

    lanes: int = 16
    window_pages: int = 48
    window_bytes: int = 48_000_000


SEQUENTIAL = Reading(lanes=1)
"""One page after another."""

CONCURRENT = Reading()
"""As many ranges at once as keep eight open requests busy while some wait for a retry."""


async def read_records(
    source: Source, entity: Entity, reading: Reading, since: int | None = None
) -> AsyncGenerator[bytes]:
    """Raw records in id order, one JSON object each.

    Args:
        source: The upstream.
        entity: What to read.
        reading: Sequential, concurrent, or in between.
        since: Only records changed after this second; None for all.

    Raises:
        TransientError, PermanentError, RefusedError: From the source; what was yielded before is whole and in order.
    """
    draft = await draft_plan(source, entity, since, [], reading.lanes)
    async with aclosing(read_pages(source, entity, draft, reading)) as pages:
        async for page in pages:
            for line in page.lines.splitlines():
                yield line


async def read_pages(
    source: Source,
    entity: Entity,
    draft: Draft,
    reading: Reading,
) -> AsyncGenerator[Page]:
    """Pages of all ranges of a draft in id order. Raises as `read_records` does."""
    window = _Window(reading)
    first = Prefetched(source, draft.first_reply) if draft.first_reply else source
    shelves = [
        _Shelf(read_range(source if n else first, entity, ids, draft.since, _as_it_is), window, n)
        for n, ids in enumerate(draft.ranges)
    ]
    unread = iter(shelves)

    async def run_lane() -> None:
        for shelf in unread:
            await shelf.fill()

    lanes = [asyncio.create_task(run_lane()) for _ in range(min(reading.lanes, len(shelves)))]
    try:
        for number, shelf in enumerate(shelves):
            await window.move_to(number)
            async for page in shelf.empty():
                yield page
    finally:
        for lane in lanes:
            lane.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)


def _as_it_is(page: Page) -> Page:
    if set_aside := [each for each in page.odd if not each.landed]:
        log.warning("records_left_out", records=describe_odd(set_aside))
    return page


class _Shelf:
    """The pages of one range, between the lane that reads them and the reader who takes them in order."""

    def __init__(self, pages: AsyncIterator[Page], window: "_Window", number: int) -> None:
        self._pages = pages
        self._window = window
        self._number = number
        self._queue = asyncio.Queue[Page | Exception | None]()

    async def fill(self) -> None:
        """Asks for the next page only when the window has room for it."""
        page: Page | None = None
        try:
            while True:
                await self._window.admit(self._number)
                page = await anext(self._pages, None)
                await self._window.take(len(page.lines) if page else None)
                self._queue.put_nowait(page)
                if page is None:
                    return
        except Exception as error:  # noqa: BLE001 - handed to the reader, who raises it in order
            self._queue.put_nowait(error)

    async def empty(self) -> AsyncIterator[Page]:
        """Yields the pages; raises what filling raised, in its place."""
        while (page := await self._queue.get()) is not None:
            if isinstance(page, Exception):
                raise page
            await self._window.give_back(len(page.lines))
            yield page


class _Window:
    """Room for pages that are asked for or wait for their turn."""

    def __init__(self, reading: Reading) -> None:
        self._reading = reading
        self._pages = 0
        self._bytes = 0
        self._reader_at = 0
        self._changed = asyncio.Condition()

    async def admit(self, number: int) -> None:
        """Waits until a page of range `number` may be asked for."""
        async with self._changed:
            await self._changed.wait_for(lambda: number == self._reader_at or self._has_room())
            self._pages += 1

    async def take(self, size_bytes: int | None) -> None:
        """The page has arrived, or there was none."""
        async with self._changed:
            if size_bytes is None:
                self._pages -= 1
            else:
                self._bytes += size_bytes
            self._changed.notify_all()

    async def give_back(self, size_bytes: int) -> None:
        """The reader has taken a page."""
        async with self._changed:
            self._pages -= 1
            self._bytes -= size_bytes
            self._changed.notify_all()

    async def move_to(self, number: int) -> None:
        """The reader is at range `number`."""
        async with self._changed:
            self._reader_at = number
            self._changed.notify_all()

    def _has_room(self) -> bool:
        reading = self._reading
        return self._pages < reading.window_pages and self._bytes < reading.window_bytes
