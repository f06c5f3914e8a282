"""Real processes share a cap through one SQLite file, against a server that enforces it to the letter."""

import os
import signal
import time
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.caps import finish, read_stats, release, start_upstream, start_worker
from benchmarks.caps_worker import Job
from platform_assets.core.clock import SystemClock
from resources.caps.limits import Cap
from resources.state.database import open_state

pytestmark = pytest.mark.slow

# Twenty a second in windows of half a second, to keep it short. Scaled time magnifies the delays of a busy machine:
# the guard is 50 ms, what 10 % of a real window would be.
CAP = Cap("test", 10, 0.5, 16, 1, None, "the test", guard=0.1)


@pytest.fixture
def state_url(tmp_path: Path) -> str:
    """A state database whose schema is there before the processes come."""
    url = f"sqlite:///{tmp_path}/state.db"
    open_state(url, SystemClock()).close()
    return url


def test_four_processes_keep_one_cap_and_none_starves(state_url: str):
    with start_upstream(CAP) as upstream_url:
        jobs = [Job(f"p{n}", upstream_url, state_url, CAP, 5.0, 0.2, 8) for n in range(4)]
        workers = [start_worker(job) for job in jobs]
        release(workers)
        results = [finish(worker) for worker in workers]
        seen = read_stats(upstream_url)
    assert seen["refused"] == {}
    assert sum(result.throttled for result in results) == 0
    # Nobody starves; how fair and how fast it is on a machine that does nothing else, benchmarks/caps.py measures.
    shares = [count * 4 / seen["accepted"] for count in seen["by"].values()]
    assert len(shares) == 4
    assert min(shares) >= 0.5
    assert seen["most_open"] <= CAP.in_flight


def test_open_slots_of_a_killed_process_come_back(state_url: str):
    cap = replace(CAP, in_flight=4)
    with start_upstream(cap) as upstream_url:
        hog = start_worker(Job("hog", upstream_url, state_url, cap, 300.0, 300.0, 4))
        release([hog])
        wait_until_open(upstream_url, 4)
        heir = start_worker(Job("heir", upstream_url, state_url, cap, 300.0, 0.1, 4, requests=10))
        os.kill(hog.pid, signal.SIGKILL)
        hog.communicate()
        wait_until_open(upstream_url, 0)  # a busy upstream hears late that a client is gone
        release([heir])
        result = finish(heir)
        seen = read_stats(upstream_url)
    assert result.requests >= 10
    assert seen["by"]["heir"] == result.requests
    assert seen["refused"] == {}


def wait_until_open(upstream_url: str, count: int) -> None:
    ends_at = time.monotonic() + 120.0
    while (seen := read_stats(upstream_url)["open"]) != count:
        assert time.monotonic() < ends_at, f"{seen} requests are open, not {count}"
