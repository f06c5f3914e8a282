"""Jobs on this machine: what fails alone, what is killed, and that nothing outlives its run."""

import asyncio
import json
import os
import random
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from platform_assets.core.errors import TransientError
from platform_assets.core.jobs import TaskEnd, TaskState
from platform_assets.tags.shards.result import TableState
from tests.architecture.source_tree import ROOT
from tests.integration.processes import (
    list_children,
    list_family,
    start_deaf,
    wait_until,
    wait_until_gone,
)
from tests.integration.tags.job_rig import COMMAND, JobRig

pytestmark = pytest.mark.slow

KILLS, SHARE = 20, 5


@pytest.fixture
def rig(tmp_path: Path) -> JobRig:
    return JobRig(tmp_path)


def fill(rig: JobRig, count: int, *more: str) -> None:
    for number in range(count):
        rig.put(f"t{number:03}", "apple", *more, "x" * number)


async def test_every_table_is_done_and_every_task_told_once(rig: JobRig):
    fill(rig, 30)
    manifest = rig.plan(shards=10)
    ends = await rig.run(manifest)
    assert ends == [TaskEnd(index, TaskState.SUCCEEDED, 1, None) for index in range(10)]
    assert sorted(rig.ends, key=lambda end: end.index) == ends
    assert set(rig.states(manifest).values()) == {TableState.DONE}
    assert len(rig.states(manifest)) == 30
    assert len(rig.etags("/receipt.json")) == 30
    assert rig.is_tidy()


async def test_a_rerun_does_nothing_again_and_a_fresh_run_gives_the_same_bytes(rig: JobRig):
    fill(rig, 12)
    await rig.run(rig.plan(shards=4))
    first, etags = rig.outputs(), rig.etags("")
    manifest = rig.plan()
    await rig.run(manifest)
    assert set(rig.states(manifest).values()) == {TableState.SKIPPED}
    untouched = {key: etag for key, etag in rig.etags("").items() if "/summary/" not in key}
    assert untouched == {key: etag for key, etag in etags.items() if "/summary/" not in key}
    for key in first:
        if not key.endswith("plan.json"):
            rig.objects.delete(key)
    await rig.run(rig.plan(), rig.make_runner(processes=4))
    assert rig.outputs() == first


async def test_only_the_shards_of_bad_tables_fail_and_a_redrive_does_only_them(rig: JobRig):
    fill(rig, 12)
    rig.put("hangs", "hang")
    rig.put("crashes", "abort")
    rig.put("poisoned", "bad row", "apple")
    manifest = rig.plan(shards=15, timeout=4.0)
    ends = await rig.run(manifest)
    failed = {manifest.shards[end.index] for end in ends if end.state is TaskState.FAILED}
    bad = {"hangs", "crashes"}
    assert failed == {
        shard
        for shard, tables in manifest.tables.items()
        if bad & {table.table_id for table in tables}
    }
    assert len(failed) == 2
    assert {end.attempts for end in ends} == {1}, "a task that ended by itself is not tried again"
    states = rig.states(manifest)
    assert {key: states.pop(key) for key in bad} == {"hangs": "timeout", "crashes": "worker_died"}
    assert set(states.values()) == {TableState.DONE}

    receipts = rig.etags("/receipt.json")
    for table_id in bad:
        rig.put(table_id, "apple")
    redrive = rig.plan(only=sorted(bad))
    ends = await rig.run(redrive)
    assert {end.state for end in ends} == {TaskState.SUCCEEDED}
    assert rig.states(redrive) == dict.fromkeys(bad, TableState.DONE)
    assert all(result.whole for result in rig.results(redrive))
    assert {key: rig.etags("/receipt.json")[key] for key in receipts} == receipts


async def test_tasks_beyond_the_places_wait(rig: JobRig):
    fill(rig, 6, "slow 0.3")
    manifest = rig.plan(shards=6)
    running = asyncio.ensure_future(rig.run(manifest, rig.make_runner(processes=2)))
    most = 0
    while not running.done():
        hosts = await asyncio.to_thread(rig.hosts)
        for host in hosts:
            most = max(most, len(await asyncio.to_thread(list_children, host)))
    assert most == 2
    assert {end.state for end in await running} == {TaskState.SUCCEEDED}


