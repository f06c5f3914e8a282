"""Collecting over a source, a ledger and a store in memory: what is asked, landed, published, and done again."""

import asyncio
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field, replace
from typing import Any, cast

import msgspec
import pytest

from platform_assets.core.engine.retry import RetryPolicy
from platform_assets.core.engine.run_policy import RunPolicy
from platform_assets.core.engine.units import Scope, Unit
from platform_assets.core.errors import (
    PermanentError,
    PlatformError,
    RefusedError,
    TransientError,
)
from platform_assets.core.objects import ObjectInfo
from platform_assets.games.collect import Collection, Collector, collect, examine
from platform_assets.games.entities import Entity, find_entity
from platform_assets.games.landing import Day, read_manifest, read_part
from platform_assets.games.plan import Mode
from platform_assets.games.set_aside import give_up
from tests.fakes.clock import FakeClock
from tests.fakes.igdb_source import FakeSource, make_records
from tests.fakes.memory_ledger import MemoryLedger
from tests.fakes.memory_objects import MemoryObjectStore
from tests.fakes.virtual_time import run_virtual

GAMES = find_entity("games")
GENRES = find_entity("genres")
DAY = "2026-11-20"
ONCE = RunPolicy(concurrency=8, retry=RetryPolicy(attempts=1))


class MemoryWatermarks:
    def __init__(self) -> None:
        self.values: dict[str, int] = {}

    def get(self, pipeline: str, name: str) -> int | None:
        return self.values.get(name)

    def advance(self, pipeline: str, name: str, value: int) -> int:
        self.values[name] = max(value, self.values.get(name, value))
        return self.values[name]

    def set(self, pipeline: str, name: str, value: int) -> None:
        self.values[name] = value


class SleepyStore:
    """Another process's view of a store, which is slow at a write."""

    def __init__(self, store: MemoryObjectStore, put: Callable[[str, bytes], ObjectInfo]) -> None:
        self._store = store
        self.put = put

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)


@dataclass
class World:
    """Everything that collecting needs, in memory."""

    source: FakeSource
    clock: FakeClock = field(default_factory=FakeClock)
    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)
    watermarks: MemoryWatermarks = field(default_factory=MemoryWatermarks)
    policy: RunPolicy = ONCE

    def __post_init__(self) -> None:
        self.ledger = MemoryLedger(self.clock)

    def collector(self) -> Collector:
        return Collector(
            self.source, self.objects, self.ledger, self.watermarks, self.clock, self.policy
        )

    def collect(self, entity: Entity = GAMES, mode: Mode = Mode.FULL, day: str = DAY) -> Collection:
        return run_virtual(collect(self.collector(), entity, day, mode))

    def published(self, entity: Entity = GAMES, day: str = DAY) -> list[dict[str, Any]]:
        """Records of a day as a reader finds them: by the manifest, in its order."""
        manifest = read_manifest(self.objects, Day(entity.name, day))
        assert manifest is not None
        lines = [
            line for part in manifest.parts() for line in read_part(self.objects, part).splitlines()
        ]
        return [msgspec.json.decode(line) for line in lines]

    def all_keys(self) -> list[str]:
        return [info.key for info in self.objects.list("")]


def sparse(count: int, step: int = 3) -> list[int]:
    return [1 + n * step for n in range(count)]


def test_a_full_collection_has_every_record_once_and_in_id_order():
    world = World(FakeSource(make_records(sparse(6_789))))
    result = world.collect()
    assert result.report.complete
    assert [record["id"] for record in world.published()] == sparse(6_789)
    assert result.published.records == 6_789


def test_a_small_entity_costs_one_request():
    world = World(FakeSource(make_records(list(range(1, 24)))))
    world.collect(GENRES)
    assert len(world.source.queries) == 1
    assert len(world.published(GENRES)) == 23


def test_the_record_with_id_0_is_collected_too():
    world = World(FakeSource(make_records([0, 1, 7])))
    world.collect(GENRES)
    assert [record["id"] for record in world.published(GENRES)] == [0, 1, 7]


def test_an_empty_entity_is_published_with_no_records():
    world = World(FakeSource({}))
    assert world.collect(GENRES).published.records == 0
    assert world.published(GENRES) == []


def test_the_next_full_collection_asks_for_exactly_the_pages():
    world = World(FakeSource(make_records(sparse(5_000))))
    world.collect()
    world.source.queries.clear()
    world.collect(day="2026-11-21")
    assert len(world.source.queries) == 10, "ten full pages, the last one by the open tail"
    assert [record["id"] for record in world.published(day="2026-11-21")] == sparse(5_000)


