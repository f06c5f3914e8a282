"""One table, from the raw object to its receipt, in the process that it is called in.

    receipt -> the first outdated step and what follows it, in a temporary folder -> outputs -> receipt

What the steps do is in modules of their own; here is what is done, in which order it becomes visible, and what is kept
of it. Doing a table twice changes nothing.
"""

import errno
import hashlib
import shutil
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from platform_assets.core.errors import PermanentError, RefusedError
from platform_assets.core.objects import ObjectStore
from platform_assets.tags.keys import TableOutput, TenantSource
from platform_assets.tags.receipts import (
    OUTPUTS,
    ConvertReceipt,
    PrepReceipt,
    Receipt,
    Step,
    StepVersions,
    TagReceipt,
    read_receipt,
    write_receipt,
)
from platform_assets.tags.tables import RawTable

_COPY_BYTES = 1024 * 1024
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT})


class ConvertCounts(Protocol):
    """What `convert` says: rows in the output, rows that are dead letters."""

    @property
    def rows(self) -> int: ...  # noqa: D102 - said above
    @property
    def dead_letters(self) -> int: ...  # noqa: D102 - said above


class PrepCounts(Protocol):
    """What `prepare` says."""

    @property
    def rows(self) -> int: ...  # noqa: D102 - said above


class TagCounts(Protocol):
    """What `tag` says: rows that were read, rows that got a tag, mentions, texts with something personal in them."""

    @property
    def rows(self) -> int: ...  # noqa: D102 - said above
    @property
    def rows_tagged(self) -> int: ...  # noqa: D102 - said above
    @property
    def mentions(self) -> int: ...  # noqa: D102 - said above
    @property
    def personal(self) -> int: ...  # noqa: D102 - said above


class TableSteps(Protocol):
    """The steps, with all that tables share loaded. They write files, whole or not at all does not matter here."""

    @property
    def versions(self) -> StepVersions:
        """What their outputs depend on besides the raw table."""
        ...

    def convert(
        self, raw: BinaryIO, table: RawTable, out: Path, letters_out: Path
    ) -> ConvertCounts:
        """The raw table in canonical columns, and the rows that could not be read."""
        ...

    def prepare(self, converted: Path, out: Path) -> PrepCounts:
        """Clean text, sentences and tokens."""
        ...

    def tag(self, prepared: Path, out: Path, summary_out: Path) -> TagCounts:
        """Mentions of tags, and their counts by month."""
        ...

    def merge(self, summaries: Sequence[Path], out: Path) -> None:
        """The counts of several tables in one."""
        ...


