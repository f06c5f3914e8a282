"""Gates in virtual time: the shared one over a state in memory, the local one, and none."""

import asyncio
import itertools
from collections.abc import AsyncGenerator, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import replace

import pytest

from platform_assets.core.errors import RefusedError, TransientError
from resources.caps.gate import Gate
from resources.caps.limiter import CapGate, choose_gate
from resources.caps.limits import Cap
from resources.caps.local_gates import LocalGate, NoCap
from resources.caps.state import load_state
from tests.fakes.memory_caps import MemoryCapStates
from tests.fakes.virtual_time import virtual_time

START = 1_790_000_000.0
CAP = Cap("test", 4, 1.0, 8, 1, None, "the test", guard=0.01)


def loop_time() -> float:
    return asyncio.get_running_loop().time()


def memory() -> MemoryCapStates:
    return MemoryCapStates(lambda: START + loop_time())


@asynccontextmanager
async def open_gates(
    count: int, cap: Cap = CAP, is_dead: Callable[[str], bool] = lambda _: False
) -> AsyncGenerator[tuple[MemoryCapStates, list[CapGate]]]:
    states = memory()
    async with AsyncExitStack() as stack:
        gates = [CapGate(cap, states, process=f"p{n}", is_dead=is_dead) for n in range(count)]
        yield states, [await stack.enter_async_context(gate) for gate in gates]


async def send(gate: Gate, times: list[float], hold: float = 0.1) -> None:
    async with gate.enter() as grant:
        grant.sent()
        times.append(loop_time())
        await asyncio.sleep(hold)


async def send_many(gate: Gate, count: int, hold: float = 0.1) -> list[float]:
    times = list[float]()
    async with asyncio.TaskGroup() as group:
        for _ in range(count):
            group.create_task(send(gate, times, hold))
    return times


def fits_window(times: list[float], cap: Cap = CAP) -> bool:
    pairs = zip(times, times[cap.requests :], strict=False)
    return all(later - earlier >= cap.per_seconds for earlier, later in pairs)


@virtual_time
async def test_eighty_tasks_run_at_the_full_rate_and_no_faster():
    async with open_gates(1) as (_, [gate]):
        times = await send_many(gate, 80)
    assert fits_window(times)
    assert times[-1] <= 79 * 0.25 * 1.01 + 0.05


@virtual_time
async def test_eighty_waiting_tasks_do_not_poll():
    async with open_gates(1) as (states, [gate]):
        await send_many(gate, 80)
    assert states.changes <= 80 * 2


@virtual_time
async def test_tasks_are_served_in_order():
    order = list[int]()

    async def enter(gate: Gate, n: int) -> None:
        async with gate.enter():
            order.append(n)

    async with open_gates(1) as (_, [gate]), asyncio.TaskGroup() as group:
        for n in range(12):
            group.create_task(enter(gate, n))
            await asyncio.sleep(0.01)
    assert order == list(range(12))


@virtual_time
async def test_no_more_requests_are_open_than_allowed():
    cap, now_open, most = replace(CAP, in_flight=3), 0, 0

    async def hold(gate: Gate) -> None:
        nonlocal now_open, most
        async with gate.enter() as grant:
            grant.sent()
            now_open += 1
            most = max(most, now_open)
            await asyncio.sleep(2.0)
            now_open -= 1

    async with open_gates(1, cap) as (_, [gate]):
        async with asyncio.TaskGroup() as group:
            for _ in range(12):
                group.create_task(hold(gate))
        assert loop_time() == pytest.approx(8.4, abs=0.3)
    assert most == 3


@virtual_time
async def test_a_slot_that_comes_free_is_taken_at_once():
    async with open_gates(1, replace(CAP, in_flight=1)) as (_, [gate]):
        times = await send_many(gate, 4, hold=1.0)
    assert times == pytest.approx([0, 1, 2, 3], abs=0.001)


@virtual_time
async def test_gates_of_one_cap_share_its_rate_fairly():
    async with open_gates(4) as (states, gates):
        tasks = [asyncio.create_task(send_many(gate, 99)) for gate in gates]
        await asyncio.sleep(30.0)
        grants = [gate.stats.grants for gate in gates]
        changes = states.changes
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert sum(grants) >= 30 * 4 / 1.01 * 0.98
    assert max(grants) - min(grants) <= 1
    assert changes <= 4 * sum(grants)


