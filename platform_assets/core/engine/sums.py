"""Runs side by side, told as one: their reports and their progress added up. Pure."""

from collections.abc import Collection, Sequence
from dataclasses import replace
from datetime import datetime

from platform_assets.core.engine.units import Progress, Report, Stop


def sum_reports(reports: Collection[Report], now: datetime) -> Report:
    """One report of runs that went on at the same time.

    Args:
        reports: Of each.
        now: When they began if there were none; aware UTC.
    """
    return Report(
        total=sum(report.total for report in reports),
        done=sum(report.done for report in reports),
        failed=sum(report.failed for report in reports),
        skipped=sum(report.skipped for report in reports),
        left=sum(report.left for report in reports),
        retries=sum(report.retries for report in reports),
        seconds=max((report.seconds for report in reports), default=0.0),
        failures=tuple(failure for report in reports for failure in report.failures),
        stop=_sum_stops([report.stop for report in reports if report.stop is not None]),
        given_back=tuple(unit for report in reports for unit in report.given_back),
        started_at=min((report.started_at for report in reports), default=now),
    )


def _sum_stops(stops: Sequence[Stop]) -> Stop | None:
    """One that names all; its reason and kind are those of the first that met an error, else of the first."""
    if not stops:
        return None
    first = next((stop for stop in stops if stop.kind is not None), stops[0])
    return replace(first, message="; ".join(stop.message for stop in stops))


def sum_progress(parts: Collection[Progress]) -> Progress:
    """One look at runs that go on at the same time; at least one."""
    return Progress(
        total=sum(part.total for part in parts),
        done=sum(part.done for part in parts),
        failed=sum(part.failed for part in parts),
        skipped=sum(part.skipped for part in parts),
        running=sum(part.running for part in parts),
        seconds=max(part.seconds for part in parts),
    )
