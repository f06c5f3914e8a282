"""A real platform in a folder of its own: a fresh Dagster home and state, a webserver, a daemon, and its logs.

Shared by the tests of tenants against real processes, with a browser and without. What is right is in `checker.py`.
"""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

import httpx
import yaml
from dagster import DagsterInstance

from benchmarks.checking import open_instance
from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.runs import TENANT_PARTITIONS
from platform_assets.tenants.tenant import SourceSettings, TenantType
from sandbox.tenants.command import main as write_sandbox
from sandbox.tenants.listing import ListedTenant, read_list
from tests.integration.tenants.processes import Found, Session

ROOT = Path(__file__).resolve().parents[3]
START_SECONDS = 600.0
"""A server takes ten seconds to start, several times that on a busy machine."""

BUSY = 5
"""How many times longer a machine with much else to do may take for what is waited for."""

LOOK_SECONDS = 0.3

QUICK: Mapping[str, Mapping[str, Any]] = {
    "run_queue": {"dequeue_interval_seconds": 1},
    "run_monitoring": {
        "poll_interval_seconds": 2,
        "free_slots_after_run_end_seconds": 2,
        "cancel_timeout_seconds": 10,
    },
}
"""What is shorter than in the project's dagster.yaml, so that a test does not wait for minutes."""

_REPOSITORY = "__repository__"
_T = TypeVar("_T")