@dataclass(frozen=True, slots=True)
class TableWork:
    """Does tables of a tenant-source.

    Attributes:
        objects: A store of this process's own.
        place: Whose tables.
        steps: What is done with them.
    """

    objects: ObjectStore
    place: TenantSource
    steps: TableSteps

    def do(self, table: RawTable, folder: Path) -> Receipt:
        """Does what is outdated of a table.

        Args:
            table: The table, as the manifest has it.
            folder: For temporary files; whoever made it removes it.

        Returns:
            What its outputs are made from now.

        Raises:
            PermanentError: What a step raises about the table; kind `raw_changed`: it was replaced since the job was
                planned; kind `rows_lost`: a step left out rows.
            TransientError: The store does not answer.
            RefusedError: kind `temporary_folder`: the disk is full.
        """
        known = read_receipt(self.objects, self.place, table.table_id) or Receipt.of(table)
        first = known.find_outdated(table, self.steps.versions)
        if first is None:
            return known
        kept = Receipt.of(table) if first is Step.CONVERT else known.cut(first)
        with _explaining(folder):
            made = self._make(table, kept, first, folder)
        if known != kept:
            write_receipt(self.objects, self.place, kept)
        for output in _outputs_from(first):
            key = self.place.output_key(table.table_id, output)
            self.objects.put_file(key, _file(folder, output))
        write_receipt(self.objects, self.place, made)
        return made

    def merge(self, table_ids: Sequence[str], shard: str, folder: Path) -> None:
        """Writes the counts of a shard from those of its tables.

        Args:
            table_ids: All tables of the shard; each of them is done.
            shard: The shard.
            folder: For temporary files; whoever made it removes it.

        Raises:
            PermanentError: A table has no summary, or one that cannot be read.
            TransientError: The store does not answer.
            RefusedError: kind `temporary_folder`: the disk is full.
        """
        out, tables = folder / "merged.parquet", folder / "tables"
        with _explaining(folder):
            tables.mkdir()
            summaries = [
                self._fetch(table_id, TableOutput.SUMMARY, tables / f"{table_id}.parquet")
                for table_id in sorted(table_ids)
            ]
            self.steps.merge(summaries, out)
        self.objects.put_file(self.place.summary_key(shard), out)

    def _make(self, table: RawTable, receipt: Receipt, first: Step, folder: Path) -> Receipt:
        """Does the steps from `first` on into the folder."""
        if first is Step.CONVERT:
            receipt = replace(receipt, convert=self._convert(table, folder))
        else:
            needed = OUTPUTS[Step.CONVERT if first is Step.PREP else Step.PREP][0]
            self._fetch(table.table_id, needed, _file(folder, needed))
        if first is not Step.TAG:
            receipt = replace(receipt, prep=self._prepare(folder))
        receipt = replace(receipt, tag=self._tag(folder))
        _check_rows(table, receipt)
        return receipt

    def _convert(self, table: RawTable, folder: Path) -> ConvertReceipt:
        out, letters = (_file(folder, output) for output in OUTPUTS[Step.CONVERT])
        with self.objects.open_read(table.key) as raw:
            self._check_unchanged(table)
            counts = self.steps.convert(raw, table, out, letters)
        versions = self.steps.versions
        return ConvertReceipt(
            version=versions.convert,
            options=versions.options,
            rows=counts.rows,
            dead_letters=counts.dead_letters,
            digest=_digest(out),
            dead_letters_digest=_digest(letters),
        )

    def _prepare(self, folder: Path) -> PrepReceipt:
        out = _file(folder, TableOutput.PREPARED)
        counts = self.steps.prepare(_file(folder, TableOutput.CONVERTED), out)
        versions = self.steps.versions
        return PrepReceipt(versions.prep, versions.tokenizer, counts.rows, _digest(out))

    def _tag(self, folder: Path) -> TagReceipt:
        out, summary = (_file(folder, output) for output in OUTPUTS[Step.TAG])
        counts = self.steps.tag(_file(folder, TableOutput.PREPARED), out, summary)
        versions = self.steps.versions
        return TagReceipt(
            version=versions.tag,
            dictionary_version=versions.dictionary,
            rows=counts.rows,
            rows_tagged=counts.rows_tagged,
            mentions=counts.mentions,
            personal=counts.personal,
            digest=_digest(out),
            summary_digest=_digest(summary),
        )

    def _check_unchanged(self, table: RawTable) -> None:
        """Asked after the table was opened: what is read is what the etag belongs to."""
        info = self.objects.head(table.key)
        if info is None or info.etag != table.etag:
            raise PermanentError(
                f"{self.objects.url(table.key)} was replaced since the job was planned: start a new job",
                kind="raw_changed",
            )

    def _fetch(self, table_id: str, output: TableOutput, path: Path) -> Path:
        key = self.place.output_key(table_id, output)
        with self.objects.open_read(key) as source, path.open("wb") as target:
            shutil.copyfileobj(source, target, _COPY_BYTES)
        return path


def _outputs_from(first: Step) -> list[TableOutput]:
    steps = list(Step)
    return [output for step in steps[steps.index(first) :] for output in OUTPUTS[step]]


def _file(folder: Path, output: TableOutput) -> Path:
    return folder / f"{output.value}.parquet"


def _digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _check_rows(table: RawTable, receipt: Receipt) -> None:
    rows = [made.rows for made in (receipt.convert, receipt.prep, receipt.tag) if made is not None]
    if len(set(rows)) != 1:
        raise PermanentError(
            f"table {table.table_id}: {' -> '.join(map(str, rows))} rows over its steps: this is a defect of a step",
            kind="rows_lost",
        )


@contextmanager
def _explaining(folder: Path) -> Generator[None]:
    try:
        yield
    except OSError as error:
        if error.errno not in _DISK_FULL:
            raise
        raise RefusedError(
            f"{folder.parent} is full: make free space there or set TMPDIR, then run it again",
            kind="temporary_folder",
        ) from error
