"""SIGKILL of runs, of the daemon and of its code server in the middle of backfills: every tenant-month ends right."""

import os
import random
import signal
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from sqlalchemy import update

from benchmarks.checking import compare
from platform_assets.core.errors import PermanentError
from platform_assets.core.months import add_months, list_months, month_of
from platform_assets.tenants.glue import MONTH_NUMBERS
from platform_assets.tenants.tenant import MonthStatus, TenantType, name_cell
from resources.state.tables import tenant_month_states
from sandbox.tenants.truth import read_truth
from tests.contract.state.postgres import temporary_schema
from tests.integration.tenants.rig import Platform, running, wait_until, write_tenants
from tests.integration.tenants.slow_source import TWO_READERS, SlowSource
from tests.integration.tenants.trail import keep_trail, list_takeovers, read_pid, read_trail

TENANTS = 6
MONTHS = 13
BACKFILLED = 6
"""Months that somebody backfills from the UI, of half of the tenants: the first, which the orchestrator is at."""

ROUNDS = (
    *(["worker"],) * 4,
    *(["worker", "worker"],) * 5,
    *(["code server", "daemon"],) * 2,
    ["code server"],
    ["daemon"],
)
"""What is killed together, 20 kills in all; without `make soak` one round of each kind.

Without its code server a daemon is idle for up to a minute; a new one brings its own.
"""

MOST_KILLS = sum(map(len, ROUNDS))

SLOW_SECONDS = 0.4
"""For each of about ten events of a month: nothing is finished before the last kill."""

SETTINGS = {
    "SLUICE_TENANTS_ORCHESTRATOR_SECONDS": "5",
    "SLUICE_TENANTS_STALE_CHECK_SECONDS": "5",
    "SLUICE_TENANTS_STALE_MINUTES": "1",
    "SLUICE_TENANTS_SLICE": "2",
    "SLUICE_TENANTS_SLICE_RECORDS": "2",
    "SLUICE_UNIT_LEASE_SECONDS": "6",
}
DAGSTER = {"run_retries": {"max_retries": 20}}


@dataclass
class Killer:
    """Kills processes of a platform and remembers which."""

    platform: Platform
    choose: random.Random
    killed: set[int] = field(default_factory=set[int])
    count: int = 0

    def kill(self, kinds: Sequence[str]) -> None:
        """Kills one of each kind, at a random moment while months are being processed."""
        kills: dict[str, Callable[[], None]] = {
            "worker": self._kill_worker,
            "daemon": self._kill_daemon,
            "code server": self._kill_code_server,
        }
        self._wait_for_holders()
        time.sleep(self.choose.uniform(0, 2))
        for kind in kinds:
            kills[kind]()
            self.count += 1

    def find_holders(self) -> list[int]:
        """Live processes that months are RUNNING in."""
        months = self.platform.services.tenant_months.find(MonthStatus.RUNNING)
        return sorted({read_pid(month.owner) for month in months} - self.killed)

    def tell(self) -> str:
        return f"killed: {sorted(self.killed)}; {self.platform.tell()}"

    def _kill_worker(self) -> None:
        self._kill(self.choose.choice(self._wait_for_holders()))

    def _wait_for_holders(self) -> list[int]:
        return wait_until(self.find_holders, "a month is RUNNING", 150, self.tell)

    def _kill_daemon(self) -> None:
        self.platform.kill_daemon()
        time.sleep(self.choose.uniform(0, 2))
        self.platform.start_daemon()

    def _kill_code_server(self) -> None:
        for server in self.platform.code_servers():
            self._kill(server.pid)

    def _kill(self, pid: int) -> None:
        with suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
            self.killed.add(pid)


def let_months_fail_often(platform: Platform) -> None:
    """A month that is in hand at many kills fails at last; its tenant is not disabled for it here."""
    with platform.services.state.write() as connection:
        connection.execute(update(tenant_month_states).values(max_retries=MOST_KILLS))


def hurry(platform: Platform) -> None:
    """Makes failed months due at once, as somebody may; by themselves they are due minutes later."""
    for month in platform.services.tenant_months.find(MonthStatus.FAILED):
        with suppress(PermanentError):  # a run has taken it up meanwhile
            platform.services.tenant_months.reset(month.tenant_id, month.month)


def is_finished(platform: Platform) -> bool:
    tenants, months = platform.services.tenants.read_all()
    caught_up = all(tenant.tenant_type is TenantType.EXISTING for tenant in tenants)
    complete = all(month.status is MonthStatus.COMPLETED for month in months)
    return caught_up and complete and platform.is_idle()


def is_told(platform: Platform) -> bool:
    """Whether Dagster knows of every cell, those too that a killed run could not tell any more."""
    told = [platform.instance.get_materialized_partitions(key) for key in MONTH_NUMBERS]
    return all(len(cells) >= TENANTS * MONTHS for cells in told)


@pytest.mark.slow
def test_after_kills_every_month_is_right_and_none_was_taken_from_a_living_process(
    tmp_path: Path, postgres_url: str, choose: random.Random, soak: bool
):
    rounds = ROUNDS if soak else tuple(list(kinds) for kinds in dict.fromkeys(map(tuple, ROUNDS)))
    kills = sum(map(len, rounds))
    sources = tmp_path / "sources"
    with temporary_schema() as url, running(tmp_path / "platform", SETTINGS, DAGSTER) as platform:
        listed = write_tenants(
            sources,
            *("--url", url, "--tenants", str(TENANTS), "--months", str(MONTHS)),
            *("--events-per-month", "10"),
        )
        source = SlowSource(url, listed)
        source.set_pace(SLOW_SECONDS, exclusive=True)
        current = month_of(platform.services.clock.now())
        months = list_months(add_months(current, 1 - MONTHS), current)
        platform.register(source.tenants, backfill_start=months[0])
        keep_trail(platform.services.state)
        let_months_fail_often(platform)
        platform.start_daemon()
        platform.start_webserver()
        wait_until(platform.has_partitions, "the tenants are partitions", 120, platform.tell)
        platform.launch_backfill(
            [key.path for key in MONTH_NUMBERS],
            [
                name_cell(tenant.tenant_id, month)
                for tenant in listed[: TENANTS // 2]
                for month in months[:BACKFILLED]
            ],
        )

        workers = sum(kinds.count("worker") for kinds in rounds)
        killer = Killer(platform, choose)
        for kinds in choose.sample(rounds, len(rounds)):
            killer.kill(kinds)
        assert killer.count == kills
        assert not is_finished(platform), "the kills came in the middle"

        source.set_pace(0, exclusive=True)
        wait_until(
            lambda: hurry(platform) or is_finished(platform),
            "all months are COMPLETED",
            240,
            killer.tell,
        )
        wait_until(lambda: is_told(platform), "Dagster knows them all", 60, killer.tell)
        assert compare(platform.services, platform.instance, read_truth(sources)) == []

        trail = read_trail(platform.services.state)
        taken = list_takeovers(trail)
        assert {before.pid for before, _ in taken} <= killer.killed, "only the dead lost a month"
        assert len({before.pid for before, _ in taken}) >= 2 * workers // 3, "they held months"
        assert not [step for step in trail if TWO_READERS in (step.error_message or "")]
