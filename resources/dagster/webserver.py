"""Starts runs through Dagster's webserver: its GraphQL over HTTP, and what its answers mean.

Only the webserver knows the code location that a job is in, so launching goes through it; questions about runs go to
the instance (`orchestration.py`).
"""

import json
from collections.abc import Mapping
from typing import Any

import httpx

from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from resources.http.messages import HttpReply, HttpRequest
from resources.http.network import Network
from resources.http.wire import HttpTimeouts, HttpWire, open_blocking

TIMEOUTS = HttpTimeouts(connect=2.0, read=20.0, write=20.0, pool=20.0, exchange=30.0)
"""A launch takes about half a second, several on a loaded machine; a webserver that listens connects at once."""

_FIND_JOBS = """
query { repositoriesOrError { __typename
  ... on RepositoryConnection { nodes { name location { name } jobs { name } } }
  ... on PythonError { message } } }
"""

_LAUNCH = """
mutation($params: ExecutionParams!) { launchRun(executionParams: $params) { __typename
  ... on LaunchRunSuccess { run { runId } }
  ... on RunConfigValidationInvalid { errors { message } }
  ... on Error { message } } }
"""

Tree = Mapping[str, Any]
"""A JSON object of an answer."""


class LaunchUnknownError(TransientError):
    """The webserver took the request and then said nothing: the run may have been started."""

    default_kind = "launch_unknown"


class DagsterWebserver:
    """One webserver. Safe to use from several threads; every method blocks.

    Args:
        url: Its address, such as http://127.0.0.1:3000.
        transport: The network; a test's fake, or None for the real one.
        network: The way to it; straight there if None.
    """

    def __init__(
        self,
        url: str,
        transport: httpx.AsyncBaseTransport | None = None,
        network: Network | None = None,
    ) -> None:
        self._url = url.rstrip("/")
        self._transport = transport
        self._network = network

    def find_job(self, job: str) -> Tree:
        """Where a job is, as the mutation's selector wants it; proves that launching can work at all.

        Raises:
            TransientError: kinds `dagster_unreachable`, or `dagster_job_missing` while no loaded code location has it.
        """
        try:
            found = self._ask(_FIND_JOBS, {})["repositoriesOrError"]
        except LaunchUnknownError as error:
            raise self._unreachable("no answer in time") from error
        for node in found.get("nodes", ()):
            if any(other["name"] == job for other in node["jobs"]):
                return {
                    "repositoryName": node["name"],
                    "repositoryLocationName": node["location"]["name"],
                    "jobName": job,
                }
        raise TransientError(
            f"Dagster's webserver at {self._url} has no job {job!r}: {found.get('message', 'it is not loaded')}; "
            "look at its code locations",
            kind="dagster_job_missing",
        )

    def launch(self, selector: Tree, run_config: Tree, tags: Mapping[str, str]) -> str:
        """Starts a run and returns its id.

        Raises:
            LaunchUnknownError: No answer came in time.
            TransientError: kinds `dagster_unreachable`, or `launch_failed`: no run was started.
            RefusedError: kind `launch_refused`: Dagster does not accept such a run.
        """
        params = {
            "selector": selector,
            "mode": "default",
            "runConfigData": run_config,
            "executionMetadata": {"tags": [{"key": k, "value": v} for k, v in tags.items()]},
        }
        return _read_launch(self._ask(_LAUNCH, {"params": params})["launchRun"])

    def _ask(self, query: str, variables: Tree) -> Tree:
        """The `data` of an answer."""
        try:
            reply = self._send({"query": query, "variables": variables})
            if not 200 <= reply.status < 300:
                raise self._unreachable(f"HTTP {reply.status}")
            answer = json.loads(reply.content)
        except (
            httpx.ConnectError,
            httpx.ConnectTimeout,
            httpx.ProxyError,
            httpx.InvalidURL,
            httpx.UnsupportedProtocol,
        ) as error:
            raise self._unreachable(type(error).__name__) from error
        except (httpx.HTTPError, ValueError) as error:
            raise LaunchUnknownError(
                f"Dagster's webserver at {self._url} broke off ({type(error).__name__}): a run may have been started; "
                "look at the running jobs before trying again"
            ) from error
        if not isinstance(answer, dict) or not answer.get("data"):
            raise TransientError(
                f"Dagster's webserver at {self._url} refused the question: {str(answer)[:300]}; "
                "is it of the version that constraints.txt pins?",
                kind="launch_failed",
            )
        return answer["data"]

    def _send(self, document: Tree) -> HttpReply:
        wire = HttpWire(TIMEOUTS, 1, {}, self._transport, network=self._network)
        with open_blocking(wire) as exchange:
            return exchange(
                HttpRequest(
                    "POST",
                    f"{self._url}/graphql",
                    headers={"content-type": "application/json"},
                    content=json.dumps(document).encode(),
                )
            )

    def _unreachable(self, how: str) -> TransientError:
        return TransientError(
            f"Dagster's webserver at {self._url} does not answer ({how}); no run was started; "
            "start it, or correct SLUICE_DAGSTER_URL",
            kind="dagster_unreachable",
        )


def _read_launch(answer: Tree) -> str:
    """The run's id, or the error that the mutation answered with."""
    if answer["__typename"] == "LaunchRunSuccess":
        return answer["run"]["runId"]
    raise _explain_refusal(answer)


def _explain_refusal(answer: Tree) -> PlatformError:
    kind = answer["__typename"]
    said = answer.get("message") or "; ".join(e["message"] for e in answer.get("errors", ()))
    message = f"Dagster did not start the run: {kind}: {said.strip()[:500]}"
    if kind in {"PythonError", "PipelineNotFoundError"}:
        return TransientError(f"{message}; look at its code locations", kind="launch_failed")
    return RefusedError(f"{message}; correct the job or its configuration", kind="launch_refused")