@virtual_time
async def test_a_gate_that_fills_all_slots_leaves_some_to_another():
    async with open_gates(2, replace(CAP, in_flight=2)) as (_, [greedy, modest]):
        tasks = [asyncio.create_task(send_many(greedy, 99, 1.0))]
        await asyncio.sleep(2.0)
        tasks.append(asyncio.create_task(send_many(modest, 99, 1.0)))
        await asyncio.sleep(60.0)
        served = greedy.stats.grants, modest.stats.grants
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    assert served[1] >= 0.8 * (served[0] - 4)
    assert sum(served) >= 60 * 2 * 0.85


@virtual_time
async def test_the_write_counts_and_not_the_grant():
    times = list[float]()

    async def connect_slowly(gate: Gate) -> None:
        async with gate.enter() as grant:
            await asyncio.sleep(3.0)
            grant.sent()
            times.append(loop_time())

    async with open_gates(1) as (_, [gate]), asyncio.TaskGroup() as group:
        group.create_task(connect_slowly(gate))
        await asyncio.sleep(0.1)
        for _ in range(20):
            group.create_task(send(gate, times))
    assert fits_window(sorted(times))


@virtual_time
async def test_a_cancelled_task_gives_its_turn_to_the_next():
    async with open_gates(1, replace(CAP, requests=1)) as (_, [gate]):
        await send_many(gate, 1)
        waiting = [asyncio.create_task(send_many(gate, 1)) for _ in range(2)]
        await asyncio.sleep(0.5)
        waiting[0].cancel()
        [at] = await waiting[1]
        assert at == pytest.approx(1.01, abs=0.01)
        assert gate.stats.grants == 2


@virtual_time
async def test_a_grant_for_a_task_cancelled_meanwhile_is_given_back():
    states = memory()
    cap = replace(CAP, per_day=1)
    async with CapGate(cap, states, process="p") as gate:
        task = asyncio.create_task(send_many(gate, 1))
        change = states.change

        def cancel_then_change(name: str, decide: object) -> object:
            task.cancel()
            return change(name, decide)  # pyright: ignore[reportArgumentType]

        states.change = cancel_then_change  # pyright: ignore[reportAttributeAccessIssue]
        with pytest.raises(asyncio.CancelledError):
            await task
        await asyncio.sleep(0.1)
        del states.change
        assert len(await send_many(gate, 1)) == 1


@virtual_time
async def test_a_429_pauses_the_other_processes_and_raises_their_guard():
    async with open_gates(2) as (_, [one, other]):
        await send_many(one, 1)
        one.throttled()
        await asyncio.sleep(0.01)
        [at] = await send_many(other, 1)
        assert at == pytest.approx(0.1 + 1.025, abs=0.02)
        assert other.stats.guard == pytest.approx(0.025)
        assert (one.stats.throttles, other.stats.throttles) == (1, 0)


@virtual_time
async def test_a_used_up_budget_is_refused_without_asking_again():
    async with open_gates(1, replace(CAP, per_day=3)) as (states, [gate]):
        await send_many(gate, 3)
        with pytest.raises(
            RefusedError, match="3 requests of today are used up; run again"
        ) as first:
            await send(gate, [])
        changes = states.changes
        with pytest.raises(RefusedError):
            await send(gate, [])
        assert first.value.kind == "budget_used"
        assert states.changes == changes
        await asyncio.sleep(86_400)
        assert len(await send_many(gate, 1)) == 1


@pytest.mark.parametrize(("failures", "end"), [(1, type(None)), (60, TransientError)])
@virtual_time
async def test_a_state_that_is_away_for_a_moment_fails_no_task(failures: int, end: type):
    async with open_gates(1) as (states, [gate]):
        await asyncio.sleep(0.1)
        states.failures += [TransientError("busy", kind="state_busy")] * failures
        results = await asyncio.gather(*(send(gate, []) for _ in range(3)), return_exceptions=True)
        states.failures.clear()
    assert {type(result) for result in results} == {end}


@virtual_time
async def test_news_is_told_again_when_the_state_was_away():
    async with open_gates(1) as (states, [gate]):
        await send_many(gate, 1)
        states.failures.append(TransientError("busy", kind="state_busy"))
        gate.throttled()
        await asyncio.sleep(3.0)
        stored = load_state(states.read("test"))
        assert stored.throttled == 1
        assert all(each.grant_id is None for each in stored.sends)


