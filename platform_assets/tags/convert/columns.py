"""Which column of a raw table holds what: common names, and what `_columns.json` of its source or of itself says.

Pure: how tables are read is in `formats.py`, what is made of the values in `table.py`.
"""

import json
import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, cast

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import PermanentError
from platform_assets.tags.convert.masking import mask

FIELDS = ("row_id", "created_at", "author", "title", "body")
"""What a raw table can hold, in the order in which readers give the values of a row."""

ALIASES: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {
        "row_id": ("row_id", "id", "review_id", "post_id", "no", "번호"),
        "created_at": ("created_at", "date", "reg_date", "created", "작성일", "등록일"),
        "author": ("author", "author_id", "writer", "user", "user_id", "작성자"),
        "title": ("title", "subject", "제목"),
        "body": ("body", "content", "text", "review", "review_text", "본문", "내용"),
    }
)
"""Names that columns are known by, in any case; of several the first one counts."""

ENCODINGS = ("utf-8", "cp949", "euc-kr", "utf-16", "utf-16-le", "utf-16-be")
"""What `encoding` in `_columns.json` can be; without it, a look at the file decides."""

_OPTIONS = ("columns", "delimiter", "encoding", "row_id", "quoting", "dead_letter_share")
_SHOWN_COLUMNS = 40


@dataclass(frozen=True, slots=True)
class TableOptions:
    """How a table is to be read, where a look at it is not enough.

    Attributes:
        columns: Field -> name of its column; a field that is not here is found by its common names.
        delimiter: Between the values of a text table; None: as the extension says.
        encoding: One of `ENCODINGS`; None: as the content looks.
        row_id: `line` to number rows by the line they begin on, for tables without ids.
        quoting: `off` when quotes are characters like others; None: they are around values.
        dead_letter_share: Share of rows that may be unreadable; None: as the settings say.
    """

    columns: Mapping[str, str] = field(default_factory=dict[str, str])
    delimiter: str | None = None
    encoding: str | None = None
    row_id: Literal["line"] | None = None
    quoting: Literal["off"] | None = None
    dead_letter_share: float | None = None

    def extend(self, general: "TableOptions") -> "TableOptions":
        """These options, and those of the source where these say nothing."""
        return TableOptions(
            columns={**general.columns, **self.columns},
            delimiter=self.delimiter or general.delimiter,
            encoding=self.encoding or general.encoding,
            row_id=self.row_id or (None if "row_id" in self.columns else general.row_id),
            quoting=self.quoting or general.quoting,
            dead_letter_share=(
                general.dead_letter_share
                if self.dead_letter_share is None
                else self.dead_letter_share
            ),
        )


Columns = tuple[str | None, ...]
"""The names of the columns of `FIELDS`, None where there is none."""


def read_options(data: bytes) -> TableOptions:
    """The options in a `_columns.json`.

    Raises:
        PermanentError: kind `bad_options`: what is wrong and what can be there.
    """
    try:
        options = json.loads(data)
    except UNREADABLE as error:
        raise _refuse(f"it is no JSON in UTF-8 ({error})") from error
    if not isinstance(options, dict):
        raise _refuse("it is no JSON object")
    options = cast("dict[str, Any]", options)
    if unknown := set(options) - set(_OPTIONS):
        raise _refuse(f"it says {_quote(unknown)}, which is unknown")
    return TableOptions(
        columns=_check_columns(options.get("columns", {})),
        delimiter=_check_delimiter(options.get("delimiter")),
        encoding=_check_choice("encoding", options.get("encoding"), ENCODINGS),
        row_id=cast(
            "Literal['line'] | None", _check_choice("row_id", options.get("row_id"), ("line",))
        ),
        quoting=cast(
            "Literal['off'] | None", _check_choice("quoting", options.get("quoting"), ("off",))
        ),
        dead_letter_share=_check_share(options.get("dead_letter_share")),
    )


def find_columns(names: Collection[str], options: TableOptions) -> Columns:
    """The column of each field; `row_id` has none when rows are numbered by line."""
    known: dict[str, str] = {}
    for name in names:
        known.setdefault(name.strip().lower(), name)
    return tuple(_find_column(what, names, known, options) for what in FIELDS)


