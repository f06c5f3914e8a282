"""Trackings and their history: sessions get the same numbers in whatever order, and however often, days are written."""

import random
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.result_page import RankType
from platform_assets.ranks.state.histories import SqlRankHistories
from platform_assets.ranks.state.trackings import SqlTrackings, TrackingFilter
from platform_assets.ranks.tracking import Capture, NewTracking, Tracking, TrackingStatus
from resources.state.database import StateDatabase
from tests.contract.state.conftest import empty_tables
from tests.fakes.clock import FakeClock

FIRST_DAY = date(2026, 1, 1)
NEW = NewTracking(RankType.BLOG, "강릉 여행", "blog.naver.com/someone/123", "acme")


def day(number: int) -> str:
    return (FIRST_DAY + timedelta(days=number)).isoformat()


def capture(tracking: Tracking, number: int, rank: int | None) -> Capture:
    return Capture(
        tracking.tracking_id, day(number), rank, 30, f"ranks/pages/{number}.gz", tracking.created_at
    )


def count_sessions(ranks: Mapping[int, int | None]) -> tuple[dict[str, int], int]:
    """An independent count: by day, one session after the other, each closed by its 25th exposed record."""
    session, exposed, numbers = 1, 0, dict[str, int]()
    for number in sorted(ranks):
        numbers[day(number)] = session
        if ranks[number] is not None:
            exposed += 1
            if exposed == 25:
                session, exposed = session + 1, 0
    return numbers, session


def read_sessions(database: StateDatabase, tracking: Tracking) -> tuple[dict[str, int], int]:
    records = SqlRankHistories(database).read(tracking.tracking_id)
    numbers = {record.capture.checked_on: record.session_number for record in records}
    return numbers, SqlTrackings(database).get(tracking.tracking_id).current_session


def test_a_tracking_is_registered_in_its_first_session(database: StateDatabase, clock: FakeClock):
    tracking = SqlTrackings(database).register(NEW)
    assert (tracking.status, tracking.current_session) == (TrackingStatus.ACTIVE, 1)
    assert (tracking.keyword, tracking.target, tracking.customer) == (
        NEW.keyword,
        NEW.target,
        NEW.customer,
    )
    assert tracking.created_at == clock.now()
    assert SqlTrackings(database).get(tracking.tracking_id) == tracking


def test_a_second_registration_of_the_same_is_refused_and_names_the_first(database: StateDatabase):
    trackings = SqlTrackings(database)
    first = trackings.register(NEW)
    with pytest.raises(PermanentError, match=f"tracking {first.tracking_id}\\b") as caught:
        trackings.register(NEW)
    assert caught.value.kind == "already_tracked"
    assert trackings.list() == [first]


def test_another_customer_may_track_the_same(database: StateDatabase):
    trackings = SqlTrackings(database)
    trackings.register(NEW)
    trackings.register(NewTracking(NEW.rank_type, NEW.keyword, NEW.target, "globex"))
    assert [each.customer for each in trackings.list()] == ["acme", "globex"]


def test_what_has_ended_can_be_registered_anew_and_begins_at_session_one(database: StateDatabase):
    trackings = SqlTrackings(database)
    first = trackings.register(NEW)
    trackings.set_status(first.tracking_id, TrackingStatus.ENDED)
    second = trackings.register(NEW)
    assert second.tracking_id != first.tracking_id
    assert second.current_session == 1
    with pytest.raises(PermanentError) as caught:
        trackings.set_status(first.tracking_id, TrackingStatus.ACTIVE)
    assert caught.value.kind == "tracking_ended"


def test_one_of_many_registrations_at_once_succeeds(database: StateDatabase):
    trackings = SqlTrackings(database)

    def register(_: int) -> bool:
        try:
            trackings.register(NEW)
        except PermanentError:
            return False
        return True

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(register, range(8))) == 1
    assert len(trackings.list()) == 1


def test_a_pause_and_its_end_are_stamped(database: StateDatabase, clock: FakeClock):
    trackings = SqlTrackings(database)
    tracking = trackings.register(NEW)
    clock.advance(3600)
    paused = trackings.set_status(tracking.tracking_id, TrackingStatus.PAUSED)
    assert (paused.status, paused.status_at) == (TrackingStatus.PAUSED, clock.now())
    clock.advance(3600)
    again = trackings.set_status(tracking.tracking_id, TrackingStatus.PAUSED)
    assert again == paused


def test_trackings_are_found_by_what_they_are(database: StateDatabase):
    trackings = SqlTrackings(database)
    blog = trackings.register(NEW)
    place = trackings.register(NewTracking(RankType.PLACE, "강릉 맛집", "place/123", "globex"))
    trackings.set_status(place.tracking_id, TrackingStatus.PAUSED)

    def found(wanted: TrackingFilter) -> list[int]:
        return [each.tracking_id for each in trackings.list(wanted)]

    assert found(TrackingFilter(rank_type=RankType.PLACE)) == [place.tracking_id]
    assert found(TrackingFilter(status=TrackingStatus.ACTIVE)) == [blog.tracking_id]
    assert found(TrackingFilter(customer="globex")) == [place.tracking_id]
    assert found(TrackingFilter(keyword="강릉 여행")) == [blog.tracking_id]
    assert found(TrackingFilter(ids=[place.tracking_id])) == [place.tracking_id]
    assert [each.tracking_id for each in trackings.list(limit=1, offset=1)] == [place.tracking_id]


