# pyright: standard, reportAttributeAccessIssue=false
from collections.abc import Sequence
from itertools import permutations
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.tags.table.files import TableFile
from platform_assets.tags.table.schemas import SUMMARY, TAGGED
from platform_assets.tags.tagging.summary import Summary, merge_summaries

Counts = Sequence[tuple[str, str, int, int]]
ONE: Counts = [("A", "2026-01", 3, 2), ("B", "", 1, 1)]
OTHER: Counts = [("A", "2026-01", 4, 4), ("A", "2026-02", 1, 1)]


def write(path: Path, counts: Counts) -> Path:
    summary = Summary()
    summary.add_counts(counts)
    summary.write(path)
    return path


def read(path: Path) -> Counts:
    return list(zip(*pq.read_table(path, schema=SUMMARY).to_pydict().values(), strict=True))


def test_counts_of_tables_add_up(tmp_path: Path):
    parts = [write(tmp_path / "1", ONE), write(tmp_path / "2", OTHER)]
    assert merge_summaries(parts, tmp_path / "out") == 3
    assert read(tmp_path / "out") == [
        ("A", "2026-01", 7, 6),
        ("A", "2026-02", 1, 1),
        ("B", "", 1, 1),
    ]


def test_the_order_of_tables_changes_no_byte(tmp_path: Path):
    parts = [write(tmp_path / str(n), counts) for n, counts in enumerate([ONE, OTHER, []])]
    merged: set[bytes] = set()
    for order in permutations(parts):
        merge_summaries(order, tmp_path / "out")
        merged.add((tmp_path / "out").read_bytes())
    assert len(merged) == 1


def test_no_tables_give_an_empty_summary(tmp_path: Path):
    assert merge_summaries([], tmp_path / "out") == 0
    assert read(tmp_path / "out") == []


def test_a_summary_merged_with_nothing_stays_as_it_was(tmp_path: Path):
    many = [(f"T{n:05}", "2026-01", n + 1, 1) for n in range(5000)]
    part = write(tmp_path / "1", many)
    assert merge_summaries([part], tmp_path / "out") == 5000
    assert (tmp_path / "out").read_bytes() == part.read_bytes()


def test_a_row_counts_once_for_each_of_its_tags(tmp_path: Path):
    summary = Summary()
    summary.add([0, 0, 0, 1], ["A", "A", "B", "A"], ["2026-01"] * 4)
    summary.add([0], ["A"], ["2026-01"])
    summary.write(tmp_path / "out")
    assert read(tmp_path / "out") == [("A", "2026-01", 4, 3), ("B", "2026-01", 1, 1)]


@pytest.mark.parametrize("content", [b"", b"PAR1", None])
def test_a_damaged_summary_is_named(tmp_path: Path, content: bytes | None):
    part = tmp_path / "damaged.parquet"
    if content is None:
        with TableFile(part, TAGGED):
            pass
    else:
        part.write_bytes(content)
    with pytest.raises(PermanentError, match=r"damaged\.parquet") as error:
        merge_summaries([part], tmp_path / "out")
    assert error.value.kind == "bad_summary"
