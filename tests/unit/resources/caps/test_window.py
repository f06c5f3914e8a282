"""The rules of a cap, driven by hand and by hypothesis. Times are seconds after an arbitrary start."""

import heapq
import itertools
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import RefusedError
from resources.caps.limits import LARGEST_GUARD, Cap
from resources.caps.messages import Answer, BudgetUsed, Granted, Outcome, Visit, Wait, Why
from resources.caps.state import load_state
from resources.caps.window import GUARD_STEP, LEASE_SECONDS, decide_visit, forget_throttles

START = 1_790_000_000.0
DAY = 86_400.0
CAP = Cap("test", 4, 1.0, 8, 1, None, "the test", guard=0.01)


class World:
    """Several processes with one state, at a time that the test sets."""

    def __init__(self, cap: Cap = CAP) -> None:
        self.cap = cap
        self.state: JsonObject | None = None
        self.now = 0.0
        self.held: dict[str, set[str]] = {}
        self.dead: set[str] = set()
        self.ids = map(str, itertools.count())

    def visit(self, visit: Visit) -> Outcome:
        self.state, outcome = decide_visit(
            self.cap, self.state, START + self.now, visit, self.dead.__contains__
        )
        return outcome

    def ask(self, process: str = "a", queued: int = 1) -> Answer:
        held = self.held.setdefault(process, set())
        grant_id = next(self.ids)
        visit = Visit(process, frozenset(held), ask=grant_id, queued=queued)
        answer = self.visit(visit).answer
        assert answer is not None
        if isinstance(answer, Granted):
            assert answer.grant_id == grant_id
            held.add(grant_id)
        return answer

    def tell(self, process: str = "a", *, queued: int = 0, **news: object) -> Outcome:
        held = frozenset(self.held.setdefault(process, set()))
        return self.visit(replace(Visit(process, held, queued=queued), **news))

    def finish(self, process: str, grant_id: str) -> None:
        self.held[process].discard(grant_id)
        self.tell(process)

    def send(self, process: str = "a") -> str:
        """Asks until granted, with the request written at once."""
        while not isinstance(answer := self.ask(process), Granted):
            assert isinstance(answer, Wait)
            self.now += max(answer.seconds, 1e-6)
        self.tell(process, sent=((answer.grant_id, 0.0),), queued=1)
        return answer.grant_id


def granted(answer: Answer) -> str:
    assert isinstance(answer, Granted)
    return answer.grant_id


def wait_of(answer: Answer) -> Wait:
    assert isinstance(answer, Wait)
    return answer


def test_a_cold_start_is_no_burst():
    world, times = World(), list[float]()
    for _ in range(9):
        world.finish("a", world.send())
        times.append(world.now)
    assert times == pytest.approx([0, 0.2, 0.4, 0.6, 1.01, 1.21, 1.41, 1.61, 2.02], abs=1e-4)


def test_a_send_moves_from_its_grant_to_its_write():
    world = World()
    first = granted(world.ask())
    world.now = 0.5
    world.tell(sent=((first, 0.2),))
    for _ in range(3):
        world.send()
    assert world.now < 1.3
    assert wait_of(world.ask()).seconds == pytest.approx(0.3 + 1.01 - world.now, abs=1e-4)


def test_a_write_is_never_stamped_before_its_grant():
    world = World()
    world.now = 1.0
    grant_id = granted(world.ask())
    world.tell(sent=((grant_id, 30.0),))
    assert load_state(world.state).sends[0].at == START + 1.0


def test_a_request_that_is_not_written_yet_stays_in_the_window():
    world = World(replace(CAP, requests=1))
    grant_id = granted(world.ask())
    world.now = 5.0
    assert wait_of(world.ask()).why is Why.UNSENT
    world.tell(sent=((grant_id, 0.0),), queued=1)
    assert wait_of(world.ask()).seconds == pytest.approx(1.01)


def test_a_request_that_ends_untold_counts_as_written_at_its_end():
    world = World(replace(CAP, requests=1))
    grant_id = granted(world.ask())
    world.now = 5.0
    world.finish("a", grant_id)
    assert wait_of(world.ask()).seconds == pytest.approx(1.01)


