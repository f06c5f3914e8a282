"""What a manifest says, what is not accepted as one, and how shards are selected for it."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectExistsError
from platform_assets.tags.keys import TenantSource
from platform_assets.tags.shards.dealing import plan_shards
from platform_assets.tags.shards.manifest import (
    Manifest,
    WorkSettings,
    decode_manifest,
    encode_manifest,
    read_manifest,
    select_shards,
    write_manifest,
)
from platform_assets.tags.tables import RawTable
from tests.fakes.memory_objects import MemoryObjectStore

PLACE = TenantSource("acme", "board")
WORK = WorkSettings("v1", table_timeout_seconds=60, attempts=2)
SIZES = {"a": 50, "b": 40, "c": 30, "d": 20, "e": 15}
TABLES = [RawTable(each, f"raw/acme/board/{each}.csv", size, "e1") for each, size in SIZES.items()]
PLAN = plan_shards(SIZES, 3)


def select(**selected: Any) -> Manifest:
    return select_shards("j1", PLACE, PLAN, TABLES, WORK, **selected)


def ids(manifest: Manifest) -> dict[str, list[str]]:
    return {
        shard: [table.table_id for table in tables] for shard, tables in manifest.tables.items()
    }


def test_a_manifest_of_everything_has_all_tables_and_the_heaviest_shard_first():
    manifest = select()
    assert manifest.shards == ("01", "00", "02")
    assert ids(manifest) == {"01": ["b", "e"], "00": ["a"], "02": ["c", "d"]}


def test_only_the_chosen_shards_are_in_it():
    manifest = select(shards=["02"])
    assert manifest.shards == ("02",)
    assert [manifest.find_shard(0, 1)] == ["02"]


def test_a_redrive_names_the_tables_and_knows_their_whole_shards():
    manifest = select(only=["e"])
    (shard,) = manifest.shards
    assert shard == PLAN.shards["e"]
    assert [table.table_id for table in manifest.select(shard)] == ["e"]
    assert len(manifest.tables[shard]) > 1, "a summary needs the others too"


def test_tables_that_vanished_are_in_the_plan_and_not_in_the_manifest():
    left = [table for table in TABLES if table.table_id != "a"]
    manifest = select_shards("j1", PLACE, PLAN, left, WORK)
    assert all("a" not in tables for tables in ids(manifest).values())
    assert manifest.tables[PLAN.shards["a"]] == ()


@pytest.mark.parametrize(
    ("selected", "kind"),
    [
        ({"shards": ["03"]}, "unknown_shard"),
        ({"only": ["a", "nobody"]}, "unknown_table"),
        ({"shards": []}, "no_tables"),
        ({"only": []}, "no_tables"),
    ],
)
def test_what_is_not_there_cannot_be_selected(selected: dict[str, Any], kind: str):
    with pytest.raises(PermanentError) as raised:
        select(**selected)
    assert raised.value.kind == kind


@given(
    sizes=st.dictionaries(st.from_regex(r"[a-z0-9]{1,6}", fullmatch=True), st.integers(0, 10**12)),
    count=st.integers(1, 100),
    only=st.none() | st.just("half"),
)
def test_a_manifest_is_read_as_it_was_written(sizes: dict[str, int], count: int, only: str | None):
    tables = [RawTable(each, f"raw/{each}.csv", size, f'"{each}"') for each, size in sizes.items()]
    chosen = None if only is None else list(sizes)[: len(sizes) // 2 + 1]
    if chosen == []:
        return
    plan = plan_shards(sizes, count)
    manifest = select_shards("j1", PLACE, plan, tables, WORK, only=chosen)
    objects = MemoryObjectStore()
    assert read_manifest(objects, write_manifest(objects, manifest)) == manifest


def test_a_job_has_one_manifest():
    objects = MemoryObjectStore()
    write_manifest(objects, select())
    with pytest.raises(ObjectExistsError):
        write_manifest(objects, select(shards=["00"]))
    assert read_manifest(objects, "jobs/j1/manifest.json") == select()


def test_a_missing_manifest_says_where_it_was_looked_for():
    with pytest.raises(PermanentError) as raised:
        read_manifest(MemoryObjectStore(), "jobs/j1/manifest.json")
    assert raised.value.kind == "manifest_missing"
    assert "jobs/j1/manifest.json" in raised.value.message


def test_the_manifest_of_another_job_is_refused():
    objects = MemoryObjectStore()
    objects.put("jobs/j2/manifest.json", encode_manifest(select()))
    with pytest.raises(PermanentError) as raised:
        read_manifest(objects, "jobs/j2/manifest.json")
    assert raised.value.kind == "bad_manifest"
    assert "'j1'" in raised.value.message


def change(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda stored: stored.update(values)


def drop(name: str) -> Callable[[dict[str, Any]], None]:
    return lambda stored: stored.__delitem__(name)


def change_table(**values: Any) -> Callable[[dict[str, Any]], None]:
    return lambda stored: stored["tables"]["00"][0].update(values)


@pytest.mark.parametrize(
    "spoil",
    [
        *(
            drop(name)
            for name in json.loads(encode_manifest(select()))
            if name != "dead_letter_share"  # which manifests of before do not have
        ),
        change(job_id=5),
        change(job_id="../x"),
        change(tenant="a/b"),
        change(source=None),
        change(shards=["00", "00", "01", "02"]),
        change(shards=["00"]),
        change(shards=["x"]),
        change(shards=5),
        change(tables=[]),
        change(tables={"00": [], "01": [], "02": 7}),
        change(only="nobody"),
        change(only=[1]),
        change(only=["nobody"]),
        change(dictionary="tags/dictionaries/v2.jsonl"),
        change(dictionary_version="../v2"),
        change(table_timeout_seconds=0),
        change(table_timeout_seconds="60"),
        change(table_timeout_seconds=float("inf")),
        change(table_timeout_seconds=float("nan")),
        change(attempts=0),
        change(attempts=1.5),
        change(tokenizer="other"),
        change(dead_letter_share=2),
        change_table(table_id="../a"),
        change_table(size_bytes=-1),
        change_table(size_bytes="5"),
    ],
)
def test_a_manifest_that_does_not_say_what_it_must_is_refused(
    spoil: Callable[[dict[str, Any]], None],
):
    stored = json.loads(encode_manifest(select()))
    spoil(stored)
    check_refused(json.dumps(stored).encode())


@pytest.mark.parametrize("data", [b"", b"\xff\xfe", b"{", b"[]", b"7", b"null", b'"text"', b"{}"])
def test_what_is_no_manifest_at_all_is_refused(data: bytes):
    check_refused(data)


def check_refused(data: bytes) -> None:
    objects = MemoryObjectStore()
    objects.put("jobs/j1/manifest.json", data)
    with pytest.raises(PermanentError) as raised:
        read_manifest(objects, "jobs/j1/manifest.json")
    assert raised.value.kind == "bad_manifest"
    assert "jobs/j1/manifest.json" in raised.value.message


@pytest.mark.parametrize(("index", "count"), [(3, 3), (-1, 3), (0, 2), (0, 100), (2, 4)])
def test_a_task_that_the_manifest_does_not_have_is_refused(index: int, count: int):
    with pytest.raises(PermanentError) as raised:
        select().find_shard(index, count)
    assert raised.value.kind == "bad_task_index"
    assert "3 shards" in raised.value.message


def test_every_index_has_its_own_shard():
    manifest = decode_manifest(encode_manifest(select()))
    assert {manifest.find_shard(index, 3) for index in range(3)} == {"00", "01", "02"}
