"""CPU-bound units in real worker processes, behind the same call."""

import os
import time
from collections.abc import Mapping
from typing import Any

from platform_assets.core.clock import SystemClock
from platform_assets.core.engine import run_units
from platform_assets.core.processes import in_processes
from platform_assets.core.retry import RetryPolicy
from platform_assets.core.run_policy import RunPolicy
from platform_assets.core.units import Report, Scope, Unit
from tests.fakes.memory_ledger import MemoryLedger

ONCE = RetryPolicy(attempts=1)


def crunch(payload: Mapping[str, Any]) -> dict[str, Any]:
    """What the worker processes run."""
    if payload.get("abort"):
        os.abort()
    if payload.get("hang"):
        while True:
            time.sleep(1)
    return {"pid": os.getpid(), "square": payload["n"] ** 2}


async def run(payloads: list[dict[str, Any]], policy: RunPolicy) -> tuple[Report, list[Any]]:
    ledger = MemoryLedger(SystemClock())
    units = [Unit(f"u{n}", {"n": n, **payload}) for n, payload in enumerate(payloads)]
    plan = ledger.open_plan(Scope("tests", "", "1"), units, {})
    report = await run_units(plan, in_processes(crunch, 2), ledger=ledger, policy=policy)
    return report, [record.detail for record in ledger.read_units(plan)]


async def test_units_run_in_other_processes_and_their_results_come_back():
    report, details = await run([{}] * 6, RunPolicy(concurrency=2, retry=ONCE))
    assert report.complete
    assert [detail["square"] for detail in details] == [0, 1, 4, 9, 16, 25]
    assert os.getpid() not in {detail["pid"] for detail in details}
    assert len({detail["pid"] for detail in details}) <= 2, "workers are used again"


async def test_a_process_that_dies_takes_only_its_own_unit_with_it():
    report, _ = await run([{}, {"abort": True}, {}, {}], RunPolicy(concurrency=2, retry=ONCE))
    assert (report.done, report.failed) == (3, 1)
    assert [(f.unit_id, f.kind) for f in report.failures] == [("u1", "worker_died")]


async def test_a_unit_that_hangs_is_killed_at_its_timeout():
    policy = RunPolicy(concurrency=2, unit_timeout_seconds=5, retry=ONCE)
    report, details = await run([{}, {"hang": True}, {}, {}], policy)
    assert [(f.unit_id, f.kind) for f in report.failures] == [("u1", "timeout")]
    assert [detail and detail["square"] for detail in details] == [0, None, 4, 9]
