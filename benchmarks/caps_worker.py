"""One process of the caps benchmark and test: many tasks that want to send as much as its gate lets through.

    python -m benchmarks.caps_worker '<Job as JSON>'

Prints `ready` when its gate is open, waits for a line on its input, works, and prints a `Result` as JSON.
"""

import asyncio
import math
import sys
import time
from collections.abc import Callable
from typing import TypeVar

import msgspec

from platform_assets.core.clock import SystemClock
from platform_assets.core.engine.units import JsonObject
from resources.caps.limiter import CapGate
from resources.caps.limits import Cap
from resources.caps.state import CapStates
from resources.http.client import HttpClient
from resources.http.messages import HttpRequest
from resources.state.cap_states import SqlCapStates
from resources.state.database import open_state

T = TypeVar("T")


class Job(msgspec.Struct, frozen=True):
    """What a worker does: `tasks` tasks send requests of `latency` seconds, for `seconds` or up to `requests`."""

    name: str
    upstream_url: str
    state_url: str
    cap: Cap
    seconds: float
    latency: float
    tasks: int
    requests: int | None = None


class Result(msgspec.Struct, frozen=True):
    """What a worker did. CPU in seconds of the whole process while it worked; times of changes in microseconds."""

    requests: int
    throttled: int
    failures: dict[str, int]
    guard: float
    changes: int
    change_micros: list[float]
    change_cpu_micros: list[float]
    cpu_seconds: float


class TimedStates:
    """Cap states that remember how long each change took."""

    def __init__(self, states: CapStates) -> None:
        self._states = states
        self.micros: list[float] = []
        self.cpu_micros: list[float] = []

    def change(
        self, name: str, decide: Callable[[JsonObject | None, float], tuple[JsonObject, T]]
    ) -> T:
        """The change, timed."""
        started, cpu = time.perf_counter_ns(), time.thread_time_ns()
        try:
            return self._states.change(name, decide)
        finally:
            self.cpu_micros.append((time.thread_time_ns() - cpu) / 1e3)
            self.micros.append((time.perf_counter_ns() - started) / 1e3)


async def work(job: Job, states: TimedStates) -> Result:
    """Opens the gate, waits for the signal, works to the end of the job."""
    request = HttpRequest(
        "GET", f"{job.upstream_url}/x", params={"by": job.name, "seconds": str(job.latency)}
    )
    async with CapGate(job.cap, states) as gate, HttpClient(gate) as client:
        print("ready", flush=True)
        await asyncio.to_thread(sys.stdin.readline)
        states.micros.clear()
        states.cpu_micros.clear()
        cpu = time.process_time()
        ends_at = time.monotonic() + job.seconds

        async def send_on() -> None:
            while time.monotonic() < ends_at and client.stats.requests < (job.requests or math.inf):
                await client.send(request)

        tasks = [asyncio.create_task(send_on()) for _ in range(job.tasks)]
        # What still waits at the end is called off, so that all workers stop at once.
        done, waiting = await asyncio.wait(tasks, timeout=job.seconds + 2 * job.latency)
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        for task in done:
            task.result()
        return Result(
            requests=client.stats.requests,
            throttled=client.stats.throttled,
            failures=dict(client.stats.failures),
            guard=gate.stats.guard,
            changes=len(states.micros),
            change_micros=states.micros,
            change_cpu_micros=states.cpu_micros,
            cpu_seconds=time.process_time() - cpu,
        )


def main() -> None:
    """The command line."""
    job = msgspec.json.decode(sys.argv[1], type=Job)
    with open_state(job.state_url, SystemClock()) as database:
        result = asyncio.run(work(job, TimedStates(SqlCapStates(database))))
    print(msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    main()
