"""Everything at once: a platform under load while all of its processes are killed, then a look at who says what.

    python -m benchmarks.reliability.mix [--minutes 9] [--storage PostgreSQL] [--seed 1] [--home DIR]

A real daemon, code server, webserver and REST API over tenants. Sensors start what is due, the API is asked to start
months, backfills are launched as the UI does it; meanwhile workers of runs, the code server, the daemon, the webserver,
the API and the connections to PostgreSQL are killed. Then nothing is killed any more, and once no run is left, every
cell is compared: Dagster, the state table, the objects, and what the sandbox wrote. Exit status 1: something differs,
is disabled or hangs.
"""

import argparse
import hashlib
import json
import os
import random
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import httpx
import sqlalchemy as sa
from dagster import DagsterRunStatus, RunsFilter

from benchmarks.backfilling.sources import ROOT, register_all, write_world
from benchmarks.backfilling.storage import POSTGRESQL, SQLITE, Home, execute, open_home, program
from benchmarks.checking import compare, open_instance
from benchmarks.reliability.killing import (
    UNFINISHED,
    count_slots,
    find_servers_and_workers,
    list_processes,
)
from benchmarks.tables import format_table
from platform_assets.services import Services
from platform_assets.tenants.glue import MONTH_NUMBERS
from platform_assets.tenants.tenant import MonthStatus, name_cell
from resources.dagster.private import BULK_ACTION_TERMINAL_STATUSES
from sandbox.tenants.truth import Truth, read_truth

TENANTS, MONTHS, EVENTS = 5, 10, 3_000
TOKEN = "token-of-olga"  # noqa: S105 - of a platform that lives for minutes, on loopback
SETTLE_SECONDS = 900.0
"""From the last kill until no run is left: a retry of Dagster and the next tick of every sensor fit in."""

STARTING_SECONDS = 15.0
"""How long a kill waits for a run that is starting."""

MOST_BACKFILLS = 3
BACKFILL = """mutation($params: LaunchBackfillParams!) { launchPartitionBackfill(backfillParams: $params) {
  __typename ... on PythonError { message } } }"""


