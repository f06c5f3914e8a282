"""A dirty tenant-source of the sandbox through real tasks: what its truth tells comes out, and nothing else."""

import asyncio
import json
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tags.keys import TableOutput, TenantSource, name_shard
from platform_assets.tags.shards.run import IgnoredObjects, JobProgress, ShardOutcome
from platform_assets.tags.table.receipts import read_receipt
from sandbox.__main__ import main as sandbox
from sandbox.tags.truth import SourceTruth, read_truth

PLACE = TenantSource("acme", "board")
TABLES = 60
SHARDS = [name_shard(number) for number in range(20)]


class Processed:
    """The source after one job."""

    def __init__(self, home: Path, *arguments: str) -> None:
        self.objects = home / "objects"
        options = ["--out", str(self.objects), "--tables", str(TABLES), "--rows", "4000", "--quiet"]
        assert sandbox(["tags", *options, *arguments]) in {0, None}
        settings = Settings(home=home, tags_parallelism=2, tags_shards=len(SHARDS))
        self.services = Services(settings)
        self.truth: SourceTruth = read_truth(self.objects).sources["acme:board"]
        self.ends: dict[str, ShardOutcome] = {}
        self.run("first")

    def run(self, job_id: str) -> None:
        self.ends.clear()

        def tell(told: ShardOutcome | JobProgress | IgnoredObjects) -> None:
            if isinstance(told, ShardOutcome):
                self.ends[told.shard] = told

        version = self.services.publish_dictionary().version
        asyncio.run(self.services.run_shards(job_id, PLACE, SHARDS, version, tell))

    def read(self, table_id: str, output: TableOutput) -> list[dict[str, Any]]:
        receipt = read_receipt(self.services.objects, PLACE, table_id)
        assert receipt is not None
        return pq.read_table(self.objects / receipt.files[output]).to_pylist()

    def files(self) -> dict[str, bytes]:
        """All outputs, and no receipts: those name the run's raw objects."""
        folder = self.objects / "tags"
        return {
            str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.parquet")
        }


@pytest.fixture(scope="module")
def processed(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Processed]:
    done = Processed(tmp_path_factory.mktemp("tags"), "--dirt", "0.03", "--pii", "0.05")
    yield done
    done.services.state.close()


@pytest.mark.slow
def test_every_shard_is_whole(processed: Processed):
    assert {shard: end.reason for shard, end in processed.ends.items()} == dict.fromkeys(SHARDS)


@pytest.mark.slow
def test_every_row_is_in_the_output_or_a_dead_letter_with_its_line(processed: Processed):
    assert len(processed.truth.tables) == TABLES
    for table_id, truth in processed.truth.tables.items():
        letters = processed.read(table_id, TableOutput.DEAD_LETTERS)
        bad = sorted(line for lines in truth.bad.values() for line in lines)
        assert sorted(letter["line"] for letter in letters) == bad, table_id
        for output in (TableOutput.CONVERTED, TableOutput.PREPARED):
            assert len(processed.read(table_id, output)) == truth.good, (table_id, output)


@pytest.mark.slow
def test_every_planted_mention_is_found_and_no_decoy(processed: Processed):
    found: Counter[str] = Counter()
    known: Counter[str] = Counter()
    for table_id, truth in processed.truth.tables.items():
        found.update(row["tag_id"] for row in processed.read(table_id, TableOutput.TAGGED))
        known.update(truth.mentions)
    assert found == known


@pytest.mark.slow
def test_the_counts_of_shards_add_up_to_the_mentions(processed: Processed):
    counted: Counter[str] = Counter()
    for shard in SHARDS:
        for row in pq.read_table(processed.objects / PLACE.summary_key(shard)).to_pylist():
            counted[row["tag_id"]] += row["mentions"]
    known: Counter[str] = Counter()
    for truth in processed.truth.tables.values():
        known.update(truth.mentions)
    assert counted == known


@pytest.mark.slow
def test_no_planted_personal_data_is_in_any_output_result_or_log(processed: Processed):
    planted = {one.plain for truth in processed.truth.tables.values() for one in truth.personal}
    assert len(planted) > 50
    texts: list[str] = []
    for table_id in processed.truth.tables:
        for output in TableOutput:
            texts.append(
                json.dumps(processed.read(table_id, output), ensure_ascii=False, default=str)
            )
    for folder in ("jobs", "tags"):
        texts += [path.read_text() for path in (processed.objects / folder).rglob("*.json")]
    texts.append(processed.services.settings.log_path.read_text())
    everything = "\n".join(texts)
    assert [text for text in planted if text in everything] == []


@pytest.mark.slow
def test_a_tag_leads_back_to_its_place_in_the_converted_text(processed: Processed):
    checked = 0
    for table_id in processed.truth.tables:
        converted = {row["row_id"]: row for row in processed.read(table_id, TableOutput.CONVERTED)}
        prepared = {row["row_id"]: row for row in processed.read(table_id, TableOutput.PREPARED)}
        for tag in processed.read(table_id, TableOutput.TAGGED):
            clean = prepared[tag["row_id"]][tag["field"]][tag["start"] : tag["end"]]
            original = converted[tag["row_id"]][tag["field"]][tag["orig_start"] : tag["orig_end"]]
            assert clean, tag
            assert original[:1], tag
            if "<" not in original and "&" not in original and original.isascii():
                assert clean.casefold() == original.casefold(), tag
            checked += 1
    assert checked > 500


@pytest.mark.slow
def test_done_again_nothing_is_worked_on_and_every_byte_is_the_same(processed: Processed):
    before = processed.files()
    processed.run("again")
    results = [end.result for end in processed.ends.values()]
    states = {table.state.value for result in results if result for table in result.tables}
    assert states == {"skipped"}
    assert processed.files() == before


@pytest.mark.slow
def test_processed_anew_every_byte_is_the_same(processed: Processed, tmp_path: Path):
    anew = Processed(tmp_path, "--dirt", "0.03", "--pii", "0.05")
    anew.services.state.close()
    assert anew.files() == processed.files()


@pytest.mark.slow
def test_tables_that_cannot_be_read_fail_alone_and_are_named(tmp_path: Path):
    broken = Processed(tmp_path, "--bad", "unknown_encoding,truncated,bad_columns")
    try:
        failed = {
            table.table_id: table.error_kind
            for end in broken.ends.values()
            if end.result is not None
            for table in end.result.failed
        }
        expected = {name for name, truth in broken.truth.tables.items() if truth.broken}
        assert set(failed) == expected
        assert set(failed.values()) <= {
            "unknown_encoding",
            "truncated",
            "bad_columns",
            "bad_format",
        }
        for table_id, truth in broken.truth.tables.items():
            if not truth.broken:
                assert len(broken.read(table_id, TableOutput.PREPARED)) == truth.good
    finally:
        broken.services.state.close()
