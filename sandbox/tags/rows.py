"""One row of a table before it is written, and what was planted in it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

Written = str | int | None
"""A value as it stands in a table."""

BAD_BYTE = "\x7f"
"""Stands in the body of a row for a byte that is in no encoding."""


class BadKind(StrEnum):
    """What is wrong with a row; the words are those of `truth.json`."""

    MISSING_ID = "missing_id"
    REPEATED_ID = "repeated_id"
    BAD_DATE = "bad_date"  # which costs the date alone: the row is good, and has no month
    FIELD_COUNT = "field_count"
    BAD_BYTES = "bad_bytes"
    BAD_JSON = "bad_json"


class PersonalKind(StrEnum):
    """What a planted personal text is."""

    PHONE = "phone"
    EMAIL = "email"
    RESIDENT_NUMBER = "resident_number"


@dataclass(frozen=True, slots=True)
class Personal:
    """A planted personal text.

    Attributes:
        kind: What it is.
        raw: As it stands in the table, with tags, entities and what else hides it.
        shown: As people read it once those are gone.
        plain: What it says: the digits of a number, an address in ASCII.
    """

    kind: PersonalKind
    raw: str
    shown: str
    plain: str


@dataclass(slots=True)
class Row:
    """A row.

    Attributes:
        row_id: None where the row, or the whole table, has none.
        date: As written.
        month: `YYYY-MM` in Seoul; empty without a date.
        title: Words; a space goes between them.
        body: Like the title.
        extra: Values of the columns that nobody asks for.
        mentions: Tags that are mentioned, once per mention.
        decoys: Tags whose term stands there and is no mention.
        personal: What was planted.
        bad: Why the row cannot be read; the writer breaks what the values do not show.
    """

    row_id: Written
    date: Written = None
    month: str = ""
    author: str = ""
    title: list[str] = field(default_factory=list[str])
    body: list[str] = field(default_factory=list[str])
    extra: Sequence[Written] = ()
    mentions: list[str] = field(default_factory=list[str])
    decoys: list[str] = field(default_factory=list[str])
    personal: list[Personal] = field(default_factory=list[Personal])
    bad: BadKind | None = None
