"""One table: what is done, what is skipped, and in which order it becomes visible."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import BinaryIO

import pytest

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.core.objects import ObjectMissingError
from platform_assets.tags.keys import TableOutput
from platform_assets.tags.table.receipts import Receipt
from platform_assets.tags.table.work import TableWork
from tests.fakes.tag_steps import FakeSteps
from tests.unit.tags.table_rig import PLACE, TableRig, WatchedStore

OUTPUTS = [
    "converted.parquet",
    "dead_letters.parquet",
    "prepared.parquet",
    "tagged.parquet",
    "summary.parquet",
]


def plain(names: list[str]) -> list[str]:
    """The names without digests."""
    return [re.sub(r"-[0-9a-f]{16}\.", ".", name) for name in names]


@pytest.fixture
def rig(tmp_path: Path) -> TableRig:
    return TableRig(tmp_path)


def test_a_table_goes_through_all_steps_and_its_receipt_is_written_last(rig: TableRig):
    table = rig.put("t1", "apple", "bad row", "pear")
    written = rig.objects.watch()
    receipt = rig.do(table)
    assert rig.steps.done == ["convert t1", "prep", "tag"]
    assert plain(written) == [*OUTPUTS, "receipt.json"]
    assert rig.read("t1", TableOutput.PREPARED) == "APPLE\nPEAR"
    assert rig.read("t1", TableOutput.DEAD_LETTERS) == "bad row"
    tagged = {"rows_read": 2, "rows_tagged": 1, "mentions": 1, "personal": 0}
    converted = {"rows": 2, "dead_letters": 1, "unread_dates": 0, "unsure_syllables": 0}
    assert receipt.counts == {**converted, **tagged}
    assert rig.read_receipt("t1") == receipt


def test_the_receipt_has_the_digests_of_the_outputs(rig: TableRig):
    receipt = rig.do(rig.put("t1", "apple"))
    assert receipt.convert is not None
    assert receipt.prep is not None
    assert receipt.tag is not None
    digests = [
        receipt.convert.digest,
        receipt.convert.dead_letters_digest,
        receipt.prep.digest,
        receipt.tag.digest,
        receipt.tag.summary_digest,
    ]
    stored = {
        output: sha256(rig.objects.get(key)).hexdigest() for output, key in receipt.files.items()
    }
    assert list(receipt.digests.values()) == digests
    assert stored == receipt.digests
    names = {output: f"{output}-{stored[output][:16]}.parquet" for output in stored}
    assert receipt.files == {output: f"tags/acme/board/t1/{names[output]}" for output in names}


def test_a_table_that_is_done_is_not_touched_again(rig: TableRig):
    table = rig.put("t1", "apple")
    first = rig.do(table)
    written = rig.objects.watch()
    assert rig.do(table) == first
    assert (rig.steps.done, written) == ([], [])


@pytest.mark.parametrize(
    ("changed", "done", "replaced"),
    [
        ("convert", ["convert t1", "prep", "tag"], OUTPUTS),
        ("options", ["convert t1", "prep", "tag"], OUTPUTS),
        ("prep", ["prep", "tag"], OUTPUTS[2:]),
        ("tokenizer", ["prep", "tag"], OUTPUTS[2:]),
        ("tag", ["tag"], OUTPUTS[3:]),
        ("dictionary", ["tag"], OUTPUTS[3:]),
    ],
)
def test_an_outdated_step_is_done_again_with_all_that_follow_it(
    rig: TableRig, changed: str, done: list[str], replaced: list[str]
):
    table = rig.put("t1", "apple")
    rig.do(table)
    rig.upgrade(**{changed: "2"})
    written = rig.objects.watch()
    receipt = rig.do(table)
    assert rig.steps.done == done
    assert plain(written) == [*replaced, "receipt.json"]
    assert receipt.find_outdated(table, rig.steps.versions) is None
    rig.do(table)
    assert rig.steps.done == []


def test_a_raw_table_that_was_replaced_is_done_again_from_the_start(rig: TableRig):
    rig.do(rig.put("t1", "apple"))
    rig.do(rig.put("t1", "apple"))
    assert rig.steps.done == ["convert t1", "prep", "tag"]


@pytest.mark.parametrize(
    ("lost", "done"),
    [
        (TableOutput.CONVERTED, ["convert t1", "prep", "tag"]),
        (TableOutput.DEAD_LETTERS, ["convert t1", "prep", "tag"]),
        (TableOutput.PREPARED, ["prep", "tag"]),
        (TableOutput.SUMMARY, ["tag"]),
    ],
)
def test_an_output_that_was_deleted_is_made_again(
    rig: TableRig, lost: TableOutput, done: list[str]
):
    table = rig.put("t1", "apple")
    first = rig.do(table)
    rig.objects.delete(first.files[lost])
    assert rig.do(table) == first
    assert rig.steps.done == done


@pytest.mark.parametrize("data", [b"", b"{", b"[]", b"{}", b'{"table_id": "t1"}', b"\xff"])
def test_a_receipt_that_cannot_be_read_counts_as_none(rig: TableRig, data: bytes):
    table = rig.put("t1", "apple")
    first = rig.do(table)
    rig.objects.put(PLACE.receipt_key("t1"), data)
    assert rig.do(table) == first
    assert rig.steps.done == ["convert t1", "prep", "tag"]


class DyingStore(WatchedStore):
    """Dies when the n-th object is written."""

    left = 99

    def _note(self, key: str) -> None:
        super()._note(key)
        self.left -= 1
        if self.left < 0:
            raise TransientError("killed", kind="killed")


@pytest.mark.parametrize("left", range(8))
@pytest.mark.parametrize("changed", ["convert", "prep", "dictionary"])
def test_wherever_it_is_killed_the_receipt_speaks_of_no_output_that_is_another_one(
    tmp_path: Path, left: int, changed: str
):
    rig = TableRig(tmp_path)
    rig.objects = DyingStore()
    table = rig.put("t1", "apple", "avocado")
    rig.do(table)
    before = rig.steps.versions
    rig.upgrade(**{changed: "2"})
    rig.objects.left = left
    with suppress(TransientError):
        rig.do(table)
    rig.objects.left = 99
    # Back to how it was, as after a dictionary that was taken back: what was half replaced must be made again.
    rig.steps.versions = before
    receipt = rig.do(table)
    assert rig.read("t1", TableOutput.TAGGED) == "v1 APPLE\nv1 AVOCADO"
    assert receipt.tag is not None
    assert receipt.tag.digest == sha256(b"v1 APPLE\nv1 AVOCADO").hexdigest()


def test_a_table_that_was_replaced_after_the_job_was_planned_is_refused(rig: TableRig):
    planned = rig.put("t1", "apple")
    rig.put("t1", "pear")
    with pytest.raises(PermanentError) as raised:
        rig.do(planned)
    assert raised.value.kind == "raw_changed"
    assert rig.read_receipt("t1") is None


def test_a_table_that_is_gone_is_said_to_be(rig: TableRig):
    table = rig.put("t1", "apple")
    rig.objects.delete(table.key)
    with pytest.raises(ObjectMissingError):
        rig.do(table)


def test_a_step_that_loses_rows_writes_nothing(rig: TableRig):
    table = rig.put("t1", "apple", "lose")
    written = rig.objects.watch()
    with pytest.raises(PermanentError, match="2 -> 1 -> 2 rows") as raised:
        rig.do(table)
    assert raised.value.kind == "rows_lost"
    assert written == []


def test_a_full_disk_stops_the_run_and_says_where(rig: TableRig):
    with pytest.raises(RefusedError, match=str(rig.folder)) as raised:
        rig.do(rig.put("t1", "full"))
    assert raised.value.kind == "temporary_folder"


def test_another_error_of_the_system_stays_as_it_is(rig: TableRig):
    rig.objects.open_read = broken_disk
    with pytest.raises(OSError, match="broken"):
        rig.do(rig.put("t1", "apple"))


def broken_disk(key: str) -> BinaryIO:
    raise OSError(5, "broken")


def test_the_summary_of_a_shard_is_made_of_all_its_tables(rig: TableRig, tmp_path: Path):
    tables = [rig.put(table_id, "apple", "avocado") for table_id in ("b", "a")]
    for table in tables:
        rig.do(table)
    rig.steps.done.clear()
    folder = tmp_path / "merge"
    folder.mkdir()
    rig.work.merge(tables, "07", folder)
    assert rig.steps.done == ["merge a b"], "in one order, whatever order they were done in"
    assert rig.objects.get(PLACE.summary_key("07")) == b'{"mentions": 4}'


def test_a_shard_without_tables_has_an_empty_summary(rig: TableRig, tmp_path: Path):
    rig.work.merge([], "07", tmp_path)
    assert rig.objects.get(PLACE.summary_key("07")) == b'{"mentions": 0}'


def test_a_receipt_of_another_table_file_is_outdated(rig: TableRig):
    table = rig.put("t1", "apple")
    receipt = rig.do(table)
    assert Receipt.of(table).find_outdated(table, rig.steps.versions) == "convert"
    assert receipt.find_outdated(table, rig.steps.versions) is None
    rig.objects.delete(table.key)
    rig.objects.put("raw/acme/board/t1.tsv", b"apple")
    assert receipt.find_outdated(rig.find("t1"), rig.steps.versions) == "convert"


class PausingStore(WatchedStore):
    """Lets another run work in between: before the n-th write of this one."""

    def pause_before(self, number: int, other: Callable[[], object]) -> None:
        self._left, self._other = number, other

    def _note(self, key: str) -> None:
        super()._note(key)
        left: int | None = getattr(self, "_left", None)
        if left is None:
            return
        self._left = left - 1 if left else None
        if left == 0:
            self._other()


@pytest.mark.parametrize("pause", range(6))
def test_two_runs_of_a_table_with_two_dictionaries_leave_a_receipt_and_files_that_agree(
    tmp_path: Path, pause: int
):
    rig = TableRig(tmp_path)
    store = rig.objects = PausingStore()
    table = rig.put("t1", "apple", "avocado")
    rig.do(table)
    rig.upgrade(dictionary="v2")
    other = TableWork(store, PLACE, FakeSteps(replace(rig.steps.versions, dictionary="v3")))
    folder = tmp_path / "other"
    folder.mkdir()
    store.pause_before(pause, lambda: other.do(table, folder))
    with suppress(TransientError):  # it is tried again by the engine
        rig.do(table)
    assert_agreed(rig)
    # Whoever runs next has what it wants, and nothing of the others is left.
    receipt = rig.do(table)
    assert rig.read("t1", TableOutput.TAGGED) == "v2 APPLE\nv2 AVOCADO"
    assert_agreed(rig)
    keys = {info.key for info in store.list(PLACE.table_prefix("t1"))}
    assert keys == {*receipt.files.values(), PLACE.receipt_key("t1")}


def assert_agreed(rig: TableRig) -> None:
    """The receipt speaks of files that are there, and they are what it says."""
    receipt = rig.read_receipt("t1")
    assert receipt is not None
    assert receipt.tag is not None
    for output, key in receipt.files.items():
        assert sha256(rig.objects.get(key)).hexdigest() == receipt.digests[output]
    tagged = rig.read("t1", TableOutput.TAGGED)
    assert {line.split()[0] for line in tagged.splitlines()} == {receipt.tag.dictionary_version}


def test_a_shard_is_not_summed_up_from_what_another_run_has_made_otherwise(
    rig: TableRig, tmp_path: Path
):
    table = rig.put("t1", "apple")
    rig.do(table)
    mine = rig.work
    rig.steps = FakeSteps(replace(rig.steps.versions, dictionary="v2"))
    rig.do(table)
    folder = tmp_path / "merge"
    folder.mkdir()
    with pytest.raises(PermanentError) as raised:
        mine.merge([table], "07", folder)
    assert raised.value.kind == "table_contested"
    assert rig.objects.head(PLACE.summary_key("07")) is None


def test_outputs_under_the_keys_of_before_count_only_if_they_are_what_the_receipt_says(
    rig: TableRig,
):
    table = rig.put("t1", "apple")
    receipt = rig.do(table)
    for output, key in receipt.files.items():
        rig.objects.put(PLACE.output_key("t1", output), rig.objects.get(key))
        rig.objects.delete(key)
    old = json.loads(rig.objects.get(PLACE.receipt_key("t1")))
    del old["files"]
    rig.objects.put(PLACE.receipt_key("t1"), json.dumps(old).encode())
    rig.do(table)
    assert rig.steps.done == []
    rig.objects.put(PLACE.output_key("t1", TableOutput.TAGGED), b"v9 APPLE")
    rig.do(table)
    assert rig.steps.done == ["tag"]
    assert rig.read("t1", TableOutput.TAGGED) == "v1 APPLE"


def test_a_table_that_lost_more_rows_than_it_may_fails_with_their_kinds_and_keeps_them(
    rig: TableRig,
):
    table = rig.put("t1", "bad 1", "bad 2")
    with pytest.raises(PermanentError, match=r"2 of 2 rows .*\(bad 2\)") as raised:
        rig.do(table)
    assert raised.value.kind == "rows_unreadable"
    (letters,) = rig.objects.list(PLACE.table_prefix("t1"))
    assert rig.objects.get(letters.key) == b"bad 1\nbad 2"
    assert letters.key in raised.value.message
    receipt = rig.do(rig.put("t1", "apple"))
    keys = {info.key for info in rig.objects.list(PLACE.table_prefix("t1"))}
    assert keys == {*receipt.files.values(), PLACE.receipt_key("t1")}, "the old ones are gone"


def test_what_is_no_table_fails_even_if_one_of_its_name_was_done_before(rig: TableRig):
    rig.do(rig.put("t1", "apple"))
    rig.objects.put("raw/acme/board/t1.tsv", b"pear")
    with pytest.raises(PermanentError, match=r"t1\.csv and .*t1\.tsv") as raised:
        rig.do(rig.find("t1"))
    assert raised.value.kind == "no_table"
    assert rig.read("t1", TableOutput.TAGGED) == "v1 APPLE"


def test_a_table_is_done_again_when_its_own_options_change_and_the_others_are_not(rig: TableRig):
    for table_id in ("t1", "t2"):
        rig.do(rig.put(table_id, "apple"))
    rig.objects.put("raw/acme/board/t1._columns.json", b"{}")
    rig.do(rig.find("t2"))
    assert rig.steps.done == []
    rig.do(rig.find("t1"))
    assert rig.steps.done == ["convert t1", "prep", "tag"]
    rig.do(rig.find("t1"))
    assert rig.steps.done == []
