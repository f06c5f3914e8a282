"""What Cloud Run's executions, tasks and errors mean for a job: pure translation, nothing is sent.

Google's classes are not imported: the library is optional. What is read is what version 2 of the Admin API documents
(cloud.google.com/run/docs/reference/rest/v2); two texts that it does not are named below.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, cast

from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.core.jobs import TaskEnd, TaskState
from platform_assets.core.processes.fork_calls import describe_signal

if TYPE_CHECKING:
    from google.cloud.run_v2 import Condition, Execution, Task, TaskAttemptResult

UNREACHABLE = "runner_unreachable"
REFUSED = "runner_refused"

_TIMEOUT_TEXT = "timeout was reached"
"""Cloud Run tells a timeout by "The configured timeout was reached", with exit code 0."""

_MEMORY_TEXT = "memory limit"
"""Cloud Run tells a lack of memory by "Memory limit of 512 MiB exceeded with 526 MiB used"."""


@dataclass(frozen=True, slots=True)
class CloudRunPlace:
    """Which Cloud Run job runs the tasks.

    Attributes:
        project: Project id.
        region: Such as `asia-northeast3`.
        job: The job's short name.
        endpoint_url: Instead of Google's own endpoint. With `http:` it is an emulator, used without credentials.
    """

    project: str
    region: str
    job: str
    endpoint_url: str | None = None

    @property
    def resource(self) -> str:
        """The job's name in the API."""
        return f"projects/{self.project}/locations/{self.region}/jobs/{self.job}"

    def __str__(self) -> str:
        return f"Cloud Run job {self.job} (project {self.project}, region {self.region})"


@dataclass(frozen=True, slots=True)
class ExecutionState:
    """How an execution is doing.

    Attributes:
        name: Its name in the API.
        created_at: When it was started.
        tasks: How many it has.
        ended_tasks: Tasks that have ended one way or another.
        ended: Whether nothing of it runs any more.
        cancelled: Whether somebody cancelled it, or is at it.
        reason: What Cloud Run says about its end; may be empty.
    """

    name: str
    created_at: datetime
    tasks: int
    ended_tasks: int
    ended: bool
    cancelled: bool
    reason: str


def read_execution(execution: "Execution") -> ExecutionState:
    """The state of an execution."""
    completion = _find_completion(execution.conditions)
    said = completion.execution_reason.name if completion else ""
    counts = (execution.succeeded_count, execution.failed_count, execution.cancelled_count)
    return ExecutionState(
        name=execution.name,
        # Google's own subclass of datetime, which its annotations do not tell.
        created_at=cast("datetime", execution.create_time),
        tasks=execution.task_count,
        ended_tasks=sum(counts),
        ended=bool(execution.completion_time) or _is_final(completion),
        cancelled=said in {"CANCELLED", "CANCELLING"} or execution.cancelled_count > 0,
        reason=completion.message if completion else "",
    )


def read_variables(execution: "Execution") -> Mapping[str, str]:
    """The plain environment variables of an execution's containers, overrides included."""
    return {
        variable.name: variable.value
        for container in execution.template.containers
        for variable in container.env
    }


def read_task_end(task: "Task") -> TaskEnd | None:
    """How a task ended; None while it waits, runs or is about to be tried again."""
    completion = _find_completion(task.conditions)
    if not (task.completion_time or _is_final(completion)):
        return None
    attempts = task.retried + 1 if task.start_time else task.retried
    result = task.last_attempt_result
    said = completion.execution_reason.name if completion else ""
    if _has_succeeded(completion, result):
        return TaskEnd(task.index, TaskState.SUCCEEDED, attempts, None)
    if said in {"CANCELLED", "CANCELLING"} or result.status.code == 1:
        return TaskEnd(task.index, TaskState.CANCELLED, attempts, "cancelled")
    text = result.status.message or (completion.message if completion else "")
    reason = _explain(result, text)
    log = f"; log: {task.log_uri}" if task.log_uri else ""
    return TaskEnd(task.index, TaskState.FAILED, attempts, f"{reason}{log}")


def translate_status(
    place: CloudRunPlace, action: str, status: int, text: str, retry_after: float | None = None
) -> PlatformError:
    """The platform's error for an answer that is none.

    Args:
        place: The job that was worked with.
        action: What was tried, such as `start an execution`.
        status: HTTP status.
        text: The API's own words.
        retry_after: Seconds that it asked to wait; None when it did not say.
    """
    what = f"{place}: {action}: HTTP {status}: {text[:300] or 'no reason given'}"
    if status in (408, 409, 429) or status >= 500:
        return TransientError(
            f"{what}. Run it again; if it goes on, look at the API's quotas and at status.cloud.google.com",
            kind=UNREACHABLE,
            retry_after=retry_after,
        )
    return RefusedError(f"{what}. {_advise(place, status)}", kind=REFUSED)


def _advise(place: CloudRunPlace, status: int) -> str:
    match status:
        case 401 | 403:
            return (
                "Give the account that this runs as roles/run.developer on the job (run.jobs.run, "
                "run.jobs.runWithOverrides), and roles/iam.serviceAccountUser on the job's service account"
            )
        case 404:
            return (
                f"Check the project, region and job in the settings, or create the job: "
                f"deploy/deploy.sh --project {place.project} --region {place.region} --job {place.job}"
            )
        case _:
            return "Correct the job's definition (deploy/cloud_run_job.yaml) or the settings"


def _find_completion(conditions: "Iterable[Condition]") -> "Condition | None":
    return next((each for each in conditions if each.type_ == "Completed"), None)


def _is_final(completion: "Condition | None") -> bool:
    return completion is not None and completion.state.name in {
        "CONDITION_SUCCEEDED",
        "CONDITION_FAILED",
    }


def _has_succeeded(completion: "Condition | None", result: "TaskAttemptResult") -> bool:
    if completion is not None and _is_final(completion):
        return completion.state.name == "CONDITION_SUCCEEDED"
    return not (result.status.code or result.exit_code or result.term_signal)


def _explain(result: "TaskAttemptResult", text: str) -> str:
    """Why an attempt failed: one word that can be looked for, then Cloud Run's own text."""
    if _TIMEOUT_TEXT in text.lower() or result.status.code == 4:
        what = "timeout"
    elif _MEMORY_TEXT in text.lower() or result.status.code == 8:
        what = "memory"
    elif result.term_signal:
        what = describe_signal(result.term_signal)
    elif result.exit_code:
        what = f"exit code {result.exit_code}"
    else:
        what = "failed"
    return f"{what}: {text}" if text else what