def test_a_grant_that_nobody_took_costs_nothing():
    world = World(replace(CAP, requests=1, per_day=1))
    grant_id = granted(world.ask())
    world.held["a"].clear()
    world.tell(returned=(grant_id,))
    assert isinstance(world.ask(), Granted)


def test_stamps_of_the_future_do_not_stop_the_cap():
    world = World()
    world.now = 3600.0
    for _ in range(4):
        world.finish("a", world.send())
    world.now = 0.0
    assert wait_of(world.ask()).seconds <= 1.01
    world.now = 1.1
    assert isinstance(world.ask(), Granted)


def test_the_next_wait_comes_with_the_grant():
    world = World()
    answer = world.ask(queued=2)
    assert isinstance(answer, Granted)
    assert answer.then is not None
    assert answer.then.seconds == pytest.approx(0.2)


def test_no_more_are_open_than_allowed():
    world = World(replace(CAP, in_flight=2))
    first, _ = world.send(), world.send()
    world.now = 10.0
    assert wait_of(world.ask()).why is Why.OPEN_SLOTS
    world.finish("a", first)
    assert isinstance(world.ask(), Granted)


def test_open_slots_of_a_dead_process_come_back_at_once():
    world = World(replace(CAP, in_flight=1))
    world.send("a")
    world.now = 2.0
    assert wait_of(world.ask("b")).why is Why.OPEN_SLOTS
    world.dead.add("a")
    assert isinstance(world.ask("b"), Granted)


def test_an_unwritten_request_of_a_dead_process_may_have_left_until_its_death():
    world = World(replace(CAP, requests=1))
    granted(world.ask("a"))
    world.now = 2.0
    world.dead.add("a")
    assert wait_of(world.ask("b")).seconds == pytest.approx(1.01)


def test_open_slots_of_a_silent_process_come_back_with_its_lease():
    world = World(replace(CAP, in_flight=1))
    world.send("far away")
    world.now = LEASE_SECONDS - 1
    assert wait_of(world.ask("b")).why is Why.OPEN_SLOTS
    world.now = LEASE_SECONDS + 2
    assert isinstance(world.ask("b"), Granted)


def test_a_sign_of_life_renews_the_leases():
    world = World(replace(CAP, in_flight=1))
    world.send("a")
    world.now = LEASE_SECONDS - 1
    world.tell("a")
    world.now = LEASE_SECONDS + 2
    assert wait_of(world.ask("b")).why is Why.OPEN_SLOTS


def test_a_write_after_the_lease_still_counts():
    world = World(replace(CAP, requests=1))
    grant_id = granted(world.ask("a"))
    world.now = LEASE_SECONDS + 5
    world.finish("b", world.send("b"))
    world.now += 3
    world.held["a"].clear()
    world.tell("a", sent=((grant_id, 0.0),))
    assert wait_of(world.ask("b")).seconds == pytest.approx(1.01)


def test_a_429_pauses_everybody_for_a_window():
    world = World()
    world.tell("a", throttled=(None,))
    wait = wait_of(world.ask("b"))
    assert wait.why is Why.PAUSED
    assert wait.seconds == pytest.approx(1.0 + CAP.guard + GUARD_STEP)


def test_a_longer_pause_is_kept_when_the_upstream_asks_for_it():
    world = World()
    world.tell("a", throttled=(30.0,))
    world.tell("a", throttled=(None,))
    assert wait_of(world.ask("b")).seconds == pytest.approx(30.0)


def test_a_burst_of_429s_raises_the_guard_once():
    world = World()
    assert world.tell("a", throttled=(None, None)).guard == pytest.approx(CAP.guard + GUARD_STEP)
    assert world.tell("b", throttled=(None,)).guard == pytest.approx(CAP.guard + GUARD_STEP)
    world.now = 2.0
    assert world.tell("b", throttled=(None,)).guard == pytest.approx(CAP.guard + 2 * GUARD_STEP)
    assert load_state(world.state).throttled == 4


def test_the_guard_has_a_bound():
    world = World()
    for _ in range(40):
        world.now += 2.0
        world.tell(throttled=(None,))
    assert world.tell().guard == LARGEST_GUARD


