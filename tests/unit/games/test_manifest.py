"""The manifest: its stored form, and what publishing does to a day."""

from collections.abc import Iterable
from dataclasses import dataclass, field

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import RefusedError
from platform_assets.games.landing import Day, land_page, publish, read_manifest, read_part
from platform_assets.games.manifest import (
    FORMAT,
    Manifest,
    Part,
    Segment,
    decode_manifest,
    encode_manifest,
)
from platform_assets.games.pages import read_page
from platform_assets.games.plan import Mode
from platform_assets.games.ranges import IdRange
from tests.fakes.clock import START
from tests.fakes.memory_objects import MemoryObjectStore

KEY = "games/raw/games/dt=2026-11-20/manifest.json"
DAY = Day("games", "2026-11-20")


def segment(generation: int = 1, mode: Mode = Mode.FULL, parts: Iterable[Part] = ()) -> Segment:
    ranges: list[tuple[int, int | None]] = [(0, 500), (500, None)]
    kept = list(parts)
    return Segment(generation, mode.value, None, 7, ranges, kept, [500], 3, 0, START, START)


def part(key: str, count: int = 500, last_id: int = 500) -> Part:
    return Part(key, count, 1, last_id, 1_700_000_000, 1234, "ab" * 32)


def generations(manifest: Manifest | None) -> list[int]:
    assert manifest is not None
    return [of.generation for of in manifest.segments]


@dataclass
class Shelf:
    """A day that is published by hand."""

    objects: MemoryObjectStore = field(default_factory=MemoryObjectStore)

    def publish(self, generation: int, mode: Mode = Mode.FULL) -> Manifest:
        page = read_page(b'[{"id":%d}]' % generation, IdRange(0, None), "test")
        landed = land_page(self.objects, DAY.part_key(generation, 0, 0), page)
        return publish(self.objects, DAY, segment(generation, mode, [landed]))

    def read(self) -> list[bytes]:
        manifest = read_manifest(self.objects, DAY)
        assert manifest is not None
        return [read_part(self.objects, named) for named in manifest.parts()]


# The stored form.


def test_what_is_written_is_read_back():
    manifest = Manifest("games", "2026-11-20", [segment(parts=[part("a"), part("b")])])
    assert decode_manifest(encode_manifest(manifest), KEY) == manifest


def test_the_stored_form_is_for_people_and_names_what_a_reader_needs():
    stored = encode_manifest(Manifest("games", "2026-11-20", [segment(parts=[part("a")])]))
    assert stored.count(b"\n") > 20
    plain = msgspec.json.decode(stored)
    assert (plain["entity"], plain["day"], plain["format"]) == ("games", "2026-11-20", FORMAT)
    assert plain["segments"][0]["started_at"] == "2026-11-20T09:00:00Z"
    assert plain["segments"][0]["parts"][0]["sha256"] == "ab" * 32


@pytest.mark.parametrize(
    "damaged",
    [
        b"",
        b'{"entity":',
        b"[]",
        b"\x00" * 40,
        b'{"entity":"g\xff","day":"2026-11-20","segments":[]}',
        b'{"entity":"games","day":"2026-11-20","segments":[{}]}',
        b'{"entity":"games","segments":[]}',
    ],
)
def test_a_damaged_manifest_is_refused_by_name_with_what_to_do(damaged: bytes):
    with pytest.raises(RefusedError) as caught:
        decode_manifest(damaged, KEY)
    assert caught.value.kind == "corrupt_manifest"
    assert KEY in str(caught.value)
    assert "delete this object and collect the day again" in str(caught.value)


@given(st.integers(0, 2000), st.binary(max_size=3))
def test_no_cut_and_no_wrong_byte_breaks_the_reader_in_another_way(at: int, wrong: bytes):
    whole = encode_manifest(Manifest("games", "2026-11-20", [segment(parts=[part("a")])]))
    try:
        decode_manifest(whole[:at] + wrong, KEY)
    except RefusedError as error:
        assert error.kind == "corrupt_manifest"  # noqa: PT017 - a cut in white space breaks nothing


def test_a_manifest_of_a_later_form_says_upgrade_and_never_delete():
    later = [
        msgspec.json.encode(Manifest("games", "2026-11-20", [], format=FORMAT + 1)),
        b'{"format":%d,"name":"games","pages":{"count":1}}' % (FORMAT + 1),
    ]
    for stored in later:
        with pytest.raises(RefusedError, match=f"has form {FORMAT + 1}.*upgrade") as caught:
            decode_manifest(stored, KEY)
        assert "delete" not in str(caught.value)


# Numbers.


def test_a_segment_counts_its_parts():
    of = segment(parts=[part("a", 500, 500), part("b", 20, 520)])
    assert (of.records, of.size_bytes) == (520, 2468)


def test_parts_come_segment_by_segment():
    changes = segment(2, Mode.INCREMENTAL, [part("c")])
    manifest = Manifest("games", "d", [segment(parts=[part("a"), part("b")])]).with_segment(changes)
    assert [named.key for named in manifest.parts()] == ["a", "b", "c"]


# Publishing.


def test_a_full_segment_replaces_the_day_and_changes_are_added_to_it():
    manifest = Manifest("games", "2026-11-20", [])
    for generation, mode in ((1, Mode.INCREMENTAL), (2, Mode.FULL), (3, Mode.INCREMENTAL)):
        manifest = manifest.with_segment(segment(generation, mode))
    assert generations(manifest) == [2, 3]


def test_publishing_the_same_segment_again_changes_nothing():
    shelf = Shelf()
    shelf.publish(1)
    shelf.publish(2, Mode.INCREMENTAL)
    assert generations(shelf.publish(2, Mode.INCREMENTAL)) == [1, 2]
    assert shelf.read() == [b'{"id":1}\n', b'{"id":2}\n']


def test_a_late_publisher_cannot_bring_a_replaced_day_back():
    shelf = Shelf()
    shelf.publish(1)
    late = segment(1, parts=[part(DAY.part_key(1, 0, 0))])
    shelf.publish(2)
    publish(shelf.objects, DAY, late)
    assert shelf.read() == [b'{"id":2}\n'], (
        "the parts of the first are gone; the manifest must not name them"
    )


def test_parts_that_a_running_collection_has_landed_are_not_swept():
    shelf = Shelf()
    page = read_page(b'[{"id":9}]', IdRange(0, None), "test")
    land_page(shelf.objects, DAY.part_key(3, 0, 0), page)
    shelf.publish(1)
    shelf.publish(2)
    keys = [info.key for info in shelf.objects.list(DAY.prefix) if "part-" in info.key]
    assert keys == [DAY.part_key(2, 0, 0), DAY.part_key(3, 0, 0)]


def test_a_day_that_was_not_collected_has_no_manifest():
    assert read_manifest(MemoryObjectStore(), DAY) is None
