import pytest

from platform_assets.core.errors import TransientError
from platform_assets.tags.keys import TenantSource
from platform_assets.tags.sources import FoundSources, find_sources
from tests.fakes.memory_objects import MemoryObjectStore


def find(*keys: str) -> FoundSources:
    objects = MemoryObjectStore()
    for key in keys:
        objects.put(key, b"")
    return find_sources(objects)


def count(found: FoundSources) -> dict[str, int]:
    return {place.key: number for place, number in found.tables.items()}


def test_an_empty_store_has_no_sources():
    assert find() == FoundSources({}, ())


def test_tables_are_counted_by_tenant_and_source():
    found = find(
        "raw/beta/review/t.parquet",
        "raw/acme/board/a.csv",
        "raw/acme/board/b.jsonl.gz",
        "raw/acme/review/a.csv",
    )
    assert found.tables == {
        TenantSource("acme", "board"): 2,
        TenantSource("acme", "review"): 1,
        TenantSource("beta", "review"): 1,
    }
    assert found.problems == ()


def test_sources_come_by_tenant_and_source():
    found = find("raw/b/x/t.csv", "raw/a/y/t.csv", "raw/a-1/x/t.csv", "raw/a/x/t.csv")
    assert list(count(found)) == ["a:x", "a:y", "a-1:x", "b:x"]


def test_how_to_read_the_tables_is_no_table():
    found = find(
        "raw/acme/board/_columns.json", "raw/beta/board/_columns.json", "raw/beta/board/t.csv"
    )
    assert count(found) == {"beta:board": 1}


def test_what_is_no_table_counts_so_that_its_run_can_say_so():
    assert count(find("raw/acme/board/notes.docx", "raw/acme/board/2026/t.csv")) == {
        "acme:board": 2
    }


@pytest.mark.parametrize(
    "key",
    ["raw/t.csv", "raw/acme/t.csv", "tags/acme/board/t/converted.parquet", "games/raw/board/t.csv"],
)
def test_objects_elsewhere_are_no_tables(key: str):
    assert find(key) == FoundSources({}, ())


@pytest.mark.parametrize(
    ("tenant", "source"),
    [
        ("acme", "Bad Name"),
        ("acme", "리뷰"),
        ("acme", "a" * 41),
        ("-acme", "board"),
        ("ac me", "board"),
        ("a" * 51, "board"),
    ],
)
def test_a_folder_that_is_no_tenant_or_source_is_a_problem_and_hides_no_other(
    tenant: str, source: str
):
    found = find(f"raw/{tenant}/{source}/a.csv", f"raw/{tenant}/{source}/b.csv", "raw/z/ok/t.csv")
    assert count(found) == {"z:ok": 1}
    (problem,) = found.problems
    assert problem.startswith(f"raw/{tenant}/{source}/: tenant ")
    assert "letters, digits" in problem


def test_a_bad_folder_without_tables_is_no_problem():
    assert find("raw/acme/Bad Name/_columns.json") == FoundSources({}, ())


class StoreAway(MemoryObjectStore):
    def list(self, prefix: str):
        raise TransientError(f"cannot list {prefix}: the store does not answer")
        yield


def test_a_store_that_does_not_answer_is_not_an_empty_one():
    with pytest.raises(TransientError, match="does not answer"):
        find_sources(StoreAway())