def test_a_day_without_429s_takes_one_step_of_the_guard_back():
    world = World()
    for _ in range(2):
        world.now += 2.0
        world.tell(throttled=(None,))
    world.now += 0.9 * DAY
    assert world.tell().guard == pytest.approx(CAP.guard + 2 * GUARD_STEP)
    world.now += 0.2 * DAY
    assert world.tell().guard == pytest.approx(CAP.guard + GUARD_STEP)
    world.now += 5 * DAY
    assert world.tell().guard == CAP.guard


def test_a_person_can_reset_the_guard():
    world = World()
    world.tell(throttled=(500.0,))
    world.state, _ = forget_throttles(world.state, START)
    assert world.tell().guard == CAP.guard
    assert isinstance(world.ask(), Granted)


def test_a_budget_is_used_up_until_midnight_in_its_timezone():
    seoul = ZoneInfo("Asia/Seoul")
    world = World(replace(CAP, per_day=2, day_zone="Asia/Seoul"))
    world.now = datetime(2026, 11, 20, 23, 59, 50, tzinfo=seoul).timestamp() - START
    for _ in range(2):
        world.finish("a", world.send())
    answer = world.ask("b")
    assert isinstance(answer, BudgetUsed)
    assert answer.resets_at == datetime(2026, 11, 21, tzinfo=seoul)
    world.now += answer.seconds + 1.1
    assert isinstance(world.ask("b"), Granted)


def test_the_least_recently_served_goes_first():
    world = World()
    for process in "ab":
        world.finish(process, world.send(process))
    world.now = 10.0
    first, second = wait_of_pair(world)
    assert first.why is Why.PAUSED
    assert second.why is Why.TURN
    assert second.seconds > first.seconds


def wait_of_pair(world: World) -> tuple[Wait, Wait]:
    world.tell("x", throttled=(None,))
    return wait_of(world.ask("a")), wait_of(world.ask("b"))


def test_a_favourite_that_comes_late_loses_its_turn_but_not_its_rank():
    world = World()
    for process in "ab":
        world.finish(process, world.send(process))
    world.now = 10.0
    due = world.now + wait_of_pair(world)[0].seconds
    world.now = due + 0.001
    assert wait_of(world.ask("b")).why is Why.TURN
    world.now = due + 0.031
    assert isinstance(world.ask("b", queued=2), Granted)
    assert wait_of(world.ask("a")).why is Why.PACE


def test_a_single_process_never_waits_for_its_turn():
    world, reasons = World(), set[Why]()
    for _ in range(20):
        while isinstance(answer := world.ask(queued=2), Wait):
            reasons.add(answer.why)
            world.now += answer.seconds
        world.tell(sent=((granted(answer), 0.0),), queued=1)
        world.finish("a", granted(answer))
    assert reasons <= {Why.PACE}


def test_an_unreadable_state_is_refused():
    with pytest.raises(RefusedError, match="cap_states"):
        decide_visit(CAP, {"sends": "many"}, START, Visit("a"), set[str]().__contains__)


def simulate(
    cap: Cap, lateness: Sequence[Sequence[float]], seconds: float, hold: float = 0.05
) -> tuple[Counter[int], list[float]]:
    """Processes that always want more, each as late as its own list says (again and again); grants and send times."""
    world, grants, sends = World(cap), Counter[int](), list[float]()
    late = [itertools.cycle(each) for each in lateness]
    events = [(0.001 * n, next(world.ids), n, "") for n in range(len(lateness))]
    while events:
        world.now, _, n, done = heapq.heappop(events)
        if world.now > seconds:
            break
        if done:
            world.held[str(n)].discard(done)
            continue
        match world.ask(str(n), queued=2):
            case Granted(grant_id, then):
                grants[n] += 1
                sends.append(world.now)
                world.tell(str(n), sent=((grant_id, 0.0),), queued=1)
                heapq.heappush(events, (world.now + hold, next(world.ids), n, grant_id))
                assert then is not None
                back = then.seconds
            case Wait(back):
                pass
            case BudgetUsed():
                raise AssertionError
        heapq.heappush(events, (world.now + back + next(late[n]), next(world.ids), n, ""))
    return grants, sends


