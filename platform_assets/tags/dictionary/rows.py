"""Reads the files that people edit, CSV and JSON Lines, into rows. What rows mean is checked elsewhere."""

import csv
import io
import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Protocol, cast

from platform_assets.core.decoding import UNREADABLE
from platform_assets.tags.dictionary.folding import normalise

COLUMNS = ("tag_id", "term", "synonyms", "parent", "category", "use", "exact", "compounds")
_FLAGS = {
    **dict.fromkeys(("true", "1", "yes", "y"), True),
    **dict.fromkeys(("", "false", "0", "no", "n"), False),
}
_LONGEST = 200


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """Something about a line."""

    line: int
    text: str


@dataclass(frozen=True, slots=True)
class Row:
    """A line of the file: texts are normalised, see `load_dictionary` for the columns."""

    line: int
    tag_id: str
    term: str
    synonyms: tuple[str, ...]
    parent: str
    category: str
    use: str
    exact: bool
    compounds: bool


class _BadLineError(Exception):
    """The text is the finding's."""


def read_rows(data: bytes, name: str) -> tuple[list[Row], list[Finding]]:
    """The rows that can be read, and what is wrong with the others."""
    try:
        text = _decode(data)
        lines = _reader_of(name)(text)
    except _BadLineError as error:
        return [], [Finding(1, str(error))]
    rows: list[Row] = []
    problems: list[Finding] = []
    for line, fields in lines:
        try:
            if isinstance(fields, str):
                raise _BadLineError(fields)
            rows.append(_row_of(line, fields))
        except _BadLineError as error:
            problems.append(Finding(line, str(error)))
    return rows, problems


class _CsvReader(Protocol):
    """What `csv.reader` gives."""

    line_num: int

    def __next__(self) -> list[str]: ...


_Lines = Iterator[tuple[int, Mapping[str, Any] | str]]
"""Line number and fields, or what is wrong with the line."""


def _decode(data: bytes) -> str:
    for encoding in ("utf-8-sig", "cp949"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    raise _BadLineError("the file is neither UTF-8 nor CP949: save it as UTF-8")


def _reader_of(name: str) -> Callable[[str], _Lines]:
    if name.lower().endswith(".csv"):
        return _read_csv
    if name.lower().endswith((".jsonl", ".ndjson")):
        return _read_json
    raise _BadLineError(f"{name} is neither .csv nor .jsonl")


def _read_csv(text: str) -> _Lines:
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    try:
        header = [cell.strip() for cell in next(reader, [])]
    except csv.Error as error:
        raise _BadLineError(f"the header cannot be read: {error}") from error
    _check_header(header)
    return _read_records(reader, header)


def _read_records(reader: "_CsvReader", header: list[str]) -> _Lines:
    line = reader.line_num + 1
    while True:
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            yield line, f"it cannot be read as CSV ({error}); what follows was not read"
            return
        if len(cells) > len(header):
            yield (
                line,
                f"{len(cells)} cells, and the header has {len(header)}: quote a cell with a comma",
            )
        elif any(cell.strip() for cell in cells):
            yield line, dict(zip(header, cells, strict=False))
        line = reader.line_num + 1


def _check_header(header: list[str]) -> None:
    known = ", ".join(COLUMNS)
    if not header or "term" not in header:
        raise _BadLineError(f"the header has no column `term`; columns are {known}")
    _check_names(header)
    if twice := next((name for name in header if header.count(name) > 1), None):
        raise _BadLineError(f"the header has the column `{twice}` twice")


def _check_names(names: list[str]) -> None:
    if unknown := next((name for name in names if name not in COLUMNS), None):
        raise _BadLineError(f"unknown column `{unknown[:50]}`; columns are {', '.join(COLUMNS)}")


def _read_json(text: str) -> _Lines:
    for line, content in enumerate(text.split("\n"), 1):
        if not content.strip():
            continue
        try:
            fields = json.loads(content)
        except UNREADABLE as error:
            yield line, f"it is no JSON: {error}"
            continue
        if isinstance(fields, dict):
            yield line, fields
        else:
            yield line, "it is no JSON object"


def _row_of(line: int, fields: Mapping[str, Any]) -> Row:
    _check_names(list(fields))
    return Row(
        line=line,
        synonyms=_synonyms_of(fields.get("synonyms")),
        exact=_flag_of(fields, "exact"),
        compounds=_flag_of(fields, "compounds"),
        tag_id=_text_of(fields, "tag_id"),
        term=_text_of(fields, "term"),
        parent=_text_of(fields, "parent"),
        category=_text_of(fields, "category"),
        use=_text_of(fields, "use"),
    )


def _text_of(fields: Mapping[str, Any], name: str) -> str:
    value = fields.get(name)
    return "" if value is None else _clean(value, name)


def _clean(value: object, name: str) -> str:
    if not isinstance(value, str):
        raise _BadLineError(f"`{name}` is no text")
    text = normalise(value)
    if len(text) > _LONGEST:
        raise _BadLineError(f"`{name}` has {len(text)} characters, more than {_LONGEST}")
    if not text.isprintable():
        raise _BadLineError(f"`{name}` has a character that cannot be seen: {text!a}")
    return text


def _synonyms_of(value: object) -> tuple[str, ...]:
    if value is None or value == "":
        return ()
    if not isinstance(value, str | list):
        raise _BadLineError("`synonyms` is neither text nor a list")
    parts = value.split("|") if isinstance(value, str) else cast("list[object]", value)
    return tuple(_clean(part, "synonyms") for part in parts)


def _flag_of(fields: Mapping[str, Any], name: str) -> bool:
    value = fields.get(name)
    if value is None or isinstance(value, bool):
        return bool(value)
    flag = _FLAGS.get(value.strip().lower()) if isinstance(value, str) else None
    if flag is None:
        raise _BadLineError(f"`{name}` is {value!r:.50}, not true or false")
    return flag
