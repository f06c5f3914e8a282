"""Invented tables, counted again by other code than that which wrote them."""

import json
from collections import Counter
from dataclasses import dataclass
from pathlib import Path

import pytest

from sandbox.tags.command import main
from sandbox.tags.rows import BadKind, PersonalKind
from sandbox.tags.truth import SourceTruth, TableTruth, read_truth
from tests.unit.sandbox.tags.recount import (
    Recount,
    find_mentions,
    has_broken_bytes,
    name_tags,
    read_dictionary,
    read_text,
    recount,
    unpack,
)

OPTIONS = ("--tables", "90", "--rows", "3000", "--dirt", "0.1", "--pii", "0.2", "--seed", "5")


@dataclass(frozen=True)
class Written:
    folder: Path
    source: SourceTruth
    counted: dict[str, Recount]

    @property
    def tables(self) -> dict[str, TableTruth]:
        return self.source.tables


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("store")
    assert main(("--out", str(folder), *OPTIONS, "--quiet")) == 0
    source = read_truth(folder).sources["acme:board"]
    counted = {name: recount(folder, table) for name, table in source.tables.items()}
    return Written(folder, source, counted)


def test_there_are_as_many_tables_and_rows_as_were_asked_for(written: Written):
    assert len(written.tables) == 90
    assert written.source.rows == 3000
    listed = {
        f"raw/acme/board/{path.name}" for path in (written.folder / "raw/acme/board").iterdir()
    }
    assert listed == {table.key for table in written.tables.values()}


def test_every_bad_row_is_where_the_truth_says_and_of_its_kind(written: Written):
    for name, table in written.tables.items():
        assert written.counted[name].rows == table.rows, name
        assert dict(written.counted[name].bad) == table.bad, (name, table.extension)
    kinds = {kind for table in written.tables.values() for kind in table.bad}
    assert kinds == {kind.value for kind in BadKind} - {BadKind.BAD_DATE}


def test_good_rows_are_counted_by_month_with_and_without_a_date(written: Written):
    for name, table in written.tables.items():
        rows = {month: counts[0] for month, counts in table.months.items()}
        assert written.counted[name].months == rows, name
        assert sum(rows.values()) == table.good
    months = {month for table in written.tables.values() for month in table.months}
    assert {"", "2022-01", "2025-12"} <= months


def test_all_that_is_mentioned_was_planted_and_no_decoy_is_a_mention(written: Written):
    names = name_tags(read_dictionary(written.folder))
    longest = max(map(len, names))
    mentions = decoys = 0
    for name, table in written.tables.items():
        found: Counter[str] = Counter()
        months: Counter[str] = Counter()
        for month, text in written.counted[name].texts:
            tags = find_mentions(read_text(text), names, longest)
            found.update(tags)
            months[month] += len(tags)
        assert found == table.mentions, name
        assert months == Counter({month: counts[1] for month, counts in table.months.items()})
        mentions += table.mentions.total()
        decoys += table.decoys.total()
    assert mentions > 1500
    assert decoys > 300


def test_personal_data_stands_in_the_tables_as_the_truth_says(written: Written):
    kinds: Counter[str] = Counter()
    hidden = 0
    for table in written.tables.values():
        if table.extension == "parquet":
            continue
        text = unpack(written.folder / table.key).decode(table.encoding, "replace")
        text = text.replace('""', '"').replace('\\"', '"')
        for personal in table.personal:
            # What a line that is no JSON or has a value too few has lost is nowhere.
            if personal.raw in text:
                kinds[personal.kind] += 1
                hidden += personal.raw != personal.shown
    assert kinds.total() > 0.9 * sum(
        len(table.personal) for table in written.tables.values() if table.extension != "parquet"
    )
    assert min(kinds[kind] for kind in PersonalKind) > 50
    assert hidden > 80


def test_tables_differ_in_format_encoding_columns_and_dates(written: Written):
    tables = written.tables.values()
    extensions = {table.extension for table in tables}
    assert extensions == {"csv", "tsv", "jsonl", "parquet", "csv.gz", "jsonl.gz"}
    assert {table.encoding for table in tables} == {"", "utf-8", "utf-8-sig", "cp949"}
    heads = {
        unpack(written.folder / table.key).split(b"\n")[0].decode(table.encoding)
        for table in tables
        if table.extension == "csv"
    }
    assert len(heads) > 10
    for table in tables:
        marked = unpack(written.folder / table.key).startswith(b"\xef\xbb\xbf")
        assert marked == (table.encoding == "utf-8-sig")


def test_text_is_dirty_in_many_ways(written: Written):
    text = "\n".join(text for counted in written.counted.values() for _, text in counted.texts)
    for sign in (
        *(
            "<b>",
            "<br",
            "<!--",
            "<script",
            "<style",
            "&nbsp;",
            "&#",
            "&amp;#",
            "&amp;nbsp;",
            "\u200b",
            "\x02",
        ),
        *("\u1112", "😀", "👩\u200d👧", "\u2028", "\n", "\r\n", "\xa0", "\u3000"),
    ):
        assert sign in text, ascii(sign)
    assert not has_broken_bytes(text)


def test_a_few_tables_are_large_and_many_are_small(written: Written):
    sizes = sorted((table.rows for table in written.tables.values()), reverse=True)
    assert sizes[0] > 10 * sizes[45]
    assert sizes[-1] > 0, "one in a hundred tables is empty, and here are ninety"
    by_name = [table.rows for _, table in sorted(written.tables.items())]
    assert by_name != sizes, "the name of a table says nothing about its size"


def test_empty_tables_have_no_rows_and_can_be_read(tmp_path: Path):
    assert main(("--out", str(tmp_path), "--tables", "400", "--rows", "800", "--quiet")) == 0
    tables = read_truth(tmp_path).sources["acme:board"].tables
    empty = [table for table in tables.values() if not table.rows]
    assert len(empty) == 4
    assert [recount(tmp_path, table).rows for table in empty] == [0] * 4
    assert sum(table.rows for table in tables.values()) == 800


def test_without_dirt_and_personal_data_every_row_is_good_and_plain(tmp_path: Path):
    options = ("--tables", "20", "--rows", "400", "--dirt", "0", "--pii", "0", "--quiet")
    assert main(("--out", str(tmp_path), *options)) == 0
    for table in read_truth(tmp_path).sources["acme:board"].tables.values():
        assert (table.good, table.bad, table.personal) == (table.rows, {}, [])
        texts = [text for _, text in recount(tmp_path, table).texts]
        assert not any(sign in text for text in texts for sign in "<&@\n\u200b")


def test_bad_rows_hold_personal_data_too(tmp_path: Path):
    options = ("--tables", "10", "--rows", "900", "--dirt", "0.5", "--pii", "0.01", "--quiet")
    assert main(("--out", str(tmp_path), *options)) == 0
    tables = read_truth(tmp_path).sources["acme:board"].tables.values()
    bad = sum(table.rows - table.good for table in tables)
    assert bad > 300
    assert sum(len(table.personal) for table in tables) > 0.45 * bad


def test_the_truth_says_of_each_table_what_it_was_told(written: Written):
    known = json.loads((written.folder / "truth.json").read_text(encoding="utf-8"))
    source = known["sources"]["acme:board"]
    assert source["mentions_known"]
    for name, table in source["tables"].items():
        assert TableTruth.from_json(table) == written.tables[name]
        assert table["size_bytes"] == (written.folder / table["key"]).stat().st_size
        assert table["rows"] == table["good"] + sum(map(len, table["bad"].values()))