def test_sequential_mode_reads_page_after_page_and_gets_the_same():
    world = World(FakeSource(make_records(sparse(2_600))), policy=replace(ONCE, concurrency=1))
    world.collect()
    assert len(world.source.queries) == 6, "five full pages and 100 records"
    assert [record["id"] for record in world.published()] == sparse(2_600)


def test_rows_deleted_while_they_are_read_cost_no_surviving_record():
    records = make_records(sparse(6_000))
    deleted = iter(sparse(6_000)[::60])

    def delete_one(query: str) -> None:
        for _ in range(20):
            records.pop(next(deleted, -1), None)

    world = World(
        FakeSource(records, before=delete_one, latency=lambda query: 0.1 * (len(query) % 7))
    )
    world.collect()
    found = {record["id"] for record in world.published()}
    assert len(records) == 5_900
    assert set(records) <= found


def test_a_failed_page_fails_its_part_is_named_and_only_it_is_asked_for_again():
    broken = True

    def fail(query: str) -> None:
        if broken and "id > 1500 " in query:
            raise TransientError("igdb games: 500 Internal Server Error", kind="http_500")

    world = World(FakeSource(make_records(list(range(1, 4_001))), before=fail))
    first = world.collect()
    assert not first.report.complete
    assert [f.kind for f in first.report.failures] == ["http_500"]
    assert read_manifest(world.objects, Day("games", DAY)) is None, "nothing half-visible"
    broken = False
    world.source.queries.clear()
    second = world.collect()
    assert second.report.complete
    assert second.report.skipped == first.report.done
    assert len(world.source.queries) == 2, "the failed page and the rest of its range"
    assert [record["id"] for record in world.published()] == list(range(1, 4_001))


def test_a_run_that_died_continues_where_its_pages_were_landed():
    world = World(FakeSource(make_records(sparse(9_000))))
    asked: list[str] = []

    def die(query: str) -> None:
        asked.append(query)
        if len(asked) == 12:
            raise KeyboardInterrupt

    world.source.before = die
    with pytest.raises(KeyboardInterrupt):
        world.collect()
    landed = len([key for key in world.all_keys() if "part-" in key])
    assert landed >= 5
    world.source.before = None
    world.source.queries.clear()
    world.clock.advance(120)
    world.collect()
    assert [record["id"] for record in world.published()] == sparse(9_000)
    assert len(world.source.queries) < 28 - landed + 10


def test_a_wrong_query_stops_at_once_with_the_apis_own_message():
    def refuse(query: str) -> None:
        raise RefusedError("igdb games: 400 Invalid Field: 'nope'", kind="http_400")

    world = World(FakeSource(make_records(sparse(3_000))))
    world.collect()
    world.source.before = refuse
    with pytest.raises(RefusedError, match="Invalid Field: 'nope'"):
        world.collect(day="2026-11-21")


def test_a_same_day_rerun_replaces_the_day_and_removes_what_it_replaced():
    world = World(FakeSource(make_records(sparse(1_200))))
    world.collect()
    world.source.records.pop(1)
    world.collect()
    assert [record["id"] for record in world.published()] == sparse(1_200)[1:]
    manifest = read_manifest(world.objects, Day("games", DAY))
    assert manifest is not None
    named = {part.key for part in manifest.parts()}
    assert {key for key in world.all_keys() if "part-" in key} == named


def test_an_unfinished_rerun_leaves_the_published_day_readable():
    world = World(FakeSource(make_records(sparse(1_200))))
    world.collect()
    before = world.published()

    def fail(query: str) -> None:
        if "where id >= 0" not in query:
            raise PermanentError("no")

    world.source.before = fail
    world.source.records = make_records(sparse(1_200), changed=True)
    assert not world.collect().report.complete
    assert world.published() == before


def test_an_incremental_collection_asks_for_what_changed_after_the_watermark_less_the_margin():
    world = World(FakeSource(make_records(sparse(2_000))))
    world.collect()
    newest = 1_700_000_000 + sparse(2_000)[-1]
    assert world.watermarks.values == {"games": newest}
    world.source.records[4]["updated_at"] = newest + 50
    world.source.queries.clear()
    result = world.collect(mode=Mode.INCREMENTAL, day="2026-11-21")
    assert f"updated_at > {newest - 300}" in world.source.queries[0]
    assert result.published.since == newest - 300
    assert 4 in {record["id"] for record in world.published(day="2026-11-21")}
    assert world.watermarks.values == {"games": newest + 50}


