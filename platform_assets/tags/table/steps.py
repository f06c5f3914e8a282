# pyright: standard, reportAttributeAccessIssue=false
"""The three steps as tasks run them: what all tables of a job share is loaded once, by `load_steps`."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path
from typing import BinaryIO

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.dataset
import pyarrow.parquet as pq

from platform_assets.core.engine.units import JsonObject
from platform_assets.core.errors import PermanentError
from platform_assets.core.objects import ObjectMissingError, ObjectStore
from platform_assets.tags.convert.columns import TableOptions, read_options
from platform_assets.tags.convert.markup_masking import mask_markup
from platform_assets.tags.convert.table import (
    CONVERT_VERSION,
    ConvertResult,
    TablePlace,
    convert_table,
)
from platform_assets.tags.keys import TenantSource
from platform_assets.tags.prep.table import PREP_VERSION, PrepResult, prepare_table, prepare_text
from platform_assets.tags.prep.tokens import Tokenizer, load_tokenizer
from platform_assets.tags.shards.manifest import Manifest
from platform_assets.tags.table.receipts import StepVersions
from platform_assets.tags.table.schemas import SUMMARY, TIME
from platform_assets.tags.tables import RawTable
from platform_assets.tags.tagging.summary import merge_summaries
from platform_assets.tags.tagging.table import TagResult, tag_table
from platform_assets.tags.tagging.tagger import TAG_VERSION, Tagger, load_tagger

_ANY_BYTES = "utf-8", "surrogateescape"
_SAMPLE = "<p>영화를 1.5점 &amp; 😀</p> 010-0000-0000 a@example.com"


@dataclass(frozen=True, slots=True)
class TextSteps:
    """`TableSteps` for the tables of a tenant-source.

    Attributes:
        place: Whose tables.
        versions: What the outputs depend on besides the raw table.
        options: How its tables are read, where they say nothing of their own.
        dead_letter_share: Share of a table's rows that may be unreadable, where its options say nothing.
        tokenizer: For the second step.
        tagger: For the third one.
    """

    place: TenantSource
    versions: StepVersions
    options: TableOptions
    dead_letter_share: float
    tokenizer: Tokenizer
    tagger: Tagger

    def convert(
        self, raw: BinaryIO, table: RawTable, options: bytes | None, out: Path, letters_out: Path
    ) -> ConvertResult:
        """See `convert_table`; `options` are the table's own."""
        place = TablePlace(self.place.tenant_id, self.place.source, table.table_id)
        chosen = self.options if options is None else read_options(options).extend(self.options)
        if chosen.dead_letter_share is None:
            chosen = replace(chosen, dead_letter_share=self.dead_letter_share)
        return convert_table(raw, table.key, chosen, place, out, letters_out)

    def prepare(self, converted: Path, out: Path) -> PrepResult:
        """See `prepare_table`."""
        return prepare_table(converted, out, self.tokenizer)

    def tag(self, prepared: Path, out: Path, summary_out: Path) -> TagResult:
        """See `tag_table`."""
        return tag_table(prepared, out, summary_out, self.tagger)

    def merge(self, summaries: Sequence[Path], out: Path) -> None:
        """See `merge_summaries`."""
        merge_summaries(summaries, out)


@dataclass(frozen=True, slots=True)
class StepInputs:
    """What the steps of a job are loaded from, as it is in the object store.

    Attributes:
        options: The tenant's `_columns.json`; None when there is none.
        dictionary: Of the manifest's version.
    """

    options: bytes | None
    dictionary: bytes

    def to_json(self) -> JsonObject:
        """For another process; `of_json` is its counterpart."""
        options = None if self.options is None else self.options.decode(*_ANY_BYTES)
        return {"options": options, "dictionary": self.dictionary.decode(*_ANY_BYTES)}

    @classmethod
    def of_json(cls, said: JsonObject) -> "StepInputs":
        """What `to_json` gave."""
        options: str | None = said["options"]
        return cls(
            None if options is None else options.encode(*_ANY_BYTES),
            said["dictionary"].encode(*_ANY_BYTES),
        )


def read_inputs(objects: ObjectStore, manifest: Manifest) -> StepInputs:
    """Reads what `load_steps` needs.

    Raises:
        PermanentError: kind `dictionary_missing`.
        TransientError: The store does not answer.
    """
    return StepInputs(_read_options(objects, manifest.place), _read_dictionary(objects, manifest))


def load_steps(manifest: Manifest, inputs: StepInputs) -> TextSteps:
    """Loads what the steps need. Nothing is opened, and no thread is started: the process is forked afterwards.

    Raises:
        PermanentError: kind `bad_options`: `_columns.json` cannot be used.
        RefusedError: kind `bad_dictionary`, `missing_extra`.
    """
    options = inputs.options
    steps = TextSteps(
        place=manifest.place,
        versions=name_versions(manifest, options),
        options=TableOptions() if options is None else read_options(options),
        dead_letter_share=manifest.work.dead_letter_share,
        tokenizer=load_tokenizer(manifest.work.tokenizer),
        tagger=load_tagger(inputs.dictionary),
    )
    _warm_up(steps)
    return steps


def name_versions(manifest: Manifest, options: bytes | None) -> StepVersions:
    """What the outputs of a job depend on besides the raw tables.

    Args:
        manifest: The job.
        options: The tenant's `_columns.json`; None when there is none.
    """
    return StepVersions(
        convert=str(CONVERT_VERSION),
        options="" if options is None else hashlib.sha256(options).hexdigest(),
        prep=str(PREP_VERSION),
        tokenizer=_name_tokenizer(manifest.work.tokenizer),
        tag=str(TAG_VERSION),
        dictionary=manifest.work.dictionary_version,
    )


def _name_tokenizer(name: str) -> str:
    """The plain one is part of the code of its step; kiwi is a library with a model."""
    return f"{name} {metadata.version('kiwipiepy')}" if name == "kiwi" else name


def _warm_up(steps: TextSteps) -> None:
    """Has everything built that is built when it is first needed: once, and not in the process of every table.

    Nothing is read from Parquet: that would start threads.
    """
    text = prepare_text(mask_markup(_SAMPLE))[0]
    steps.tokenizer.tokenize(text)
    for term in steps.tagger.dictionary.terms[:1]:
        steps.tagger.find(f"{term.term}에서는 {text}")
    pc.cast(pa.array([0], TIME), pa.int64())
    with pa.BufferOutputStream() as sink:
        pq.write_table(SUMMARY.empty_table(), sink, compression="zstd")


def _read_options(objects: ObjectStore, place: TenantSource) -> bytes | None:
    try:
        return objects.get(place.options_key)
    except ObjectMissingError:
        return None


def _read_dictionary(objects: ObjectStore, manifest: Manifest) -> bytes:
    key = manifest.work.dictionary
    try:
        return objects.get(key)
    except ObjectMissingError as error:
        raise PermanentError(
            f"there is no dictionary at {objects.url(key)}: store that version, then start a new job",
            kind="dictionary_missing",
        ) from error
