"""The receipt of a table: what its outputs were made from and by which code, written after all of them.

It is what "done" means: a step whose inputs and version are those of the receipt is skipped; the first one that differs
is done again, with all that follow it. Before an output is replaced, the receipt loses that step, so that it never
speaks of a file that another run has half replaced.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, replace
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


@dataclass(frozen=True, slots=True)
class ConvertReceipt:
    """`rows` in `converted`, `dead_letters` beside it; digests are SHA-256 of the files."""

    version: str
    options: str
    rows: int
    dead_letters: int
    digest: str
    dead_letters_digest: str


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
    """

    table_id: str
    raw_key: str
    raw_etag: str
    size_bytes: int
    convert: ConvertReceipt | None = None
    prep: PrepReceipt | None = None
    tag: TagReceipt | None = None

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
        }

    def cut(self, step: Step) -> "Receipt":
        """The receipt without a step and those that follow it."""
        match step:
            case Step.CONVERT:
                return replace(self, convert=None, prep=None, tag=None)
            case Step.PREP:
                return replace(self, prep=None, tag=None)
            case Step.TAG:
                return replace(self, tag=None)

    def find_outdated(self, table: RawTable, versions: StepVersions) -> Step | None:
        """The first step that is to be done (again) for the table; None when there is none."""
        known = (self.raw_key, self.raw_etag) == (table.key, table.etag)
        made = self.convert
        if not known or made is None or _differs(made, versions.convert, options=versions.options):
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


def read_receipt(objects: ObjectStore, place: TenantSource, table_id: str) -> Receipt | None:
    """What was made of a table, and is still there; None when nothing was.

    A step of which an output is missing from the store counts as not done, and so does a receipt that cannot be read.

    Raises:
        TransientError: The store does not answer.
    """
    key = place.receipt_key(table_id)
    folder = key.removesuffix("receipt.json")
    present = {info.key for info in objects.list(folder)}
    if key not in present:
        return None
    try:
        receipt = decode_receipt(objects.get(key))
    except (*UNREADABLE, TypeError, KeyError, ObjectMissingError):
        return None
    missing = {
        output for output in TableOutput if place.output_key(table_id, output) not in present
    }
    return _cut_missing(receipt, missing)


def _cut_missing(receipt: Receipt, missing: Iterable[TableOutput]) -> Receipt:
    gone = set(missing)
    first = next((step for step in Step if gone.intersection(OUTPUTS[step])), None)
    return receipt if first is None else receipt.cut(first)


def write_receipt(objects: ObjectStore, place: TenantSource, receipt: Receipt) -> None:
    """Stores the receipt; the outputs that it speaks of must be there.

    Raises:
        TransientError: The store does not answer.
    """
    objects.put(place.receipt_key(receipt.table_id), encode_receipt(receipt))


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
    return Receipt(
        table_id=stored["table_id"],
        raw_key=stored["raw_key"],
        raw_etag=stored["raw_etag"],
        size_bytes=stored["size_bytes"],
        convert=None if convert is None else ConvertReceipt(**convert),
        prep=None if prep is None else PrepReceipt(**prep),
        tag=None if tag is None else TagReceipt(**tag),
    )
