"""Redrive: failed units become work again. The values, what a pipeline provides, and all pipelines as one.

What starts the work again is each pipeline's own run; redrive says which partitions to run, and starts them where a
pipeline has told how. Where failures are kept is each pipeline's business: a ledger, month states, result files.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from platform_assets.core.engine.units import Scope
from platform_assets.core.errors import PermanentError, PlatformError


@dataclass(frozen=True, slots=True)
class FailureFilter:
    """Which failed units: those that match every field; None matches any value, and no unit ids match any unit.

    Attributes:
        pipeline: A pipeline (`games`), or one of its parts (`games/raw_games`).
        tenant: Tenant id, or what stands for it: the platform of a shop.
        partition: Dagster partition key.
        error_kind: Kind of the last failure.
        unit_ids: Which units.
    """

    pipeline: str | None = None
    tenant: str | None = None
    partition: str | None = None
    error_kind: str | None = None
    unit_ids: frozenset[str] = frozenset()

    def matches(self, scope: Scope, unit_id: str, error_kind: str | None) -> bool:
        """Whether a failed unit is wanted; for pipelines that do not ask a database."""
        return (
            (self.pipeline is None or is_part(scope.pipeline, self.pipeline))
            and self.tenant in {None, scope.tenant}
            and self.partition in {None, scope.partition}
            and self.error_kind in {None, error_kind}
            and (not self.unit_ids or unit_id in self.unit_ids)
        )

    def describe(self) -> str:
        """The fields that are set, for people."""
        fields = {
            "pipeline": self.pipeline,
            "tenant": self.tenant,
            "partition": self.partition,
            "error kind": self.error_kind,
            "units": ", ".join(sorted(self.unit_ids)[:5]) or None,
        }
        return "; ".join(f"{name} {value}" for name, value in fields.items() if value is not None)


@dataclass(frozen=True, slots=True)
class Failure:
    """One failed unit.

    Attributes:
        scope: Where: pipeline, tenant, partition.
        unit_id: The unit.
        error_kind: Kind of its last failure; None when that is not known.
        message: Its last failure, for people.
        failed_at: When; aware UTC.
    """

    scope: Scope
    unit_id: str
    error_kind: str | None
    message: str | None
    failed_at: datetime


@dataclass(frozen=True, slots=True)
class FailureCount:
    """How many units of a cell failed with that kind."""

    scope: Scope
    error_kind: str | None
    count: int


@dataclass(frozen=True, slots=True)
class Requeued:
    """How many units of a cell are to be done again."""

    scope: Scope
    count: int


class Redriver(Protocol):
    """The failures of one pipeline. Methods block, and may raise TransientError while a store does not answer."""

    @property
    def pipeline(self) -> str:
        """Its name: `games` stands for `games` and `games/...`."""
        ...

    @property
    def next_step(self) -> str:
        """What does the units again, for people: a sentence without a full stop."""
        ...

    def count(self, wanted: FailureFilter) -> list[FailureCount]:
        """Failed units by cell and kind; not all need be redrive's to take."""
        ...

    def find(self, wanted: FailureFilter, limit: int) -> list[Failure]:
        """Failed units, the newest first, at most `limit`."""
        ...

    def redrive(self, wanted: FailureFilter, *, dry_run: bool) -> list[Requeued]:
        """Makes the failed units pending again, with nothing counted against them; by cell.

        Args:
            wanted: Which units.
            dry_run: Changes nothing, and answers what it would do.
        """
        ...


StartRuns = Callable[[Sequence[Requeued]], Iterable[str]]
"""Starts runs over the cells; what it started, a line each, as soon as it is started."""


@dataclass(frozen=True, slots=True)
class RedriveReport:
    """What a redrive did, or would do.

    Attributes:
        wanted: What was asked for.
        dry_run: Whether nothing was changed.
        cells: What is to be done again, by cell.
        next_steps: Pipeline -> what does it again, for the pipelines of `cells`.
        started: What was started, a line each.
    """

    wanted: FailureFilter
    dry_run: bool
    cells: Sequence[Requeued]
    next_steps: Sequence[tuple[str, str]] = ()
    started: Sequence[str] = ()

    @property
    def units(self) -> int:
        """Units of all cells."""
        return sum(cell.count for cell in self.cells)

    def describe(self) -> list[str]:
        """What happened, a line each."""
        if not self.cells:
            asked = self.wanted.describe()
            return [f"nothing to redrive: no failed unit matches{f' ({asked})' if asked else ''}"]
        heading = f"units to be done again: {self.units}"
        return [
            f"{heading} (dry run, nothing was changed)" if self.dry_run else heading,
            *(
                f"  {cell.scope.pipeline} {cell.scope.partition}: {cell.count}"
                for cell in self.cells
            ),
            *(f"{pipeline}: {step}" for pipeline, step in self.next_steps),
            *self.started,
        ]