class Platform:
    """Processes of one platform; nothing runs until it is started.

    Args:
        folder: An empty folder.
        variables: Settings by variable, such as `{"SLUICE_TENANTS_SLICE": "2"}`.
        dagster: Changes of dagster.yaml, by section.
    """

    def __init__(
        self,
        folder: Path,
        variables: Mapping[str, str],
        dagster: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> None:
        self.folder = folder
        self.port = find_free_port()
        self.home = folder / "home"
        self.dagster_home = folder / "dagster_home"
        self._variables = variables
        self._sessions: dict[str, Session] = {}
        self.dagster_home.mkdir(parents=True)
        (self.dagster_home / "dagster.yaml").write_text(merge_yaml(QUICK, dagster or {}))
        # Alone and before anything else: parallel first starts on one SQLite home break it.
        self.run("instance", "info")

    @cached_property
    def settings(self) -> Settings:
        names = {key.removeprefix("SLUICE_").lower(): v for key, v in self._variables.items()}
        return Settings.model_validate({"home": self.home, **names})

    @cached_property
    def services(self) -> Services:
        """The adapters over the platform's state and store, in this process."""
        return Services(self.settings)

    @cached_property
    def instance(self) -> DagsterInstance:
        """The platform's instance, in this process."""
        return open_instance(self.dagster_home)

    @cached_property
    def environment(self) -> dict[str, str]:
        foreign = {key: v for key, v in os.environ.items() if not key.startswith("SLUICE_")}
        return {
            **foreign,
            "DAGSTER_HOME": str(self.dagster_home),
            "SLUICE_HOME": str(self.home),
            "SLUICE_DAGSTER_URL": self.url,
            **self._variables,
        }

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def run(self, *arguments: str) -> None:
        """`dagster ARGUMENTS`, to its end."""
        with (self.folder / "commands.log").open("ab") as log:
            command = [program("dagster"), *arguments]
            subprocess.run(
                command, env=self.environment, cwd=self.folder, stdout=log, stderr=log, check=True
            )

    def start_webserver(self) -> None:
        """Starts it and waits until it answers."""
        options = ["-h", "127.0.0.1", "-p", str(self.port)]
        self._start("dagster-webserver", *options)
        wait_until(self._answers, "the webserver answers", START_SECONDS)
        (entry,) = self.ask(_FIND_LOCATIONS)["workspaceOrError"]["locationEntries"]
        assert entry["locationOrLoadError"]["__typename"] == "RepositoryLocation", entry

    def start_daemon(self) -> None:
        self._start("dagster-daemon", "run")

    def start_cycle(self, name: str, cells: Sequence[str]) -> Session:
        """Starts `dagster job execute` over cells: a run that no daemon knows."""
        config = self.folder / f"{name}.yaml"
        config.write_text(json.dumps({"ops": {"run_cycle": {"config": {"cells": list(cells)}}}}))
        command = [program("dagster"), "job", "execute", "-m", "platform_assets.definitions"]
        command += ["-j", "tenant_cycle", "-c", str(config)]
        self._sessions[name] = Session(command, self.environment, self.folder / f"{name}.log")
        return self._sessions[name]

    def kill_daemon(self) -> None:
        """SIGKILL to the daemon alone: its code server and its runs live on for a while."""
        self._sessions["dagster-daemon"].kill_leader()

    def members(self) -> list[Found]:
        """All live processes of the platform."""
        return [found for session in self._all for found in session.members()]

    def run_workers(self) -> list[Found]:
        """Processes that execute runs: children of a code server."""
        return [found for found in self.members() if "multiprocessing.spawn" in found.command]

    def code_servers(self) -> list[Found]:
        """The daemon's code servers, old ones too."""
        own = self._sessions["dagster-daemon"].pid
        return [f for f in self.members() if f.session == own and " api grpc" in f.command]

    def end(self) -> None:
        """Ends every process."""
        for session in self._all:
            session.end()

    def close(self) -> None:
        """Closes what this process has open of the platform."""
        self._client.close()
        self.services.state.close()
        self.services.sources.close()
        self.instance.dispose()

    def ask(self, query: str, **variables: Any) -> dict[str, Any]:
        """The `data` of a GraphQL answer."""
        answer = self._client.post(
            "/graphql", json={"query": query, "variables": variables}
        ).raise_for_status()
        body = answer.json()
        assert not body.get("errors"), body["errors"]
        return body["data"]

    def register(self, tenants: Sequence[ListedTenant], backfill_start: str | None = None) -> None:
        """Registers tenants as they are listed."""
        for tenant in tenants:
            planned, months = plan_tenant(
                tenant.tenant_id,
                tenant.name,
                TenantType(tenant.tenant_type),
                SourceSettings(tenant.source_url, tenant.table),
                now=self.services.clock.now(),
                first_month=self.settings.tenants_first_month,
                backfill_start=backfill_start,
                last_completed_month=tenant.last_completed_month or None,
            )
            self.services.tenants.register(planned, months)

    def stop_sensor(self, name: str) -> None:
        """Switches a sensor off, as a click in the UI does."""
        selector = {
            "repositoryName": _REPOSITORY,
            "repositoryLocationName": "sluice",
            "sensorName": name,
        }
        found = self.ask(_FIND_SENSOR, selector=selector)["sensorOrError"]
        answer = self.ask(_STOP_SENSOR, id=found["id"])["stopSensor"]
        assert answer["__typename"] == "StopSensorMutationResult", answer

    def launch_backfill(self, assets: Sequence[Sequence[str]], cells: Sequence[str]) -> str:
        """Starts a backfill of assets, as the UI does; its id."""
        params = {
            "assetSelection": [{"path": list(path)} for path in assets],
            "partitionNames": list(cells),
        }
        answer = self.ask(_LAUNCH_BACKFILL, params=params)["launchPartitionBackfill"]
        assert answer["__typename"] == "LaunchBackfillSuccess", answer
        return answer["backfillId"]

    def has_ticked(self) -> bool:
        """Whether the orchestrator has decided once."""
        return self.services.notes.get("tenants/orchestrator") is not None

    def has_partitions(self) -> bool:
        """Whether Dagster has all tenants as partitions, and so shows what is materialized of them."""
        known = self.instance.get_dynamic_partitions(TENANT_PARTITIONS)
        return set(known) == set(self.services.tenants.ids())

    def is_idle(self) -> bool:
        """Whether all runs have ended."""
        return all(run.is_finished for run in self.instance.get_runs())

    def tell(self) -> str:
        """How far everything is, for the message of a test that waited in vain."""
        months = {str(k): n for k, n in self.services.tenant_months.count_by_status().items()}
        runs = [f"{run.run_id[:8]} {run.status.value}" for run in self.instance.get_runs()]
        return f"months: {months}; runs: {runs}; logs in {self.folder}"

    @property
    def _all(self) -> list[Session]:
        return list(self._sessions.values())

    @cached_property
    def _client(self) -> httpx.Client:
        return httpx.Client(base_url=self.url, trust_env=False, timeout=240.0)

    def _start(self, name: str, *arguments: str) -> None:
        old = self._sessions.pop(name, None)
        if old is not None:
            self._sessions[f"{name} {old.pid}"] = old
        command = [program(name), *arguments, "-w", str(ROOT / "workspace.yaml")]
        self._sessions[name] = Session(command, self.environment, self.folder / f"{name}.log")

    def _answers(self) -> bool:
        assert self._sessions["dagster-webserver"].lives(), "the webserver ended: see its log"
        try:
            return self._client.get("/server_info").is_success
        except httpx.TransportError:
            return False


_FIND_LOCATIONS = """query { workspaceOrError { ... on Workspace { locationEntries { locationOrLoadError {
  __typename ... on PythonError { message } } } } } }"""
_FIND_SENSOR = """query($selector: SensorSelector!) { sensorOrError(sensorSelector: $selector) {
  __typename ... on Sensor { id } } }"""
_STOP_SENSOR = "mutation($id: String!) { stopSensor(id: $id) { __typename } }"
_LAUNCH_BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on LaunchBackfillSuccess { backfillId } ... on PythonError { message } } }"""


@contextmanager
def running(
    folder: Path,
    variables: Mapping[str, str],
    dagster: Mapping[str, Mapping[str, Any]] | None = None,
) -> Generator[Platform]:
    """A platform whose processes are ended with the block, whatever happens; its logs stay in the folder."""
    platform = Platform(folder, variables, dagster)
    try:
        yield platform
    finally:
        platform.end()
        platform.close()


def write_tenants(folder: Path, *options: str) -> list[ListedTenant]:
    """Writes tenants of the sandbox and returns their list; what is in them is in the folder's truth.json."""
    assert write_sandbox(["--out", str(folder), *options]) == 0
    return read_list(folder)


def wait_until(
    holds: Callable[[], _T],
    what: str,
    seconds: float,
    tell: Callable[[], object] = lambda: "",
) -> _T:
    """What `holds()` says once it is true; fails with `what` and `tell()` when BUSY times `seconds` are over."""
    deadline = time.monotonic() + BUSY * seconds
    while not (held := holds()):
        assert time.monotonic() < deadline, f"not within {BUSY * seconds:g} s: {what}. {tell()}"
        time.sleep(LOOK_SECONDS)
    return held


def merge_yaml(*changes: Mapping[str, Mapping[str, Any]]) -> str:
    """The project's dagster.yaml with some sections changed."""
    merged: dict[str, Any] = yaml.safe_load((ROOT / "dagster.yaml").read_text())
    for change in changes:
        for section, values in change.items():
            merged[section] = {**merged.get(section, {}), **values}
    return yaml.safe_dump(merged)


def program(name: str) -> str:
    return str(Path(sys.executable).with_name(name))


def find_free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]