class Mix:
    """A platform in a home of its own, and everything that happens to it.

    Args:
        home: Fresh.
        folder: Of the tenants' databases.
        draw: Chooses what happens next.
    """

    def __init__(self, home: Home, folder: Path, draw: random.Random) -> None:
        self.home, self._draw = home, draw
        self.happened = Counter[str]()
        self._ports = {name: _find_free_port() for name in ("dagster-webserver", "api")}
        digest = hashlib.sha256(TOKEN.encode()).hexdigest()
        self._environment = home.environment(
            SLUICE_TENANTS_ORCHESTRATOR_SECONDS="10",
            SLUICE_TENANTS_STALE_CHECK_SECONDS="10",
            SLUICE_TENANTS_SLICE_RECORDS="100",
            SLUICE_DAGSTER_URL=f"http://127.0.0.1:{self._ports['dagster-webserver']}",
            SLUICE_API_URL=f"http://127.0.0.1:{self._ports['api']}",
            SLUICE_API_TOKENS=f"olga:operate:{digest}",
        )
        self.world = write_world(folder, TENANTS, MONTHS, EVENTS)
        self.truth: Truth = read_truth(folder)
        self.services: Services = home.open_services()
        register_all(self.services, self.world)
        self.instance = open_instance(home.dagster_home)
        self._processes = dict[str, subprocess.Popen[bytes]]()

    def run(self, minutes: float) -> None:
        """Starts everything and, once the first month is being worked on, lets things happen for so long."""
        for name in ("dagster-daemon", "dagster-webserver", "api"):
            self._start(name)
        self._wait_for_work()
        actions = list(self._list_actions())
        weights = [weight for weight, _, _ in actions]
        until = time.monotonic() + 60 * minutes
        while time.monotonic() < until:
            time.sleep(self._draw.uniform(2, 8))
            ((_, name, action),) = self._draw.choices(actions, weights)
            if action():
                self.happened[name] += 1
        for name, process in self._processes.items():
            if process.poll() is not None:
                self._start(name)

    def _wait_for_work(self) -> None:
        """On a busy machine the first run comes minutes after the start: kills before it would hit nothing.

        Raises:
            RuntimeError: No sensor starts anything.
        """
        until = time.monotonic() + SETTLE_SECONDS
        while self.services.tenant_months.count_by_status().get(MonthStatus.PENDING) == (
            self.world.cell_count
        ):
            if time.monotonic() > until:
                raise RuntimeError(f"nothing was started: {self.home.folder}")
            time.sleep(0.5)

    def settle(self) -> bool:
        """Whether everything came to rest: no run is left, and none has been for two ticks of the sensors."""
        calm, until = 0, time.monotonic() + SETTLE_SECONDS
        while calm < 10 and time.monotonic() < until:
            time.sleep(5)
            open_months = self.services.tenant_months.count_by_status()
            rest = sum(count for status, count in open_months.items() if status != "COMPLETED")
            calm = 0 if rest or self._count_unfinished() else calm + 1
        return calm >= 10

    def list_faults(self) -> Iterator[str]:
        """Everything that is not as it should be, a line each."""
        tenants, _ = self.services.tenants.read_all()
        yield from (
            f"{tenant.tenant_id}: disabled: {tenant.disabled_reason}"
            for tenant in tenants
            if not tenant.active
        )
        for run in self.instance.get_runs(RunsFilter(statuses=UNFINISHED)):
            yield f"run {run.run_id[:8]} of {run.job_name} is {run.status.value}"
        for backfill in self.instance.get_backfills():
            if backfill.status in BULK_ACTION_TERMINAL_STATUSES:
                continue
            yield f"backfill {backfill.backfill_id} is {backfill.status.value}"
        if slots := count_slots(self.instance):
            yield f"{slots} slots of pools are claimed"
        yield from compare(self.services, self.instance, self.truth)

    def end(self) -> None:
        """Ends every process and closes what is open here."""
        for pid in list_processes(self.home.folder):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for process in self._processes.values():
            process.wait()
        self.services.state.close()

    def _list_actions(self) -> Iterator[tuple[int, str, Callable[[], bool]]]:
        """(weight, name, action); an action says whether it did anything."""
        yield 5, "worker killed", lambda: self._kill_found(workers=True)
        yield 3, "run killed while it was starting", self._kill_starting
        yield 2, "code server killed", lambda: self._kill_found(workers=False)
        yield 1, "daemon killed", lambda: self._kill("dagster-daemon")
        yield 1, "webserver killed", lambda: self._kill("dagster-webserver")
        yield 1, "API killed", lambda: self._kill("api")
        yield 3, "month started by the API", self._trigger
        yield 2, "backfill launched", self._launch_backfill
        if self.home.storage == POSTGRESQL:
            yield 1, "connections terminated", self._terminate_connections

    def _start(self, name: str) -> None:
        workspace = ["-w", str(ROOT / "workspace.yaml")]
        command = {
            "dagster-daemon": [program(name), "run", *workspace],
            "dagster-webserver": [
                *(program(name), "-h", "127.0.0.1", "-p", str(self._ports["dagster-webserver"])),
                *workspace,
            ],
            "api": [sys.executable, "-m", "api"],
        }[name]
        with (self.home.folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(
                command,
                env=self._environment,
                cwd=ROOT,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    def _kill(self, name: str) -> bool:
        self._processes[name].kill()
        self._processes[name].wait()
        self._start(name)
        return True

    def _kill_found(self, *, workers: bool) -> bool:
        found = find_servers_and_workers(self.home.folder)[1 if workers else 0]
        if not found:
            return False
        with suppress(ProcessLookupError):
            os.kill(self._draw.choice(found), signal.SIGKILL)
        return True

    def _kill_starting(self) -> bool:
        """Waits for a run to be starting, and kills the worker that was started last."""
        until = time.monotonic() + STARTING_SECONDS
        while time.monotonic() < until:
            if self.instance.get_runs_count(RunsFilter(statuses=[DagsterRunStatus.STARTING])):
                workers = find_servers_and_workers(self.home.folder)[1]
                if workers:
                    with suppress(ProcessLookupError):
                        os.kill(max(workers, key=_started_at), signal.SIGKILL)
                    return True
            time.sleep(0.1)
        return False

    def _trigger(self) -> bool:
        tenant, month = (
            self._draw.choice(list(self.world.sources)),
            self._draw.choice(self.world.months),
        )
        url = f"http://127.0.0.1:{self._ports['api']}/api/v2/batch/advertisers/{tenant}/trigger"
        headers = {"authorization": f"Bearer {TOKEN}"}
        with suppress(httpx.HTTPError):
            answer = httpx.post(
                url, json={"month": month}, headers=headers, timeout=30, trust_env=False
            )
            return answer.is_success
        return False

    def _launch_backfill(self) -> bool:
        if self.happened["backfill launched"] >= MOST_BACKFILLS:
            return False
        tenant = self._draw.choice(list(self.world.sources))
        cells = [name_cell(tenant, month) for month in self.world.months[:6]]
        params = {
            "assetSelection": [{"path": list(key.path)} for key in MONTH_NUMBERS],
            "partitionNames": cells,
        }
        url = f"http://127.0.0.1:{self._ports['dagster-webserver']}/graphql"
        with suppress(httpx.HTTPError, json.JSONDecodeError):
            body = {"query": BACKFILL, "variables": {"params": params}}
            answer = httpx.post(url, json=body, timeout=60, trust_env=False).json()
            return "LaunchBackfillSuccess" in json.dumps(answer)
        return False

    def _terminate_connections(self) -> bool:
        database = sa.make_url(self.home.state_url)
        execute(
            database.set(drivername="postgresql", query={}).render_as_string(hide_password=False),
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()",
        )
        return True

    def _count_unfinished(self) -> int:
        return self.instance.get_runs_count(RunsFilter(statuses=UNFINISHED))


def _started_at(pid: int) -> int:
    with suppress(OSError):
        return int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19])
    return 0


def _find_free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return server.getsockname()[1]


def main() -> int:
    """The command line."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reliability.mix")
    parser.add_argument("--minutes", type=float, default=9.0)
    parser.add_argument("--storage", choices=[SQLITE, POSTGRESQL], default=POSTGRESQL)
    parser.add_argument("--postgres", default="postgresql://postgres@127.0.0.1:5432/test")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--home", type=Path, help="an empty folder that is kept")
    options = parser.parse_args()
    draw = random.Random(options.seed)  # noqa: S311 - to be drawn again
    with ExitStack() as stack:
        folder = options.home or Path(
            stack.enter_context(tempfile.TemporaryDirectory(prefix="mix-"))
        )
        folder = folder.absolute()
        home = stack.enter_context(open_home(folder / "home", options.storage, options.postgres))
        mix = Mix(home, folder / "sources", draw)
        try:
            mix.run(options.minutes)
            rested = mix.settle()
            faults = list(mix.list_faults())
        finally:
            mix.end()
    print(format_table(("what happened", "times"), [(k, str(n)) for k, n in mix.happened.items()]))
    print(
        f"\ncells: {mix.world.cell_count}, at rest: {'yes' if rested else 'NO'}, faults: {len(faults)}"
    )
    for fault in faults:
        print(f"    {fault}")
    return 0 if rested and not faults else 1


if __name__ == "__main__":
    sys.exit(main())
