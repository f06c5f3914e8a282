"""The unit engine over a ledger in memory and virtual time: what a run does with each kind of ending."""

import asyncio
from collections import Counter
from collections.abc import Sequence
from dataclasses import replace

import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run import Work, run_units
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.unit_run import UnitRun
from platform_assets.core.engine.units import (
    Attempt,
    JsonObject,
    Plan,
    Progress,
    Report,
    Scope,
    Unit,
    UnitOutcome,
    UnitState,
)
from platform_assets.core.errors import (
    LeaseLostError,
    PermanentError,
    RefusedError,
    TransientError,
)
from tests.fakes.clock import FakeClock
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.virtual_time import run_virtual

SCOPE = Scope("tests", "", "2026-11-20")
POLICY = RunPolicy(concurrency=4, retry=RetryPolicy(attempts=3, jitter=0.0))
OTHER = Attempt("other", "elsewhere|boot|ns|1|1")


class Bench:
    """A ledger with one plan, and a run over it."""

    def __init__(self, count: int, ledger: MemoryLedger | None = None) -> None:
        self.clock = FakeClock()
        self.ledger = ledger or MemoryLedger(self.clock)
        units = [Unit(f"u{n:05d}", {"n": n}) for n in range(count)]
        self.plan: Plan = self.ledger.open_plan(SCOPE, units, {})

    async def arun(
        self,
        work: Work,
        policy: RunPolicy = POLICY,
        stop: asyncio.Event | None = None,
        progress: list[Progress] | None = None,
    ) -> Report:
        return await run_units(
            self.plan,
            work,
            ledger=self.ledger,
            policy=policy,
            clock=self.clock,
            draw=lambda: 0.0,
            stop=stop,
            on_progress=None if progress is None else progress.append,
        )

    def run(self, work: Work, policy: RunPolicy = POLICY) -> Report:
        return run_virtual(self.arun(work, policy))

    def states(self) -> Counter[str]:
        return Counter(record.state.value for record in self.ledger.read_units(self.plan))

    def ids(self) -> list[str]:
        return [record.unit.unit_id for record in self.ledger.read_units(self.plan)]


async def succeed(unit: Unit, run: UnitRun) -> JsonObject:
    return {"n": unit.payload["n"]}


def numbers(report: Report) -> tuple[int, int, int, int, int]:
    assert report.total == report.done + report.failed + report.skipped + report.left
    return report.total, report.done, report.failed, report.skipped, report.left


def test_every_unit_is_done_once_and_its_detail_is_kept():
    bench = Bench(25)
    report = bench.run(succeed)
    assert numbers(report) == (25, 25, 0, 0, 0)
    assert report.complete
    assert [r.detail for r in bench.ledger.read_units(bench.plan)] == [{"n": n} for n in range(25)]


def test_an_empty_plan_reports_nothing_and_is_complete():
    report = Bench(0).run(succeed)
    assert numbers(report) == (0, 0, 0, 0, 0)
    assert report.complete


def test_no_more_units_run_at_once_than_the_policy_says():
    running, most = 0, 0

    async def work(unit: Unit, run: UnitRun) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(1)
        running -= 1

    report = Bench(40).run(work, replace(POLICY, concurrency=7))
    assert most == 7
    assert report.seconds == pytest.approx(6, abs=0.5)


def test_a_second_run_does_only_the_rest():
    bench = Bench(10)
    seen: list[int] = []

    async def work(unit: Unit, run: UnitRun) -> None:
        seen.append(unit.payload["n"])
        if unit.payload["n"] in failing:
            raise PermanentError("broken table", kind="broken")

    failing = {3, 7}
    first = bench.run(work)
    assert numbers(first) == (10, 8, 2, 0, 0)
    failing = set[int]()
    seen.clear()
    second = bench.run(work)
    assert sorted(seen) == [3, 7]
    assert numbers(second) == (10, 2, 0, 8, 0)


def test_a_permanent_error_is_not_tried_again_and_does_not_stop_the_others():
    bench = Bench(5)

    async def work(unit: Unit, run: UnitRun) -> None:
        if unit.payload["n"] == 2:
            raise PermanentError("row 7 has no id: correct the file", kind="bad_row")

    report = bench.run(work)
    assert numbers(report) == (5, 4, 1, 0, 0)
    assert [(f.unit_id, f.kind, f.message) for f in report.failures] == [
        ("u00002", "bad_row", "row 7 has no id: correct the file")
    ]
    assert report.retries == 0


def test_a_transient_error_is_tried_again_by_policy_and_then_given_up():
    bench = Bench(1)
    starts: list[float] = []

    async def work(unit: Unit, run: UnitRun) -> None:
        starts.append(asyncio.get_running_loop().time())
        raise TransientError("no answer", kind="timeout")

    report = bench.run(work)
    assert [round(at - starts[0]) for at in starts] == [0, 2, 6], "waits of 2 and 4 seconds"
    assert numbers(report) == (1, 0, 1, 0, 0)
    assert report.retries == 2


