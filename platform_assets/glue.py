"""What every asset shares: turning our errors into Dagster's, and telling progress at a human pace.

Assets decode their key or config, call one function of their domain and return metadata; whatever more than one domain
needs around that call is here. No domain logic.
"""

import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import dagster as dg
from tqdm import tqdm

from platform_assets.core.engine.units import FailedUnit, Progress, Report
from platform_assets.core.errors import PlatformError, TransientError, is_platform_fault
from platform_assets.core.findings import Finding
from resources.alerts.outbox import Alerts
from resources.dagster.private import CheckedMaterialization, disable_dagster_warnings

LOG_SECONDS = 15.0
"""Least time between two progress lines in the run's log: each costs about 14 ms on SQLite."""

OWNERS = ["team:data-platform"]
"""Of every asset."""

LEFT = "left"
"""Kind of what nobody got to: for a deadline, or because another run holds it."""

NAMED_FAILURES = 20
"""Failed units that a run's failure names; the ledger has all of them."""


@contextmanager
def explained_failures() -> Generator[None]:
    """Turns a `PlatformError` into a Dagster failure that says what to do and is retried only if that can help.

    Dagster's own run retries are for crashes: transient errors were retried by the engine and the HTTP client already,
    so a step is tried again by hand or by the next tick.
    """
    try:
        yield
    except PlatformError as error:
        raise make_failure(
            str(error),
            error.kind,
            transient=isinstance(error, TransientError) or error.is_platform_fault,
            alerted=error.alerted,
        ) from error


def make_failure(
    description: str,
    kind: str,
    *,
    transient: bool,
    **metadata: Any,  # noqa: ANN401 - Dagster does not offer the name of what it takes
) -> dg.Failure:
    """The only way in which a step of ours fails: alerts and second chances read its kind, and whether it may pass.

    Args:
        description: What is missing, and what to do.
        kind: Of what went wrong, as in `PlatformError`.
        transient: Whether another try of the run may help.
        metadata: More numbers and names.
    """
    return dg.Failure(
        description=description,
        metadata={"kind": kind, "transient": transient, **metadata},
        allow_retries=False,
    )


@contextmanager
def alerted_failure(alerts: Alerts, kind: str, subject: str) -> Generator[None]:
    """Tells somebody once when the block fails, and that it is over when it succeeds again.

    Args:
        alerts: Where it is told.
        kind: Of the alert.
        subject: What fails: the same each time.
    """
    try:
        yield
    except (PlatformError, dg.Failure) as error:
        with suppress(PlatformError):  # the failure itself is what counts
            alerts.tell_once(kind, subject, str(error))
            mark_alerted(error)
        raise
    alerts.clear(kind, subject)


def mark_alerted(error: PlatformError | dg.Failure) -> None:
    """Notes that somebody was told of the failure: the end of the run is then not told once more."""
    if isinstance(error, PlatformError):
        error.alerted = True
    else:
        error.metadata = {**error.metadata, "alerted": dg.MetadataValue.bool(True)}


def fail_incomplete(report: Report, what: str) -> None:
    """Raises a failure that lists what is missing, if something is.

    Args:
        report: The run's report.
        what: Names the work, such as `games 2026-11-20`.
    """
    if report.complete:
        return
    kind, transient = blame_report(report)
    raise make_failure(
        f"{what}: {report.failed} of {report.total} units failed, {report.left} are left"
        + (f" ({report.stop})" if report.stop else "")
        + ". Nothing was published; run it again and only the rest is done.\n"
        + name_some(name_units(missing_units(report)), "see the ledger"),
        kind,
        transient=transient,
        **report_metadata(report),
        failed_units=[u.unit_id for u in report.failures],
    )


def missing_units(report: Report) -> list[FailedUnit]:
    """Units that failed, or were given back for a fault of the platform."""
    return [*report.failures, *report.given_back]


def name_units(units: Iterable[FailedUnit]) -> list[str]:
    """A line for each."""
    return [f"{unit.unit_id} ({unit.kind}): {unit.message}" for unit in units]


def blame_report(report: Report, more: Sequence[FailedUnit] = ()) -> tuple[str, bool]:
    """Of a run that did not end as it should: a kind that says why, and whether another try may help.

    A fault of the platform is tried again even where a person must act: a try costs little. What is left, for a
    deadline or because another run holds it, may be done by the next try; one unit that failed for good forbids it.

    Args:
        report: How it went.
        more: What failed beside its units.
    """
    kind, may_help = blame_units([*missing_units(report), *more])
    kind = report.stop_kind or kind
    return kind, may_help and (is_platform_fault(kind) or not report.refused)


def blame_units(units: Iterable[FailedUnit]) -> tuple[str, bool]:
    """The same of all that is missing: a kind of the platform only if nothing else went wrong."""
    units = list(units)
    kinds = sorted((unit.kind for unit in units), key=is_platform_fault)
    may_help = all(unit.transient or is_platform_fault(unit.kind) for unit in units)
    return next(iter(kinds), LEFT), may_help


def name_some(lines: Sequence[str], elsewhere: str = "") -> str:
    """As many lines as a failure names, and how many more there are.

    Args:
        lines: What failed, a line each.
        elsewhere: Where all of them are, such as `see the ledger`.
    """
    more = len(lines) - NAMED_FAILURES
    rest = f"... and {more} more" + (f", {elsewhere}" if elsewhere else "")
    return "\n".join([*lines[:NAMED_FAILURES], *([rest] if more > 0 else [])])


def report_metadata(report: Report) -> dict[str, Any]:
    """Numbers of a report, for plots."""
    return {
        "units": report.total,
        "units_done": report.done,
        "units_skipped": report.skipped,
        "units_failed": report.failed,
        "units_left": report.left,
        "unit_retries": report.retries,
        "seconds": round(report.seconds, 3),
    }


