"""SIGKILL at any moment: the rerun does only the rest, and the result is that of an undisturbed run."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from platform_assets.core.engine.units import UnitRecord, UnitState
from platform_assets.games.ranges import PAGE_SIZE
from platform_assets.settings import Settings
from sandbox.process import SandboxProcess
from tests.integration.games.children import collect_games, started
from tests.integration.games.rig import (
    DAY,
    count_requests,
    find_manifest,
    make_settings,
    merge,
    read_ids,
    read_table,
    read_units,
    run_day,
)
from tests.integration.processes import wait_until

KILLS, SHARE = 20, 5
"""All of them in `make soak`."""

RATE = 8.0
WAIT_SECONDS = 600.0
MOST_REPEATED = 6
"""Requests whose work a kill may lose: two for a plan not stored yet, or at 8 a second those of the quarter of a second
that the ledger's batch may be old, and those on the way."""


def list_parts(unit: UnitRecord) -> list[dict[str, int]]:
    return list((unit.detail or unit.checkpoint or {}).get("parts", ()))


def count_left(unit: UnitRecord, reference: UnitRecord) -> int:
    """Requests that a unit still needs: those of an undisturbed run, less the pages that the ledger knows."""
    if unit.state is UnitState.DONE:
        return 0
    parts, whole = list_parts(unit), list_parts(reference)
    if not parts:
        return len(whole) + is_asked_for_more(whole, reference)
    if parts[-1]["last_id"] == unit.unit.payload["upto"]:
        return 0
    return max(1, len(whole) + is_asked_for_more(whole, reference) - len(parts))


def is_asked_for_more(parts: list[dict[str, int]], unit: UnitRecord) -> bool:
    """Whether the last page could not be known to be the last one."""
    if not parts:
        return True
    last = parts[-1]
    return last["count"] == PAGE_SIZE and last["last_id"] != unit.unit.payload["upto"]


@dataclass(frozen=True)
class Reference:
    """An undisturbed collection: what it asked, what came out."""

    requests: int
    units: list[UnitRecord]
    table: bytes


def collect_undisturbed(sandbox: SandboxProcess, settings: Settings) -> Reference:
    with started(collect_games, settings, DAY) as child:
        assert (child.wait().numbers or {})["complete"]
    merge(settings)
    requests = count_requests(sandbox)
    return Reference(requests, read_units(settings), read_table(settings))


def kill_and_finish(
    sandbox: SandboxProcess, settings: Settings, moment: int, reference: Reference
) -> int | None:
    """Kills a collection after so many requests and runs it again.

    Returns:
        Requests that were repeated; None if it was published.
    """
    sandbox.reset()
    with started(collect_games, settings, DAY) as child:
        wait_until(
            lambda: count_requests(sandbox) >= moment or not child.process.is_alive(),
            f"{moment} requests",
            WAIT_SECONDS,
        )
        child.kill()
    before, known = count_requests(sandbox), read_units(settings)
    published = find_manifest(settings) is not None
    assert run_day(settings).report.complete
    asked = count_requests(sandbox) - before
    if published:
        return None
    if known:
        left = sum(count_left(*pair) for pair in zip(known, reference.units, strict=True))
        assert asked == left, "the rerun asks for what the ledger lacks, and no more"
    return before + asked - reference.requests


@pytest.mark.slow
def test_a_rerun_after_a_kill_does_only_the_rest_and_the_result_is_the_same(
    tmp_path: Path, start_sandbox: Callable[..., SandboxProcess], choose: random.Random, soak: bool
):
    sandbox = start_sandbox("--latency", "0.05")

    def settings_of(name: str) -> Settings:
        return make_settings(tmp_path / name, sandbox.url, igdb_requests_per_second=RATE)

    reference = collect_undisturbed(sandbox, settings_of("undisturbed"))
    repeated: list[int | None] = []
    kills = KILLS if soak else SHARE
    for number in range(kills):
        settings = settings_of(str(number))
        moment = choose.randrange(reference.requests)
        repeated.append(kill_and_finish(sandbox, settings, moment, reference))
        merge(settings)
        assert read_ids(settings) == sandbox.ids()
        assert read_table(settings) == reference.table, f"kill {number}: other bytes"
    unpublished = [count for count in repeated if count is not None]
    assert len(unpublished) > kills / 2, "most kills came while there was something left"
    assert max(unpublished) <= MOST_REPEATED