async def test_a_job_of_no_tasks_starts_nothing(rig: JobRig):
    runner = rig.make_runner(command=["/does/not/exist"])
    fill(rig, 1)
    manifest = rig.plan()
    empty = type(manifest)(manifest.job_id, manifest.place, (), {}, manifest.work)
    assert await rig.run(empty, runner) == []


async def test_tasks_that_cannot_run_are_tried_twice_and_say_so(rig: JobRig):
    fill(rig, 2)
    manifest = rig.plan(shards=2)
    rig.objects.delete(manifest.key)
    ends = await rig.run(manifest)
    assert [(end.state, end.attempts) for end in ends] == [(TaskState.FAILED, 2)] * 2
    assert all("exit code 2" in str(end.reason) for end in ends)


@pytest.mark.parametrize("dictionary", [None, b"what the fake steps do not expect"])
async def test_what_the_host_cannot_load_is_said_by_every_task(
    rig: JobRig, dictionary: bytes | None
):
    fill(rig, 2)
    manifest = rig.plan(shards=2)
    rig.objects.delete(manifest.work.dictionary)
    if dictionary is not None:
        rig.objects.put(manifest.work.dictionary, dictionary)
    ends = await rig.run(manifest)
    assert [(end.state, end.attempts) for end in ends] == [(TaskState.FAILED, 2)] * 2


async def wait_for_host(rig: JobRig, running: "asyncio.Future[Any]") -> int:
    """Waits until a table runs; the host's pid."""

    def find() -> int | None:
        for host in rig.hosts():
            if len(list_family(host)) >= 4:
                return host
        return None

    while not (found := await asyncio.to_thread(find)):
        assert not running.done()
    return found


async def test_a_task_that_is_killed_is_started_again(rig: JobRig):
    fill(rig, 4, "slow 1")
    manifest = rig.plan(shards=2)
    running = asyncio.ensure_future(rig.run(manifest))
    host = await wait_for_host(rig, running)
    family = list_family(host)
    os.kill(list_children(host)[0], signal.SIGKILL)
    ends = await running
    assert {end.state for end in ends} == {TaskState.SUCCEEDED}
    assert sorted(end.attempts for end in ends) == [1, 2]
    wait_until_gone(family)
    assert len(rig.etags("/receipt.json")) == 4


async def test_a_host_that_is_killed_is_replaced_and_finished_tables_stay(rig: JobRig):
    fill(rig, 8, "slow 0.5")
    manifest = rig.plan(shards=4)
    running = asyncio.ensure_future(rig.run(manifest))
    while not (done := await asyncio.to_thread(rig.etags, "/receipt.json")):
        assert not running.done()
    host = await wait_for_host(rig, running)
    family = list_family(host)
    os.kill(host, signal.SIGKILL)
    ends = await running
    assert {end.state for end in ends} == {TaskState.SUCCEEDED}
    assert {end.attempts for end in ends} <= {1, 2}
    wait_until_gone(family)
    assert {key: rig.etags("/receipt.json")[key] for key in done} == done


async def test_a_cancelled_run_has_ended_its_tasks_when_it_returns(rig: JobRig):
    rig.put("hangs", "hang")
    rig.put("other", "hang")
    manifest = rig.plan(shards=2)
    running = asyncio.ensure_future(rig.run(manifest))
    host = await wait_for_host(rig, running)
    hanging = "host, and of both shards task, fork server and table"
    await asyncio.to_thread(wait_until, lambda: len(list_family(host)) >= 7, hanging)
    family = list_family(host)
    running.cancel()
    await asyncio.wait({running})
    assert running.cancelled()
    wait_until_gone(family)
    assert {result.error_kind for result in rig.results(manifest)} == {"stopped"}
    assert rig.is_tidy()