def check_columns(names: Collection[str], options: TableOptions, key: str) -> Columns:
    """The column of each field, of a table that can be used: it has ids and text.

    Args:
        names: The table's columns.
        options: Of the table's source.
        key: Object key of the table, for messages.

    Raises:
        PermanentError: kind `bad_columns`: what was found, and what `_columns.json` could say.
    """
    columns = find_columns(names, options)
    for what, name in options.columns.items():
        if name not in names:
            raise _refuse_columns(
                key, names, f"no column {name!r}, which `columns` names for {what}"
            )
    for what, name in zip(FIELDS, columns, strict=True):
        if name is not None and list(names).count(name) > 1:
            raise _refuse_columns(key, names, f"several columns {name!r}, the one for {what}")
    if columns[0] is None and options.row_id is None:
        known = ", ".join(ALIASES["row_id"])
        advice = '; or "row_id": "line" to number rows by their line'
        raise _refuse_columns(key, names, f"no column for row_id (known: {known}{advice})")
    if columns[3] is None and columns[4] is None:
        known = ", ".join((*ALIASES["title"], *ALIASES["body"]))
        raise _refuse_columns(key, names, f"no column for title or body (known: {known})")
    return columns


def _find_column(
    what: str, names: Collection[str], known: Mapping[str, str], options: TableOptions
) -> str | None:
    if what == "row_id" and options.row_id is not None:
        return None
    if what in options.columns:
        name = options.columns[what]
        return name if name in names else None
    return next((known[alias] for alias in ALIASES[what] if alias in known), None)


def _check_columns(columns: object) -> dict[str, str]:
    if not isinstance(columns, dict):
        raise _refuse("`columns` is no object of field and column")
    columns = cast("dict[str, Any]", columns)
    for what, name in columns.items():
        if what not in FIELDS:
            raise _refuse(
                f"`columns` says {what[:50]!r}, which is no field; fields are {', '.join(FIELDS)}"
            )
        if not isinstance(name, str) or not name:
            raise _refuse(f"`columns` gives no name of a column for {what}")
    return columns


def _check_delimiter(delimiter: object) -> str | None:
    if delimiter is None:
        return None
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '"\r\n':
        raise _refuse("`delimiter` is not one character such as , ; | or \\t")
    return delimiter


def _check_share(share: object) -> float | None:
    if share is None:
        return None
    if isinstance(share, bool) or not isinstance(share, int | float) or not 0 <= share <= 1:
        raise _refuse("`dead_letter_share` is no number from 0 to 1")
    return float(share)


def _check_choice(option: str, value: object, choices: Collection[str]) -> str | None:
    if value is None or value in choices:
        return cast("str | None", value)
    raise _refuse(f"`{option}` is none of {_quote(choices)}")


def _refuse(what: str) -> PermanentError:
    return PermanentError(
        f"_columns.json cannot be used: {what}; it is a JSON object with any of {', '.join(_OPTIONS)}, such as "
        '{"columns": {"body": "review"}, "delimiter": ";"}',
        kind="bad_options",
    )


def _refuse_columns(key: str, names: Collection[str], what: str) -> PermanentError:
    shown = mask(_quote(list(names)[:_SHOWN_COLUMNS]))
    more = f" and {len(names) - _SHOWN_COLUMNS} more" if len(names) > _SHOWN_COLUMNS else ""
    return PermanentError(
        f"{key} has {what}; its columns are {shown}{more}: say which holds what in {name_options(key)}, which is about "
        'this table alone, such as {"columns": {"row_id": "number", "body": "review"}}; if the columns look like one '
        "or like a row, set `delimiter` there, or give the table a header",
        kind="bad_columns",
    )


def name_options(key: str) -> str:
    """Object key of a table's own options: `<table>._columns.json` beside it.

    Args:
        key: Object key of the table.
    """
    folder, slash, name = key.rpartition("/")
    stem = re.sub(r"\.(?:csv|tsv|jsonl|ndjson)(?:\.gz)?$|\.parquet$", "", name, flags=re.IGNORECASE)
    return f"{folder}{slash}{stem}._columns.json"


def _quote(names: Collection[str]) -> str:
    return ", ".join(repr(name[:60]) for name in sorted(names))