def test_retry_after_is_honoured():
    bench = Bench(1)
    starts: list[float] = []

    async def work(unit: Unit, run: UnitRun) -> None:
        starts.append(asyncio.get_running_loop().time())
        if len(starts) == 1:
            raise TransientError("too fast", retry_after=33)

    assert bench.run(work).complete
    assert starts[1] - starts[0] == pytest.approx(33, abs=0.1)


def test_a_unit_that_waits_for_its_retry_holds_no_place():
    bench = Bench(9)
    failed: set[int] = set()

    async def work(unit: Unit, run: UnitRun) -> None:
        n = unit.payload["n"]
        await asyncio.sleep(1)
        if n < 4 and n not in failed:
            failed.add(n)
            raise TransientError("later", retry_after=100)

    report = bench.run(work, replace(POLICY, concurrency=4))
    assert report.complete
    assert report.seconds < 110, "five other units ran while four waited 100 seconds"


def test_progress_starts_the_count_of_failures_anew():
    bench = Bench(1)

    async def work(unit: Unit, run: UnitRun) -> None:
        page = (run.checkpoint or {"page": 0})["page"]
        if page < 8:
            run.save({"page": page + 1})
            raise TransientError("dropped")

    report = bench.run(work, replace(POLICY, retry=RetryPolicy(attempts=2, jitter=0.0)))
    assert report.complete, "eight failures in all, but each after progress"


def test_a_checkpoint_survives_to_the_next_run():
    bench = Bench(1)
    seen: list[JsonObject | None] = []

    async def work(unit: Unit, run: UnitRun) -> None:
        seen.append(run.checkpoint)
        if run.checkpoint is None:
            run.save({"after": 500})
            raise PermanentError("stop here")

    assert bench.run(work).failed == 1
    assert bench.run(work).complete
    assert seen == [None, {"after": 500}]


def test_a_unit_over_its_time_is_cut_off_and_reported_as_timed_out():
    bench = Bench(3)

    async def work(unit: Unit, run: UnitRun) -> None:
        if unit.payload["n"] == 1:
            await asyncio.sleep(10_000)

    policy = replace(POLICY, unit_timeout_seconds=30, retry=RetryPolicy(attempts=1))
    report = bench.run(work, policy)
    assert numbers(report) == (3, 2, 1, 0, 0)
    assert report.failures[0].kind == "timeout"
    assert report.seconds == pytest.approx(30, abs=1)


def test_at_the_deadline_the_rest_is_left_and_given_back():
    bench = Bench(20)

    async def work(unit: Unit, run: UnitRun) -> None:
        await asyncio.sleep(10)

    report = bench.run(work, replace(POLICY, deadline_seconds=25))
    assert numbers(report) == (20, 8, 0, 0, 12)
    assert str(report.stop) == "deadline: 25 s have passed"
    assert bench.states() == {"done": 8, "pending": 12}, "nothing stays held"


def test_the_skip_limit_ends_the_run_before_everything_has_failed():
    bench = Bench(1000)

    async def work(unit: Unit, run: UnitRun) -> None:
        await asyncio.sleep(1)
        raise PermanentError("the parser is broken")

    report = bench.run(work, replace(POLICY, skip_limit=10))
    assert 10 < report.failed < 40
    assert report.left == 1000 - report.failed
    assert str(report.stop) == "skip limit: more than 10 units failed"


def test_a_refusal_stops_the_run_at_once_and_says_why():
    bench = Bench(100)
    started: list[int] = []

    async def work(unit: Unit, run: UnitRun) -> None:
        started.append(unit.payload["n"])
        await asyncio.sleep(1)
        if unit.payload["n"] == 0:
            raise RefusedError("the API says: invalid field 'nope'", kind="bad_query")
        await asyncio.sleep(1000)

    report = bench.run(work)
    assert str(report.stop) == "refused: the API says: invalid field 'nope'"
    assert len(started) <= 5
    assert numbers(report) == (100, 0, 1, 0, 99)
    assert report.seconds < 3


def test_stop_gives_running_units_back():
    bench = Bench(10)

    async def scenario() -> Report:
        stop = asyncio.Event()
        asyncio.get_running_loop().call_later(5, stop.set)

        async def work(unit: Unit, run: UnitRun) -> None:
            await asyncio.sleep(3 if unit.payload["n"] < 4 else 1000)

        return await bench.arun(work, stop=stop)

    report = run_virtual(scenario())
    assert str(report.stop) == "asked to stop"
    assert bench.states() == {"done": 4, "pending": 6}


def test_cancelling_the_caller_gives_running_units_back():
    bench = Bench(6)

    async def scenario() -> None:
        async def work(unit: Unit, run: UnitRun) -> None:
            await asyncio.sleep(1000)

        task = asyncio.create_task(bench.arun(work))
        await asyncio.sleep(10)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    run_virtual(scenario())
    assert bench.states() == {"pending": 6}


def test_a_defect_of_the_work_fails_its_unit_and_is_named():
    async def work(unit: Unit, run: UnitRun) -> None:
        if unit.payload["n"] == 1:
            raise ZeroDivisionError("division by zero")

    report = Bench(3).run(work)
    assert numbers(report) == (3, 2, 1, 0, 0)
    assert report.failures[0].kind == "unexpected"
    assert "ZeroDivisionError: division by zero" in report.failures[0].message


