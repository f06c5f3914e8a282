"""Receipts: what they say, when a step is outdated, and when they say nothing."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.objects import ObjectInfo
from platform_assets.tags.keys import TableOutput
from platform_assets.tags.table.receipts import (
    OUTPUTS,
    ConvertReceipt,
    PrepReceipt,
    Receipt,
    Step,
    StepVersions,
    TagReceipt,
    decode_receipt,
    encode_receipt,
    read_receipt,
)
from platform_assets.tags.tables import RawTable
from tests.unit.tags.table_rig import PLACE, TableRig

TABLE = RawTable("a", "raw/acme/board/a.csv", 10, "e1")
VERSIONS = StepVersions("1", "o", "2", "plain", "3", "v1")
FULL = replace(
    Receipt.of(TABLE),
    convert=ConvertReceipt("1", "o", 5, 2, "d1", "d2", 4, 6),
    prep=PrepReceipt("2", "plain", 5, "d3"),
    tag=TagReceipt("3", "v1", 5, 3, 7, 1, "d4", "d5"),
    files={output: f"tags/acme/board/a/{output}-1.parquet" for output in TableOutput},
)


@pytest.mark.parametrize("receipt", [FULL, *(FULL.cut(step) for step in Step), Receipt.of(TABLE)])
def test_a_receipt_is_read_as_it_was_written(receipt: Receipt):
    assert decode_receipt(encode_receipt(receipt)) == receipt


def test_the_same_receipt_has_the_same_bytes():
    assert encode_receipt(FULL) == encode_receipt(decode_receipt(encode_receipt(FULL)))


def test_counts_are_those_of_the_steps_that_are_done():
    found = {"rows_read": 5, "rows_tagged": 3, "mentions": 7, "personal": 1}
    converted = {"rows": 5, "dead_letters": 2, "unread_dates": 4, "unsure_syllables": 6}
    nothing = dict.fromkeys(found, 0)
    assert FULL.counts == {**converted, **found}
    assert FULL.cut(Step.TAG).counts == {**converted, **nothing}
    assert Receipt.of(TABLE).counts == dict.fromkeys(converted, 0) | nothing


@given(st.sampled_from(Step), st.booleans())
def test_what_was_cut_is_the_first_thing_to_do(step: Step, others: bool):
    versions = replace(VERSIONS, dictionary="v2") if others else VERSIONS
    assert FULL.cut(step).find_outdated(TABLE, versions) is step


def test_nothing_is_to_be_done_for_what_is_as_it_should_be():
    assert FULL.find_outdated(TABLE, VERSIONS) is None
    assert FULL.find_outdated(replace(TABLE, size_bytes=11), VERSIONS) is None


@pytest.mark.parametrize(
    ("changes", "first"),
    [
        ({"convert": "9"}, Step.CONVERT),
        ({"options": "9"}, Step.CONVERT),
        ({"prep": "9", "dictionary": "v2"}, Step.PREP),
        ({"tokenizer": "kiwi 1"}, Step.PREP),
        ({"tag": "9"}, Step.TAG),
        ({"dictionary": "v2"}, Step.TAG),
    ],
)
def test_the_first_step_with_other_inputs_is_outdated(changes: dict[str, str], first: Step):
    assert FULL.find_outdated(TABLE, replace(VERSIONS, **changes)) is first


@pytest.mark.parametrize("changes", [{"etag": "e2"}, {"key": "raw/acme/board/a.tsv"}])
def test_another_raw_table_makes_all_steps_outdated(changes: dict[str, str]):
    assert FULL.find_outdated(replace(TABLE, **changes), VERSIONS) is Step.CONVERT


def test_every_output_belongs_to_one_step():
    listed = [output for step in Step for output in OUTPUTS[step]]
    assert sorted(listed) == sorted(TableOutput)


def test_a_table_without_a_receipt_has_none_whatever_else_is_there(tmp_path: Path):
    rig = TableRig(tmp_path)
    rig.do(rig.put("a", "apple"))
    rig.objects.delete(PLACE.receipt_key("a"))
    assert read_receipt(rig.objects, PLACE, "a") is None
    assert read_receipt(rig.objects, PLACE, "b") is None


def test_a_receipt_that_is_deleted_while_it_is_looked_for_is_none(tmp_path: Path):
    rig = TableRig(tmp_path)
    rig.do(rig.put("a", "apple"))
    listed = list(rig.objects.list("tags/"))
    rig.objects.delete(PLACE.receipt_key("a"))

    def list_before(prefix: str) -> Iterator[ObjectInfo]:
        return iter(listed)

    rig.objects.list = list_before
    assert read_receipt(rig.objects, PLACE, "a") is None


def test_the_receipt_of_a_table_is_not_that_of_one_whose_name_begins_likewise(tmp_path: Path):
    rig = TableRig(tmp_path)
    rig.do(rig.put("ab", "apple"))
    assert read_receipt(rig.objects, PLACE, "a") is None
