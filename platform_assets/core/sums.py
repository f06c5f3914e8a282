"""Runs side by side, told as one: their reports and their progress added up. Pure."""

from collections.abc import Collection
from datetime import datetime

from platform_assets.core.units import Progress, Report


def sum_reports(reports: Collection[Report], now: datetime) -> Report:
    """One report of runs that went on at the same time.

    Args:
        reports: Of each.
        now: When they began if there were none; aware UTC.
    """
    reasons = [report.stopped for report in reports if report.stopped is not None]
    return Report(
        total=sum(report.total for report in reports),
        done=sum(report.done for report in reports),
        failed=sum(report.failed for report in reports),
        skipped=sum(report.skipped for report in reports),
        left=sum(report.left for report in reports),
        retries=sum(report.retries for report in reports),
        seconds=max((report.seconds for report in reports), default=0.0),
        failures=tuple(failure for report in reports for failure in report.failures),
        stopped="; ".join(reasons) or None,
        stop_kind=next((each.stop_kind for each in reports if each.stop_kind is not None), None),
        given_back=tuple(unit for report in reports for unit in report.given_back),
        started_at=min((report.started_at for report in reports), default=now),
    )


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
