"""What every asset shares: turning our errors into Dagster's, and telling progress at a human pace.

Assets decode their key or config, call one function of their domain and return metadata; whatever more than one domain
needs around that call is here. No domain logic.
"""

import sys
from collections.abc import Callable, Generator
from contextlib import contextmanager
from typing import Any

import dagster as dg
from tqdm import tqdm

from platform_assets.core.errors import PlatformError, TransientError
from platform_assets.core.units import Progress, Report

LOG_SECONDS = 15.0
"""Least time between two progress lines in the run's log: each costs about 14 ms on SQLite."""

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
        raise dg.Failure(
            description=str(error),
            metadata={"kind": error.kind, "transient": isinstance(error, TransientError)},
            allow_retries=False,
        ) from error


def fail_incomplete(report: Report, what: str) -> None:
    """Raises a failure that lists what is missing, if something is.

    Args:
        report: The run's report.
        what: Names the work, such as `games 2026-11-20`.
    """
    if report.complete:
        return
    named = [f"{unit.unit_id} ({unit.kind}): {unit.message}" for unit in report.failures]
    more = len(named) - NAMED_FAILURES
    raise dg.Failure(
        description=f"{what}: {report.failed} of {report.total} units failed, {report.left} are left"
        + (f" ({report.stopped})" if report.stopped else "")
        + ". Nothing was published; run it again and only the rest is done.\n"
        + "\n".join(named[:NAMED_FAILURES])
        + (f"\n... and {more} more, see the ledger" if more > 0 else ""),
        metadata={**report_metadata(report), "failed_units": [u.unit_id for u in report.failures]},
        allow_retries=False,
    )


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


@contextmanager
def told_progress(log: dg.DagsterLogManager, what: str) -> Generator[Callable[[Progress], None]]:
    """A progress function: a bar on a terminal, else a line in the run's log now and then."""
    bar = tqdm(total=None, desc=what, unit="unit", disable=not sys.stderr.isatty(), leave=False)
    told = 0.0

    def tell(progress: Progress) -> None:
        nonlocal told
        bar.total = progress.total
        bar.update(progress.done + progress.skipped - bar.n)
        if progress.seconds - told >= LOG_SECONDS:
            told = progress.seconds
            log.info(
                "%s: %d of %d units, %d failed, %d running, %.0f s",
                what,
                progress.done + progress.skipped,
                progress.total,
                progress.failed,
                progress.running,
                progress.seconds,
            )

    with bar:
        yield tell