class Redrive:
    """The failures of all pipelines.

    Args:
        redrivers: One for each pipeline.
        starters: Pipeline -> what starts its runs, for those that can be started from here.
    """

    def __init__(
        self,
        redrivers: Iterable[Redriver],
        starters: Mapping[str, StartRuns] | None = None,
    ) -> None:
        self._redrivers = {redriver.pipeline: redriver for redriver in redrivers}
        self._starters = starters or {}

    def starting(self, starters: Mapping[str, StartRuns]) -> "Redrive":
        """The same failures, with runs that are started by these."""
        return Redrive(self._redrivers.values(), starters)

    @property
    def pipelines(self) -> list[str]:
        """Their names."""
        return list(self._redrivers)

    def count(self, wanted: FailureFilter) -> list[FailureCount]:
        """Failed units by cell and kind.

        Raises:
            PermanentError: kind `unknown_pipeline`.
        """
        return [row for redriver in self._choose(wanted) for row in redriver.count(wanted)]

    def find(self, wanted: FailureFilter, limit: int, offset: int = 0) -> list[Failure]:
        """Failed units, at most `limit` after the first `offset`: pipeline after pipeline, the newest of each first.

        Raises:
            PermanentError: kind `unknown_pipeline`.
        """
        found: list[Failure] = []
        for redriver in self._choose(wanted):
            missing = offset + limit - len(found)
            if missing > 0:
                found += redriver.find(wanted, missing)
        return found[offset:]

    def redrive(self, wanted: FailureFilter, *, dry_run: bool = False) -> RedriveReport:
        """Makes failed units work again; starts their runs where it can, says which partitions to run elsewhere.

        Raises:
            PermanentError: kind `unknown_pipeline`.
        """
        cells: list[Requeued] = []
        steps: list[tuple[str, str]] = []
        started: list[str] = []
        for redriver in self._choose(wanted):
            taken = redriver.redrive(wanted, dry_run=dry_run)
            if not taken:
                continue
            cells += taken
            start = self._starters.get(redriver.pipeline)
            if start is None or dry_run:
                steps.append((redriver.pipeline, redriver.next_step))
                continue
            try:
                for line in start(taken):
                    started.append(line)  # noqa: PERF402 - what was started before an error is told, too
            except PlatformError as error:
                # What was made pending stays so: the error is part of the report, and a person does the rest.
                steps.append((redriver.pipeline, f"{redriver.next_step}; not started: {error}"))
        return RedriveReport(wanted, dry_run, cells, steps, started)

    def _choose(self, wanted: FailureFilter) -> list[Redriver]:
        if wanted.pipeline is None:
            return list(self._redrivers.values())
        chosen = self._redrivers.get(wanted.pipeline.partition("/")[0])
        if chosen is None:
            raise PermanentError(
                f"there is no pipeline {wanted.pipeline[:80]!r}: use one of {', '.join(self._redrivers)}, or a part "
                "of one, such as games/raw_games",
                kind="unknown_pipeline",
            )
        return [chosen]


def is_part(name: str, pipeline: str) -> bool:
    """Whether a name is that of the pipeline, or of a part of it."""
    return name == pipeline or name.startswith(f"{pipeline}/")


def count_failures(failures: Iterable[Failure]) -> list[FailureCount]:
    """The failures by cell and kind, in the order in which the cells come first."""
    counts = Counter((failure.scope, failure.error_kind) for failure in failures)
    return [FailureCount(scope, kind, count) for (scope, kind), count in counts.items()]


def sum_by_cell(rows: Iterable[FailureCount]) -> list[Requeued]:
    """What a redrive of all that was counted would answer."""
    counts = Counter[Scope]()
    for row in rows:
        counts[row.scope] += row.count
    return [Requeued(scope, count) for scope, count in counts.items()]
