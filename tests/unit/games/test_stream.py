"""Records as an ordered stream: concurrent and sequential give the same, in flat memory."""

import asyncio
import random

import msgspec
import pytest

from platform_assets.core.errors import TransientError
from platform_assets.games.entities import find_entity
from platform_assets.games.plan import Draft, draft_plan
from platform_assets.games.ranges import cut_at
from platform_assets.games.stream import CONCURRENT, SEQUENTIAL, Reading, read_pages, read_records
from tests.fakes.igdb_source import FakeSource, make_records
from tests.fakes.virtual_time import run_virtual

GAMES = find_entity("games")
IDS = [1 + 2 * n for n in range(7_321)]


def uneven(query: str) -> float:
    return random.Random(query).lognormvariate(0, 0.5)


async def read_ids(source: FakeSource, reading: Reading) -> list[int]:
    return [msgspec.json.decode(line)["id"] async for line in read_records(source, GAMES, reading)]


@pytest.mark.parametrize("reading", [SEQUENTIAL, CONCURRENT, Reading(lanes=3, window_pages=2)])
def test_records_come_once_and_in_id_order(reading: Reading):
    source = FakeSource(make_records(IDS), latency=uneven)
    assert run_virtual(read_ids(source, reading)) == IDS


def test_concurrent_reading_takes_a_fraction_of_the_time():
    async def timed(reading: Reading) -> float:
        loop = asyncio.get_running_loop()
        started = loop.time()
        await read_ids(FakeSource(make_records(list(range(1, 40_001))), latency=uneven), reading)
        return loop.time() - started

    assert run_virtual(timed(CONCURRENT)) < 0.2 * run_virtual(timed(SEQUENTIAL))


def test_a_slow_reader_keeps_no_more_than_the_window():
    source = FakeSource(make_records(IDS))
    asked: list[int] = []

    async def read_slowly() -> None:
        draft = Draft(cut_at(IDS[499::500]), None)
        taken = 0
        async for _ in read_pages(source, GAMES, draft, Reading(lanes=16, window_pages=5)):
            taken += 1
            await asyncio.sleep(10)
            asked.append(source.traffic.requests - taken)

    run_virtual(read_slowly())
    assert max(asked) <= 6, "the window and the page that the reader waits for"


def test_the_window_is_bounded_in_bytes_too():
    source = FakeSource(make_records(IDS, summary="x" * 1000))
    ahead: list[int] = []

    async def read_slowly() -> None:
        draft = Draft(cut_at(IDS[499::500]), None)
        taken = 0
        async for _ in read_pages(source, GAMES, draft, Reading(lanes=4, window_bytes=1_000_000)):
            taken += 1
            await asyncio.sleep(10)
            ahead.append(source.traffic.requests - taken)

    run_virtual(read_slowly())
    assert max(ahead) <= 2 + 4, "two pages of half a megabyte, and what four lanes had asked for"


def test_a_failure_comes_in_its_place_after_everything_before_it():
    def fail(query: str) -> None:
        if "id > 5999 " in query:
            raise TransientError("dropped")

    source = FakeSource(make_records(IDS), before=fail)
    seen: list[int] = []

    async def read() -> None:
        draft = Draft(cut_at([1999, 3999, 5999, 7999]), None)
        async for page in read_pages(source, GAMES, draft, CONCURRENT):
            seen.append(page.last_id or 0)

    with pytest.raises(TransientError):
        run_virtual(read())
    assert seen == [999, 1999, 2999, 3999, 4999, 5999]


def test_one_page_is_one_request():
    source = FakeSource(make_records(list(range(1, 40))))
    assert run_virtual(read_ids(source, CONCURRENT)) == list(range(1, 40))
    assert source.traffic.requests == 1


def test_without_a_total_the_id_space_is_cut_by_the_last_id():
    source = FakeSource(make_records(IDS), says_total=False)
    draft = run_virtual(draft_plan(source, GAMES, None, [], 8))
    assert draft.ranges[-1].after == IDS[-1]
    assert run_virtual(read_ids(source, CONCURRENT)) == IDS
