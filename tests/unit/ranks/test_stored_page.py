"""Stored pages: as received, found by their note, dropped when old."""

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.ranks.result_page import RankType, Surface
from platform_assets.ranks.search_page import build_page
from platform_assets.ranks.stored_page import (
    PageNote,
    body_key,
    drop_pages,
    find_note,
    list_page_ids,
    list_wanted,
    note_wanted,
    read_body,
    store_page,
)
from tests.fakes.clock import START
from tests.fakes.memory_objects import MemoryObjectStore

PAGE = build_page(RankType.BLOG, "강릉", Surface.BLOG_TAB)
DAY = "2026-11-20"


def store(
    objects: MemoryObjectStore, body: bytes, day: str = DAY, *, understood: bool = True
) -> PageNote:
    return store_page(objects, day, PAGE, body, START, understood=understood)


def test_a_page_comes_back_byte_for_byte():
    objects = MemoryObjectStore()
    body = bytes(range(256)) * 100
    note = store(objects, body)
    assert find_note(objects, DAY, PAGE.page_id) == note
    assert read_body(objects, DAY, note) == body
    assert (note.keyword, note.path, note.size_bytes) == ("강릉", PAGE.path, 25_600)
    assert (note.captured_at, note.surface) == (START, "blog_tab")
    assert len(objects.get(body_key(DAY, note))) < len(body)


def test_the_first_page_of_a_day_stays():
    objects = MemoryObjectStore()
    first = store(objects, b"first")
    assert store(objects, b"second") == first
    assert read_body(objects, DAY, first) == b"first"


def test_a_page_that_was_not_understood_gives_way_to_one_that_is_and_to_no_other():
    objects = MemoryObjectStore()
    riddle = store(objects, b"riddle", understood=False)
    assert store(objects, b"another riddle", understood=False) == riddle
    clear = store(objects, b"clear")
    assert find_note(objects, DAY, PAGE.page_id) == clear
    assert store(objects, b"riddle", understood=False) == clear


def test_a_body_without_a_note_is_no_page():
    objects = MemoryObjectStore()
    note = store(objects, b"page")
    objects.delete(f"ranks/pages/dt={DAY}/{PAGE.page_id}.json")
    assert find_note(objects, DAY, PAGE.page_id) is None
    assert list_page_ids(objects, DAY) == set()
    assert store(objects, b"page") == note


def test_pages_of_a_day_are_listed():
    objects = MemoryObjectStore()
    store(objects, b"page")
    store(objects, b"page", "2026-11-19")
    assert list_page_ids(objects, DAY) == {PAGE.page_id}


@pytest.mark.parametrize("damage", [b"", b"no gzip", b"\x1f\x8b\x08\x00cut"])
def test_a_damaged_page_is_named(damage: bytes):
    objects = MemoryObjectStore()
    note = store(objects, b"page")
    objects.put(body_key(DAY, note), damage)
    with pytest.raises(PermanentError, match=PAGE.page_id) as caught:
        read_body(objects, DAY, note)
    assert caught.value.kind == "bad_page"


def test_a_page_that_is_gone_is_named():
    objects = MemoryObjectStore()
    note = store(objects, b"page")
    objects.delete(body_key(DAY, note))
    with pytest.raises(PermanentError) as caught:
        read_body(objects, DAY, note)
    assert caught.value.kind == "bad_page"


@pytest.mark.parametrize("text", [b"", b"{", b'{"page_id": 1}', b"[]"])
def test_a_damaged_note_is_named(text: bytes):
    objects = MemoryObjectStore()
    store(objects, b"page")
    objects.put(f"ranks/pages/dt={DAY}/{PAGE.page_id}.json", text)
    with pytest.raises(PermanentError, match="no note of a page") as caught:
        find_note(objects, DAY, PAGE.page_id)
    assert caught.value.kind == "bad_page"


def test_old_days_are_dropped_whole_and_the_first_kept_day_stays():
    objects = MemoryObjectStore()
    for day in ("2026-10-01", "2026-11-18", "2026-11-19", DAY):
        store(objects, b"page", day)
    objects.put("ranks/daily/dt=2026-10-01/ranks.parquet", b"table")
    assert drop_pages(objects, "2026-11-19") == 4
    assert list_page_ids(objects, "2026-11-19") == list_page_ids(objects, DAY) == {PAGE.page_id}
    assert list_page_ids(objects, "2026-10-01") == set()
    assert objects.head("ranks/daily/dt=2026-10-01/ranks.parquet") is not None


def test_what_runs_of_a_day_fetched_for_is_remembered_with_its_pages():
    objects = MemoryObjectStore()
    note_wanted(objects, "2026-11-20", [3, 1])
    note_wanted(objects, "2026-11-20", [1, 3])
    note_wanted(objects, "2026-11-20", [7])
    assert list_wanted(objects, "2026-11-20") == {1, 3, 7}
    assert list_wanted(objects, "2026-11-21") == set()
    assert list_page_ids(objects, "2026-11-20") == set()
    objects.put("ranks/pages/dt=2026-11-20/damaged.ids", b"\xff")
    assert list_wanted(objects, "2026-11-20") == {1, 3, 7}
    assert drop_pages(objects, "2026-11-21") == 3
    assert list_wanted(objects, "2026-11-20") == set()
