"""Collecting over a source, a ledger and a store in memory: what is asked, landed, published, and done again."""

import asyncio
from dataclasses import dataclass, field, replace
from typing import Any

import msgspec
import pytest

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.core.retry import RetryPolicy
from platform_assets.core.run_policy import RunPolicy
from platform_assets.core.units import Scope, Unit
from platform_assets.games.collect import Collection, Collector, collect, examine
from platform_assets.games.entities import Entity, find_entity
from platform_assets.games.landing import Day, read_manifest, read_part
from platform_assets.games.plan import Mode
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
    ]


def test_a_missing_stretch_of_records_is_found_by_the_count():
    world = World(FakeSource(make_records(sparse(3_000))))
    result = world.collect()
    world.source.records.update(make_records(list(range(2, 300, 3))))
    findings = asyncio.run(examine(world.collector(), GAMES, result.published))
    assert not findings[0].passed
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