def test_an_unknown_tracking_is_named(database: StateDatabase, clock: FakeClock):
    trackings = SqlTrackings(database)
    for call in (
        lambda: trackings.get(7),
        lambda: trackings.set_status(7, TrackingStatus.PAUSED),
        lambda: SqlRankHistories(database).record(Capture(7, day(0), 1, 30, "k", clock.now())),
    ):
        with pytest.raises(PermanentError, match="tracking 7") as caught:
            call()
        assert caught.value.kind == "unknown_tracking"


def test_the_25th_exposed_record_closes_the_session(database: StateDatabase):
    tracking, histories = SqlTrackings(database).register(NEW), SqlRankHistories(database)
    sessions = [histories.record(capture(tracking, n, 1)).session_number for n in range(24)]
    assert set(sessions) == {1}
    assert SqlTrackings(database).get(tracking.tracking_id).current_session == 1
    assert histories.record(capture(tracking, 24, 1)).session_number == 1
    assert SqlTrackings(database).get(tracking.tracking_id).current_session == 2
    assert histories.record(capture(tracking, 25, 1)).session_number == 2


def test_days_without_exposure_do_not_count(database: StateDatabase):
    tracking, histories = SqlTrackings(database).register(NEW), SqlRankHistories(database)
    for number in range(60):
        histories.record(capture(tracking, number, 3 if number % 3 == 0 else None))
    assert SqlTrackings(database).get(tracking.tracking_id).current_session == 1
    for number in range(60, 75):
        histories.record(capture(tracking, number, 1))
    numbers, current = read_sessions(database, tracking)
    assert (numbers[day(64)], numbers[day(65)], current) == (1, 2, 2)


def test_the_same_day_is_counted_once(database: StateDatabase):
    tracking, histories = SqlTrackings(database).register(NEW), SqlRankHistories(database)
    for _ in range(30):
        histories.record(capture(tracking, 0, 1))
    assert read_sessions(database, tracking) == ({day(0): 1}, 1)


def test_a_replay_that_finds_a_rank_renumbers_what_comes_after(database: StateDatabase):
    tracking, histories = SqlTrackings(database).register(NEW), SqlRankHistories(database)
    ranks: dict[int, int | None] = dict.fromkeys(range(26), 1)
    ranks[3] = None
    for number, rank in ranks.items():
        histories.record(capture(tracking, number, rank))
    assert read_sessions(database, tracking)[0][day(25)] == 1
    ranks[3] = 9
    histories.record(capture(tracking, 3, 9))
    assert read_sessions(database, tracking) == count_sessions(ranks)
    assert read_sessions(database, tracking)[0][day(25)] == 2


def test_two_trackings_do_not_touch_each_other(database: StateDatabase):
    histories = SqlRankHistories(database)
    one = SqlTrackings(database).register(NEW)
    other = SqlTrackings(database).register(NewTracking(RankType.BLOG, "other", NEW.target, "acme"))
    for number in range(25):
        histories.record(capture(one, number, 1))
    histories.record(capture(other, 0, None))
    assert SqlTrackings(database).get(other.tracking_id).current_session == 1
    assert histories.read_last([one.tracking_id, other.tracking_id, 99]) == {
        one.tracking_id: histories.read(one.tracking_id)[-1],
        other.tracking_id: histories.read(other.tracking_id)[-1],
    }


def test_a_history_is_read_by_days_and_by_session(database: StateDatabase):
    tracking, histories = SqlTrackings(database).register(NEW), SqlRankHistories(database)
    for number in range(30):
        histories.record(capture(tracking, number, 1))
    read = histories.read(tracking.tracking_id, since=day(3), until=day(5))
    assert [record.capture.checked_on for record in read] == [day(3), day(4), day(5)]
    assert len(histories.read(tracking.tracking_id, session=2)) == 5
    assert histories.find_recorded(day(3)) == {tracking.tracking_id}
    assert [record.capture for record in histories.read_day(day(3))] == [capture(tracking, 3, 1)]


def test_two_workers_at_once_number_as_one_would(database: StateDatabase):
    tracking, histories = SqlTrackings(database).register(NEW), SqlRankHistories(database)
    draw = random.Random(7)
    ranks = {number: draw.choice([1, 2, None]) for number in range(60)}
    calls = [number for number in ranks for _ in range(3)]
    draw.shuffle(calls)

    def record(number: int) -> None:
        histories.record(capture(tracking, number, ranks[number]))

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(record, calls))
    assert read_sessions(database, tracking) == count_sessions(ranks)


writes = st.lists(st.tuples(st.integers(0, 79), st.sampled_from([1, 1, 1, 5, None])), max_size=120)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(writes=writes)
def test_any_order_gaps_and_repetitions_give_the_numbers_of_an_independent_count(
    database: StateDatabase, writes: Sequence[tuple[int, int | None]]
):
    empty_tables(database)
    tracking, histories = SqlTrackings(database).register(NEW), SqlRankHistories(database)
    ranks: dict[int, int | None] = {}
    for number, rank in writes:
        record = histories.record(capture(tracking, number, rank))
        ranks[number] = rank
        assert record.session_number == count_sessions(ranks)[0][day(number)]
    assert read_sessions(database, tracking) == count_sessions(ranks)
