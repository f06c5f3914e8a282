"""Trackings and their records as values, and what a registration must be like. They are kept in `resources/state`."""

import re
import unicodedata
from dataclasses import dataclass
from datetime import date, datetime
from enum import StrEnum

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.identity import identify_target
from platform_assets.ranks.result_page import RankType

KEYWORD_LENGTH = 200
"""Longest keyword, in characters: our own bound, longer than anything that people search for."""

CUSTOMER_LENGTH = 100

_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b\u2028\u2029\ufeff\ufffe\uffff\ud800-\udfff]")


class TrackingStatus(StrEnum):
    """Stored state of a tracking. ACTIVE <-> PAUSED; ENDED is for good."""

    ACTIVE = "active"
    PAUSED = "paused"
    ENDED = "ended"


@dataclass(frozen=True, slots=True)
class NewTracking:
    """What a customer wants to be tracked; made by `register` only.

    Attributes:
        rank_type: What kind of target.
        keyword: What is searched for.
        target: Canonical identity (`identity.py`).
        customer: Who wants it.
    """

    rank_type: RankType
    keyword: str
    target: str
    customer: str


@dataclass(frozen=True, slots=True)
class Tracking:
    """A registered tracking.

    Attributes:
        tracking_id: Its number.
        rank_type: What kind of target.
        keyword: What is searched for.
        target: Canonical identity (`identity.py`).
        customer: Who wants it.
        status: Whether it is captured.
        status_at: Since when, aware UTC.
        current_session: The session that the next record belongs to, from 1.
        created_at: Aware UTC.
    """

    tracking_id: int
    rank_type: RankType
    keyword: str
    target: str
    customer: str
    status: TrackingStatus
    status_at: datetime
    current_session: int
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Capture:
    """What one day's page says about one tracking.

    Attributes:
        tracking_id: The tracking.
        checked_on: The day in Asia/Seoul, `YYYY-MM-DD`.
        rank: Position from 1; None: not exposed.
        result_count: Results that the page shows for the type.
        page_key: Object key of the stored page.
        captured_at: When the page was fetched, aware UTC.
    """

    tracking_id: int
    checked_on: str
    rank: int | None
    result_count: int
    page_key: str
    captured_at: datetime


@dataclass(frozen=True, slots=True)
class RankRecord:
    """A stored record: what was captured, and the session that it belongs to."""

    capture: Capture
    session_number: int


def register(rank_type: str, keyword: str, target: str, customer: str) -> NewTracking:
    """Checks and normalises a registration.

    Raises:
        PermanentError: kinds `bad_rank_type`, `bad_keyword`, `bad_target`, `bad_customer`: says what is wrong.
    """
    if rank_type not in set(RankType):
        raise PermanentError(
            f"rank type {rank_type[:50]!r} is none of {', '.join(RankType)}", kind="bad_rank_type"
        )
    kind = RankType(rank_type)
    return NewTracking(
        kind,
        _check_text(keyword, "keyword", KEYWORD_LENGTH),
        identify_target(kind, target),
        _check_text(customer, "customer", CUSTOMER_LENGTH),
    )


def check_day(day: str, today: str) -> str:
    """The day itself, if it is one and not in the future.

    Raises:
        PermanentError: kind `bad_day`.
    """
    try:
        parsed = date.fromisoformat(day).isoformat()
    except ValueError:
        parsed = ""
    if not parsed or parsed != day:
        raise PermanentError(f"{day[:50]!r} is no day: write it YYYY-MM-DD", kind="bad_day")
    if day > today:
        raise PermanentError(
            f"{day} is in the future: today is {today} in Asia/Seoul", kind="bad_day"
        )
    return day


def write_line(text: str) -> str:
    """Text as keywords and customers are stored: one line in Unicode's composed form, with single spaces."""
    return " ".join(unicodedata.normalize("NFC", text).split())


def _check_text(text: str, name: str, longest: int) -> str:
    line = write_line(text)
    if not line or len(line) > longest:
        raise PermanentError(
            f"the {name} has {len(line)} characters, and 1 to {longest} are allowed: {line[:50]!r}",
            kind=f"bad_{name}",
        )
    if _CONTROL.search(line):
        raise PermanentError(
            f"the {name} {line[:50]!r} holds a control or invisible character: remove it",
            kind=f"bad_{name}",
        )
    return line
