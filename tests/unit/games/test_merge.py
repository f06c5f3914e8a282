"""The current table: merged from published days, the same bytes for the same rows, whole or not at all."""

import hashlib
import io
from typing import Any, cast

import msgspec
import pyarrow.parquet as pq
import pytest
import zstandard
from hypothesis import given, settings
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.core.objects import ObjectStore
from platform_assets.games.entities import find_entity
from platform_assets.games.landing import Day, land_page, publish, read_manifest
from platform_assets.games.manifest import Part, Segment, encode_manifest
from platform_assets.games.merge import Merged, MergePolicy, current_key, merge_current
from platform_assets.games.pages import read_page
from platform_assets.games.quality import check_drift, check_table
from platform_assets.games.ranges import IdRange
from tests.fakes.clock import FakeClock
from tests.fakes.memory_objects import MemoryObjectStore

GAMES = find_entity("games")


class Shelf:
    """A store whose days are published by hand."""

    def __init__(self, objects: ObjectStore | None = None) -> None:
        self.objects = objects or MemoryObjectStore()
        self.clock = FakeClock()
        self.generations: dict[str, int] = {}

    def publish(
        self,
        day: str,
        records: list[dict[str, Any]],
        mode: str = "full",
        page: int = 500,
        counted: int | None = None,
    ) -> None:
        self.clock.advance(60)
        generation = self.generations[day] = self.generations.get(day, 0) + 1
        where = Day("games", day)
        parts: list[Part] = []
        for start in range(0, len(records), page):
            body = msgspec.json.encode(records[start : start + page])
            key = where.part_key(generation, start // page, 0)
            parts.append(land_page(self.objects, key, read_page(body, IdRange(0, None), "test")))
        now = self.clock.now()
        ranges: list[tuple[int, int | None]] = [(0, None)]
        segment = Segment(
            generation, mode, None, None, ranges, parts, [], 1, 0, now, now, api_count=counted
        )
        publish(self.objects, where, segment)

    def merge(self, *, accepted: bool = False) -> Merged:
        return merge_current(self.objects, GAMES, MergePolicy(accepted=accepted))

    def bytes(self) -> bytes:
        return self.objects.get(current_key(GAMES))

    def rows(self) -> dict[int, dict[str, Any]]:
        table = pq.read_table(io.BytesIO(self.bytes()))
        rows = table.to_pylist()
        assert [row["id"] for row in rows] == sorted(row["id"] for row in rows)
        return {row["id"]: row for row in rows}


def game(n: int, stamp: int = 100, **extra: Any) -> dict[str, Any]:
    return {"id": n, "name": f"game {n}", "updated_at": stamp, **extra}


def test_known_fields_become_columns_and_the_rest_is_kept():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1, genres=[5, 3], rating=80, category=0, tags=[1])])
    shelf.merge()
    row = shelf.rows()[1]
    assert (row["name"], row["genres"], row["rating"]) == ("game 1", [5, 3], 80.0)
    assert msgspec.json.decode(row["rest"]) == {"category": 0, "tags": [1]}
    assert (row["seen_on"], row["deleted_on"], row["summary"]) == ("2026-11-20", None, None)


def test_an_incremental_day_replaces_the_rows_that_changed_and_adds_new_ones():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n) for n in range(1, 10)])
    shelf.publish("2026-11-21", [game(4, 200, rating=9.5), game(50, 200)], mode="incremental")
    merged = shelf.merge()
    rows = shelf.rows()
    assert (merged.rows, merged.deleted) == (10, 0)
    assert rows[4]["rating"] == 9.5
    assert rows[5]["seen_on"] == "2026-11-20"
    assert rows[50]["seen_on"] == "2026-11-21"


def test_rows_that_a_full_refresh_no_longer_has_are_marked_and_kept():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n) for n in range(1, 6)])
    shelf.merge()
    shelf.publish("2026-11-21", [game(1), game(2), game(5)])
    merged = shelf.merge()
    assert (merged.rows, merged.deleted) == (5, 2)
    assert {n: row["deleted_on"] for n, row in shelf.rows().items()} == {
        1: None,
        2: None,
        3: "2026-11-21",
        4: "2026-11-21",
        5: None,
    }


def test_a_row_that_comes_back_is_no_longer_deleted_and_a_gone_one_keeps_its_first_day():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1), game(2), game(3)])
    shelf.publish("2026-11-21", [game(1)])
    shelf.publish("2026-11-22", [game(1), game(2)])
    shelf.merge()
    assert {n: row["deleted_on"] for n, row in shelf.rows().items()} == {
        1: None,
        2: None,
        3: "2026-11-21",
    }


