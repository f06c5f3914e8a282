"""Raw tables by their extension: how a file becomes rows. Each format is in a module of its own next door."""

import gzip
import zlib
from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import BinaryIO, cast

from platform_assets.core.errors import PermanentError
from platform_assets.tags.convert.columns import TableOptions
from platform_assets.tags.convert.delimited import read_delimited
from platform_assets.tags.convert.json_lines import read_json_lines
from platform_assets.tags.convert.lines import ReadNotes, read_lines
from platform_assets.tags.convert.parquet_rows import read_parquet
from platform_assets.tags.convert.rows import BadRow, RawRow

_DELIMITERS: Mapping[str, str] = MappingProxyType({"csv": ",", "tsv": "\t"})
_JSON = ("jsonl", "ndjson")
EXTENSIONS = (
    *(f"{text}{packed}" for text in (*_DELIMITERS, *_JSON) for packed in ("", ".gz")),
    "parquet",
)
"""What the key of a raw table can end with, after a dot."""

_FOREIGN = MappingProxyType(
    {
        b"PK\x03\x04": "a ZIP or Excel file",
        b"\x1f\x8b": "packed with gzip",
        b"\x28\xb5\x2f\xfd": "packed with zstd",
        b"\xd0\xcf\x11\xe0": "an old Excel file",
        b"PAR1": "a Parquet file",
        b"%PDF": "a PDF",
    }
)


def read_rows(
    raw: BinaryIO, key: str, options: TableOptions, notes: ReadNotes | None = None
) -> Iterator[RawRow | BadRow]:
    """The rows of a raw table, in its order, in bounded memory.

    Args:
        raw: The file, seekable, at its start.
        key: Its object key: the extension says what it is.
        options: How it is read.
        notes: Where it is counted what stays unsure.

    Raises:
        PermanentError: No row of it can be had: kinds `bad_format`, `unknown_encoding`, `truncated`, `bad_columns`.
            `truncated` and a damaged file may show only after rows were read.
    """
    name = key.rpartition("/")[2].lower()
    extension = next((known for known in EXTENSIONS if name.endswith(f".{known}")), None)
    if extension is None:
        known = ", ".join(EXTENSIONS)
        raise _refuse(key, f"has no extension that is known ({known}): give it the right one")
    if extension == "parquet":
        return read_parquet(raw, options, key)
    form, _, packed = extension.partition(".")
    file = _open_text(raw, key, packed=bool(packed))
    lines = read_lines(file, options.encoding, key, notes)
    if form in _JSON:
        return read_json_lines(lines, options, key)
    return read_delimited(lines, options.delimiter or _DELIMITERS[form], options, key)


def _open_text(raw: BinaryIO, key: str, *, packed: bool) -> BinaryIO:
    first = raw.read(4)
    raw.seek(0)
    found = next((what for mark, what in _FOREIGN.items() if first.startswith(mark)), None)
    if packed and first:
        if found != _FOREIGN[b"\x1f\x8b"]:
            raise _refuse(key, "is not packed with gzip: take .gz from its name, or pack it")
        return cast("BinaryIO", _Unpacked(raw, key))
    if found is not None:
        raise _refuse(key, f"is {found}: give it the extension of what it is, or export it as text")
    return raw


class _Unpacked:
    """A file packed with gzip, unpacked while it is read."""

    def __init__(self, raw: BinaryIO, key: str) -> None:
        self._file = gzip.GzipFile(fileobj=raw, mode="rb")
        self._key = key

    def read(self, size: int) -> bytes:
        """See `BinaryIO`."""
        try:
            return self._file.read(size)
        except EOFError as error:
            message = f"{self._key} ends in the middle of its gzip stream: put it there again"
            raise PermanentError(message, kind="truncated") from error
        except (gzip.BadGzipFile, zlib.error) as error:
            what = f"is damaged ({error})"
            # That it begins as gzip was seen before.
            if str(error).startswith("Not a gzipped file"):
                what = "has something behind the end of its gzip stream that is not gzip"
            raise _refuse(self._key, f"{what}: put it there again") from error


def _refuse(key: str, what: str) -> PermanentError:
    return PermanentError(f"{key} {what}", kind="bad_format")
