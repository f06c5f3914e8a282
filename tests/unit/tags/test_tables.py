"""Which raw tables a tenant-source has."""

from datetime import UTC, datetime

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectInfo
from platform_assets.tags.keys import EXTENSIONS, TenantSource
from platform_assets.tags.tables import list_tables, read_tables
from tests.fakes.memory_objects import MemoryObjectStore

PLACE = TenantSource("acme", "board")


def store(*names: str) -> MemoryObjectStore:
    objects = MemoryObjectStore()
    for name in names:
        objects.put(f"raw/acme/board/{name}", b"x" * len(name))
    return objects


def test_tables_are_listed_by_id_with_what_a_manifest_needs():
    objects = store("b.csv.gz", "a.jsonl", "_columns.json")
    objects.put("raw/acme/boards/c.csv", b"of another source")
    info = objects.head("raw/acme/board/a.jsonl")
    first, second = list_tables(objects, PLACE)
    assert info is not None
    assert (first.table_id, first.key, first.size_bytes, first.etag) == (
        "a", "raw/acme/board/a.jsonl", 7, info.etag,
    )  # fmt: skip
    assert second.table_id == "b"


def test_every_extension_is_taken_off():
    objects = store(*(f"t{number}.{extension}" for number, extension in enumerate(EXTENSIONS)))
    tables = list_tables(objects, PLACE)
    assert {table.table_id for table in tables} == {f"t{n}" for n in range(len(EXTENSIONS))}


def test_dots_in_a_name_are_part_of_the_id():
    assert [table.table_id for table in list_tables(store("a.b.csv"), PLACE)] == ["a.b"]


def test_a_folder_that_a_console_made_is_no_table():
    objects = store("a.csv")
    infos = [
        *objects.list(""),
        ObjectInfo("raw/acme/board/", 0, "e", datetime(2026, 1, 1, tzinfo=UTC)),
    ]
    assert [table.table_id for table in read_tables(infos, PLACE)] == ["a"]


def test_two_objects_of_one_table_id_are_both_named():
    with pytest.raises(PermanentError) as raised:
        list_tables(store("a.csv", "a.jsonl.gz", "b.csv"), PLACE)
    assert raised.value.kind == "bad_tables"
    assert "raw/acme/board/a.csv and raw/acme/board/a.jsonl.gz" in raised.value.message
    assert "b.csv" not in raised.value.message


@pytest.mark.parametrize(
    "name", ["게시판.csv", "_x.csv", "a b.csv", "a.xlsx", "a", "folder/a.csv", "plan.json.csv"]
)
def test_an_object_that_can_be_no_table_is_named(name: str):
    with pytest.raises(PermanentError) as raised:
        list_tables(store("good.csv", name), PLACE)
    assert raised.value.kind == "bad_tables"
    assert f"raw/acme/board/{name}" in raised.value.message
    assert "good.csv" not in raised.value.message


def test_of_many_bad_objects_the_first_are_named_and_the_rest_counted():
    with pytest.raises(PermanentError, match="and 10 more"):
        list_tables(store(*(f"{n:02}.xls" for n in range(30))), PLACE)


def test_a_tenant_source_without_objects_has_no_tables():
    assert list_tables(store(), PLACE) == []