RUN = """
import asyncio, json, sys
from platform_assets.core.jobs import Job
from resources.runners.local import LocalPolicy, LocalRunner
command, environment, key, tasks = json.loads(sys.argv[1])
runner = LocalRunner(command, environment, LocalPolicy(processes=2))
asyncio.run(runner.run(Job("j", key, tasks), lambda end: None))
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_process_of_the_run_is_killed_its_tasks_end_in_order(rig: JobRig, number: int):
    rig.put("done", "apple")
    rig.put("hangs", "hang")
    manifest = rig.plan(shards=2)
    said = json.dumps([start_deaf(COMMAND), rig.environment, manifest.key, 2])
    with subprocess.Popen([sys.executable, "-c", RUN, said], cwd=ROOT) as run:
        wait_until(lambda: len(list_family(run.pid)) >= 5, "run, host, task, fork server, table")
        wait_until(lambda: "done" in rig.states(manifest), "the shard of the other table is done")
        family = list_family(run.pid)
        run.send_signal(number)
        run.wait(600)
        wait_until_gone(family)
    assert rig.states(manifest)["done"] is TableState.DONE
    hanging = [result for result in rig.results(manifest) if result.waiting]
    assert [(each.ended, each.error_kind) for each in hanging] == [(True, "stopped")]


@pytest.mark.parametrize(
    "program", ["raise SystemExit(3)", "import time; time.sleep(60)", "print('no host')"]
)
async def test_a_host_that_does_not_begin_to_listen_is_an_error(rig: JobRig, program: str):
    fill(rig, 1)
    runner = rig.make_runner(command=[sys.executable, "-c", program], start_seconds=2.0)
    with pytest.raises(TransientError, match="did not begin to listen") as raised:
        await rig.run(rig.plan(), runner)
    assert raised.value.kind == "runner_unreachable"
    assert rig.hosts() == []


async def test_a_program_that_is_not_there_is_an_error(rig: JobRig):
    fill(rig, 1)
    runner = rig.make_runner(command=["/does/not/exist"])
    with pytest.raises(TransientError, match="cannot be started") as raised:
        await rig.run(rig.plan(), runner)
    assert raised.value.kind == "runner_unreachable"


DYING_HOST = """
import json, os, sys
print(json.dumps({"ready": True}), flush=True)
sys.stdin.readline()
os.abort()
"""


async def test_a_host_that_dies_over_and_over_is_given_up(rig: JobRig):
    fill(rig, 8)
    manifest = rig.plan(shards=8)
    runner = rig.make_runner(command=[sys.executable, "-c", DYING_HOST], attempts=9)
    with pytest.raises(TransientError, match="died 3 times") as raised:
        await rig.run(manifest, runner)
    assert raised.value.kind == "runner_unreachable"


async def test_kills_lose_nothing_and_repeat_nothing(
    rig: JobRig, choose: random.Random, soak: bool
):
    """SIGKILL of a random process of the job, host included, again and again."""
    fill(rig, 90, "slow 0.3")
    manifest = rig.plan(shards=8, attempts=30)
    runner = rig.make_runner(processes=2, attempts=50, host_deaths=50)
    running = asyncio.ensure_future(rig.run(manifest, runner))
    finished: dict[str, str] = {}
    kills = 0
    while kills < (KILLS if soak else SHARE):
        await wait_for_host(rig, running)
        await asyncio.sleep(choose.uniform(0.0, 0.3))
        hosts = await asyncio.to_thread(rig.hosts)
        family = [pid for host in hosts for pid in await asyncio.to_thread(list_family, host)]
        with suppress(ProcessLookupError, IndexError):
            os.kill(choose.choice(family), signal.SIGKILL)
            kills += 1
        now = await asyncio.to_thread(rig.etags, "/receipt.json")
        assert {key: now[key] for key in finished} == finished, "a finished table was done again"
        finished = now
    ends = await running
    told = [(each.error_kind, each.error_message, each.failed) for each in rig.results(manifest)]
    assert {end.state for end in ends} == {TaskState.SUCCEEDED}, told
    assert len(finished) < 90, "some were left when the killing ended"
    now = rig.etags("/receipt.json")
    assert {key: now[key] for key in finished} == finished
    assert len(now) == 90
    assert all(result.whole for result in rig.results(manifest))
    wait_until(lambda: not rig.hosts(), "the end of all processes")
