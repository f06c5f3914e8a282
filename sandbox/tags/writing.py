"""Writes the tables of a tenant-source into the folder of an object store, and the dictionary; what is given."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from platform_assets.core.errors import RefusedError
from sandbox.tags.layouts import PARQUET, Layout
from sandbox.tags.ordered import BrokenTable
from sandbox.tags.rows import Row
from sandbox.tags.sources import Table, TableSource
from sandbox.tags.terms import FILE_NAME, Term, format_dictionary
from sandbox.tags.text_tables import TextTable
from sandbox.tags.truth import SourceTruth, TableTruth, Truth
from sandbox.tenants.drafts import write_whole

_OPTIONS = "_columns.json"
_SHOWN = 5


class SourceFolder:
    """The raw tables of one tenant-source.

    Args:
        root: Folder of the object store.
        place: `<tenant>:<source>`.
        known: Is told what was written.
    """

    def __init__(self, root: Path, place: str, known: SourceTruth) -> None:
        self._root = root
        self._prefix = f"raw/{place.replace(':', '/')}"
        self._known = known
        (root / self._prefix).mkdir(parents=True, exist_ok=True)

    def clear(self, earlier: SourceTruth) -> None:
        """Removes what was written before."""
        for key in earlier.list_keys():
            path = self._root / key
            if path.parent == self._root / self._prefix:
                path.unlink(missing_ok=True)

    def write(self, table: Table, most_bytes: int | None = None) -> None:
        """Writes a table, of which the rows may have no end.

        Args:
            table: It.
            most_bytes: Ends it when its text is that long.
        """
        known, draft = self._write_draft(table, most_bytes)
        self._publish(draft, table.table_id, known)

    def write_broken(self, kind: str, broken: BrokenTable) -> None:
        """Writes a table, and breaks it."""
        whole, draft = self._write_draft(broken.table)
        draft.write_bytes(broken.damage(draft.read_bytes()))
        known = TableTruth(whole.key, whole.extension, whole.encoding, broken=kind)
        if broken.keeps_text:
            known.personal = whole.personal
        self._publish(draft, broken.table.table_id, known)

    def write_options(self, options: dict[str, Any]) -> None:
        """Says how the tables are to be read."""
        self._known.options = f"{self._prefix}/{_OPTIONS}"
        text = json.dumps(options, ensure_ascii=False) + "\n"
        write_whole(self._root / self._known.options, text)

    def _write_draft(self, table: Table, most_bytes: int | None = None) -> tuple[TableTruth, Path]:
        """Writes a file that no object store lists."""
        name = f"{table.table_id}.{table.layout.extension}"
        draft = self._root / self._prefix / f".{name}.tmp"
        known = TableTruth(f"{self._prefix}/{name}", table.layout.extension, table.layout.encoding)
        file = _open_table(draft, table.layout)
        for row in table.rows:
            if most_bytes is not None and file.size_bytes >= most_bytes:
                break
            known.count(row, file.write(row))
        file.close()
        return known, draft

    def _publish(self, draft: Path, table_id: str, known: TableTruth) -> None:
        known.size_bytes = draft.stat().st_size
        draft.replace(self._root / known.key)
        self._known.tables[table_id] = known


def write_dictionary(root: Path, terms: Sequence[Term]) -> None:
    """Writes the dictionary that people edit."""
    path = root / FILE_NAME
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, format_dictionary(terms))


def check_dictionary(truth: Truth, place: str, source: TableSource) -> None:
    """Sees to it that the other tenant-sources of the store keep the dictionary that they were made for.

    Raises:
        RefusedError: They were made for another one.
    """
    others = [
        key
        for key, known in sorted(truth.sources.items())
        if key != place and known.dictionary != source.dictionary
    ]
    if others:
        shown = ", ".join(others[:_SHOWN])
        raise RefusedError(
            f"{shown} in this folder go with the dictionary {truth.sources[others[0]].dictionary!r}, and "
            f"{source.dataset} needs {source.dictionary!r}: name another folder with --out"
        )


class _TableFile(Protocol):
    """A table that is being written."""

    size_bytes: int

    def write(self, row: Row) -> int:
        """Adds a row; the line that it begins on."""
        ...

    def close(self) -> None:
        """Ends the file."""
        ...


def _open_table(path: Path, layout: Layout) -> _TableFile:
    if layout.extension == PARQUET:
        # Takes a third of a second to import.
        from sandbox.tags.parquet_tables import ParquetTable  # noqa: PLC0415

        return ParquetTable(path, layout)
    return TextTable(path, layout)
