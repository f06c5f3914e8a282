"""The desk of tasks, with small real processes."""

import asyncio
import os
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from resources.runners.task_processes import (
    STOPPED,
    DeskLimits,
    LineFullError,
    TaskCall,
    TaskDesk,
    TaskExit,
)
from tests.integration.processes import is_gone

LIMITS = DeskLimits(places=2, line=2, task_seconds=20.0, grace_seconds=0.3)
SLEEP = "import time; time.sleep(60)"
DEAF = f"import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); {SLEEP}"


def call(index: int = 0, manifest: str = "m") -> TaskCall:
    return TaskCall(manifest, index, 10, 0)


def make_desk(program: str = SLEEP, limits: DeskLimits = LIMITS) -> TaskDesk:
    def environment(variables: Mapping[str, str]) -> dict[str, str]:
        return {**os.environ, **variables}

    return TaskDesk([sys.executable, "-c", program], environment, limits)


async def until_running(desk: TaskDesk, count: int) -> None:
    async with asyncio.timeout(120):
        while desk.running < count:  # noqa: ASYNC110 - nothing to wait for but the count
            await asyncio.sleep(0.01)


async def test_a_process_gets_its_key_and_its_variables() -> None:
    program = (
        "import os, sys; "
        "sys.exit(7 * (sys.argv[1:] == ['--manifest', 'm'] and os.environ['CLOUD_RUN_TASK_INDEX'] == '3'))"
    )
    desk = make_desk(program)
    task = desk.join(call(3))
    assert await task.wait(600) == TaskExit(7)
    desk.leave(task)
    assert (desk.running, desk.waiting) == (0, 0)


async def test_the_line_has_an_end() -> None:
    desk = make_desk()
    tasks = [desk.join(call(index)) for index in range(4)]
    with pytest.raises(LineFullError) as failed:
        desk.join(call(4))
    assert failed.value.kind == "runner_busy"
    await until_running(desk, 2)
    assert (desk.running, desk.waiting) == (2, 2)
    # Whoever asks for a task that is there already is not turned away.
    assert desk.join(call(3)) is tasks[3]
    await desk.close()
    assert [await task.wait(0) for task in tasks] == [STOPPED] * 4


async def test_a_task_ends_with_its_last_watcher() -> None:
    desk = make_desk()
    first, second = desk.join(call()), desk.join(call())
    assert first is second
    await until_running(desk, 1)
    desk.leave(first)
    assert await second.wait(0.1) is None
    desk.leave(second)
    assert await second.wait(600) == STOPPED


async def test_a_task_in_line_that_nobody_waits_for_is_never_started() -> None:
    desk = make_desk(limits=DeskLimits(places=1, line=2, grace_seconds=0.3))
    first, second = desk.join(call(0)), desk.join(call(1))
    await until_running(desk, 1)
    desk.leave(second)
    assert await second.wait(600) == STOPPED
    assert (desk.running, desk.waiting) == (1, 0)
    desk.leave(first)
    await desk.close()


async def test_the_same_task_starts_again_only_when_the_old_process_is_gone(
    tmp_path: Path,
) -> None:
    log = tmp_path / "log"
    program = (
        "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); "
        f"open({str(log)!r}, 'a').write('started'); {SLEEP}"
    )
    desk = make_desk(program)
    first = desk.join(call())
    await until_running(desk, 1)
    async with asyncio.timeout(120):
        while not log.exists():  # noqa: ASYNC110 - another process writes it
            await asyncio.sleep(0.01)
    desk.leave(first)
    second = desk.join(call())
    assert second is not first
    assert await second.wait(0.05) is None
    assert not second.running
    assert await first.wait(600) == STOPPED
    assert await second.wait(0.05) is None
    assert second.running
    await desk.close()


async def test_ending_a_job_ends_its_tasks_only_and_waits_for_them() -> None:
    desk = make_desk(DEAF)
    ours, other = desk.join(call(0, "m")), desk.join(call(0, "n"))
    await until_running(desk, 2)
    assert await desk.end("m") == 1
    assert await ours.wait(0) == STOPPED
    assert await other.wait(0) is None
    assert await desk.end("gone") == 0
    await desk.close()


async def test_a_closed_desk_takes_nothing() -> None:
    desk = make_desk()
    await desk.close()
    with pytest.raises(LineFullError):
        desk.join(call())


async def test_what_a_task_leaves_behind_ends_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = (
        "import subprocess, sys; "
        f"child = subprocess.Popen([sys.executable, '-c', {SLEEP!r}]); "
        f"open({str(note)!r}, 'w').write(str(child.pid))"
    )
    desk = make_desk(program)
    task = desk.join(call())
    assert await task.wait(600) == TaskExit(0)
    left = int(note.read_text())
    async with asyncio.timeout(120):
        while not is_gone(left):  # noqa: ASYNC110
            await asyncio.sleep(0.01)
