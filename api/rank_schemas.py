"""What goes over the wire about trackings of ranks and their days."""

from collections.abc import Sequence
from datetime import date
from typing import Annotated, Literal

from pydantic import AfterValidator, AwareDatetime, Field

from api.schemas import DAY_PATTERN, MOST_ITEMS, FilterText, Given, Taken
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.tracking import CUSTOMER_LENGTH, KEYWORD_LENGTH, TrackingStatus


def _check_date(day: str) -> str:
    try:
        date.fromisoformat(day)
    except ValueError:
        raise ValueError(f"{day} is no day of the calendar") from None
    return day


Day = Annotated[
    str, Field(pattern=DAY_PATTERN, examples=["2026-11-20"]), AfterValidator(_check_date)
]
"""A day in Asia/Seoul."""


class TrackingIn(Taken):
    """A tracking to be registered. What is wrong with a value is said by the platform, not by a pattern."""

    rank_type: str = Field(
        json_schema_extra={"enum": [kind.value for kind in RankType]}, examples=["blog"]
    )
    keyword: str = Field(description=f"What is searched for; at most {KEYWORD_LENGTH} characters.")
    target: str = Field(
        description="The post's or place's URL in any form, or a place's number.",
        examples=["https://blog.naver.com/someone/220000000001"],
    )
    customer: str = Field(description=f"Who wants it; at most {CUSTOMER_LENGTH} characters.")
    capture: bool = Field(
        default=True, description="False: the first rank is left to the next run of the day."
    )


class TrackingQuery(Taken):
    """Which trackings are listed, and which page of them."""

    rank_type: RankType | None = None
    status: TrackingStatus | None = None
    customer: FilterText | None = None
    keyword: FilterText | None = None
    limit: int = Field(default=50, ge=1, le=MOST_ITEMS)
    offset: int = Field(default=0, ge=0, le=1_000_000, description="`next` of the page before.")


class PeriodQuery(Taken):
    """Which days."""

    since: Day | None = Field(default=None, description="First day.")
    until: Day | None = Field(default=None, description="Last day.")


class HistoryQuery(PeriodQuery):
    """Which records, and written how."""

    session: int | None = Field(default=None, ge=1, le=1_000_000, description="Of that session.")
    format: Literal["json", "csv"] = "json"


class RankRecordOut(Given):
    """What one day's page said."""

    checked_on: str
    rank: int | None = Field(description="From 1; null: not exposed.")
    session_number: int
    result_count: int = Field(description="Results of the type that the page showed.")
    captured_at: AwareDatetime


class TrackingOut(Given):
    """A tracking, and its newest record."""

    tracking_id: int
    rank_type: RankType
    keyword: str
    target: str = Field(description="Canonical: one form for all URLs of a post or place.")
    customer: str
    status: TrackingStatus
    status_at: AwareDatetime
    current_session: int = Field(description="The session that the next record belongs to.")
    created_at: AwareDatetime
    last: RankRecordOut | None


class RegisteredOut(TrackingOut):
    """A tracking that was registered."""

    run_id: str | None = Field(description="The run that captures the first rank; null if none.")
    first_rank: str = Field(description="When the first rank comes, for people.")


class TrackingPageOut(Given):
    """A page of trackings, by number."""

    items: Sequence[TrackingOut]
    next: int | None = Field(description="`offset` of the next page; null on the last one.")


class HistoryOut(Given):
    """Records of a tracking, oldest first."""

    tracking_id: int
    records: Sequence[RankRecordOut]


class DayFailuresOut(Given):
    """How many units of a day failed with that kind."""

    pipeline: str = Field(description="`ranks/pages`: pages; `ranks/daily`: trackings.")
    kind: str | None
    units: int


class RankDayOut(Given):
    """How far a day is: `tracked == recorded + failed + left`."""

    day: str
    tracked: int = Field(description="Trackings that the day has.")
    recorded: int = Field(description="Those that have a record of the day.")
    exposed: int = Field(description="Those of the recorded that have a rank.")
    failed: int = Field(description="Those without a record that failed.")
    left: int = Field(description="Those that nobody got to yet.")
    failures: Sequence[DayFailuresOut] = Field(
        description="Units that failed and were not done by another run of the day."
    )
    tries: int = Field(
        description="Runs that came before the last one because they were incomplete."
    )
    reason: str = Field(description="What the last run of today could not do; empty if nothing.")
    next_try_at: AwareDatetime | None = Field(
        description="When today is tried again by itself; null: it is complete, or a person must look."
    )
