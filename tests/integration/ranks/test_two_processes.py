"""Two processes at once, on one day or on two sets of trackings: one pace for each host, and no page twice."""

from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path

import pytest

from sandbox.process import SandboxProcess
from tests.integration.ranks.rig import MAP, SEARCH, Rig
from tests.integration.ranks.workers import Workers

pytestmark = pytest.mark.slow

TRACKINGS = 18
DELAY = 0.4
STALL = DELAY / 2
"""A request may come so late on a busy machine; the next one is too early by that. Two paces would be much more so."""


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    options = ("--map-port", "0", "--delay", str(DELAY), "--slack", str(STALL), "--latency", "0.01")
    with SandboxProcess(options, upstream="naver") as sandbox:
        rig = Rig(tmp_path / "home", sandbox, crawl_delay_seconds=DELAY)
        rig.track_many(TRACKINGS)
        yield rig
        rig.close()


def check_pace(starts: Sequence[float]) -> None:
    """One request after another: no two at once, and all of them in no less time than one process needs."""
    assert min(after - before for before, after in pairwise(starts)) >= DELAY - STALL
    assert starts[-1] - starts[0] >= (len(starts) - 1) * DELAY - STALL


@pytest.mark.parametrize("is_split", [False, True], ids=["one day", "two sets of trackings"])
def test_two_processes_at_once_keep_one_pace_and_fetch_no_page_twice(
    rig: Rig, tmp_path: Path, *, is_split: bool
):
    numbers = [each.tracking_id for each in rig.trackings]
    half = TRACKINGS // 2
    sets = (numbers[:half], numbers[half:]) if is_split else ([], [])
    with Workers(rig, tmp_path) as workers:
        captors = [workers.start(each) for each in sets]
        first, second = (captor.read() for captor in captors)

    assert rig.count_requests() == dict.fromkeys(rig.name_pages(), 1)
    stats = rig.sandbox.stats()
    assert stats["violations"] == 0
    for host in (SEARCH, MAP):
        check_pace(stats["hosts"][host]["starts"])
    assert (first["stopped"], second["stopped"]) == (None, None)
    assert (first["failures"], second["failures"]) == ({}, {})
    if is_split:
        assert (first["records"], second["records"]) == sets
    assert {*first["records"], *second["records"]} == set(numbers)
    assert rig.read_history() == rig.find_ranks()