def test_units_that_another_run_holds_are_waited_for_and_counted_as_skipped():
    bench = Bench(4)
    bench.ledger.claim(bench.plan, ["u00001"], OTHER, 600)

    async def scenario() -> Report:
        done = [UnitOutcome("u00001", UnitState.DONE, detail={"by": "other"})]
        asyncio.get_running_loop().call_later(30, bench.ledger.record, bench.plan, OTHER, done)
        return await bench.arun(succeed)

    report = run_virtual(scenario())
    assert numbers(report) == (4, 3, 0, 1, 0)
    assert report.seconds == pytest.approx(31, abs=2)


def test_a_unit_whose_holder_went_silent_is_taken_over():
    bench = Bench(4)
    bench.ledger.claim(bench.plan, ["u00001"], OTHER, 60)

    async def scenario() -> Report:
        asyncio.get_running_loop().call_later(61, bench.clock.advance, 61)
        return await bench.arun(succeed)

    report = run_virtual(scenario())
    assert numbers(report) == (4, 4, 0, 0, 0)


def test_without_waiting_units_held_elsewhere_are_left():
    bench = Bench(4)
    bench.ledger.claim(bench.plan, ["u00001"], OTHER, 600)
    report = bench.run(succeed, replace(POLICY, wait_for_others=False))
    assert numbers(report) == (4, 3, 0, 0, 1)


class LosingLedger(MemoryLedger):
    """Hands the lease of chosen units to somebody else while they are worked on."""

    def take_away(self, plan: Plan, unit_id: str) -> None:
        record = self._records[plan.plan_id][unit_id]
        assert record.state is UnitState.RUNNING
        self._held[(plan.plan_id, unit_id)] = replace(
            self._held[(plan.plan_id, unit_id)], attempt=OTHER
        )


def test_a_zombie_writer_is_refused_and_its_unit_counts_for_the_other_run():
    clock = FakeClock()
    ledger = LosingLedger(clock)
    bench = Bench(2, ledger)

    async def scenario() -> Report:
        async def work(unit: Unit, run: UnitRun) -> JsonObject:
            if unit.payload["n"] == 0:
                ledger.take_away(bench.plan, "u00000")
                done = [UnitOutcome("u00000", UnitState.DONE, detail={"by": "other"})]
                asyncio.get_running_loop().call_later(9, ledger.record, bench.plan, OTHER, done)
            return {"by": "zombie"}

        return await bench.arun(work)

    report = run_virtual(scenario())
    assert numbers(report) == (2, 1, 0, 1, 0)
    assert ledger.read_units(bench.plan)[0].detail == {"by": "other"}


def test_a_refused_checkpoint_cuts_the_work_off():
    clock = FakeClock()
    ledger = LosingLedger(clock)
    bench = Bench(1, ledger)
    events: list[str] = []

    async def scenario() -> Report:
        async def work(unit: Unit, run: UnitRun) -> None:
            ledger.take_away(bench.plan, "u00000")
            run.save({"page": 1})
            try:
                await asyncio.sleep(5)
                events.append("went on")
            finally:
                events.append("lost" if run.lost else "held")

        return await bench.arun(work, replace(POLICY, wait_for_others=False))

    report = run_virtual(scenario())
    assert events == ["lost"]
    assert numbers(report) == (1, 0, 0, 0, 1)


def test_after_its_lease_is_lost_a_unit_can_write_nothing():
    bench = Bench(1)
    run = UnitRun(bench.ledger.read_units(bench.plan)[0], "me", lambda unit_id, checkpoint: None)
    run.ensure_held()
    run.lose()
    with pytest.raises(LeaseLostError, match="u00000: its lease was lost"):
        run.save({"page": 2})


def test_progress_is_told_at_a_human_pace_and_at_the_end():
    bench = Bench(100)
    told: list[Progress] = []

    async def work(unit: Unit, run: UnitRun) -> None:
        await asyncio.sleep(1)

    run_virtual(bench.arun(work, replace(POLICY, progress_seconds=5), progress=told))
    assert (told[-1].done, told[-1].total) == (100, 100)
    assert 4 <= len(told) <= 8, "25 seconds, one look every 5"


def test_ten_thousand_units_are_done_once_each():
    bench = Bench(10_000)
    seen: Counter[int] = Counter()

    async def work(unit: Unit, run: UnitRun) -> None:
        seen[unit.payload["n"]] += 1

    report = bench.run(work, replace(POLICY, concurrency=100))
    assert numbers(report) == (10_000, 10_000, 0, 0, 0)
    assert set(seen.values()) == {1}


def test_a_ledger_that_stops_answering_ends_the_run_with_an_error():
    class Deaf(MemoryLedger):
        def record(self, plan: Plan, attempt: Attempt, outcomes: Sequence[UnitOutcome]) -> set[str]:
            raise TransientError("the state database does not answer")

    bench = Bench(5, Deaf(FakeClock()))
    with pytest.raises(TransientError, match="the state database does not answer"):
        bench.run(succeed)
