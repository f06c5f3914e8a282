"""`CloudRunApi`: the calls of Cloud Run's Admin API v2 that running a job takes, each of them once, with our errors.

Blocking: `cloud_run_job.py` calls it from threads, and tries again what may pass. The transport is REST for Google and
for an emulator alike, so that what is tested is what runs; it also leaves no gRPC threads in processes that fork.
"""

from collections.abc import Generator
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any

from platform_assets.core.clock import Clock, SystemClock
from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.core.jobs import Job, TaskEnd
from resources.http.errors import parse_retry_after
from resources.runners.cloud_run_replies import (
    REFUSED,
    UNREACHABLE,
    CloudRunPlace,
    ExecutionState,
    read_execution,
    read_task_end,
    read_variables,
    translate_status,
)

if TYPE_CHECKING:
    from google.api_core.exceptions import GoogleAPICallError
    from google.cloud.run_v2 import ExecutionsClient, JobsClient, RunJobRequest, TasksClient

JOB_ID_VARIABLE = "TAGS_JOB_ID"
"""Set on every execution, so that a caller that was restarted finds the one that it started."""

EXECUTIONS_PER_PAGE = 100
TASKS_PER_PAGE = 1000


class CloudRunApi:
    """One Cloud Run job, and its executions.

    Args:
        place: Which job.
        task_timeout_seconds: Replaces the timeout of one attempt at one task; None for what the job says.
        request_seconds: How long one request may take.
        clock: Tells how far away the date of a Retry-After header is.
    """

    def __init__(
        self,
        place: CloudRunPlace,
        *,
        task_timeout_seconds: float | None = None,
        request_seconds: float = 30.0,
        clock: Clock | None = None,
    ) -> None:
        self.place = place
        self._task_timeout_seconds = task_timeout_seconds
        self._request_seconds = request_seconds
        self._clock = clock or SystemClock()

    def start(self, job: Job) -> ExecutionState:
        """Starts an execution.

        Raises:
            TransientError: It may have been started all the same: look with `find` before trying again.
            RefusedError: A person must act; the message says how.
        """
        with self._translating("start an execution"):
            operation = self._jobs.run_job(
                request=self._describe_run(job), retry=None, timeout=self._request_seconds
            )
            execution = operation.metadata
        if execution is None or not execution.name:
            raise TransientError(
                f"{self.place}: start an execution: the answer does not name it", kind=UNREACHABLE
            )
        return read_execution(execution)

    def find(self, job: Job) -> ExecutionState | None:
        """The execution that was started for a job; None if there is none, or only cancelled ones that have ended.

        Of several, one that runs comes first, then the oldest. Cloud Run keeps 1,000 executions that have ended, for
        7 days.

        Raises:
            TransientError: Try again.
            RefusedError: A person must act; the message says how.
        """
        with self._translating("list the executions"):
            executions = self._executions.list_executions(
                request={"parent": self.place.resource, "page_size": EXECUTIONS_PER_PAGE},
                retry=None,
                timeout=self._request_seconds,
            )
            ours = [
                read_execution(each)
                for each in executions
                if read_variables(each).get(JOB_ID_VARIABLE) == job.job_id
            ]
        usable = [each for each in ours if not (each.ended and each.cancelled)]
        return min(usable, key=lambda each: (each.ended, each.created_at), default=None)

    def read(self, execution: str) -> ExecutionState:
        """How an execution is doing.

        Raises:
            TransientError: Try again.
            RefusedError: A person must act; the message says how.
        """
        with self._translating(f"read {_shorten(execution)}"):
            return read_execution(
                self._executions.get_execution(
                    name=execution, retry=None, timeout=self._request_seconds
                )
            )

    def list_ends(self, execution: str) -> list[TaskEnd]:
        """The tasks of an execution that have ended, in no order.

        Raises:
            TransientError: Try again.
            RefusedError: A person must act; the message says how.
        """
        with self._translating(f"list the tasks of {_shorten(execution)}"):
            tasks = self._tasks.list_tasks(
                request={"parent": execution, "page_size": TASKS_PER_PAGE},
                retry=None,
                timeout=self._request_seconds,
            )
            ends = [read_task_end(task) for task in tasks]
        return [end for end in ends if end is not None]

    def cancel(self, execution: str) -> None:
        """Asks Cloud Run to end an execution; `read` tells when it has.

        Raises:
            TransientError: Try again.
            RefusedError: It has ended already, or a person must act.
        """
        with self._translating(f"cancel {_shorten(execution)}"):
            self._executions.cancel_execution(
                name=execution, retry=None, timeout=self._request_seconds
            )

    def _describe_run(self, job: Job) -> "RunJobRequest":
        from google.cloud.run_v2 import EnvVar, RunJobRequest  # noqa: PLC0415 - optional
        from google.protobuf.duration_pb2 import Duration  # noqa: PLC0415 - optional

        container = RunJobRequest.Overrides.ContainerOverride(
            args=["--manifest", job.manifest],
            env=[EnvVar(name=JOB_ID_VARIABLE, value=job.job_id)],
        )
        overrides = RunJobRequest.Overrides(container_overrides=[container], task_count=job.tasks)
        if self._task_timeout_seconds is not None:
            overrides.timeout = Duration(seconds=int(self._task_timeout_seconds))
        return RunJobRequest(name=self.place.resource, overrides=overrides)

    @cached_property
    def _jobs(self) -> "JobsClient":
        from google.cloud.run_v2 import JobsClient  # noqa: PLC0415 - optional

        return JobsClient(transport="rest", **self._access())

    @cached_property
    def _executions(self) -> "ExecutionsClient":
        from google.cloud.run_v2 import ExecutionsClient  # noqa: PLC0415 - optional

        return ExecutionsClient(transport="rest", **self._access())

    @cached_property
    def _tasks(self) -> "TasksClient":
        from google.cloud.run_v2 import TasksClient  # noqa: PLC0415 - optional

        return TasksClient(transport="rest", **self._access())

    def _access(self) -> dict[str, Any]:
        """How the clients reach the API: the machine's own credentials, none with an emulator."""
        endpoint = self.place.endpoint_url
        if endpoint is None:
            return {}
        if not endpoint.startswith("http:"):
            return {"client_options": {"api_endpoint": endpoint}}
        from google.auth.credentials import AnonymousCredentials  # noqa: PLC0415 - optional

        return {
            "client_options": {"api_endpoint": endpoint},
            "credentials": AnonymousCredentials(),
        }

    @contextmanager
    def _translating(self, action: str) -> Generator[None]:
        try:
            yield
        except ImportError as error:
            raise RefusedError(
                f"{self.place}: the library is missing ({error.name}): install the extra `gcp`",
                kind=REFUSED,
            ) from error
        except Exception as error:
            if (translated := self._translate(action, error)) is None:
                raise
            raise translated from error

    def _translate(self, action: str, error: Exception) -> PlatformError | None:
        """The platform's error; None for what is no failure of the API but a defect."""
        from google.api_core.exceptions import GoogleAPICallError  # noqa: PLC0415 - optional
        from google.auth.exceptions import (  # noqa: PLC0415 - optional
            GoogleAuthError,
            TransportError,
        )
        from requests.exceptions import RequestException  # noqa: PLC0415 - optional

        name = type(error).__name__
        if isinstance(error, GoogleAPICallError):
            status, retry_after = int(error.code or 0), self._read_retry_after(error)
            return translate_status(
                self.place, action, status, str(error.message or ""), retry_after
            )
        if isinstance(error, RequestException | TransportError):
            return TransientError(
                f"{self.place}: {action}: the API was not reached ({name}). "
                "Run it again; if it goes on, check the network and the endpoint",
                kind=UNREACHABLE,
            )
        if isinstance(error, GoogleAuthError):
            return RefusedError(
                f"{self.place}: {action}: no usable Google credentials ({name}): run "
                "`gcloud auth application-default login` or give the machine a service account",
                kind=REFUSED,
            )
        return None

    def _read_retry_after(self, error: "GoogleAPICallError") -> float | None:
        headers = getattr(error.response, "headers", {})
        return parse_retry_after(headers.get("Retry-After"), self._clock.now())


def _shorten(execution: str) -> str:
    return f"execution {execution.rpartition('/')[2]}"