def test_an_incremental_collection_without_a_watermark_reads_everything():
    world = World(FakeSource(make_records(sparse(700))))
    result = world.collect(mode=Mode.INCREMENTAL)
    assert (result.published.mode, result.published.records) == ("full", 700)


def test_an_incremental_collection_on_the_day_of_a_full_one_adds_to_it():
    world = World(FakeSource(make_records(sparse(1_000))))
    world.collect()
    world.source.records[7]["updated_at"] += 10_000
    world.collect(mode=Mode.INCREMENTAL)
    manifest = read_manifest(world.objects, Day("games", DAY))
    assert manifest is not None
    assert [segment.mode for segment in manifest.segments] == ["full", "incremental"]
    assert {record["id"] for record in world.published()} == set(sparse(1_000))


def test_an_unfinished_incremental_collection_is_finished_before_a_full_one_of_the_day():
    world = World(FakeSource(make_records(sparse(1_000))))
    world.collect(day="2026-11-19")

    def fail(query: str) -> None:
        raise PermanentError("no")

    world.source.before = fail
    world.ledger.open_plan(
        Scope("games/raw_games", "", DAY),
        [Unit("00000", {"index": 0, "after": 0, "upto": None})],
        {
            "mode": "incremental",
            "since": 1_700_000_500,
            "generation": 1,
            "started_at": world.clock.now().isoformat(),
        },
    )
    assert not world.collect().report.complete
    world.source.before = None
    result = world.collect()
    assert result.published.mode == "full"
    assert [record["id"] for record in world.published()] == sparse(1_000)


def test_a_day_can_be_collected_again_after_the_ledger_was_lost():
    world = World(FakeSource(make_records(sparse(900))))
    world.collect()
    world.collect()
    world.ledger = MemoryLedger(world.clock)
    world.source.records.pop(1)
    assert world.collect().published.generation == 3
    assert [record["id"] for record in world.published()] == sparse(900)[1:]


def test_a_large_incremental_collection_is_read_in_ranges_too():
    world = World(FakeSource(make_records(sparse(4_000))))
    world.watermarks.values["games"] = 1_700_000_000 + 300
    world.collect(mode=Mode.INCREMENTAL)
    assert [record["id"] for record in world.published()] == [n for n in sparse(4_000) if n > 0]


def test_the_watermark_does_not_move_when_a_run_fails():
    def fail(query: str) -> None:
        if "where id >= 0" not in query and "desc" not in query:
            raise PermanentError("no")

    world = World(FakeSource(make_records(sparse(2_000)), before=fail))
    assert not world.collect().report.complete
    assert world.watermarks.values == {}


def test_a_run_longer_than_the_margin_moves_the_watermark_less_far():
    world = World(FakeSource(make_records(sparse(2_000))))
    world.source.before = lambda query: world.clock.advance(200)
    world.collect()
    newest = 1_700_000_000 + sparse(2_000)[-1]
    seconds = 200 * len(world.source.queries)
    assert world.watermarks.values["games"] == newest - (seconds - 300)


def test_every_range_is_asked_for_and_counts_are_compared():
    world = World(FakeSource(make_records(sparse(3_000))))
    result = world.collect()
    findings = asyncio.run(examine(world.collector(), GAMES, result.published))
    assert [(f.name, f.passed) for f in findings] == [
        ("count_matches_api", True),
        ("ids_unique", True),
        ("ranges_cover_all_ids", True),
        ("records_readable", True),
    ]


def test_a_missing_stretch_of_records_is_found_by_the_count():
    world = World(FakeSource(make_records(sparse(3_000))))
    world.source.counted = 3_100
    result = world.collect()
    findings = asyncio.run(examine(world.collector(), GAMES, result.published))
    assert (findings[0].passed, findings[0].grave) == (False, True)
    assert findings[0].text == "3000 records collected, the API counts 3100."


def test_two_runs_of_one_day_at_once_share_the_work_and_publish_the_same():
    world = World(FakeSource(make_records(sparse(5_000)), latency=lambda query: 1.0))
    world.collect(day="2026-11-19")
    world.source.queries.clear()

    async def both() -> list[Collection]:
        runs = (collect(world.collector(), GAMES, DAY, Mode.FULL) for _ in range(2))
        return list(await asyncio.gather(*runs))

    results = run_virtual(both())
    assert all(result.report.complete for result in results)
    assert len(world.source.queries) == 10, "no page twice"
    assert [record["id"] for record in world.published()] == sparse(5_000)


