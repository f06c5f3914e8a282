# pyright: standard, reportAttributeAccessIssue=false
"""Raw tables in the tests' hands: how one is made, and converted, and what came of it."""

import gzip
import io
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from platform_assets.tags.convert.columns import TableOptions
from platform_assets.tags.convert.table import ConvertResult, TablePlace, convert_table

PLACE = TablePlace("acme", "board", "notice")
FOLDER = "raw/acme/board"


@dataclass(frozen=True)
class Converted:
    result: ConvertResult
    rows: list[dict[str, Any]]
    letters: list[dict[str, Any]]
    out: Path
    letters_out: Path

    def column(self, name: str) -> list[Any]:
        return [row[name] for row in self.rows]

    def faults(self) -> list[tuple[int, str]]:
        return [(letter["line"], letter["kind"]) for letter in self.letters]


def convert(
    folder: Path,
    data: bytes | str,
    name: str = "notice.csv",
    options: TableOptions | None = None,
    place: TablePlace = PLACE,
) -> Converted:
    raw = io.BytesIO(data.encode() if isinstance(data, str) else data)
    out, letters_out = folder / "converted.parquet", folder / "dead_letters.parquet"
    result = convert_table(
        raw, f"{FOLDER}/{name}", options or TableOptions(), place, out, letters_out
    )
    rows, letters = pq.read_table(out).to_pylist(), pq.read_table(letters_out).to_pylist()
    assert (result.rows, result.dead_letters) == (len(rows), len(letters))
    assert sum(result.kinds.values()) == len(letters)
    return Converted(result, rows, letters, out, letters_out)


def to_parquet(columns: dict[str, Any], **options: Any) -> bytes:
    file = io.BytesIO()
    pq.write_table(pa.table(columns), file, **options)
    return file.getvalue()


def pack(text: str | bytes) -> bytes:
    return gzip.compress(text.encode() if isinstance(text, str) else text, mtime=0)
