from concurrent.futures import ThreadPoolExecutor

import pytest

from resources.state.database import StateDatabase
from resources.state.watermarks import SqlWatermarks


@pytest.fixture
def watermarks(database: StateDatabase) -> SqlWatermarks:
    return SqlWatermarks(database)


def test_an_unknown_watermark_is_none(watermarks: SqlWatermarks):
    assert watermarks.get("games", "games") is None


def test_a_watermark_never_goes_back(watermarks: SqlWatermarks):
    assert watermarks.advance("games", "games", 1_700_000_000) == 1_700_000_000
    assert watermarks.advance("games", "games", 1_600_000_000) == 1_700_000_000
    assert watermarks.advance("games", "games", 1_800_000_000) == 1_800_000_000
    assert watermarks.get("games", "games") == 1_800_000_000
    assert watermarks.get("games", "genres") is None


def test_a_reset_may_go_back(watermarks: SqlWatermarks):
    watermarks.set("games", "games", 5)
    watermarks.set("games", "games", 3)
    assert watermarks.get("games", "games") == 3
    assert watermarks.advance("games", "games", 4) == 4


def test_a_watermark_has_room_for_microseconds(watermarks: SqlWatermarks):
    assert watermarks.advance("games", "games", 1_800_000_000_000_000) == 1_800_000_000_000_000


def test_the_largest_of_many_writers_stays(watermarks: SqlWatermarks):
    with ThreadPoolExecutor(4) as pool:
        jobs = [pool.submit(watermarks.advance, "games", "games", value) for value in range(40)]
        stored = [job.result() for job in jobs]
    assert watermarks.get("games", "games") == 39
    assert all(after >= value for value, after in enumerate(stored))
