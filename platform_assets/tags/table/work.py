"""One table, from the raw object to its receipt, in the process that it is called in.

    receipt -> the first outdated step and what follows it, in a temporary folder -> outputs -> receipt -> old ones go

What the steps do is in modules of their own; here is what is done, in which order it becomes visible, and what is kept
of it. Doing a table twice changes nothing.
"""

import errno
import hashlib
import shutil
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO, Protocol

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.core.objects import ObjectChangedError, ObjectMissingError, ObjectStore
from platform_assets.tags.keys import TableOutput, TenantSource
from platform_assets.tags.table.receipts import (
    OUTPUTS,
    ConvertReceipt,
    PrepReceipt,
    Receipt,
    Step,
    StepVersions,
    StoredTable,
    TagReceipt,
    read_receipt,
    read_stored,
    replace_receipt,
)
from platform_assets.tags.tables import RawTable

_COPY_BYTES = 1024 * 1024
_MERGE_TRIES = 3
_DISK_FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})


class ConvertCounts(Protocol):
    """What `convert` says: rows in the output, rows that are dead letters, by kind too, values not understood.

    `dead_letter_share` is the share of rows that may be dead letters.
    """

    @property
    def rows(self) -> int: ...  # noqa: D102 - said above
    @property
    def dead_letters(self) -> int: ...  # noqa: D102 - said above
    @property
    def kinds(self) -> Mapping[str, int]: ...  # noqa: D102 - said above
    @property
    def unread_dates(self) -> int: ...  # noqa: D102 - said above
    @property
    def unsure_syllables(self) -> int: ...  # noqa: D102 - said above
    @property
    def dead_letter_share(self) -> float: ...  # noqa: D102 - said above


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
        self, raw: BinaryIO, table: RawTable, options: bytes | None, out: Path, letters_out: Path
    ) -> ConvertCounts:
        """The raw table in canonical columns, and the rows that could not be read; `options` are its own."""
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
            PermanentError: What a step raises about the table; kind `no_table`: it is none; kind `raw_changed`: it was
                replaced since the job was planned; kind `rows_unreadable`: too many rows are dead letters; kind
                `rows_lost`: a step left out rows.
            TransientError: The store does not answer; kind `table_contested`: another run did other work on it.
            RefusedError: kind `temporary_folder`: the disk is full.
        """
        if table.problem is not None:
            raise PermanentError(table.problem, kind="no_table")
        stored = read_stored(self.objects, self.place, table.table_id)
        known = stored.receipt or Receipt.of(table)
        first = known.find_outdated(table, self.steps.versions)
        if first is None:
            return known
        kept = Receipt.of(table) if first is Step.CONVERT else known.cut(first)
        with _explaining(folder):
            made = self._make(table, kept, first, folder)
        new = {
            output: self.place.output_key(table.table_id, output, made.digests[output])
            for output in _outputs_from(first)
        }
        made = replace(made, files={**kept.files, **new})
        self._put(folder, new)
        try:
            replace_receipt(self.objects, self.place, made, stored.etag)
        except ObjectChangedError as error:
            return self._yield_to_other(table, error)
        self._clear_away(table.table_id, stored, made)
        self._put_back(table.table_id, folder, new)
        return made

    def merge(self, tables: Sequence[RawTable], shard: str, folder: Path) -> None:
        """Writes the counts of a shard from those of its tables.

        Args:
            tables: All tables of the shard; each of them is done.
            shard: The shard.
            folder: For temporary files; whoever made it removes it.

        Raises:
            PermanentError: A table has no summary, or one that cannot be read; kind `table_contested`: another run has
                made a table anew, of other things.
            TransientError: The store does not answer, or others go on making tables of the shard anew.
            RefusedError: kind `temporary_folder`: the disk is full.
        """
        for number in range(_MERGE_TRIES):
            files = self._find_summaries(tables)
            own = folder / str(number)
            with _explaining(folder):
                own.mkdir()
                out = own / "merged.parquet"
                summaries = [
                    self._fetch(key, own / f"{table_id}.parquet")
                    for table_id, key in sorted(files.items())
                ]
                self.steps.merge(summaries, out)
            self.objects.put_file(self.place.summary_key(shard), out)
            if self._find_summaries(tables) == files:
                return
        raise TransientError(
            f"shard {shard}: its tables were made anew by another run while their counts were added up: run it again",
            kind="table_contested",
        )

    def _find_summaries(self, tables: Sequence[RawTable]) -> dict[str, str]:
        """Table id -> key of its summary, of tables that are done as this job wants them."""
        found: dict[str, str] = {}
        for table in tables:
            receipt = read_receipt(self.objects, self.place, table.table_id)
            if receipt is None or receipt.find_outdated(table, self.steps.versions) is not None:
                raise PermanentError(
                    f"table {table.table_id} is not as this run has made it: another run has made it anew with another "
                    "dictionary, other options or another raw table, or its files were removed; run the shard again",
                    kind="table_contested",
                )
            found[table.table_id] = receipt.files[TableOutput.SUMMARY]
        return found

    def _put(self, folder: Path, files: Mapping[TableOutput, str]) -> None:
        for output, key in files.items():
            self.objects.put_file(key, _file(folder, output))

    def _yield_to_other(self, table: RawTable, error: ObjectChangedError) -> Receipt:
        """Another run was faster: what it made counts if it is what is wanted here."""
        other = read_receipt(self.objects, self.place, table.table_id)
        if other is not None and other.find_outdated(table, self.steps.versions) is None:
            return other
        raise TransientError(
            f"table {table.table_id}: another run worked on it at the same time: it is tried again",
            kind="table_contested",
        ) from error

    def _clear_away(self, table_id: str, before: StoredTable, made: Receipt) -> None:
        """Removes outputs that no receipt speaks of any more."""
        old = before.outputs.difference(made.files.values())
        if not old:
            return
        newest = read_receipt(self.objects, self.place, table_id)
        for key in old.difference(newest.files.values() if newest else ()):
            self.objects.delete(key)

    def _put_back(self, table_id: str, folder: Path, files: Mapping[TableOutput, str]) -> None:
        """Another run with the same outputs may have cleared them away before the receipt spoke of them."""
        present = {info.key for info in self.objects.list(self.place.table_prefix(table_id))}
        self._put(folder, {output: key for output, key in files.items() if key not in present})

    def _make(self, table: RawTable, receipt: Receipt, first: Step, folder: Path) -> Receipt:
        """Does the steps from `first` on into the folder."""
        if first is Step.CONVERT:
            receipt = replace(receipt, convert=self._convert(table, folder))
        else:
            needed = OUTPUTS[Step.CONVERT if first is Step.PREP else Step.PREP][0]
            self._fetch_kept(table, receipt.files[needed], _file(folder, needed))
        if first is not Step.TAG:
            receipt = replace(receipt, prep=self._prepare(folder))
        receipt = replace(receipt, tag=self._tag(folder))
        _check_rows(table, receipt)
        return receipt

    def _convert(self, table: RawTable, folder: Path) -> ConvertReceipt:
        out, letters = (_file(folder, output) for output in OUTPUTS[Step.CONVERT])
        options = self._read_options(table)
        with self.objects.open_read(table.key) as raw:
            self._check_unchanged(table.key, table.etag)
            counts = self.steps.convert(raw, table, options, out, letters)
        versions = self.steps.versions
        made = ConvertReceipt(
            version=versions.convert,
            options=versions.name_options(table),
            rows=counts.rows,
            dead_letters=counts.dead_letters,
            digest=_digest(out),
            dead_letters_digest=_digest(letters),
            unread_dates=counts.unread_dates,
            unsure_syllables=counts.unsure_syllables,
        )
        if counts.dead_letters > counts.dead_letter_share * (counts.rows + counts.dead_letters):
            raise self._keep_letters(table, counts, letters, made.dead_letters_digest)
        return made

    def _read_options(self, table: RawTable) -> bytes | None:
        if table.options_key is None:
            return None
        try:
            options = self.objects.get(table.options_key)
        except ObjectMissingError:
            options = None
        self._check_unchanged(table.options_key, table.options_etag)
        return options

    def _keep_letters(
        self, table: RawTable, counts: ConvertCounts, letters: Path, digest: str
    ) -> PermanentError:
        """Stores the dead letters of a table that lost too many rows; the error that says so."""
        key = self.place.output_key(table.table_id, TableOutput.DEAD_LETTERS, digest)
        self.objects.put_file(key, letters)
        kinds = ", ".join(f"{kind} {count}" for kind, count in sorted(counts.kinds.items()))
        rows = counts.rows + counts.dead_letters
        return PermanentError(
            f"{counts.dead_letters} of {rows} rows of {table.key} cannot be read ({kinds}), and at most "
            f"{counts.dead_letter_share:.0%} may be so: see {self.objects.url(key)}, then correct the table or say how "
            "to read it; if it is as good as it gets, set dead_letter_share in its options",
            kind="rows_unreadable",
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

    def _check_unchanged(self, key: str, etag: str | None) -> None:
        """Asked after the object was opened: what is read is what the etag belongs to."""
        info = self.objects.head(key)
        if info is None or info.etag != etag:
            raise PermanentError(
                f"{self.objects.url(key)} was replaced since the job was planned: start a new job",
                kind="raw_changed",
            )

    def _fetch_kept(self, table: RawTable, key: str, path: Path) -> None:
        try:
            self._fetch(key, path)
        except ObjectMissingError as error:
            raise TransientError(
                f"table {table.table_id}: another run has replaced {key} meanwhile: it is tried again",
                kind="table_contested",
            ) from error

    def _fetch(self, key: str, path: Path) -> Path:
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