# A page that is shorter than it could be.


@pytest.mark.parametrize("lanes", [1, 8])
def test_a_server_with_short_pages_is_read_to_its_end(lanes: int):
    policy = replace(ONCE, concurrency=lanes)
    world = World(FakeSource(make_records(sparse(1_200)), page_size=250), policy=policy)
    assert world.collect().published.api_count == 1_200
    assert [record["id"] for record in world.published()] == sparse(1_200)
    world.collect(day="2026-11-21")
    assert [record["id"] for record in world.published(day="2026-11-21")] == sparse(1_200)


@pytest.mark.parametrize("says_total", [True, False])
def test_changes_are_read_to_their_end_from_a_server_with_short_pages(says_total: bool):
    world = World(FakeSource(make_records(sparse(1_200))))
    world.collect()
    world.source.page_size, world.source.says_total = 250, says_total
    for record in list(world.source.records.values())[:700]:
        record["updated_at"] += 1_000_000
    world.watermarks.values["games"] += 600
    assert world.collect(mode=Mode.INCREMENTAL, day="2026-11-21").published.records == 700
    assert len(world.published(day="2026-11-21")) == 700


def test_an_empty_page_of_a_server_that_says_there_is_more_is_no_end():
    world = World(FakeSource(make_records(sparse(1_200)), page_size=0))
    failed = world.collect()
    assert [failure.kind for failure in failed.report.failures] == ["short_page"]
    assert read_manifest(world.objects, Day("games", DAY)) is None


# One bad record.

BAD_RECORDS = {
    "not_utf8": b'{"id":4,"name":"a\xff"}',
    "bad_json": b'{"id":4,"name":"x\\ud83d y"}',
    "bad_number": b'{"id":4,"x":{"y":[1e999]}}',
    "too_deep": b'{"id":4,"x":' + b"[" * 2_000 + b"]" * 2_000 + b"}",
    "bad_time": b'{"id":4,"updated_at":"1688930404"}',
}


@pytest.mark.parametrize("kind", BAD_RECORDS)
def test_one_bad_record_is_set_aside_by_name_and_everything_else_is_published(kind: str):
    world = World(FakeSource(make_records(sparse(700)), bodies={4: BAD_RECORDS[kind]}))
    result = world.collect()
    assert [(odd.id, odd.kind) for odd in result.published.odd] == [(4, kind)]
    assert [record["id"] for record in world.published()] == [n for n in sparse(700) if n != 4]
    findings = asyncio.run(examine(world.collector(), GAMES, result.published))
    assert {finding.name: finding.passed for finding in findings} == {
        "count_matches_api": True,
        "ids_unique": True,
        "ranges_cover_all_ids": True,
        "records_readable": False,
    }
    assert f"4 ({kind}: " in findings[-1].text


@pytest.mark.parametrize("number", [b"18446744073709551617", b"-9223372036854775809", b"9" * 5_000])
def test_a_number_of_more_than_64_bits_costs_its_record(number: bytes):
    bodies = {4: b'{"id":4,"x":' + number + b"}"}
    world = World(FakeSource(make_records(sparse(700)), bodies=bodies))
    assert [odd.kind for odd in world.collect().published.odd] == ["bad_number"]
    assert len(world.published()) == 699


def test_an_id_of_more_than_64_bits_costs_its_record():
    records = make_records([1, 2, 3])
    world = World(FakeSource(records, bodies={3: b'{"id":9223372036854775808,"name":"x"}'}))
    odd = world.collect().published.odd
    assert [(each.id, each.kind) for each in odd] == [(None, "bad_id")]
    assert [record["id"] for record in world.published()] == [1, 2]


def test_a_bad_record_is_asked_for_again_until_it_reads_well_also_on_a_fresh_machine():
    world = World(FakeSource(make_records(sparse(700)), bodies={4: BAD_RECORDS["not_utf8"]}))
    world.collect()
    world.ledger, world.watermarks = MemoryLedger(world.clock), MemoryWatermarks()
    again = world.collect(mode=Mode.INCREMENTAL, day="2026-11-21").published
    assert (again.mode, [odd.id for odd in again.odd]) == ("incremental", [4])
    world.source.bodies.clear()
    assert world.collect(mode=Mode.INCREMENTAL, day="2026-11-22").published.odd == []
    assert 4 in {record["id"] for record in world.published(day="2026-11-22")}
    world.source.queries.clear()
    world.collect(mode=Mode.INCREMENTAL, day="2026-11-23")
    assert "id = (" not in world.source.queries[0]


