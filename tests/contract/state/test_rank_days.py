"""Questions about trackings and days of ranks, on every database."""

from collections.abc import Mapping

from platform_assets.core.engine.units import Attempt, Scope, Unit, UnitOutcome, UnitState
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.state.days import DayCount, DayUnit, SqlRankDays
from platform_assets.ranks.state.histories import SqlRankHistories
from platform_assets.ranks.state.trackings import SqlTrackings
from platform_assets.ranks.tracking import Capture, NewTracking, TrackingStatus
from resources.state.database import StateDatabase
from resources.state.ledger import SqlLedger

DAY, DAILY, PAGES = "2026-11-20", "ranks/daily", "ranks/pages"
ME = Attempt("me", "here")


def track(database: StateDatabase, *keywords: str) -> list[int]:
    new = [NewTracking(RankType.PLACE, keyword, "place/10001", "bakery") for keyword in keywords]
    return [SqlTrackings(database).register(each).tracking_id for each in new]


def record(database: StateDatabase, tracking_id: int, rank: int | None, day: str = DAY) -> None:
    capture = Capture(tracking_id, day, rank, 30, "pages/x", database.clock.now())
    SqlRankHistories(database).record(capture)


def plan(
    database: StateDatabase,
    kinds: Mapping[str, str | None],
    pipeline: str = DAILY,
    group: str = "",
    day: str = DAY,
    waiting: str | None = None,
) -> None:
    """A plan with these units: done, or failed with that kind; and one that waits."""
    ledger, ids = SqlLedger(database), list(kinds)
    units = [Unit(unit_id, {}) for unit_id in (*ids, *([waiting] if waiting else []))]
    opened = ledger.open_plan(Scope(pipeline, group, day), units, {})
    ledger.claim(opened, ids, ME, 60)
    ledger.record(
        opened,
        ME,
        [
            UnitOutcome(unit_id, UnitState.DONE)
            if kind is None
            else UnitOutcome(unit_id, UnitState.FAILED, error_kind=kind, error_message="why")
            for unit_id, kind in kinds.items()
        ],
    )


def test_trackings_are_counted_by_status_also_where_there_are_none(database: StateDatabase):
    days = SqlRankDays(database)
    assert days.count_trackings() == dict.fromkeys(TrackingStatus, 0)
    first, *_ = track(database, "a", "b", "c")
    SqlTrackings(database).set_status(first, TrackingStatus.ENDED)
    assert days.count_trackings() == {
        TrackingStatus.ACTIVE: 2,
        TrackingStatus.PAUSED: 0,
        TrackingStatus.ENDED: 1,
    }


def test_a_day_counts_its_own_records_only(database: StateDatabase):
    days, (first, second) = SqlRankDays(database), track(database, "a", "b")
    assert days.count_day(DAY, DAILY) == DayCount(0, 0, 0)
    record(database, first, 3)
    record(database, second, None)
    record(database, second, 1, "2026-11-19")
    assert days.count_day(DAY, DAILY) == DayCount(2, 1, 0)


def test_a_tracking_failed_once_however_often_and_not_if_it_is_recorded(database: StateDatabase):
    recorded, twice, once = track(database, "a", "b", "c")
    record(database, recorded, 3)
    record(database, twice, 3, "2026-11-19")
    plan(database, {str(number): "blocked" for number in (recorded, twice, once)})
    plan(database, {str(twice): "timeout"}, group=str(twice))
    # Other days and pipelines, whose ids are no numbers.
    plan(database, {"99": "blocked"}, day="2026-11-19")
    plan(database, {"blog_tab-1": "blocked"}, PAGES)
    assert SqlRankDays(database).count_day(DAY, DAILY) == DayCount(1, 1, 2)


def test_a_failure_that_was_done_since_is_none(database: StateDatabase):
    (number,) = track(database, "a")
    plan(database, {str(number): "blocked"})
    record(database, number, None)
    assert SqlRankDays(database).count_day(DAY, DAILY) == DayCount(1, 0, 0)


def test_the_units_of_all_plans_of_a_day_are_read_the_newest_plan_last(database: StateDatabase):
    plan(database, {"2": "blocked"}, group="2")
    plan(database, {"2": None, "1": None}, waiting="3")
    plan(database, {"p": "timeout"}, PAGES)
    plan(database, {"x": None}, "games/raw_games")
    plan(database, {"1": None}, day="2026-11-19")
    days = SqlRankDays(database)
    ranks = [
        DayUnit(DAILY, "2", UnitState.FAILED, "blocked"),
        DayUnit(DAILY, "2", UnitState.DONE, None),
        DayUnit(DAILY, "1", UnitState.DONE, None),
        DayUnit(DAILY, "3", UnitState.PENDING, None),
    ]
    assert days.read_units(DAY, [DAILY]) == ranks
    pages = DayUnit(PAGES, "p", UnitState.FAILED, "timeout")
    assert days.read_units(DAY, [PAGES, DAILY]) == [*ranks, pages]