@pytest.mark.parametrize("processes", [1, 2, 4, 7])
def test_punctual_processes_get_equal_shares_at_the_full_rate(processes: int):
    grants, sends = simulate(CAP, [[0.001]] * processes, 60.0)
    assert max(grants.values()) - min(grants.values()) <= 1
    assert len(sends) >= 60 * 4 / 1.01 * 0.985


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(0.0002, 0.02), min_size=1, max_size=9), min_size=2, max_size=5))
def test_unpunctual_processes_still_get_equal_shares(lateness: list[list[float]]):
    grants, sends = simulate(CAP, lateness, 30.0)
    assert max(grants.values()) - min(grants.values()) <= 2
    assert all(later - earlier >= 1.0 for earlier, later in itertools.pairwise(sends[::4]))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.lists(st.floats(0.0002, 0.2), min_size=1, max_size=9), min_size=2, max_size=5))
def test_nobody_starves_however_late_it_comes(lateness: list[list[float]]):
    grants, _ = simulate(CAP, lateness, 30.0)
    assert min(grants[n] for n in range(len(lateness))) >= 0.4 * 30 * 3.9 / len(lateness)


def test_processes_that_hold_all_slots_leave_some_to_others():
    grants, _ = simulate(replace(CAP, in_flight=1), [[0.001], [0.001], [0.002]], 60.0, hold=1.0)
    assert min(grants[n] for n in range(3)) >= 0.8 * max(grants.values())


def test_a_process_that_vanishes_costs_one_turn():
    stays, vanishes = [0.001], [0.001] * 10 + [1e9]
    _, sends = simulate(CAP, [stays, stays, vanishes], 60.0)
    assert len(sends) >= 60 * 4 / 1.01 * 0.985 - 1


@dataclass
class Requests:
    """What really happened: the truth that the state machine is held against."""

    unwritten: list[tuple[str, str]] = field(default_factory=list[tuple[str, str]])
    untold: list[tuple[str, str, float]] = field(default_factory=list[tuple[str, str, float]])
    written: list[float] = field(default_factory=list[float])


STEPS = st.lists(
    st.tuples(
        st.sampled_from(["ask", "ask", "ask", "write", "tell", "finish", "throttle", "end all"]),
        st.sampled_from("abc"),
        st.one_of(st.just(0.0), st.floats(0.0, 0.4)),
    ),
    max_size=120,
)


@settings(max_examples=300, deadline=None)
@given(STEPS, st.integers(1, 5), st.integers(1, 4), st.sampled_from([0.0, 0.01, 0.13]))
def test_no_sequence_of_events_breaks_the_window_or_the_open_limit(
    steps: list[tuple[str, str, float]], requests: int, in_flight: int, guard: float
):
    cap = replace(CAP, requests=requests, in_flight=in_flight, guard=guard)
    world, real = World(cap), Requests()
    for action, process, seconds in steps:
        world.now += seconds
        act(world, real, action, process)
        assert sum(len(held) for held in world.held.values()) <= in_flight
    times = sorted(real.written)
    for earlier, later in zip(times, times[requests:], strict=False):
        assert later - earlier >= cap.per_seconds * (1 + guard) - 1e-6


def act(world: World, real: Requests, action: str, process: str) -> None:
    match action:
        case "ask":
            # Asking more often than told, or not at all when told, must not matter.
            if isinstance(answer := world.ask(process, queued=2), Granted):
                real.unwritten.append((process, answer.grant_id))
        case "write":
            for first in real.unwritten[:1]:
                real.unwritten.remove(first)
                real.untold.append((*first, world.now))
                real.written.append(world.now)
        case "tell":
            told = [(g, world.now - at) for p, g, at in real.untold if p == process]
            real.untold = [each for each in real.untold if each[0] != process]
            world.tell(process, sent=tuple(told), queued=1)
        case "throttle":
            world.tell(process, throttled=(None,), queued=1)
        case _:
            end(world, real, process, 1 if action == "finish" else 99)


def end(world: World, real: Requests, process: str, count: int) -> None:
    """Grants that end, told or untold, written or not."""
    for grant_id in sorted(world.held.get(process, ()))[:count]:
        real.unwritten = [each for each in real.unwritten if each[1] != grant_id]
        world.finish(process, grant_id)