def check_specs(key: dg.AssetKey, names: Sequence[str]) -> list[dg.AssetCheckSpec]:
    """Specs of the checks that an asset reports itself; a grave failure stops what depends on it."""
    return [dg.AssetCheckSpec(name, asset=key, blocking=True) for name in names]


def check_results(findings: Iterable[Finding]) -> list[dg.AssetCheckResult]:
    """Findings as check results."""
    return [
        dg.AssetCheckResult(
            passed=finding.passed,
            check_name=finding.name,
            severity=check_severity(finding),
            description=finding.text,
            metadata=finding.numbers,
        )
        for finding in findings
    ]


def check_severity(finding: Finding) -> dg.AssetCheckSeverity:
    """A grave finding is an error, another one a warning."""
    return dg.AssetCheckSeverity.ERROR if finding.grave else dg.AssetCheckSeverity.WARN


def table_spec(
    key: dg.AssetKey,
    deps: Sequence[dg.AssetKey],
    description: str,
    *,
    skippable: bool = True,
) -> dg.AssetSpec:
    """The spec of a table that the asset tells of by itself, cell by cell; its group is the first word of the key.

    Skippable: each cell is told when it is whole, and what Dagster adds at the end of a step would be all cells of the
    run, failed ones included.
    """
    return dg.AssetSpec(
        key,
        deps=deps,
        group_name=key.path[0],
        owners=OWNERS,
        kinds={"parquet"},
        skippable=skippable,
        description=description,
    )


def partition_check(
    name: str, key: dg.AssetKey, description: str | None, partitions: dg.PartitionsDefinition[Any]
) -> dg.AssetCheckSpec:
    """A check that has a result for each partition of its asset.

    Dagster 1.13 calls that a preview and says so whenever it loads; the version is pinned, and tests/glue/test_tags.py
    shows what is relied on.
    """
    with disable_dagster_warnings():
        return dg.AssetCheckSpec(
            name, asset=key, description=description, partitions_def=partitions
        )


def tell_finding(
    context: dg.AssetExecutionContext | dg.OpExecutionContext,
    key: dg.AssetKey,
    finding: Finding,
    partition: str,
) -> None:
    """Tells Dagster the result of a check about one partition: of its newest materialization, if it has one.

    Args:
        context: Of the step; the check is one of its specs, with the partitions of the asset.
        key: The asset.
        finding: What was found; its name is the check's.
        partition: Which partition.
    """
    found = context.instance.fetch_materializations(
        dg.AssetRecordsFilter(asset_key=key, asset_partitions=[partition]), limit=1
    ).records
    evaluation = dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=finding.name,
        passed=finding.passed,
        severity=check_severity(finding),
        description=finding.text,
        metadata=finding.numbers,
        partition=partition,
        target_materialization_data=CheckedMaterialization(
            run_id=found[0].run_id, storage_id=found[0].storage_id, timestamp=found[0].timestamp
        )
        if found
        else None,
    )
    context.log_event(evaluation)  # pyright: ignore[reportArgumentType] - taken, though not in its type


def tell_run_finding(
    context: dg.AssetExecutionContext, key: dg.AssetKey, finding: Finding, failing: Sequence[str]
) -> None:
    """Tells Dagster the result of a check over all that a run did: one result, whatever the number of partitions.

    Args:
        context: Of the step; the check is one of its specs.
        key: The asset.
        finding: What was found; its name is the check's.
        failing: Partitions that fail it by themselves.
    """
    failed = {"partitions_failing": len(failing), "failing": list(failing[:NAMED_FAILURES])}
    evaluation = dg.AssetCheckEvaluation(
        asset_key=key,
        check_name=finding.name,
        passed=finding.passed and not failing,
        severity=check_severity(finding),
        description=finding.text,
        metadata={**finding.numbers, **(failed if failing else {})},
    )
    context.log_event(evaluation)  # pyright: ignore[reportArgumentType] - taken, though not in its type


def check_outputs(context: dg.AssetExecutionContext) -> Iterator[dg.Output[None]]:
    """What Dagster asks for at the end of a step with check specs: their results were told one by one."""
    for name, spec in context.assets_def.check_specs_by_output_name.items():
        if spec.key in context.selected_asset_check_keys:
            yield dg.Output(None, name)


class ProgressLog:
    """A line in the run's log now and then.

    Args:
        log: The run's log; use it from the step's own thread only.
        what: Names the work.
    """

    def __init__(self, log: dg.DagsterLogManager, what: str) -> None:
        self._log = log
        self._what = what
        self._told = 0.0

    def tell(self, progress: Progress) -> None:
        """Logs the progress, if it is time."""
        if progress.seconds - self._told < LOG_SECONDS:
            return
        self._told = progress.seconds
        self._log.info(
            "%s: %d of %d units, %d failed, %d running, %.0f s",
            self._what,
            progress.done + progress.skipped,
            progress.total,
            progress.failed,
            progress.running,
            progress.seconds,
        )


@contextmanager
def told_progress(log: dg.DagsterLogManager, what: str) -> Generator[Callable[[Progress], None]]:
    """A progress function: a bar on a terminal, and a line in the run's log now and then."""
    bar = tqdm(total=None, desc=what, unit="unit", disable=not sys.stderr.isatty(), leave=False)
    lines = ProgressLog(log, what)

    def tell(progress: Progress) -> None:
        bar.total = progress.total
        bar.update(progress.done + progress.skipped - bar.n)
        lines.tell(progress)

    with bar:
        yield tell
