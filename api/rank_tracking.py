"""Trackings of ranks registered, listed, paused and ended; their records read. With the start of the first capture."""

from collections.abc import Sequence
from datetime import date, timedelta

import structlog

from api.auth import Actor
from api.rank_schemas import (
    HistoryQuery,
    PeriodQuery,
    RankRecordOut,
    RegisteredOut,
    TrackingIn,
    TrackingOut,
    TrackingPageOut,
    TrackingQuery,
)
from api.run_desk import RunDesk
from api.starting import ACTOR_TAG
from platform_assets.core.errors import PlatformError
from platform_assets.ranks.chart import Point, draw_ranks
from platform_assets.ranks.glue import TRACKINGS_TAG
from platform_assets.ranks.state.trackings import TrackingFilter
from platform_assets.ranks.tracking import (
    RankRecord,
    Tracking,
    TrackingStatus,
    write_line,
)
from platform_assets.services import Services
from resources.dagster.orchestration import STARTED_BY_TAG

DAILY_JOB = "daily_ranks"
CHART_DAYS = 90
"""Days of a chart for which no first day is asked."""


def register_tracking(
    services: Services, runs: RunDesk, wanted: TrackingIn, actor: Actor
) -> RegisteredOut:
    """Stores a tracking and starts the capture of its first rank, if that is wanted and Dagster answers.

    Raises:
        PermanentError: kinds `bad_rank_type`, `bad_keyword`, `bad_target`, `bad_customer`, `already_tracked`.
    """
    tracking = services.ranks.register(
        wanted.rank_type, wanted.keyword, wanted.target, wanted.customer
    )
    run_id, told = None, "comes with the next run of the day, as was asked for"
    if wanted.capture:
        run_id, told = _start_capture(services, runs, tracking, actor)
    described = _describe(tracking, None).model_dump()
    return RegisteredOut(**described, run_id=run_id, first_rank=told)


def list_trackings(services: Services, wanted: TrackingQuery) -> TrackingPageOut:
    """One page; one more than asked for is read to see whether there is another page."""
    matching = TrackingFilter(
        wanted.rank_type,
        wanted.status,
        write_line(wanted.customer) if wanted.customer is not None else None,
        write_line(wanted.keyword) if wanted.keyword is not None else None,
    )
    found = services.ranks.trackings.list(matching, wanted.limit + 1, wanted.offset)
    return TrackingPageOut(
        items=_describe_all(services, found[: wanted.limit]),
        next=wanted.offset + wanted.limit if len(found) > wanted.limit else None,
    )


def get_tracking(services: Services, tracking_id: int) -> TrackingOut:
    """One tracking; PermanentError of kind `unknown_tracking` if there is none."""
    (found,) = _describe_all(services, [services.ranks.trackings.get(tracking_id)])
    return found


def change_tracking(services: Services, tracking_id: int, status: TrackingStatus) -> TrackingOut:
    """Pauses, resumes or ends a tracking.

    Raises:
        PermanentError: kinds `unknown_tracking`, `tracking_ended`.
    """
    (changed,) = _describe_all(services, [services.ranks.trackings.set_status(tracking_id, status)])
    return changed


def read_history(
    services: Services, tracking_id: int, wanted: HistoryQuery
) -> Sequence[RankRecord]:
    """Records, oldest first; PermanentError of kind `unknown_tracking` if there is no such tracking."""
    services.ranks.trackings.get(tracking_id)
    return services.ranks.histories.read(
        tracking_id, since=wanted.since, until=wanted.until, session=wanted.session
    )


def draw_chart(services: Services, tracking_id: int, wanted: PeriodQuery) -> str:
    """The ranks over time as SVG; PermanentError of kind `unknown_tracking` if there is no such tracking."""
    tracking = services.ranks.trackings.get(tracking_id)
    until = wanted.until or services.ranks.today
    since = wanted.since or _count_back(until, CHART_DAYS - 1)
    records = services.ranks.histories.read(tracking_id, since=since, until=until)
    return draw_ranks(
        f"{tracking.keyword} ({tracking.rank_type}, {tracking.target})",
        [
            Point(record.capture.checked_on, record.capture.rank, record.session_number)
            for record in records
        ],
    )


def describe_record(record: RankRecord) -> RankRecordOut:
    """A record as a document."""
    capture = record.capture
    return RankRecordOut(
        checked_on=capture.checked_on,
        rank=capture.rank,
        session_number=record.session_number,
        result_count=capture.result_count,
        captured_at=capture.captured_at,
    )


def _start_capture(
    services: Services, runs: RunDesk, tracking: Tracking, actor: Actor
) -> tuple[str | None, str]:
    """The run's id and what it means. The tracking stays whatever Dagster says: it is captured every day anyhow."""
    tags = {
        "dagster/partition": services.ranks.today,
        TRACKINGS_TAG: str(tracking.tracking_id),
        STARTED_BY_TAG: "api",
        ACTOR_TAG: actor.name,
    }
    try:
        run_id = runs.launch_job(DAILY_JOB, tags)
    except PlatformError as error:
        structlog.get_logger().warning(
            "first_rank_not_started", tracking_id=tracking.tracking_id, reason=error.kind
        )
        return None, f"comes with the next run of the day: {error.message}"
    return run_id, f"is captured by the run {run_id}"


def _describe_all(services: Services, trackings: Sequence[Tracking]) -> list[TrackingOut]:
    last = services.ranks.histories.read_last([each.tracking_id for each in trackings])
    return [_describe(each, last.get(each.tracking_id)) for each in trackings]


def _describe(tracking: Tracking, last: RankRecord | None) -> TrackingOut:
    return TrackingOut(
        tracking_id=tracking.tracking_id,
        rank_type=tracking.rank_type,
        keyword=tracking.keyword,
        target=tracking.target,
        customer=tracking.customer,
        status=tracking.status,
        status_at=tracking.status_at,
        current_session=tracking.current_session,
        created_at=tracking.created_at,
        last=None if last is None else describe_record(last),
    )


def _count_back(day: str, days: int) -> str:
    first = date.fromisoformat(day)
    return str(first - min(timedelta(days), first - date.min))
