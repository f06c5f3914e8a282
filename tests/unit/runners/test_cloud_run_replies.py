"""What Cloud Run's answers mean; Google's own messages, filled in as the service does."""

from datetime import UTC, datetime
from typing import Any

import pytest
from google.cloud.run_v2 import Execution, Task

from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.core.jobs import TaskEnd, TaskState
from resources.runners.cloud_run_replies import (
    CloudRunPlace,
    read_execution,
    read_task_end,
    translate_status,
)

AT = datetime(2026, 11, 21, 4, 0, tzinfo=UTC)
PLACE = CloudRunPlace("a-project", "a-region", "a-job")


def make_task(state: str, execution_reason: str = "", message: str = "", **fields: Any) -> Task:
    condition = {"type_": "Completed", "state": state, "message": message}
    if execution_reason:
        condition["execution_reason"] = execution_reason
    return Task(index=3, start_time=AT, conditions=[condition], **fields)


def result(code: int = 0, message: str = "", **numbers: int) -> dict[str, Any]:
    return {"status": {"code": code, "message": message}, **numbers}


def test_a_task_that_succeeded_at_the_third_attempt() -> None:
    task = make_task("CONDITION_SUCCEEDED", retried=2, last_attempt_result=result())
    assert read_task_end(task) == TaskEnd(3, TaskState.SUCCEEDED, 3, None)


@pytest.mark.parametrize("state", ["CONDITION_PENDING", "CONDITION_RECONCILING"])
def test_a_task_that_is_not_over_has_no_end(state: str) -> None:
    failed = result(2, "The container exited with an error.", exit_code=1)
    assert read_task_end(make_task(state, retried=1, last_attempt_result=failed)) is None


@pytest.mark.parametrize(
    ("outcome", "reason"),
    [
        (
            result(2, "The container exited with an error.", exit_code=2),
            "exit code 2: The container exited with an error.",
        ),
        # The exit code of a timeout is 0: the message tells it.
        (
            result(10, "The configured timeout was reached."),
            "timeout: The configured timeout was reached.",
        ),
        (result(4, ""), "timeout"),
        (
            result(10, "Memory limit of 512 MiB exceeded with 526 MiB used."),
            "memory: Memory limit of 512 MiB exceeded with 526 MiB used.",
        ),
        (
            result(10, "Memory limit of 512 MiB exceeded with 526 MiB used.", term_signal=9),
            "memory: Memory limit of 512 MiB exceeded with 526 MiB used.",
        ),
        (result(8, ""), "memory"),
        (result(2, "", term_signal=11), "signal 11 (SIGSEGV)"),
        (result(2, ""), "failed"),
    ],
)
def test_a_failed_task_says_why(outcome: dict[str, Any], reason: str) -> None:
    task = make_task("CONDITION_FAILED", "NON_ZERO_EXIT_CODE", last_attempt_result=outcome)
    assert read_task_end(task) == TaskEnd(3, TaskState.FAILED, 1, reason)


def test_the_condition_says_why_where_the_attempt_does_not() -> None:
    task = make_task("CONDITION_FAILED", message="Image 'x' not found.")
    assert read_task_end(task) == TaskEnd(3, TaskState.FAILED, 1, "failed: Image 'x' not found.")


@pytest.mark.parametrize("reason", ["CANCELLED", "CANCELLING"])
def test_a_cancelled_task_did_not_fail(reason: str) -> None:
    task = make_task("CONDITION_FAILED", reason)
    assert read_task_end(task) == TaskEnd(3, TaskState.CANCELLED, 1, "cancelled")


def test_a_task_that_never_started_had_no_attempt() -> None:
    condition = {
        "type_": "Completed",
        "state": "CONDITION_FAILED",
        "execution_reason": "CANCELLED",
    }
    end = read_task_end(Task(conditions=[condition]))
    assert end == TaskEnd(0, TaskState.CANCELLED, 0, "cancelled")


@pytest.mark.parametrize(
    ("outcome", "state"),
    [(result(), TaskState.SUCCEEDED), (result(2, exit_code=1), TaskState.FAILED)],
)
def test_a_completion_time_is_enough(outcome: dict[str, Any], state: TaskState) -> None:
    task = Task(start_time=AT, completion_time=AT, last_attempt_result=outcome)
    end = read_task_end(task)
    assert end is not None
    assert end.state is state


def test_a_cancelled_execution_is_not_taken_for_a_finished_one() -> None:
    condition = {
        "type_": "Completed",
        "state": "CONDITION_FAILED",
        "execution_reason": "CANCELLED",
    }
    execution = Execution(
        name="e", create_time=AT, task_count=4, succeeded_count=1, cancelled_count=3
    )
    read = read_execution(Execution(execution, conditions=[condition]))
    assert (read.ended, read.cancelled, read.ended_tasks) == (True, True, 4)


def test_a_running_execution_counts_every_kind_of_end() -> None:
    execution = Execution(
        name="e",
        create_time=AT,
        task_count=9,
        succeeded_count=2,
        failed_count=3,
        conditions=[{"type_": "Completed", "state": "CONDITION_RECONCILING"}],
    )
    read = read_execution(execution)
    assert (read.ended, read.cancelled, read.ended_tasks) == (False, False, 5)


@pytest.mark.parametrize("status", [408, 409, 429, 500, 502, 503, 504])
def test_what_may_pass_is_transient(status: int) -> None:
    error = translate_status(PLACE, "start an execution", status, "busy", 7.0)
    assert isinstance(error, TransientError)
    assert (error.kind, error.retry_after) == ("runner_unreachable", 7.0)


@pytest.mark.parametrize("status", [400, 401, 403, 404, 412])
def test_what_a_person_must_see_to_is_refused(status: int) -> None:
    error = translate_status(PLACE, "start an execution", status, "no")
    assert isinstance(error, RefusedError)
    assert error.kind == "runner_refused"
    assert "Cloud Run job a-job (project a-project, region a-region): start an" in error.message
