import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from platform_assets.core.clock import SystemClock
from platform_assets.core.engine.units import JsonObject
from resources.state.cap_states import SqlCapStates
from resources.state.database import StateDatabase, open_state


def count_up(state: JsonObject | None, _now: float) -> tuple[JsonObject, int]:
    count = 1 if state is None else state["count"] + 1
    return {"count": count}, count


@pytest.fixture
def caps(database: StateDatabase) -> SqlCapStates:
    return SqlCapStates(database, wall=lambda: 1_800_000_000.5)


@pytest.fixture
def elsewhere(state_url: str, database: StateDatabase) -> Iterator[SqlCapStates]:
    """The same database as another process sees it, with its real clock."""
    with open_state(state_url, SystemClock()) as other:
        yield SqlCapStates(other)


def test_a_cap_without_state_starts_with_none(caps: SqlCapStates):
    assert caps.read("igdb") is None
    assert caps.change("igdb", lambda state, now: ({"at": now}, (state, now))) == (
        None,
        1_800_000_000.5,
    )
    assert caps.read("igdb") == {"at": 1_800_000_000.5}
    assert caps.read("naver") is None


def test_a_change_sees_what_the_last_one_stored(caps: SqlCapStates, elsewhere: SqlCapStates):
    assert [caps.change("igdb", count_up), elsewhere.change("igdb", count_up)] == [1, 2]
    assert caps.change("igdb", count_up) == 3


def test_the_same_object_stores_nothing(caps: SqlCapStates):
    caps.change("igdb", count_up)

    def peek(state: JsonObject | None, _now: float) -> tuple[JsonObject, str]:
        assert isinstance(state, dict)
        state["count"] = 99  # to show that nothing is written
        return state, "peeked"

    assert caps.change("igdb", peek) == "peeked"
    assert caps.read("igdb") == {"count": 1}


def test_a_decision_that_raises_leaves_the_state(caps: SqlCapStates):
    caps.change("igdb", count_up)

    def fail(_state: JsonObject | None, _now: float) -> tuple[JsonObject, None]:
        raise LookupError("no")

    with pytest.raises(LookupError):
        caps.change("igdb", fail)
    assert caps.change("igdb", count_up) == 2


def test_no_change_is_lost_between_threads_and_databases(
    caps: SqlCapStates, elsewhere: SqlCapStates
):
    with ThreadPoolExecutor(4) as pool:
        jobs = [
            pool.submit(target.change, "igdb", count_up)
            for _ in range(25)
            for target in (caps, elsewhere, caps, elsewhere)
        ]
        results = sorted(job.result() for job in jobs)
    assert results == list(range(1, 101))


@pytest.mark.parametrize("stores", [True, False])
def test_the_time_is_taken_after_the_lock_was_waited_for(
    database: StateDatabase, elsewhere: SqlCapStates, stores: bool
):
    """Measured with the databases' own clocks, so this one test waits 0.2 s for real."""
    holder = SqlCapStates(database, wall=time.time)
    elsewhere.change("igdb", count_up)
    locked = threading.Event()
    ended: list[float] = []

    def hold(state: JsonObject | None, _now: float) -> tuple[JsonObject, None]:
        locked.set()
        threading.Event().wait(0.2)
        ended.append(time.time())
        return ({"count": 1} if stores or state is None else state), None

    thread = threading.Thread(target=holder.change, args=("igdb", hold))
    thread.start()
    locked.wait()
    waiters_now = elsewhere.change("igdb", lambda _state, now: ({"count": 2}, now))
    thread.join()
    assert waiters_now >= ended[0]
