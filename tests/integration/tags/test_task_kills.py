"""SIGKILL of random processes of a job, down to those of single tables: nothing is lost, done twice, or unmasked."""

import asyncio
import os
import random
import signal
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from platform_assets.core.errors import PlatformError
from platform_assets.tags.shards.run import ShardOutcome
from tests.integration.tags.faults_rig import (
    DirtySource,
    list_generations,
    list_hosts,
    list_reasons,
    list_states,
    wait_for_the_end_of,
)

pytestmark = pytest.mark.slow

TABLES = 60
VICTIMS = (*(["table"] * 4), *(["fork server"] * 2), *(["task"] * 2), *(["host"] * 2))
"""One kill each, in random order; without `make soak` one of each kind."""

GENERATIONS = ("host", "task", "fork server", "table")
PAUSE_SECONDS = 0.15
"""At most, from the moment when there is something to kill to the kill."""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[DirtySource]:
    (tmp_path / "tmp").mkdir()
    monkeypatch.setenv("TMPDIR", str(tmp_path / "tmp"))
    source = DirtySource(tmp_path / "home", "--tables", str(TABLES), "--rows", "3000")
    yield source
    source.services.state.close()


@dataclass
class Killer:
    """Kills processes of the runs over a source that this process makes, one run after another."""

    source: DirtySource
    choose: random.Random
    victims: list[str]
    finished: dict[str, str] = field(default_factory=dict[str, str])
    broken: list[str] = field(default_factory=list[str])
    hosts: set[int] = field(default_factory=set[int])
    runs: int = 0

    async def run(self) -> None:
        """One run, killed at until it ends or there were enough kills."""
        if self.is_done():  # the victims that are left need something to do
            self.source.forget()
            self.finished = {}
        self.runs += 1
        running = asyncio.ensure_future(self.source.run(f"run-{self.runs}"))
        while not running.done() and self.victims:
            await self._kill(running)
        try:
            self.broken += list_reasons(await running).values()
        except PlatformError as error:
            self.broken.append(str(error))

    def is_done(self) -> bool:
        return self.source.count() == TABLES

    def check_finished(self) -> None:
        """No file of a table that was finished has been written again."""
        now = self.source.finished()
        assert {key: now.get(key) for key in self.finished} == self.finished
        self.finished = now

    async def _kill(self, running: "asyncio.Future[dict[str, ShardOutcome]]") -> None:
        kind = self.victims[-1]
        await self._find(kind, running)
        await asyncio.sleep(self.choose.uniform(0, PAUSE_SECONDS))
        found = await self._find(kind, running)
        await asyncio.to_thread(self.check_finished)
        with suppress(ProcessLookupError, IndexError):
            os.kill(self.choose.choice(found), signal.SIGKILL)
            self.victims.pop()

    async def _find(
        self, kind: str, running: "asyncio.Future[dict[str, ShardOutcome]]"
    ) -> list[int]:
        """Waits until there is one of a kind; none when the run has ended before."""
        while not running.done():
            hosts = await asyncio.to_thread(list_hosts, os.getpid())
            self.hosts.update(hosts)
            generations = await asyncio.to_thread(list_generations, hosts)
            if found := generations[GENERATIONS.index(kind)]:
                return found
            await asyncio.sleep(0.02)
        return []


async def test_kills_of_tasks_lose_nothing_and_repeat_nothing(
    source: DirtySource,
    tmp_path: Path,
    capfd: pytest.CaptureFixture[str],
    choose: random.Random,
    soak: bool,
):
    assert list_reasons(await source.run("undisturbed")) == {}
    undisturbed = source.outputs()
    source.forget()

    victims = list(VICTIMS) if soak else list(dict.fromkeys(VICTIMS))
    killer = Killer(source, choose, choose.sample(victims, len(victims)))
    while killer.victims:
        await killer.run()
    killer.check_finished()
    before = {key.split("/")[3] for key in killer.finished}

    last = await source.run("last")
    assert list_reasons(last) == {}
    killer.check_finished()
    wait_for_the_end_of(killer.hosts)
    states = list_states(end.result for end in last.values())
    assert len(states) == TABLES
    assert {table for table, state in states.items() if state == "skipped"} == before
    assert source.outputs() == undisturbed
    assert source.list_lies() == []
    assert source.list_leaks(capfd.readouterr().err, *killer.broken) == []
    assert list((tmp_path / "tmp").iterdir()) == [], "a temporary file was left"
