"""The receipt of a table: what its outputs were made from and by which code, written after all of them.

It is what "done" means: a step whose inputs and version are those of the receipt is skipped; the first one that differs
is done again, with all that follow it. The keys of outputs have the digest of their content, and a receipt is replaced
only by who has read it: so a receipt and its files agree whatever several runs do at once.
"""

import hashlib
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field, replace
from enum import StrEnum
from typing import Any

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.objects import ObjectMissingError, ObjectStore
from platform_assets.tags.keys import TableOutput, TenantSource
from platform_assets.tags.tables import RawTable


class Step(StrEnum):
    """What is done with a table, in this order."""

    CONVERT = "convert"
    PREP = "prep"
    TAG = "tag"


_BLOCK_BYTES = 1024 * 1024
_OUTPUT_NAME = re.compile(rf"(?:{'|'.join(TableOutput)})(?:-[0-9a-f]{{16}})?\.parquet")

OUTPUTS: Mapping[Step, tuple[TableOutput, ...]] = {
    Step.CONVERT: (TableOutput.CONVERTED, TableOutput.DEAD_LETTERS),
    Step.PREP: (TableOutput.PREPARED,),
    Step.TAG: (TableOutput.TAGGED, TableOutput.SUMMARY),
}
"""What each step makes; the first one is its main output, which the next step reads."""


@dataclass(frozen=True, slots=True)
class StepVersions:
    """What outputs depend on besides the raw table itself.

    Attributes:
        convert: Of the code.
        options: Digest of how the tenant says that its tables are read; empty when it says nothing.
        prep: Of the code.
        tokenizer: Which one.
        tag: Of the code.
        dictionary: Which one.
    """

    convert: str
    options: str
    prep: str
    tokenizer: str
    tag: str
    dictionary: str

    def name_options(self, table: RawTable) -> str:
        """What stands for how a table is read: what holds for all tables, and what is said about this one."""
        return (
            self.options if table.options_etag is None else f"{self.options}+{table.options_etag}"
        )


@dataclass(frozen=True, slots=True)
class ConvertReceipt:
    """`rows` in `converted`, `dead_letters` beside it; digests are SHA-256 of the files.

    `unread_dates` counts rows whose date was not understood, `unsure_syllables` those of `lines.ReadNotes`.
    """

    version: str
    options: str
    rows: int
    dead_letters: int
    digest: str
    dead_letters_digest: str
    unread_dates: int = 0
    unsure_syllables: int = 0


@dataclass(frozen=True, slots=True)
class PrepReceipt:
    """`rows` in `prepared`."""

    version: str
    tokenizer: str
    rows: int
    digest: str


@dataclass(frozen=True, slots=True)
class TagReceipt:
    """`rows` that were read, those that got a tag, and the mentions, which are the rows of `tagged`.

    `personal` counts prepared texts that still hold something personal.
    """

    version: str
    dictionary_version: str
    rows: int
    rows_tagged: int
    mentions: int
    personal: int
    digest: str
    summary_digest: str