def test_a_bad_record_that_a_person_gave_up_is_not_asked_for_again():
    world = World(FakeSource(make_records(sparse(700)), bodies={4: BAD_RECORDS["not_utf8"]}))
    world.collect()
    give_up(world.objects, "games", [4])
    world.source.queries.clear()
    world.collect(mode=Mode.INCREMENTAL, day="2026-11-21")
    assert "id = (" not in world.source.queries[0]


def test_when_most_records_are_bad_nothing_is_published_and_the_next_run_reads_them_again():
    bad = {n: b'{"id":%d,"x":1e999}' % n for n in sparse(600)}
    world = World(FakeSource(make_records(sparse(700)), bodies=bad))
    with pytest.raises(RefusedError, match="600 records cannot be read") as caught:
        world.collect()
    assert caught.value.kind == "odd_records"
    assert read_manifest(world.objects, Day("games", DAY)) is None
    world.source.bodies.clear()
    assert world.collect().published.records == 700


# The watermark.

NEW = 1_784_512_900


def test_a_time_in_the_future_is_not_believed_and_the_next_change_arrives():
    records = make_records([1, 2, 3])
    records[2]["updated_at"] = 1_784_512_800_123
    world = World(FakeSource(records))
    odd = world.collect().published.odd
    assert [(each.id, each.kind, each.landed) for each in odd] == [(2, "future_time", True)]
    assert world.watermarks.values == {"games": 1_700_000_003}
    world.source.records[2]["updated_at"] = 1_784_512_800
    world.source.records[4] = {"id": 4, "name": "new", "updated_at": NEW}
    world.collect(mode=Mode.INCREMENTAL, day="2026-11-21")
    assert {record["id"] for record in world.published(day="2026-11-21")} >= {2, 4}
    assert world.watermarks.values == {"games": NEW}


def test_a_stored_time_in_the_future_is_put_right():
    world = World(FakeSource(make_records(sparse(700))))
    world.collect()
    newest = world.watermarks.values["games"]
    world.watermarks.values["games"] = 4_102_444_800
    world.source.records[9_000] = {"id": 9_000, "updated_at": NEW}
    assert world.collect(mode=Mode.INCREMENTAL, day="2026-11-21").published.since == newest - 300
    assert world.watermarks.values == {"games": NEW}
    world.watermarks.values["games"] = 4_102_444_800
    world.collect(day="2026-11-22")
    assert world.watermarks.values == {"games": NEW}


def test_on_a_fresh_machine_the_watermark_is_found_in_what_is_published():
    world = World(FakeSource(make_records(sparse(700))))
    world.collect()
    newest = world.watermarks.values["games"]
    world.ledger, world.watermarks = MemoryLedger(world.clock), MemoryWatermarks()
    found = world.collect(mode=Mode.INCREMENTAL, day="2026-11-21").published
    assert (found.mode, found.since) == ("incremental", newest - 300)


# A process that slept.


def test_a_process_that_slept_over_its_lease_overwrites_nothing_that_was_published():
    world = World(FakeSource(make_records(sparse(3_000))))
    world.collect(day="2026-11-19")
    asleep = World(world.source, world.clock, world.objects, world.watermarks)
    asleep.ledger = world.ledger
    entered, go_on = threading.Event(), threading.Event()
    put = world.objects.put

    def sleep_before(key: str, data: bytes) -> ObjectInfo:
        if "part-" in key and not entered.is_set():
            entered.set()
            assert go_on.wait(600)
        return put(key, data)

    asleep.objects = cast("MemoryObjectStore", SleepyStore(world.objects, sleep_before))
    with ThreadPoolExecutor(1) as pool:
        old = pool.submit(asleep.collect)
        assert entered.wait(600)
        world.clock.advance(3_600)
        world.source.records = make_records(sparse(3_000), changed=True)
        world.collect()
        published = world.published()
        go_on.set()
        with suppress(PlatformError):
            old.result(60)
    assert world.published() == published
    assert [record["id"] for record in published] == sparse(3_000)