def test_the_same_rows_give_the_same_bytes_however_they_were_cut():
    one, other = Shelf(), Shelf()
    records = [game(n, rating=n / 3) for n in range(1, 20_000)]
    one.publish("2026-11-20", records)
    one.merge()
    other.publish("2026-11-20", records, page=333)
    other.merge()
    assert one.bytes() == other.bytes()


def test_merging_again_and_collecting_again_change_no_byte():
    shelf = Shelf()
    records = [game(n) for n in range(1, 2_000)]
    shelf.publish("2026-11-20", records)
    shelf.merge()
    before = shelf.bytes()
    assert shelf.merge().applied == ()
    assert shelf.bytes() == before
    shelf.publish("2026-11-20", records, page=100)
    assert [name[:12] for name in shelf.merge().applied] == ["2026-11-20/2"]
    assert shelf.bytes() == before


def test_a_lost_list_of_merged_segments_costs_time_and_nothing_else():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n) for n in range(1, 50)])
    shelf.publish("2026-11-21", [game(7, 300)], mode="incremental")
    shelf.merge()
    before = shelf.bytes()
    shelf.objects.put("games/games/merged.json", b"{broken")
    assert len(shelf.merge().applied) == 2
    assert shelf.bytes() == before


def test_a_day_collected_anew_after_the_ledger_was_lost_reaches_the_table():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1)])
    shelf.merge()
    shelf.generations.clear()
    shelf.publish("2026-11-20", [game(1, 200, rating=4.0)])
    shelf.merge()
    assert shelf.rows()[1]["rating"] == 4.0


def test_a_late_day_does_not_undo_a_newer_change():
    shelf = Shelf()
    shelf.publish("2026-11-21", [game(1, 500, rating=2.0), game(2, 100)])
    shelf.merge()
    shelf.publish("2026-11-20", [game(1, 400, rating=1.0), game(2, 150)], mode="incremental")
    shelf.merge()
    rows = shelf.rows()
    assert rows[1]["rating"] == 2.0
    assert rows[2]["updated_at"] == 150


def test_a_row_that_is_newer_than_a_late_full_refresh_is_not_taken_for_deleted():
    shelf = Shelf()
    shelf.publish("2026-11-21", [game(1, 500)], mode="incremental")
    shelf.publish("2026-11-20", [game(1, 400), game(2, 1)])
    merged = shelf.merge()
    assert merged.deleted == 0
    assert shelf.rows()[1]["updated_at"] == 500


def test_a_field_of_another_type_stops_the_merge_and_the_table_stays():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1)])
    shelf.merge()
    before = shelf.bytes()
    shelf.publish("2026-11-21", [game(1, 200, rating={"value": 5})])
    with pytest.raises(
        RefusedError, match="changed the type of a field \\(rating: expected number"
    ) as caught:
        shelf.merge()
    assert caught.value.kind == "schema_drift"
    assert shelf.bytes() == before


def test_new_and_vanished_fields_are_reported_with_counts():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n, category=1) for n in range(1, 701)])
    finding = check_drift(shelf.merge().drift)
    assert finding.numbers["new_fields"] == {"category": 700}
    assert finding.numbers["missing_fields"]["summary"] == 700
    assert not finding.passed
    assert not finding.grave


def test_without_any_published_day_there_is_nothing_to_merge():
    with pytest.raises(PermanentError, match="games has no published day yet"):
        Shelf().merge()


def test_a_part_that_is_damaged_is_named_with_the_command_that_mends_it_and_the_other_days_are_merged():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1), game(2)])
    shelf.publish("2026-11-21", [game(2, 200)], mode="incremental")
    shelf.publish("2026-11-22", [game(3, 300)], mode="incremental")
    shelf.objects.put("games/raw/games/dt=2026-11-21/part-00000.jsonl.zst", b"half")
    merged = shelf.merge()
    assert [(each.kind, each.name[:12]) for each in merged.unmerged] == [
        ("damaged_part", "2026-11-21/1")
    ]
    assert "-j games_full --tags" in merged.unmerged[0].message
    assert {n: row["updated_at"] for n, row in shelf.rows().items()} == {1: 100, 2: 100, 3: 300}
    shelf.publish("2026-11-21", [game(1), game(2, 200), game(3, 300)])
    assert shelf.merge().unmerged == ()
    assert shelf.rows()[2]["updated_at"] == 200


