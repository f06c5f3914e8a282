"""From the answers of a server to the table and the goals. Pure."""

from collections.abc import Sequence

import msgspec

from benchmarks.serving.clients import Answers
from benchmarks.tables import Goal, format_table

BARE = "bare uvicorn, a body as large"
HEADERS = (
    "GET, 20 clients",
    "storage",
    "requests/s",
    "p50 ms",
    "p99 ms",
    "worst ms",
    "bytes",
    "p50 x bare",
    "failed",
)
GOAL_MS = 50.0


class Served(msgspec.Struct, frozen=True):
    """One question to one server.

    Attributes:
        name: What was asked.
        storage: Of the state and of Dagster.
        per_second: Answers a second.
        p50_ms: Median latency.
        p99_ms: Latency that one in a hundred exceeds.
        worst_ms: The longest.
        body_bytes: Length of the last body.
        failed: Answers other than 200.
    """

    name: str
    storage: str
    per_second: float
    p50_ms: float
    p99_ms: float
    worst_ms: float
    body_bytes: int
    failed: int


def describe_answers(name: str, storage: str, answers: Answers) -> Served:
    """The numbers of one load."""
    return Served(
        name,
        storage,
        per_second=len(answers.milliseconds) / answers.seconds,
        p50_ms=take_percentile(answers.milliseconds, 50),
        p99_ms=take_percentile(answers.milliseconds, 99),
        worst_ms=answers.milliseconds[-1],
        body_bytes=answers.body_bytes,
        failed=answers.failed,
    )


def take_percentile(ascending: Sequence[float], percent: int) -> float:
    """The smallest value that at least so many percent do not exceed."""
    return ascending[max(0, -(-len(ascending) * percent // 100) - 1)]


def format_served(served: Sequence[Served]) -> str:
    """The table; the last columns compare with the bare server of the same session."""
    bare = {one.storage: one for one in served if one.name == BARE}
    rows = [
        (
            one.name,
            one.storage if one.name != BARE else "none",
            f"{one.per_second:.0f}",
            f"{one.p50_ms:.1f}",
            f"{one.p99_ms:.1f}",
            f"{one.worst_ms:.1f}",
            str(one.body_bytes),
            f"{one.p50_ms / bare[one.storage].p50_ms:.1f}",
            str(one.failed),
        )
        for one in served
    ]
    return format_table(HEADERS, rows)


def list_served_goals(served: Sequence[Served]) -> list[Goal]:
    """The goals of the REST API (docs/benchmarks.md)."""
    ours = [one for one in served if one.name != BARE]
    goals = [Goal(f"{one.name}, {one.storage}: p99 ms", GOAL_MS, one.p99_ms) for one in ours]
    return (
        [*goals, Goal("answers other than 200", 0, sum(one.failed for one in ours))] if ours else []
    )
