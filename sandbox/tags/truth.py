"""What was written, by tenant-source and table, known by whoever made the rows and not by reading them again.

`rows` = `good` + all `bad`. A row is bad when it has no id or that of a good row before it, another number of values
than the header, bytes that are in no encoding, or is no JSON object; a date that cannot be read is as good as none.
Each is named by its kind and by the line that it begins on, the first line of the file being 1 (in Parquet: by the
number of the row). `months` counts good rows, and mentions in them, by month in Seoul; "" is for rows without a date.
`mentions` are those that must be found in good rows, by tag; `decoys` are terms within other words, in comments,
scripts and attributes, which must not. Real text has mentions that nobody counted: `mentions_known` is false.
`personal` is what must not be seen anywhere behind the raw tables, of bad rows too: as written, as read, and what it
says.
A `broken` table cannot be read, so nothing else is said of it; an `empty_file` may also be read as an empty table.
"""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

from platform_assets.core.errors import RefusedError
from sandbox.tags.rows import BadKind, Personal, PersonalKind, Row
from sandbox.tenants.drafts import write_whole

FILE_NAME = "truth.json"


@dataclass(slots=True)
class TableTruth:
    """One table.

    Attributes:
        key: Object key.
        extension: Format and packing.
        encoding: As Python calls it; empty for Parquet.
        size_bytes: Of the file.
        broken: Why all of it cannot be read; empty for tables that can.
        rows: All rows.
        bad: Kind -> lines.
        months: Month -> good rows and mentions in them.
        mentions: Tag -> mentions in good rows.
        decoys: Tag -> what looks like one.
        personal: What was planted, in bad rows too.
    """

    key: str
    extension: str
    encoding: str
    size_bytes: int = 0
    broken: str = ""
    rows: int = 0
    bad: dict[str, list[int]] = field(default_factory=dict[str, list[int]])
    months: dict[str, tuple[int, int]] = field(default_factory=dict[str, tuple[int, int]])
    mentions: Counter[str] = field(default_factory=Counter[str])
    decoys: Counter[str] = field(default_factory=Counter[str])
    personal: list[Personal] = field(default_factory=list[Personal])

    @property
    def good(self) -> int:
        """Rows that can be read."""
        return self.rows - sum(map(len, self.bad.values()))

    def count(self, row: Row, line: int) -> None:
        """Adds a row that was written at a line."""
        self.rows += 1
        self.personal += row.personal
        if row.bad is not None:
            self.bad.setdefault(row.bad.value, []).append(line)
            return
        rows, mentions = self.months.get(row.month, (0, 0))
        self.months[row.month] = rows + 1, mentions + len(row.mentions)
        for tag_id in row.mentions:
            self.mentions[tag_id] += 1
        for tag_id in row.decoys:
            self.decoys[tag_id] += 1

    def to_json(self) -> dict[str, Any]:
        """As it stands in the file."""
        return {
            "key": self.key,
            "extension": self.extension,
            "encoding": self.encoding,
            "size_bytes": self.size_bytes,
            "broken": self.broken,
            "rows": self.rows,
            "good": self.good,
            "bad": dict(sorted(self.bad.items())),
            "months": dict(sorted(self.months.items())),
            "mentions": dict(sorted(self.mentions.items())),
            "decoys": dict(sorted(self.decoys.items())),
            "personal": [
                {"kind": p.kind, "raw": p.raw, "shown": p.shown, "plain": p.plain}
                for p in self.personal
            ],
        }

    @classmethod
    def from_json(cls, known: dict[str, Any]) -> Self:
        """Back from `to_json`."""
        return cls(
            key=known["key"],
            extension=known["extension"],
            encoding=known["encoding"],
            size_bytes=known["size_bytes"],
            broken=known["broken"],
            rows=known["rows"],
            bad={BadKind(kind).value: lines for kind, lines in known["bad"].items()},
            months={month: (counts[0], counts[1]) for month, counts in known["months"].items()},
            mentions=Counter(known["mentions"]),
            decoys=Counter(known["decoys"]),
            personal=[
                Personal(PersonalKind(p["kind"]), p["raw"], p["shown"], p["plain"])
                for p in known["personal"]
            ],
        )


@dataclass(slots=True)
class SourceTruth:
    """One source of a tenant.

    Attributes:
        dataset: `generated` or the name of a real one.
        seed: What was drawn follows from it.
        dictionary: Which dictionary it was made for: `invented` or `kcd`.
        mentions_known: Whether all mentions are those of the tables' `mentions`.
        tables: Table id -> its truth.
        options: Object key of how to read the tables; empty for none.
    """

    dataset: str
    seed: int
    dictionary: str
    mentions_known: bool
    tables: dict[str, TableTruth] = field(default_factory=dict[str, TableTruth])
    options: str = ""

    @property
    def rows(self) -> int:
        """Rows of all tables."""
        return sum(table.rows for table in self.tables.values())

    def list_keys(self) -> list[str]:
        """Object keys of all that was written for it."""
        keys = [table.key for table in self.tables.values()]
        return [*keys, self.options] if self.options else keys


@dataclass(slots=True)
class Truth:
    """All tenant-sources of an object store.

    Attributes:
        sources: `<tenant>:<source>` -> its truth.
    """

    sources: dict[str, SourceTruth] = field(default_factory=dict[str, SourceTruth])

    def write(self, folder: Path) -> None:
        """Writes `truth.json`, whole or not at all; a line for each table."""
        sources = ",\n".join(
            f"{_dump(key)}: {_dump_source(self.sources[key])}" for key in sorted(self.sources)
        )
        write_whole(folder / FILE_NAME, f'{{"sources": {{\n{sources}\n}}}}\n')


def read_truth(folder: Path) -> Truth:
    """What `Truth.write` left in a folder.

    Raises:
        RefusedError: There is none.
    """
    path = folder / FILE_NAME
    if not path.is_file():
        raise RefusedError(f"no {FILE_NAME} in {folder}: write tables there first")
    known: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    return Truth({key: _read_source(source) for key, source in known["sources"].items()})


def _read_source(known: dict[str, Any]) -> SourceTruth:
    tables = {name: TableTruth.from_json(table) for name, table in known["tables"].items()}
    return SourceTruth(
        known["dataset"],
        known["seed"],
        known["dictionary"],
        known["mentions_known"],
        tables,
        known["options"],
    )


def _dump_source(source: SourceTruth) -> str:
    fields = ("dataset", "seed", "dictionary", "mentions_known", "options")
    head = ", ".join(f'"{name}": {_dump(getattr(source, name))}' for name in fields)
    tables = ",\n".join(
        f"  {_dump(name)}: {_dump(source.tables[name].to_json())}" for name in sorted(source.tables)
    )
    return f'{{{head}, "tables": {{\n{tables}\n }}}}'


def _dump(value: str | float | Sequence[Any] | dict[str, Any] | None) -> str:
    return json.dumps(value, ensure_ascii=False)
