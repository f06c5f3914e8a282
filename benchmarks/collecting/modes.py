"""The table of what is measured side by side: which collector, from which start, against which sandbox. Values only."""

from dataclasses import dataclass
from enum import StrEnum


class Collecting(StrEnum):
    """Module of `benchmarks.collecting` that runs as the measured process."""

    OURS = "ours"
    REFERENCE = "reference"


@dataclass(frozen=True, slots=True)
class BenchMode:
    """One row of the table.

    Attributes:
        name: On the command line and in JSON.
        title: In the table.
        collecting: Which collector.
        second_day: Whether there is a snapshot of the day before, with its page boundaries.
        concurrent: Many pages at the same time, or one after another.
        multiquery: How the sandbox answers multiqueries; None where none are sent.
        faulty: Whether the sandbox injects faults.
        most_runs: Runs that tell something.
    """

    name: str
    title: str
    collecting: Collecting = Collecting.OURS
    second_day: bool = True
    concurrent: bool = True
    multiquery: str | None = None
    faulty: bool = False
    most_runs: int | None = None


MODES: tuple[BenchMode, ...] = (
    BenchMode("plain", "ours"),
    BenchMode("first", "ours, first pull", second_day=False),
    BenchMode("faults", "ours, faults", faulty=True),
    BenchMode("multiquery", "ours, multiquery, parts in parallel", multiquery="parallel"),
    BenchMode("multiquery_serial", "ours, multiquery, parts in turn", multiquery="serial"),
    BenchMode(
        "reference",
        "reference, batches of 8",
        collecting=Collecting.REFERENCE,
        second_day=False,
    ),
    BenchMode(
        "reference_sequential",
        "reference, one by one",
        collecting=Collecting.REFERENCE,
        second_day=False,
        concurrent=False,
        # The sum of the latencies: nothing in it varies, and it takes a quarter of an hour.
        most_runs=1,
    ),
)
