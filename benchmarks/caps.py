"""Does a cap hold over processes, is it fair, how much of it is used, and what does it cost?

    python -m benchmarks.caps [--seconds 60] [--processes 4] [--json FILE] [--state-url URL]

Starts a strict upstream (`strict_server.py`) and processes that share IGDB's cap through one state database
(`caps_worker.py`), then measures an idle gate alone. Prints a table: ours, the limit, the ratio.
"""

import argparse
import asyncio
import json
import statistics
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import msgspec

from benchmarks.caps_worker import Job, Result, TimedStates
from platform_assets.core.clock import SystemClock
from resources.caps.limiter import CapGate
from resources.caps.limits import CAPS, Cap
from resources.state.cap_states import SqlCapStates
from resources.state.database import open_state

LATENCY_SECONDS = 1.16
"""Mean latency of an IGDB page in the reference measurements (reference/collector-perf.md, section 1)."""

TASKS = 8
"""Waiting tasks per process: as many as IGDB's open requests."""

LONE_ENTRIES = 2000

SECONDS_TO_END = 5
"""How long a server may take to end when it is asked to."""


@contextmanager
def start_upstream(cap: Cap) -> Generator[str]:
    """A strict upstream of this cap in a process of its own; yields its URL."""
    command = [sys.executable, "-m", "benchmarks.strict_server", "--requests", str(cap.requests)]
    command += ["--per-seconds", str(cap.per_seconds), "--in-flight", str(cap.in_flight)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield f"http://127.0.0.1:{process.stdout.readline().strip()}"
        finally:
            process.terminate()
            try:
                process.wait(SECONDS_TO_END)
            except subprocess.TimeoutExpired:
                process.kill()  # it waits for connections that a failed run left open


def start_worker(job: Job) -> subprocess.Popen[str]:
    """A worker whose gate is open; it starts when it gets a line (`release`)."""
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.caps_worker", msgspec.json.encode(job).decode()],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    if process.stdout.readline() != "ready\n":
        raise RuntimeError(f"worker {job.name} did not get ready: see its error output above")
    return process


def release(workers: Sequence[subprocess.Popen[str]]) -> None:
    """Starts the work of all workers at once."""
    for worker in workers:
        assert worker.stdin is not None
        worker.stdin.write("go\n")
        worker.stdin.flush()


def finish(worker: subprocess.Popen[str]) -> Result:
    """Waits for the end of a worker."""
    output, _ = worker.communicate()
    return msgspec.json.decode(output, type=Result)


def read_stats(upstream_url: str) -> dict[str, Any]:
    """What the upstream saw."""
    with urllib.request.urlopen(f"{upstream_url}/stats") as reply:  # noqa: S310 - our own server
        return json.load(reply)


def share_cap(cap: Cap, state_url: str, processes: int, seconds: float) -> dict[str, float]:
    """Runs processes that all want more than their share; returns the measures."""
    with start_upstream(cap) as upstream_url:
        jobs = [
            Job(f"p{n}", upstream_url, state_url, cap, seconds, LATENCY_SECONDS, TASKS)
            for n in range(processes)
        ]
        workers = [start_worker(job) for job in jobs]
        release(workers)
        results = [finish(worker) for worker in workers]
        seen = read_stats(upstream_url)
    return summarize(cap, results, seen)


def summarize(cap: Cap, results: Sequence[Result], seen: dict[str, Any]) -> dict[str, float]:
    """The measures of a shared run."""
    micros = sorted(each for result in results for each in result.change_micros)
    shares = [count / seen["accepted"] * len(results) for count in seen["by"].values()]
    requests = sum(result.requests for result in results)
    return {
        "requests": requests,
        "refused_window": seen["refused"].get("window", 0),
        "refused_open": seen["refused"].get("open", 0),
        "most_open": seen["most_open"],
        "rate_ratio": seen["rate"] * cap.per_seconds / cap.requests,
        "smallest_share": min(shares),
        "largest_share": max(shares),
        "changes_per_request": sum(result.changes for result in results) / requests,
        "change_p50_us": statistics.median(micros),
        "change_p99_us": micros[int(len(micros) * 0.99)],
        "change_cpu_us_per_request": sum(sum(r.change_cpu_micros) for r in results) / requests,
        "cpu_ms_per_request": sum(result.cpu_seconds for result in results) * 1e3 / requests,
    }


async def enter_alone(cap: Cap, state_url: str) -> dict[str, float]:
    """The cost of a grant when nothing is in the way: one task, a cap that never makes it wait."""
    wide = replace(cap, name=f"{cap.name}-alone", requests=1000, per_seconds=0.001, in_flight=1000)
    micros = list[float]()
    with open_state(state_url, SystemClock()) as database:
        states = TimedStates(SqlCapStates(database))
        async with CapGate(wide, states) as gate:
            cpu = time.process_time()
            for _ in range(LONE_ENTRIES):
                started = time.perf_counter_ns()
                async with gate.enter() as grant:
                    micros.append((time.perf_counter_ns() - started) / 1e3)
                    grant.sent()
                await asyncio.sleep(0.0005)
            cpu = time.process_time() - cpu
    micros.sort()
    return {
        "alone_enter_p50_us": statistics.median(micros),
        "alone_enter_p99_us": micros[int(len(micros) * 0.99)],
        "alone_cpu_us_per_grant": cpu * 1e6 / LONE_ENTRIES,
    }


ROWS = (
    ("requests sent", "requests", "", None),
    ("429s, window", "refused_window", "", 0.0),
    ("429s, open requests", "refused_open", "", 0.0),
    ("most open at once", "most_open", "", 8.0),
    ("rate, of the cap", "rate_ratio", "x", 1.0),
    ("smallest share, of an equal one", "smallest_share", "x", 1.0),
    ("largest share, of an equal one", "largest_share", "x", 1.0),
    ("state changes per request", "changes_per_request", "", None),
    ("state change, p50", "change_p50_us", "us", None),
    ("state change, p99", "change_p99_us", "us", None),
    ("CPU in state changes per request", "change_cpu_us_per_request", "us", None),
    ("CPU of all per request (HTTP too)", "cpu_ms_per_request", "ms", None),
    ("idle gate: wait for a grant, p50", "alone_enter_p50_us", "us", None),
    ("idle gate: wait for a grant, p99", "alone_enter_p99_us", "us", None),
    ("idle gate: CPU per grant", "alone_cpu_us_per_grant", "us", None),
)


def print_table(measures: dict[str, float], title: str) -> None:
    """Measure, ours, the limit."""
    print(f"{title}\n{'measure':36} {'ours':>10} {'limit':>8}")
    for label, key, unit, limit in ROWS:
        shown = f"{measures[key]:.4g}{' ' + unit if unit else ''}"
        print(f"{label:36} {shown:>10} {'' if limit is None else f'{limit:g}':>8}")


def main() -> None:
    """The command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--processes", type=int, default=4)
    parser.add_argument("--json", type=Path)
    parser.add_argument("--state-url", default="")
    options = parser.parse_args()
    cap = replace(CAPS["igdb"], name=f"bench-{uuid.uuid4().hex[:8]}")
    with tempfile.TemporaryDirectory() as folder:
        url = options.state_url or f"sqlite:///{folder}/state.db"
        # Before the workers start: the schema is there when they come.
        measures = asyncio.run(enter_alone(cap, url))
        measures |= share_cap(cap, url, options.processes, options.seconds)
    place = url.partition(":")[0]
    print_table(measures, f"{options.processes} processes, {options.seconds:g} s, {place}")
    if options.json:
        options.json.write_text(json.dumps(measures, indent=2))


if __name__ == "__main__":
    main()
