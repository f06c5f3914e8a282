"""From measured backfills to the table, the goals and the JSON document. Pure."""

from collections.abc import Iterable, Sequence
from enum import StrEnum
from statistics import median

import msgspec

from benchmarks.tables import Goal, format_table

HEADERS = (
    "tenant-months through",
    "storage",
    "rounds",
    "cells/s",
    "ms / cell",
    "until done",
    "added ms",
    "x bare",
    "CPU ms / cell",
    "added CPU ms",
    "s from start",
    "runs",
    "events, cells",
)


class Backfill(StrEnum):
    """What is measured; the value is also the module of the measured process, where there is one."""

    BARE = "bare"
    BARE_MANY = "bare_many"
    ENGINE = "engine"
    ONE_RUN = "one_run"
    DAEMON = "daemon"


TITLES = {
    Backfill.BARE: "process_month, one process",
    Backfill.BARE_MANY: "process_month, a process per run",
    Backfill.ENGINE: "engine + state table, one process",
    Backfill.ONE_RUN: "runs of tenant_cycle, one process",
    Backfill.DAEMON: "daemon + code server",
}

PEERS = {
    Backfill.BARE: Backfill.BARE,
    Backfill.ENGINE: Backfill.BARE,
    Backfill.ONE_RUN: Backfill.BARE,
    Backfill.BARE_MANY: Backfill.BARE_MANY,
    Backfill.DAEMON: Backfill.BARE_MANY,
}
"""With which bare processing each is compared: that with as many cells at once in as many processes."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """One measured backfill.

    Attributes:
        kind: What was measured.
        storage: Of the state and of Dagster; `none` for the peer.
        cells: Tenant-months.
        window_seconds: From the first claim until the last cell is done and Dagster knows; of runs one after another,
            the sum.
        done_seconds: The same until the state table has the last cell; None where it is no other moment.
        cpu_seconds: Of all processes, the tenants' customers included; a PostgreSQL server's are not in it.
        from_start_seconds: From the daemon's start to the end of the window.
        runs: Runs of Dagster.
        verdict: `exact`, or what is wrong with what was found afterwards.
    """

    kind: Backfill
    storage: str
    cells: int
    window_seconds: float
    cpu_seconds: float
    done_seconds: float | None = None
    from_start_seconds: float | None = None
    runs: int | None = None
    verdict: str

    @property
    def cell_ms(self) -> float:
        """Wall time per cell: the window over the cells."""
        return self.window_seconds * 1e3 / self.cells

    @property
    def cell_done_ms(self) -> float | None:
        """Wall time per cell until the state table has them."""
        return None if self.done_seconds is None else self.done_seconds * 1e3 / self.cells

    @property
    def cell_cpu_ms(self) -> float:
        """CPU time per cell."""
        return self.cpu_seconds * 1e3 / self.cells


class Medians(msgspec.Struct, frozen=True):
    """One line of the table: medians over the rounds.

    Attributes:
        kind: What was measured.
        storage: Of the state and of Dagster.
        rounds: How many.
        cell_ms: Wall time per cell.
        cell_done_ms: Wall time per cell until the state table has them.
        cell_cpu_ms: CPU time per cell.
        added_ms: Wall time per cell beyond the peer's; negative where it is faster.
        added_cpu_ms: The same for CPU time.
        ratio: Wall time over the peer's.
        from_start_seconds: Of the rounds that have it.
        runs: Of the rounds that have it.
        verdict: The first that is not `exact`.
    """

    kind: Backfill
    storage: str
    rounds: int
    cell_ms: float
    cell_done_ms: float | None
    cell_cpu_ms: float
    added_ms: float
    added_cpu_ms: float
    ratio: float
    from_start_seconds: float | None
    runs: float | None
    verdict: str


def take_medians(rows: Sequence[Row]) -> list[Medians]:
    """One for each kind and storage, in the order of the kinds."""
    found = [
        (kind, storage)
        for kind in Backfill
        for storage in dict.fromkeys(row.storage for row in rows if row.kind is kind)
    ]
    return [_summarise(kind, storage, rows) for kind, storage in found]


def format_rows(rows: Sequence[Row]) -> str:
    """The table."""
    lines = [
        (
            TITLES[line.kind],
            line.storage,
            str(line.rounds),
            f"{1e3 / line.cell_ms:.1f}",
            f"{line.cell_ms:.1f}",
            "" if line.cell_done_ms is None else f"{line.cell_done_ms:.1f}",
            f"{line.added_ms:+.1f}",
            f"{line.ratio:.2f}",
            f"{line.cell_cpu_ms:.1f}",
            f"{line.added_cpu_ms:+.1f}",
            _format(line.from_start_seconds),
            _format(line.runs),
            line.verdict,
        )
        for line in take_medians(rows)
    ]
    return format_table(HEADERS, lines)


def list_goals(rows: Sequence[Row]) -> list[Goal]:
    """The goals of the pipeline (docs/benchmarks.md)."""
    goals = [
        Goal(f"{TITLES[line.kind]}, {line.storage}: ms added per cell", 20.0, line.added_ms)
        for line in take_medians(rows)
        if line.kind in {Backfill.ONE_RUN, Backfill.DAEMON}
    ]
    wrong = sum(row.verdict != "exact" for row in rows)
    return [*goals, Goal("backfills with missing or wrong cells", 0, wrong)]


def _summarise(kind: Backfill, storage: str, rows: Sequence[Row]) -> Medians:
    own = [row for row in rows if (row.kind, row.storage) == (kind, storage)]
    peers = [row for row in rows if row.kind is PEERS[kind]]
    cell_ms, peer_ms = (median(row.cell_ms for row in some) for some in (own, peers))
    cpu_ms, peer_cpu_ms = (median(row.cell_cpu_ms for row in some) for some in (own, peers))
    wrong = [row.verdict for row in own if row.verdict != "exact"]
    return Medians(
        kind=kind,
        storage=storage,
        rounds=len(own),
        cell_ms=cell_ms,
        cell_done_ms=_median(row.cell_done_ms for row in own),
        cell_cpu_ms=cpu_ms,
        added_ms=cell_ms - peer_ms,
        added_cpu_ms=cpu_ms - peer_cpu_ms,
        ratio=cell_ms / peer_ms,
        from_start_seconds=_median(row.from_start_seconds for row in own),
        runs=_median(row.runs for row in own),
        verdict=wrong[0] if wrong else "exact",
    )


def _median(values: Iterable[float | None]) -> float | None:
    found = [value for value in values if value is not None]
    return median(found) if found else None


def _format(value: float | None) -> str:
    return "" if value is None else f"{value:.0f}"
