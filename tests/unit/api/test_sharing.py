"""Shared answers and bounded threads."""

import asyncio
import threading

import pytest

from api.recent import Recent
from api.threads import Threads
from platform_assets.core.errors import TransientError
from tests.fakes.clock import FakeClock


class Computation:
    def __init__(self) -> None:
        self.calls = 0
        self.open = asyncio.Event()
        self.error: Exception | None = None

    async def __call__(self) -> int:
        self.calls += 1
        number = self.calls
        await self.open.wait()
        if self.error:
            raise self.error
        return number


async def test_all_who_ask_at_once_share_one_computation(clock: FakeClock):
    compute = Computation()
    recent = Recent(compute, clock)
    waiting = [asyncio.create_task(recent.get()) for _ in range(10)]
    await asyncio.sleep(0)
    compute.open.set()
    assert await asyncio.gather(*waiting) == [1] * 10


async def test_a_value_is_kept_for_its_time_and_no_longer(clock: FakeClock):
    compute = Computation()
    compute.open.set()
    recent = Recent(compute, clock, keep_seconds=1.0)
    assert await recent.get() == 1
    clock.advance(0.999)
    assert await recent.get() == 1
    clock.advance(0.001)
    assert await recent.get() == 2


async def test_a_value_that_is_forgotten_is_computed_anew_even_while_it_is_computed(
    clock: FakeClock,
):
    compute = Computation()
    recent = Recent(compute, clock)
    early = asyncio.create_task(recent.get())
    await asyncio.sleep(0)
    recent.forget()
    late = asyncio.create_task(recent.get())
    await asyncio.sleep(0)
    compute.open.set()
    assert (await early, await late) == (1, 2)
    assert await recent.get() == 2


async def test_a_failure_reaches_all_who_waited_and_is_not_kept(clock: FakeClock):
    compute = Computation()
    compute.error = TransientError("away")
    recent = Recent(compute, clock)
    waiting = [asyncio.create_task(recent.get()) for _ in range(3)]
    await asyncio.sleep(0)
    compute.open.set()
    results = await asyncio.gather(*waiting, return_exceptions=True)
    assert [str(result) for result in results] == ["away"] * 3
    compute.error = None
    assert await recent.get() == 2


async def test_one_who_goes_away_takes_nothing_from_the_others(clock: FakeClock):
    compute = Computation()
    recent = Recent(compute, clock)
    leaver, stayer = asyncio.create_task(recent.get()), asyncio.create_task(recent.get())
    await asyncio.sleep(0)
    leaver.cancel()
    compute.open.set()
    assert await stayer == 1
    with pytest.raises(asyncio.CancelledError):
        await leaver


async def test_too_many_waiting_requests_are_refused_at_once():
    threads = Threads(reads=1, writes=1, most_waiting=2)
    gate = threading.Event()
    tasks = [asyncio.create_task(threads.read(gate.wait, 30)) for _ in range(3)]
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    with pytest.raises(TransientError) as caught:
        await threads.read(gate.wait, 30)
    assert caught.value.kind == "busy"
    assert await threads.write(int, "7") == await threads.share(int, "7") == 7
    gate.set()
    assert await asyncio.gather(*tasks) == [True] * 3
