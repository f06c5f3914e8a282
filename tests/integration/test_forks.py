"""The fork server: what comes back, what is killed, and that nobody outlives his parent.

Its program is started by somebody who ignores signals.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.architecture.source_tree import ROOT
from tests.integration.processes import start_deaf, wait_until, wait_until_gone


@contextmanager
def start(scenario: str, folder: Path) -> Generator[subprocess.Popen[str]]:
    program_of = "tests.integration.forks_program"
    command = [sys.executable, "-W", "error", "-m", program_of, scenario, str(folder)]
    with subprocess.Popen(
        start_deaf(command),
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    ) as program:
        try:
            yield program
        finally:
            program.kill()


def play(scenario: str, folder: Path, *calls: dict[str, Any]) -> Any:
    with start(scenario, folder) as program:
        out, err = program.communicate(json.dumps(calls), timeout=600)
    assert program.returncode == 0, err
    return json.loads(out.splitlines()[-1])


def list_pids(folder: Path) -> list[int]:
    return [int(path.stem) for path in folder.glob("*.pid")]


def test_values_come_back_from_a_process_of_each_call(tmp_path: Path):
    said = play("all_at_once", tmp_path, *({"do": "square", "n": n} for n in range(20)))
    assert [each["square"] for each in said] == [n**2 for n in range(20)]
    assert len({each["pid"] for each in said}) == 20
    assert {each["calls"] for each in said} == {1}, "a call does not see what another one did"


def test_nothing_and_much_come_back_too(tmp_path: Path):
    nothing, much = play("all_at_once", tmp_path, {"do": "nothing"}, {"do": "much", "n": 3_000_000})
    assert nothing is None
    assert len(much["text"]) == 3_000_000


def test_errors_come_back_by_class_kind_and_message(tmp_path: Path):
    kinds = ("transient", "permanent", "refused")
    assert play("all_at_once", tmp_path, *({"do": kind} for kind in kinds)) == [
        ["TransientError", "hiccup", "later", 7.0],
        ["PermanentError", "broken", "never", None],
        ["RefusedError", "denied", "look", None],
    ]


def test_a_defect_is_logged_by_its_place_and_not_by_its_words(tmp_path: Path):
    with start("one_by_one", tmp_path) as program:
        calls = json.dumps([{"do": "raise", "text": "of 010-1234-5678"}])
        out, err = program.communicate(calls, timeout=600)
    assert program.returncode == 0, err
    *logged, said = out.splitlines()
    ((name, kind, message, _),) = json.loads(said)
    assert (name, kind) == ("PermanentError", "unexpected")
    assert message.startswith("ValueError: of 010-1234-5678")
    assert "forked_work_broke" in "".join(logged)
    assert "forks_program.py" in "".join(logged)
    assert "1234" not in "".join(logged)


def test_a_process_that_dies_takes_only_its_own_call_along(tmp_path: Path):
    died, code, none, fine = play(
        "one_by_one",
        tmp_path,
        {"do": "abort"},
        {"do": "exit", "code": 3},
        {"do": "exit", "code": 0},
        {"do": "square", "n": 2},
    )
    assert died[:3] == ["TransientError", "worker_died", "its process died: signal 6 (SIGABRT)"]
    assert code[:3] == ["TransientError", "worker_died", "its process died: exit code 3"]
    assert none[:3] == ["TransientError", "worker_died", "its process ended without an answer"]
    assert fine["square"] == 4


def test_a_child_begins_with_clean_signals_and_one_watcher(tmp_path: Path):
    (said,) = play("all_at_once", tmp_path, {"do": "state"})
    assert said == {"default": True, "threads": ["MainThread", "lifeline"]}


def test_a_cancelled_call_is_killed_before_cancelling_returns(tmp_path: Path):
    said = play("cancel", tmp_path)
    assert (said["cancelled"], said["gone"]) == (True, True)
    assert said["next"]["square"] == 9


def test_a_process_ends_itself_at_its_alarm(tmp_path: Path):
    said = play("wait_for_alarm", tmp_path)
    assert [each[2] for each in said] == ["its process died: signal 14 (SIGALRM)"] * 2


def test_closing_ends_the_calls_that_run(tmp_path: Path):
    running, later = play("close_early", tmp_path)
    assert (running[1], later[1]) == ("fork_server_died", "fork_server_died")
    wait_until_gone(list_pids(tmp_path))


def test_a_server_is_not_started_beside_threads(tmp_path: Path):
    assert "before the first thread" in play("threads", tmp_path)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_nobody_outlives_the_caller(tmp_path: Path, number: int):
    with start("wait_for_ever", tmp_path) as program:
        server = wait_for_calls(program, tmp_path)
        program.send_signal(number)
        program.wait(600)
        wait_until_gone([server, *list_pids(tmp_path)])


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_without_its_server_a_caller_is_told_and_no_child_is_left(tmp_path: Path, number: int):
    with start("wait_for_ever", tmp_path) as program:
        os.kill(wait_for_calls(program, tmp_path), number)
        out, err = program.communicate(timeout=600)
    assert program.returncode == 0, err
    assert [each[1] for each in json.loads(out.splitlines()[-1])] == ["fork_server_died"] * 2
    wait_until_gone(list_pids(tmp_path))


def test_what_nobody_is_left_to_end_ends_at_its_alarm(tmp_path: Path):
    with start("wait_for_alarm", tmp_path) as program:
        server = wait_for_calls(program, tmp_path)
        program.send_signal(signal.SIGSTOP)
        os.kill(server, signal.SIGKILL)
        program.kill()
        program.wait()
        wait_until_gone(list_pids(tmp_path))


def wait_for_calls(program: subprocess.Popen[str], folder: Path) -> int:
    """Waits until both calls run; the pid of the server."""
    wait_until(lambda: len(list_pids(folder)) == 2, "two calls run")
    servers = {os.getpgid(pid) for pid in list_pids(folder)}
    assert program.pid not in servers
    (server,) = servers
    return server