@virtual_time
async def test_a_broken_state_fails_everybody_who_waits():
    async with AsyncExitStack() as stack:
        stack.enter_context(pytest.raises(ZeroDivisionError))
        states, [gate] = await stack.enter_async_context(open_gates(1))
        await asyncio.sleep(0.1)
        states.failures.append(ZeroDivisionError())
        results = await asyncio.gather(*(send(gate, []) for _ in range(3)), return_exceptions=True)
        assert [type(result) for result in results] == [RuntimeError] * 3


@virtual_time
async def test_a_long_request_keeps_its_slot():
    async with open_gates(2, replace(CAP, in_flight=1)) as (_, [one, other]):
        long = asyncio.create_task(send_many(one, 1, hold=300.0))
        await asyncio.sleep(1.0)
        [at] = await send_many(other, 1)
        assert at == pytest.approx(300.0, abs=0.2)
        await long


@virtual_time
async def test_slots_of_a_dead_process_come_back():
    dead = set[str]()
    async with open_gates(2, replace(CAP, in_flight=1), dead.__contains__) as (_, [one, other]):
        doomed = asyncio.create_task(send_many(one, 1, hold=300.0))
        await asyncio.sleep(1.0)
        dead.add("p0")
        [at] = await send_many(other, 1)
        assert at == pytest.approx(1.0, abs=0.2)
        await doomed


@virtual_time
async def test_closing_gives_everything_back():
    states = memory()
    async with CapGate(CAP, states, process="p") as gate:
        await send_many(gate, 3)
    stored = load_state(states.read("test"))
    assert stored.open == {}
    assert stored.waiting == {}
    assert [each.grant_id for each in stored.sends] == [None] * 3


@virtual_time
async def test_a_closed_gate_lets_nobody_in():
    gate = CapGate(CAP, memory(), process="p")
    with pytest.raises(RuntimeError, match="async with"):
        await send(gate, [])
    async with gate:
        pass
    with pytest.raises(RuntimeError, match="async with"):
        await send(gate, [])


@virtual_time
async def test_stats_tell_what_was_waited():
    async with open_gates(1) as (_, [gate]):
        await send_many(gate, 3)
        stats = gate.stats
    assert (stats.grants, stats.waits, stats.throttles) == (3, 2, 0)
    assert stats.wait_seconds == pytest.approx(0.2 + 0.4, abs=0.01)


@virtual_time
async def test_a_local_gate_paces_evenly_with_the_guard():
    times = await send_many(LocalGate(CAP), 20)
    gaps = [later - earlier for earlier, later in itertools.pairwise(times)]
    assert min(gaps) >= 0.25
    assert times[-1] == pytest.approx(19 * 0.2525, abs=0.01)


@virtual_time
async def test_a_local_gate_takes_the_open_slot_first():
    gate = LocalGate(replace(CAP, in_flight=1))
    times = await send_many(gate, 4, hold=1.0)
    assert times == pytest.approx([0, 1, 2, 3], abs=0.01)


@virtual_time
async def test_a_429_slows_a_local_gate_down():
    gate = LocalGate(CAP)
    await send_many(gate, 1, hold=0.0)
    gate.throttled()
    gate.throttled(3.0)
    times = await send_many(gate, 3)
    assert times[0] == pytest.approx(3.0, abs=0.01)
    assert times[2] - times[1] == pytest.approx(0.25 * 1.025, abs=0.001)
    assert gate.stats.throttles == 2


def test_a_local_gate_cannot_keep_a_budget():
    with pytest.raises(RefusedError, match="budget per day"):
        LocalGate(replace(CAP, per_day=5))


@virtual_time
async def test_without_a_cap_nothing_waits():
    gate = NoCap()
    times = await send_many(gate, 50)
    assert times == [0.0] * 50
    assert gate.stats.grants == 50


@virtual_time
async def test_the_gate_follows_from_cap_and_state():
    assert isinstance(choose_gate(None, memory()), NoCap)
    assert isinstance(choose_gate(CAP, None), LocalGate)
    assert isinstance(choose_gate(CAP, memory()), CapGate)
    gates: list[Gate] = [choose_gate(None, None), choose_gate(CAP, None)]
    assert [gate.in_flight for gate in gates] == [None, 8]
