"""Which raw tables a tenant-source has."""

import unicodedata
from datetime import UTC, datetime

import pytest

from platform_assets.core.objects import ObjectInfo
from platform_assets.tags.keys import EXTENSIONS, TenantSource, check_table_id
from platform_assets.tags.tables import FoundTables, list_tables, read_tables
from tests.fakes.memory_objects import MemoryObjectStore

PLACE = TenantSource("acme", "board")


def ids(found: FoundTables) -> list[str]:
    return [table.table_id for table in found.tables]


def store(*names: str) -> MemoryObjectStore:
    objects = MemoryObjectStore()
    for name in names:
        objects.put(f"raw/acme/board/{name}", b"x" * len(name))
    return objects


def test_tables_are_listed_by_id_with_what_a_manifest_needs():
    objects = store("b.csv.gz", "a.jsonl", "_columns.json")
    objects.put("raw/acme/boards/c.csv", b"of another source")
    info = objects.head("raw/acme/board/a.jsonl")
    first, second = list_tables(objects, PLACE).tables
    assert info is not None
    assert (first.table_id, first.key, first.size_bytes, first.etag) == (
        "a", "raw/acme/board/a.jsonl", 7, info.etag,
    )  # fmt: skip
    assert second.table_id == "b"


def test_every_extension_is_taken_off():
    objects = store(*(f"t{number}.{extension}" for number, extension in enumerate(EXTENSIONS)))
    tables = list_tables(objects, PLACE).tables
    assert {table.table_id for table in tables} == {f"t{n}" for n in range(len(EXTENSIONS))}


def test_dots_in_a_name_are_part_of_the_id():
    assert ids(list_tables(store("a.b.csv"), PLACE)) == ["a.b"]


def test_a_folder_that_a_console_made_is_no_table():
    objects = store("a.csv")
    infos = [
        *objects.list(""),
        ObjectInfo("raw/acme/board/", 0, "e", datetime(2026, 1, 1, tzinfo=UTC)),
    ]
    assert ids(read_tables(infos, PLACE)) == ["a"]


def test_two_objects_of_one_table_id_are_one_failed_table_that_names_both():
    a, b = list_tables(store("a.csv", "a.jsonl.gz", "b.csv"), PLACE).tables
    assert (a.table_id, b.table_id, b.problem) == ("a", "b", None)
    assert "raw/acme/board/a.csv and raw/acme/board/a.jsonl.gz" in str(a.problem)


def test_tables_whose_names_differ_by_case_alone_are_failed_tables():
    found = list_tables(store("Posts.csv", "posts.csv", "other.csv"), PLACE)
    assert {table.table_id: bool(table.problem) for table in found.tables} == {
        "Posts": True, "posts": True, "other": False,
    }  # fmt: skip


@pytest.mark.parametrize(
    ("name", "table_id"),
    [
        ("게시판.csv", "게시판"),
        ("자유 게시판 (2024).csv.gz", "자유 게시판 (2024)"),
        (unicodedata.normalize("NFD", "게시판.csv"), "게시판"),
        ("POSTS4.CSV", "POSTS4"),
        ("掲示板.Parquet", "掲示板"),
    ],
)
def test_a_name_of_any_language_and_case_is_a_table(name: str, table_id: str):
    found = list_tables(store("good.csv", name), PLACE)
    assert {table.table_id: table.problem for table in found.tables} == {
        "good": None, table_id: None,
    }  # fmt: skip


@pytest.mark.parametrize(
    "name",
    ["_SUCCESS", "_temporary/0/part-0.csv", "README.txt", "posts9.csv.tmp", "Thumbs.db", "posts.csv.crc", "~$posts.csv",
     "__MACOSX/posts.csv"],
)  # fmt: skip
def test_what_other_programs_leave_beside_tables_is_ignored_by_name(name: str):
    found = list_tables(store("good.csv", name), PLACE)
    assert ids(found) == ["good"]
    assert found.ignored == [f"raw/acme/board/{name}"]


@pytest.mark.parametrize(
    "name",
    ["_x.csv", "posts (1).csv", "posts - 복사본.csv", "posts.xlsx", "a", "dt=2024-01-01/part-0.csv", "plan.json.csv",
     "a  b.csv", f"{'가' * 70}.csv", "a|b.csv"],
)  # fmt: skip
def test_an_object_that_may_be_meant_as_a_table_is_one_failed_table(name: str):
    good, bad = sorted(
        list_tables(store("good.csv", name), PLACE).tables, key=lambda t: bool(t.problem)
    )
    assert (good.table_id, good.problem) == ("good", None)
    assert f"raw/acme/board/{name}" in str(bad.problem)
    assert check_table_id(bad.table_id) == bad.table_id


def test_a_folder_per_day_is_one_failure_and_not_one_a_day():
    found = list_tables(store(*(f"dt=2024-01-{day:02}/part-0.csv" for day in range(1, 31))), PLACE)
    (table,) = found.tables
    assert "30 objects are in folders" in str(table.problem)
    assert "dt=2024-01-01/part-0.csv" in str(table.problem)


def test_options_belong_to_the_table_whose_name_they_have():
    objects = store(
        "게시판.csv", "b.csv", "게시판._columns.json", "_columns.json", "gone._columns.json"
    )
    b, board = list_tables(objects, PLACE).tables
    info = objects.head("raw/acme/board/게시판._columns.json")
    assert info is not None
    assert (board.options_key, board.options_etag) == (info.key, info.etag)
    assert (b.options_key, b.options_etag) == (None, None)
    assert list_tables(objects, PLACE).ignored == ["raw/acme/board/gone._columns.json"]


def test_a_tenant_source_without_objects_has_no_tables():
    assert list_tables(store(), PLACE).tables == []
