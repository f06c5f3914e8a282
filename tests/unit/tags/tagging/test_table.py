# pyright: standard, reportAttributeAccessIssue=false
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from platform_assets.tags.dictionary.terms import Term
from platform_assets.tags.table.files import ROW_GROUP_ROWS, TableFile
from platform_assets.tags.table.schemas import PREPARED, SUMMARY, TAGGED
from platform_assets.tags.tagging.table import TagResult, tag_table
from platform_assets.tags.tagging.tagger import Tagger
from tests.unit.tags.taggers import make_tagger

TAGGER = make_tagger(Term("SKIN", "피부"), Term("CREAM", "크림"), Term("CREAM", "연고", use="크림"))
JANUARY = datetime(2026, 1, 31, 14, 59, tzinfo=UTC)
FEBRUARY = datetime(2026, 1, 31, 15, 0, tzinfo=UTC)
"""In Seoul the new month begins nine hours before."""


def row(body: str, title: str = "", at: datetime | None = JANUARY, **origins: Sequence[int]):
    return {"body": body, "title": title, "created_at": at, **origins}


class Tables:
    """The files of one table in a folder of their own."""

    def __init__(self, folder: Path) -> None:
        self.prepared, self.tagged, self.summary = (
            folder / f"{name}.parquet" for name in ("prepared", "tagged", "summary")
        )

    def prepare(self, rows: Sequence[dict[str, Any]], group_rows: int = 1000) -> None:
        fixed = {"tenant_id": "t", "source": "s", "table_id": "a", "sentences": [], "tokens": []}
        full = [
            {**fixed, "title_origin": [], "body_origin": [], "row_id": f"r{number}", **each}
            for number, each in enumerate(rows)
        ]
        with TableFile(self.prepared, PREPARED) as table:
            for first in range(0, len(full), group_rows):
                part = pa.RecordBatch.from_pylist(full[first : first + group_rows], PREPARED)
                table.write(part)

    def tag(self, tagger: Tagger = TAGGER) -> TagResult:
        return tag_table(self.prepared, self.tagged, self.summary, tagger)

    def read_tagged(self) -> list[dict[str, Any]]:
        return pq.read_table(self.tagged, schema=TAGGED).to_pylist()

    def read_summary(self) -> list[tuple[Any, ...]]:
        columns = pq.read_table(self.summary, schema=SUMMARY).to_pydict()
        return list(zip(*columns.values(), strict=True))


@pytest.fixture
def tables(tmp_path: Path) -> Tables:
    return Tables(tmp_path)


def test_mentions_come_by_row_title_first_by_position(tables: Tables):
    tables.prepare([row("크림을 피부에", "순한 연고"), row("아무것도"), row("", "피부")])
    assert tables.tag() == TagResult(rows=3, rows_tagged=2, mentions=4, personal=0)
    keys = ("row_id", "tag_id", "term", "start", "end", "field")
    assert [tuple(each[key] for key in keys) for each in tables.read_tagged()] == [
        ("r0", "CREAM", "연고", 3, 5, "title"),
        ("r0", "CREAM", "크림", 0, 2, "body"),
        ("r0", "SKIN", "피부", 4, 6, "body"),
        ("r2", "SKIN", "피부", 0, 2, "title"),
    ]


def test_positions_lead_back_to_the_original_text(tables: Tables):
    # `&lt;b>` went away, and a space stands for three; without an origin a text is as it was.
    tables.prepare(
        [
            row("피부 크림", body_origin=[0, 6, 8, 2, 8, 11, 3, 11, 13]),
            row("피부", "크림", title_origin=[0, 4, 6]),
        ]
    )
    tables.tag()
    assert [(each["orig_start"], each["orig_end"]) for each in tables.read_tagged()] == [
        (6, 8), (11, 13), (4, 6), (0, 2),
    ]  # fmt: skip


def test_origins_are_found_in_every_batch_and_row_group(tables: Tables):
    count = ROW_GROUP_ROWS * 2 + 5
    tables.prepare([row("피부", body_origin=[0, number, number + 2]) for number in range(count)])
    assert tables.tag().mentions == count
    assert [each["orig_start"] for each in tables.read_tagged()] == list(range(count))


def test_a_month_begins_at_midnight_of_the_platform(tables: Tables):
    late = datetime(9999, 12, 31, 23, tzinfo=UTC)
    times = (JANUARY, FEBRUARY, None, late, datetime(1, 1, 1, tzinfo=UTC))
    tables.prepare([row("피부", at=at) for at in times])
    tables.tag()
    months = [each["month"] for each in tables.read_tagged()]
    assert months[:4] == ["2026-01", "2026-02", "", ""]


def test_the_summary_counts_mentions_and_each_row_once(tables: Tables):
    tables.prepare(
        [row("피부 피부 크림", "피부"), row("피부"), row("피부", at=FEBRUARY), row("연고", at=None)]
    )
    tables.tag()
    assert tables.read_summary() == [
        ("CREAM", "", 1, 1),
        ("CREAM", "2026-01", 1, 1),
        ("SKIN", "2026-01", 4, 2),
        ("SKIN", "2026-02", 1, 1),
    ]


@pytest.mark.parametrize("rows", [[], [row("아무것도 없다")]])
def test_both_files_are_written_without_a_mention(tables: Tables, rows: list[dict[str, Any]]):
    tables.prepare(rows)
    assert tables.tag() == TagResult(len(rows), 0, 0, 0)
    assert tables.read_tagged() == tables.read_summary() == []


def test_texts_in_which_something_personal_is_left_are_counted(tables: Tables):
    tables.prepare(
        [row("call 010-1234-5678", "or a@example.com"), row("***", "피부"), row("010-1234-5678")]
    )
    assert tables.tag().personal == 3


def test_the_same_table_gives_the_same_bytes(tables: Tables, tmp_path: Path):
    tables.prepare([row(f"피부 {number} 크림", at=FEBRUARY) for number in range(3000)])
    tables.tag()
    first = tables.tagged.read_bytes(), tables.summary.read_bytes()
    tables.tag(make_tagger(*TAGGER.dictionary.terms))
    assert (tables.tagged.read_bytes(), tables.summary.read_bytes()) == first


def test_no_term_reaches_from_one_text_into_another(tables: Tables):
    tables.prepare([row("크림", "피부"), row("크림", "피부")])
    tables.tag(make_tagger("피부 크림", "크림 피부"))
    assert tables.read_tagged() == []


def test_texts_of_many_lines_keep_their_positions(tables: Tables):
    tables.prepare([row("하나\n둘 피부\n\n크림\n"), row("\n피부")])
    tables.tag()
    assert [(each["row_id"], each["start"]) for each in tables.read_tagged()] == [
        ("r0", 5), ("r0", 9), ("r1", 1),
    ]  # fmt: skip