def test_a_damaged_part_is_told_also_when_nothing_else_is_to_be_merged():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1)])
    shelf.objects.put("games/raw/games/dt=2026-11-20/part-00000.jsonl.zst", b"half")
    with pytest.raises(RefusedError, match="is damaged") as caught:
        shelf.merge()
    assert caught.value.kind == "damaged_part"


def test_a_part_that_was_replaced_under_the_reader_is_tried_again():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1)])
    key = "games/raw/games/dt=2026-11-20/manifest.json"
    old = shelf.objects.get(key)

    class Stale:
        """Answers with the old manifest once: a new one was published right behind it."""

        def get(self, key: str) -> bytes:
            if key.endswith("manifest.json") and not stale:
                stale.append(key)
                return old
            return shelf.objects.get(key)

        def __getattr__(self, name: str) -> Any:
            return getattr(shelf.objects, name)

    stale: list[str] = []
    shelf.publish("2026-11-20", [game(1, 200)])
    with pytest.raises(TransientError, match="is not the part that the manifest names"):
        merge_current(cast("ObjectStore", Stale()), GAMES)


def test_a_corrupt_manifest_is_named_with_what_to_do():
    shelf = Shelf()
    shelf.objects.put("games/raw/games/dt=2026-11-20/manifest.json", b'{"entity":')
    with pytest.raises(
        RefusedError, match="dt=2026-11-20/manifest.json is not a manifest"
    ) as caught:
        shelf.merge()
    assert "delete this object and collect the day again" in str(caught.value)


# A full refresh that lost most rows.


def test_a_full_refresh_that_lost_most_rows_marks_none_until_a_person_accepts_it():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n) for n in range(1, 8_179)])
    shelf.merge()
    before = shelf.bytes()
    shelf.publish("2026-11-21", [], counted=0)
    merged = shelf.merge()
    assert [each.kind for each in merged.unmerged] == ["mass_deletion"]
    assert "8178 of 8178 rows" in merged.unmerged[0].message
    assert shelf.bytes() == before
    checks = {each.name: (each.passed, each.grave) for each in check_table(merged)}
    assert checks["no_mass_deletion"] == (False, True)
    assert shelf.merge(accepted=True).deleted == 8_178
    assert shelf.merge().unmerged == ()


def test_what_a_person_accepted_is_accepted_when_the_table_is_built_anew():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n) for n in range(1, 100)])
    shelf.publish("2026-11-21", [game(1)])
    shelf.merge(accepted=True)
    before = shelf.bytes()
    shelf.objects.put(current_key(GAMES), b"garbage")
    assert shelf.merge().unmerged == ()
    assert shelf.bytes() == before


def test_the_next_full_refresh_puts_right_what_was_not_believed():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n) for n in range(1, 100)])
    shelf.merge()
    shelf.publish("2026-11-21", [])
    shelf.merge()
    shelf.publish("2026-11-22", [game(n) for n in range(2, 100)])
    shelf.merge()
    merged = shelf.merge()
    assert (merged.deleted, merged.unmerged) == (1, ())
    assert shelf.rows()[1]["deleted_on"] == "2026-11-22"


def test_a_full_refresh_whose_count_is_off_marks_no_deletion():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n) for n in range(1, 1_201)])
    shelf.publish("2026-11-21", [game(n, 200) for n in range(1, 1_001)], counted=1_200)
    merged = shelf.merge()
    assert (merged.rows, merged.deleted) == (1_200, 0)
    assert shelf.rows()[1]["updated_at"] == 200


def test_a_time_in_the_future_does_not_keep_its_correction_out():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1, 4_102_444_800), game(2, 1_784_512_800_123)])
    merged = shelf.merge()
    assert merged.newest is None
    shelf.publish("2026-11-21", [game(1, 1_784_512_800, rating=7)], mode="incremental")
    shelf.merge()
    assert shelf.rows()[1]["rating"] == 7.0


# What is damaged heals.


