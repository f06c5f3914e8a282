"""The order of results: a function of seed, type, keyword and day. This is the truth that readers are compared with.

Every candidate has a place of its own that it strays from: far and slowly over weeks, a little from day to day. Some
are not found on a day at all. All pages of one day show one order.
"""

from datetime import date
from enum import StrEnum
from functools import lru_cache

from sandbox.igdb.hashing import mix, salt_of
from sandbox.naver.candidates import (
    Candidate,
    Post,
    RankType,
    list_candidates,
    list_restless,
    tidy_keyword,
)

TAB_RESULTS = 30
"""Posts on a page of the blog tab; taken for the cafe tab too, of which there is no saved page."""
LIST_PLACES = 70
INTEGRATED_BLOGS, INTEGRATED_CAFES = 9, 6
INTEGRATED_PLACES, MOBILE_PLACES = 7, 5

_WEEK = 7
_RESTLESS_PERIOD, _MISSING_PERIOD = 4, 40
"""On one day of so many a candidate is not found: restless ones, and the others."""
_SPREAD, _SPREAD_PER_PLACE = 1.5, 0.15
"""How far candidates stray over weeks: the further down, the further."""
_DAILY = 0.9


class View(StrEnum):
    """Where results are shown."""

    TAB = "tab"
    """The tab of blogs or of cafes; of places, the list of the map."""
    INTEGRATED = "integrated"
    MOBILE = "mobile"
    OPENAPI = "openapi"


def find_truth(
    seed: int, rank_type: str, keyword: str, day: date, view: str = View.TAB
) -> tuple[str, ...]:
    """The identities that a page shows, in order; advertisements are none of them.

    Args:
        seed: Of the sandbox.
        rank_type: `place`, `blog` or `cafe`.
        keyword: What is searched for.
        day: In Asia/Seoul.
        view: Where: `tab`, `integrated`, `mobile` or `openapi`.

    Returns:
        `blog.naver.com/{id}/{number}`, `cafe.naver.com/{name}/{number}`, `place/{id}`; of an external blog its URL.
    """
    found = order_results(seed, RankType(rank_type), tidy_keyword(keyword), day)
    return tuple(result.identity for result in show(found, RankType(rank_type), View(view)))


def list_targets(seed: int, rank_type: str, keyword: str) -> tuple[str, ...]:
    """Identities that are near the top on three of four days, and not found on the others."""
    kind, tidied = RankType(rank_type), tidy_keyword(keyword)
    candidates = list_candidates(seed, kind, tidied)
    return tuple(
        candidates[number].identity
        for number in list_restless(seed, kind, tidied)
        if number < len(candidates)
    )


def show(found: tuple[Candidate, ...], rank_type: RankType, view: View) -> tuple[Candidate, ...]:
    """What a page shows of all results of a day."""
    if view is View.OPENAPI:
        return found
    if view is View.TAB:
        return found[: LIST_PLACES if rank_type is RankType.PLACE else TAB_RESULTS]
    if rank_type is RankType.PLACE:
        return found[: INTEGRATED_PLACES if view is View.INTEGRATED else MOBILE_PLACES]
    ours = [post for post in found if isinstance(post, Post) and not post.is_external]
    return tuple(ours[: INTEGRATED_BLOGS if rank_type is RankType.BLOG else INTEGRATED_CAFES])


@lru_cache(maxsize=512)
def order_results(seed: int, rank_type: RankType, keyword: str, day: date) -> tuple[Candidate, ...]:
    """All results of a day, best first.

    Args:
        seed: Of the sandbox.
        rank_type: Which results.
        keyword: Tidied.
        day: In Asia/Seoul.
    """
    drift = _Drift(salt_of(seed, rank_type, keyword, "drift"), day.toordinal())
    restless = frozenset(list_restless(seed, rank_type, keyword))
    found = [
        candidate
        for candidate in list_candidates(seed, rank_type, keyword)
        if not drift.is_missing(candidate.number, restless=candidate.number in restless)
    ]
    return tuple(sorted(found, key=lambda candidate: drift.score(candidate.number)))


class _Drift:
    """Where candidates stand on one day.

    Args:
        salt: Of the keyword.
        day: Its ordinal.
    """

    def __init__(self, salt: int, day: int) -> None:
        self._day = mix(day, mix(salt, 1))
        week, into = divmod(day, _WEEK)
        self._weeks = (mix(week, mix(salt, 2)), mix(week + 1, mix(salt, 2)))
        self._into = into / _WEEK
        self._salt, self._ordinal = salt, day

    def is_missing(self, number: int, *, restless: bool) -> bool:
        """Whether a candidate is not found on this day."""
        if restless:
            # By turns, so that no target is missing for weeks, or never.
            return (self._ordinal + mix(number, self._salt)) % _RESTLESS_PERIOD == 0
        return mix(number, mix(self._day, 1)) % _MISSING_PERIOD == 0

    def score(self, number: int) -> float:
        """The lower, the nearer to the top."""
        before, after = (_draw(number, week) for week in self._weeks)
        slow = before + (after - before) * self._into
        spread = _SPREAD + _SPREAD_PER_PLACE * number
        return number + spread * slow + _DAILY * _draw(number, self._day)


def _draw(number: int, salt: int) -> float:
    """From -1 to 1."""
    return mix(number, salt) / 2**63 - 1
