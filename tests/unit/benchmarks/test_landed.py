from array import array
from pathlib import Path

import pytest

from benchmarks.collecting.job import Job
from benchmarks.collecting.landed import judge_ids, read_landed_ids, read_listed_ids
from platform_assets.core.clock import SystemClock
from platform_assets.games.landing import Day, land_page, publish
from platform_assets.games.manifest import Segment
from platform_assets.games.pages import read_page
from platform_assets.games.ranges import IdRange
from resources.caps.limits import CAPS
from resources.objects.local import LocalObjectStore

DATE = "2026-01-02"


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        ([1, 2, 5], "exact"),
        ([1, 5], "1 missing"),
        ([1, 2, 2, 5], "1 repeated"),
        ([2, 1, 5], "1 out of order"),
        ([1, 2, 5, 7], "1 never served"),
        ([5, 1, 1], "1 out of order, 1 repeated, 1 missing"),
        ([], "3 missing"),
    ],
)
def test_what_is_wrong_with_the_records_is_named(found: list[int], verdict: str) -> None:
    assert judge_ids(found, [1, 2, 5]) == verdict


def test_ids_are_read_back_in_the_order_of_the_manifest(tmp_path: Path) -> None:
    publish_pages(tmp_path, b'[{"id":3},{"id":8}]', b'[{"id":9}]')
    assert list(read_landed_ids(make_job(tmp_path))) == [3, 8, 9]


def test_a_part_that_the_manifest_does_not_name_is_not_read(tmp_path: Path) -> None:
    publish_pages(tmp_path, b'[{"id":3}]')
    objects = LocalObjectStore(tmp_path / "objects")
    page = read_page(b'[{"id":4}]', IdRange(3, None), "test")
    land_page(objects, Day("games", DATE).part_key(1, 7, 0), page)
    assert list(read_landed_ids(make_job(tmp_path))) == [3]


def test_a_day_that_was_never_published_has_no_records(tmp_path: Path) -> None:
    assert not read_landed_ids(make_job(tmp_path))


def test_ids_of_a_collector_without_landing_come_from_its_list(tmp_path: Path) -> None:
    job = make_job(tmp_path)
    job.ids_path.write_bytes(array("q", [3, 8]).tobytes())
    assert list(read_listed_ids(job)) == [3, 8]


def make_job(home: Path) -> Job:
    return Job("http://127.0.0.1:1", str(home), DATE, "id", "secret", CAPS["igdb"])


def publish_pages(home: Path, *bodies: bytes) -> None:
    objects, day = LocalObjectStore(home / "objects"), Day("games", DATE)
    parts = [
        land_page(objects, day.part_key(1, n, 0), read_page(body, IdRange(0, None), "test"))
        for n, body in enumerate(bodies)
    ]
    now = SystemClock().now()
    segment = Segment(1, "full", None, None, [(0, None)], parts, [], 1, 0, now, now)
    publish(objects, day, segment)