@dataclass(frozen=True, slots=True)
class Receipt:
    """What was made of a table; a step is None when its outputs are not to be relied on.

    Attributes:
        table_id: The table.
        raw_key: Object key of the raw table.
        raw_etag: The raw table as it was read.
        size_bytes: Its size.
        convert: The first step.
        prep: The second one.
        tag: The third one.
        files: Output -> object key, of all outputs that there are.
    """

    table_id: str
    raw_key: str
    raw_etag: str
    size_bytes: int
    convert: ConvertReceipt | None = None
    prep: PrepReceipt | None = None
    tag: TagReceipt | None = None
    files: Mapping[TableOutput, str] = field(default_factory=dict[TableOutput, str])

    @classmethod
    def of(cls, table: RawTable) -> "Receipt":
        """A receipt of nothing yet."""
        return cls(table.table_id, table.key, table.etag, table.size_bytes)

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of the table as `TableResult` has them, as far as they are known."""
        return {
            "rows": self.convert.rows if self.convert else 0,
            "dead_letters": self.convert.dead_letters if self.convert else 0,
            "rows_read": self.tag.rows if self.tag else 0,
            "rows_tagged": self.tag.rows_tagged if self.tag else 0,
            "mentions": self.tag.mentions if self.tag else 0,
            "personal": self.tag.personal if self.tag else 0,
            "unread_dates": self.convert.unread_dates if self.convert else 0,
            "unsure_syllables": self.convert.unsure_syllables if self.convert else 0,
        }

    @property
    def digests(self) -> dict[TableOutput, str]:
        """SHA-256 of each output that there is."""
        found = {
            TableOutput.CONVERTED: self.convert and self.convert.digest,
            TableOutput.DEAD_LETTERS: self.convert and self.convert.dead_letters_digest,
            TableOutput.PREPARED: self.prep and self.prep.digest,
            TableOutput.TAGGED: self.tag and self.tag.digest,
            TableOutput.SUMMARY: self.tag and self.tag.summary_digest,
        }
        return {output: digest for output, digest in found.items() if digest is not None}

    def cut(self, step: Step) -> "Receipt":
        """The receipt without a step and those that follow it."""
        steps = list(Step)
        gone = steps[steps.index(step) :]
        outputs = {output for each in gone for output in OUTPUTS[each]}
        files = {output: key for output, key in self.files.items() if output not in outputs}
        return replace(self, files=files, **dict.fromkeys(map(str, gone)))

    def find_outdated(self, table: RawTable, versions: StepVersions) -> Step | None:
        """The first step that is to be done (again) for the table; None when there is none."""
        known = (self.raw_key, self.raw_etag) == (table.key, table.etag)
        made = self.convert
        options = versions.name_options(table)
        # What is no table has never been read, whatever an older object of its name has left.
        if table.problem is not None or not known:
            return Step.CONVERT
        if made is None or _differs(made, versions.convert, options=options):
            return Step.CONVERT
        if self.prep is None or _differs(self.prep, versions.prep, tokenizer=versions.tokenizer):
            return Step.PREP
        found = self.tag
        if found is None or _differs(found, versions.tag, dictionary_version=versions.dictionary):
            return Step.TAG
        return None


def _differs(made: ConvertReceipt | PrepReceipt | TagReceipt, version: str, **inputs: str) -> bool:
    return made.version != version or any(
        getattr(made, name) != value for name, value in inputs.items()
    )


@dataclass(frozen=True, slots=True)
class StoredTable:
    """What is in the store about a table.

    Attributes:
        receipt: What was made of it and is still there; None when nothing was.
        etag: Of the receipt's object, None when there is none: whoever replaces it must have seen it.
        outputs: Object keys of all outputs, those that no receipt speaks of included.
    """

    receipt: Receipt | None
    etag: str | None
    outputs: frozenset[str]


def read_receipt(objects: ObjectStore, place: TenantSource, table_id: str) -> Receipt | None:
    """What was made of a table, and is still there; None when nothing was. See `read_stored`."""
    return read_stored(objects, place, table_id).receipt


def read_stored(objects: ObjectStore, place: TenantSource, table_id: str) -> StoredTable:
    """What was made of a table.

    A step of which an output is missing from the store, or is not what the receipt says, counts as not done, and so
    does a receipt that cannot be read.

    Raises:
        TransientError: The store does not answer.
    """
    key = place.receipt_key(table_id)
    folder = place.table_prefix(table_id)
    # A table may be called `summary`, like the folder of the shards' summaries.
    present = {info.key: info.etag for info in objects.list(folder)}
    outputs = frozenset(
        each for each in present if _OUTPUT_NAME.fullmatch(each.removeprefix(folder))
    )
    etag = present.get(key)
    if etag is None:
        return StoredTable(None, None, outputs)
    try:
        receipt = decode_receipt(objects.get(key))
    except (*UNREADABLE, TypeError, KeyError, AttributeError, ObjectMissingError):
        return StoredTable(None, etag, outputs)
    if not receipt.files:  # written before keys had digests
        plain = {output: place.output_key(table_id, output) for output in TableOutput}
        receipt = replace(receipt, files=plain)
    gone = set(_find_lost(objects, place, receipt, outputs))
    first = next((step for step in Step if gone.intersection(OUTPUTS[step])), None)
    return StoredTable(receipt if first is None else receipt.cut(first), etag, outputs)


def _find_lost(
    objects: ObjectStore, place: TenantSource, receipt: Receipt, present: frozenset[str]
) -> Iterator[TableOutput]:
    for output in TableOutput:
        key, digest = receipt.files.get(output), receipt.digests.get(output)
        if key is None or digest is None or key not in present:
            yield output
        elif key == place.output_key(receipt.table_id, output) and _digest(objects, key) != digest:
            yield output  # a key without a digest may have been written by a run with another dictionary


def _digest(objects: ObjectStore, key: str) -> str | None:
    try:
        with objects.open_read(key) as file:
            digest = hashlib.sha256()
            while block := file.read(_BLOCK_BYTES):
                digest.update(block)
            return digest.hexdigest()
    except ObjectMissingError:
        return None


def replace_receipt(
    objects: ObjectStore, place: TenantSource, receipt: Receipt, etag: str | None
) -> None:
    """Stores the receipt in place of the one that was read; the outputs that it speaks of must be there.

    Raises:
        ObjectChangedError: Another run has stored one meanwhile.
        TransientError: The store does not answer.
    """
    objects.put_if(place.receipt_key(receipt.table_id), encode_receipt(receipt), etag)


def encode_receipt(receipt: Receipt) -> bytes:
    """The receipt as JSON."""
    return json.dumps(asdict(receipt), indent=1).encode()


def decode_receipt(data: bytes) -> Receipt:
    """The receipt that JSON describes.

    Raises:
        ValueError: It describes none; TypeError or KeyError likewise.
    """
    stored: dict[str, Any] = json.loads(data)
    convert, prep, tag = stored["convert"], stored["prep"], stored["tag"]
    files: Mapping[str, str] = stored.get("files", {})
    return Receipt(
        table_id=stored["table_id"],
        raw_key=stored["raw_key"],
        raw_etag=stored["raw_etag"],
        size_bytes=stored["size_bytes"],
        convert=None if convert is None else ConvertReceipt(**convert),
        prep=None if prep is None else PrepReceipt(**prep),
        tag=None if tag is None else TagReceipt(**tag),
        files={TableOutput(output): key for output, key in files.items()},
    )