def damage(content: bytes, how: str) -> bytes:
    half = len(content) // 2
    return {
        "empty": b"",
        "truncated": content[:half],
        "garbage": b"garbage" * 100,
        "wrong tail": content[:-8] + b"12345678",
        "flipped": content[: half // 2]
        + bytes(b ^ 255 for b in content[half // 2 : half])
        + content[half:],
    }[how]


@pytest.mark.parametrize("with_more", [True, False])
@pytest.mark.parametrize("how", ["empty", "truncated", "garbage", "wrong tail", "flipped"])
def test_a_damaged_table_is_built_anew_from_the_raw_days(how: str, with_more: bool):
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n, summary=f"{n * 7919}") for n in range(1, 3_000)])
    shelf.publish("2026-11-21", [game(1, 200)], mode="incremental")
    shelf.merge()
    right = shelf.bytes()
    shelf.objects.put(current_key(GAMES), damage(right, how))
    if with_more:
        shelf.publish("2026-11-22", [game(2, 300)], mode="incremental")
    merged = shelf.merge()
    if not with_more and how == "flipped" and merged.built_anew is None:
        return  # columns that a merge without anything new does not read
    assert merged.built_anew is not None
    assert shelf.rows()[1]["updated_at"] == 200
    assert with_more or shelf.bytes() == right


@pytest.mark.parametrize("content", [b"", b"{broken", b'["a\xff"]', b"[" * 20_000, b"[1]"])
def test_a_list_of_merged_segments_that_cannot_be_read_costs_time_alone(content: bytes):
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(n) for n in range(1, 50)])
    shelf.publish("2026-11-21", [game(n, 200) for n in range(1, 500)], mode="incremental")
    shelf.merge()
    before = shelf.bytes()
    shelf.objects.put("games/games/merged.json", content)
    merged = shelf.merge()
    assert (len(merged.applied), merged.unmerged) == (2, ())
    assert shelf.bytes() == before


def test_a_corrupt_manifest_costs_its_day_alone():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1)])
    shelf.publish("2026-11-21", [game(2)], mode="incremental")
    shelf.objects.put("games/raw/games/dt=2026-11-21/manifest.json", b'{"entity":"\xff')
    merged = shelf.merge()
    assert [each.kind for each in merged.unmerged] == ["corrupt_manifest"]
    assert set(shelf.rows()) == {1}


def test_a_day_whose_manifest_is_missing_is_named():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1)])
    shelf.publish("2026-11-21", [game(2)], mode="incremental")
    shelf.objects.delete("games/raw/games/dt=2026-11-20/manifest.json")
    finding = check_table(shelf.merge())[-1]
    assert (finding.name, finding.passed) == ("days_published", False)
    assert "2026-11-20" in finding.text


def test_a_bad_record_that_an_older_version_landed_costs_that_record():
    shelf = Shelf()
    shelf.publish("2026-11-20", [game(1), game(2), game(3)])
    key = "games/raw/games/dt=2026-11-20/part-00000.jsonl.zst"
    lines = zstandard.ZstdDecompressor().decompress(shelf.objects.get(key))
    data = zstandard.compress(lines.replace(b"game 2", b"game \xff"))
    shelf.objects.put(key, data)
    manifest = read_manifest(shelf.objects, Day("games", "2026-11-20"))
    assert manifest is not None
    (segment,) = manifest.segments
    part = msgspec.structs.replace(segment.parts[0], sha256=hashlib.sha256(data).hexdigest())
    changed = msgspec.structs.replace(segment, parts=[part])
    where = "games/raw/games/dt=2026-11-20/manifest.json"
    shelf.objects.put(where, encode_manifest(msgspec.structs.replace(manifest, segments=[changed])))
    merged = shelf.merge()
    assert set(shelf.rows()) == {1, 3}
    assert len(merged.drift.unread) == 1
    assert not check_table(merged)[2].passed


Days = st.lists(
    st.tuples(
        st.sampled_from(["full", "incremental"]),
        st.dictionaries(st.integers(1, 30), st.integers(1, 9), max_size=12),
        st.integers(1, 5),
    ),
    min_size=1,
    max_size=5,
)


@settings(deadline=None, max_examples=60)
@given(Days)
def test_the_table_equals_what_replaying_the_days_by_hand_gives(
    days: list[tuple[str, dict[int, int], int]],
):
    shelf = Shelf()
    expected: dict[int, tuple[int, bool]] = {}
    for number, (mode, stamps, page) in enumerate(days):
        shelf.publish(
            f"2026-11-{number + 1:02d}", [game(n, stamps[n]) for n in sorted(stamps)], mode, page
        )
        for n, stamp in stamps.items():
            if n not in expected or stamp >= expected[n][0]:
                expected[n] = (stamp, False)
        if mode == "full":
            expected.update({n: (s, True) for n, (s, _) in expected.items() if n not in stamps})
        if number % 2:
            shelf.merge(accepted=True)
    shelf.merge(accepted=True)
    found = {
        n: (row["updated_at"], row["deleted_on"] is not None) for n, row in shelf.rows().items()
    }
    assert found == expected
