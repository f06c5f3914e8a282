"""Odd pages of IGDB, each with the right answer beside it (shared/cases)."""

from pathlib import Path

import msgspec
import pytest

from platform_assets.games.plan import Mode
from tests.fakes.igdb_source import FakeSource, make_records
from tests.unit.games.test_collect import World

GOOD = list(range(10, 30))


def test_a_time_from_the_future_moves_no_watermark_and_the_new_game_arrives(cases: Path):
    page = (cases / "12-updated-at-from-the-future" / "page.json").read_bytes()
    world = World(FakeSource({record["id"]: record for record in msgspec.json.decode(page)}))
    odd = world.collect().published.odd
    assert [(each.id, each.kind) for each in odd] == [(2, "future_time")]
    assert world.watermarks.values == {"games": 1_700_000_100}
    world.source.records[2]["updated_at"] = 1_784_512_800
    world.source.records[4] = {"id": 4, "name": "d", "updated_at": 1_784_512_900}
    world.collect(mode=Mode.INCREMENTAL, day="2026-11-21")
    assert {record["id"] for record in world.published(day="2026-11-21")} >= {2, 4}
    assert world.watermarks.values == {"games": 1_784_512_900}


@pytest.mark.parametrize(
    ("file", "lost", "kept"),
    [
        ("deep.json", [(1, "too_deep")], []),
        ("id_2_63.json", [(None, "bad_id")], []),
        ("lone_surrogate.json", [(1, "bad_json")], [2]),
        ("not_utf8.json", [(1, "not_utf8")], []),
        ("text_time.json", [(1, "bad_time")], [2]),
    ],
)
def test_an_odd_record_of_a_page_is_named_and_costs_itself(
    cases: Path, file: str, lost: list[tuple[int | None, str]], kept: list[int]
):
    page = (cases / "14-igdb-page-oddities" / file).read_bytes()
    rows = page.strip().removeprefix(b"[").removesuffix(b"]")
    world = World(FakeSource(make_records([1, *GOOD]), bodies={1: rows}))
    result = world.collect()
    assert [(each.id, each.kind) for each in result.published.odd] == lost
    assert [record["id"] for record in world.published()] == [*kept, *GOOD]
