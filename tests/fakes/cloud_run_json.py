"""How jobs, executions, tasks and operations look in the JSON of the Cloud Run Admin API v2.

As in the real API, what is zero or empty is left out: the task of index 0 has no `index`.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import IntEnum
from typing import Any

from tests.fakes.cloud_run_execution import ENDED, Definition, FakeExecution, FakeTask, Phase

Json = dict[str, Any]
TYPES = "type.googleapis.com/google.cloud.run.v2"


class State(IntEnum):
    """Condition.State."""

    CONDITION_PENDING = 1
    CONDITION_RECONCILING = 2
    CONDITION_FAILED = 3
    CONDITION_SUCCEEDED = 4


class Reason(IntEnum):
    """Condition.ExecutionReason."""

    NONE = 0
    NON_ZERO_EXIT_CODE = 2
    CANCELLED = 3
    CANCELLING = 4


TASK_STATES = {
    Phase.WAITING: State.CONDITION_PENDING,
    Phase.RUNNING: State.CONDITION_RECONCILING,
    Phase.SUCCEEDED: State.CONDITION_SUCCEEDED,
    Phase.FAILED: State.CONDITION_FAILED,
    Phase.CANCELLED: State.CONDITION_FAILED,
}
TASK_REASONS = {Phase.FAILED: Reason.NON_ZERO_EXIT_CODE, Phase.CANCELLED: Reason.CANCELLED}


def describe_job(definition: Definition, parent: str, latest: FakeExecution | None) -> Json:
    name = f"{parent}/{definition.job}"
    last = latest and {"name": f"{name}/executions/{latest.name}"}
    return _keep(
        {
            "name": name,
            "generation": "1",
            "template": _keep(
                {
                    "taskCount": definition.task_count,
                    "parallelism": definition.parallelism,
                    "template": describe_template(definition),
                }
            ),
            "latestCreatedExecution": last,
            "etag": '"CAE="',
        }
    )


def describe_template(definition: Definition) -> Json:
    container = _keep(
        {
            "image": "registry.invalid/sluice:test",
            "args": list(definition.args),
            "env": [{"name": name, "value": text} for name, text in definition.env.items()],
        }
    )
    return _keep(
        {
            "containers": [container],
            "maxRetries": definition.max_retries,
            "timeout": f"{definition.timeout_seconds:g}s",
        }
    )


def describe_execution(execution: FakeExecution, parent: str) -> Json:
    definition = execution.definition
    with execution.lock:
        return _keep(
            {
                "name": f"{parent}/{definition.job}/executions/{execution.name}",
                "job": definition.job,
                "generation": "1",
                "createTime": _stamp(execution.created_at),
                "startTime": _stamp(execution.created_at),
                "completionTime": _stamp(execution.ended_at),
                "parallelism": definition.parallelism,
                "taskCount": definition.task_count,
                "template": describe_template(definition),
                "reconciling": execution.ended_at is None,
                "conditions": [_describe_completion(execution)],
                "runningCount": execution.count(Phase.RUNNING),
                "succeededCount": execution.count(Phase.SUCCEEDED),
                "failedCount": execution.count(Phase.FAILED),
                "cancelledCount": execution.count(Phase.CANCELLED),
                "retriedCount": sum(task.retried > 0 for task in execution.tasks),
                "logUri": f"https://logs.invalid/{execution.name}",
                "etag": '"CAE="',
            }
        )


def _describe_completion(execution: FakeExecution) -> Json:
    cancelled = execution.cancelling
    failed = [task for task in execution.tasks if task.phase is Phase.FAILED]
    if execution.ended_at is None:
        reason = Reason.CANCELLING if cancelled else Reason.NONE
        return _describe_condition(State.CONDITION_RECONCILING, "", reason)
    if execution.count(Phase.SUCCEEDED) == len(execution.tasks):
        return _describe_condition(State.CONDITION_SUCCEEDED, "")
    if cancelled:
        text = "Execution was cancelled."
        return _describe_condition(State.CONDITION_FAILED, text, Reason.CANCELLED)
    text = f"Task {execution.name}-task{failed[0].index} failed with message: {failed[0].message}"
    return _describe_condition(State.CONDITION_FAILED, text, Reason.NON_ZERO_EXIT_CODE)


def describe_task(execution: FakeExecution, task: FakeTask, parent: str) -> Json:
    job = execution.definition.job
    name = f"{parent}/{job}/executions/{execution.name}/tasks/{execution.name}-task{task.index}"
    with execution.lock:
        reason = TASK_REASONS.get(task.phase, Reason.NONE)
        return _keep(
            {
                "name": name,
                "job": job,
                "execution": execution.name,
                "createTime": _stamp(execution.created_at),
                "startTime": _stamp(task.started_at),
                "completionTime": _stamp(task.ended_at),
                "index": task.index,
                "retried": task.retried,
                "maxRetries": execution.definition.max_retries,
                "timeout": f"{execution.definition.timeout_seconds:g}s",
                "conditions": [_describe_condition(TASK_STATES[task.phase], task.message, reason)],
                "lastAttemptResult": _describe_result(task),
                "logUri": f"https://logs.invalid/{execution.name}-task{task.index}",
            }
        )


def _describe_result(task: FakeTask) -> Json | None:
    if task.started_at is None or (task.phase not in ENDED and not task.retried):
        return None
    status = _keep({"code": task.code, "message": task.message})
    numbers = _keep({"exitCode": task.exit_code, "termSignal": task.term_signal})
    return {"status": status, **numbers}


def describe_operation(name: str, execution: FakeExecution, parent: str) -> Json:
    """The long-running operation of an execution: its metadata is the execution, its end the execution's."""
    described = {"@type": f"{TYPES}.Execution", **describe_execution(execution, parent)}
    operation: Json = {"name": name, "metadata": described}
    if execution.ended_at is None:
        return operation
    failed = len(execution.tasks) - execution.count(Phase.SUCCEEDED)
    if failed:
        text = f"{failed} of {len(execution.tasks)} tasks failed"
        return operation | {"done": True, "error": {"code": 2, "message": text}}
    return operation | {"done": True, "response": described}


def name_enums(value: Any) -> Any:
    """The same JSON for a client that did not ask for numbers: enums by name."""
    match value:
        case IntEnum():
            return value.name
        case dict():
            return {key: name_enums(each) for key, each in value.items()}
        case list():
            return [name_enums(each) for each in value]
        case _:
            return value


def _describe_condition(state: State, message: str, reason: Reason = Reason.NONE) -> Json:
    return _keep(
        {"type": "Completed", "state": state, "message": message, "executionReason": reason}
    )


def _keep(fields: Json) -> Json:
    return {name: value for name, value in fields.items() if value}


def _stamp(at: datetime | None) -> str | None:
    return at and at.isoformat().replace("+00:00", "Z")


def read_env(items: Iterable[Json]) -> dict[str, str]:
    """The variables of a container."""
    return {item["name"]: item.get("value", "") for item in items}
