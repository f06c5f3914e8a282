"""In which shape a table comes: format, encoding, names of its columns, how it writes ids and dates. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from sandbox.tags.dates import TEXTUAL, DateForm
from sandbox.tags.rows import BadKind

PARQUET = "parquet"
_EXTENSIONS = ("csv", "csv", "csv", "tsv", "jsonl", "jsonl", PARQUET, PARQUET, "csv.gz", "jsonl.gz")
_ENCODINGS = ("utf-8", "utf-8", "utf-8", "utf-8-sig", "cp949", "cp949")
_NAMES = {
    "row_id": ("id", "post_id", "no", "review_id", "번호"),
    "date": ("date", "created_at", "reg_date", "작성일"),
    "author": ("author", "writer", "user_id", "작성자"),
    "title": ("title", "subject", "제목"),
    "body": ("review", "content", "body", "text", "내용", "본문"),
}
_EXTRA = (("rating",), ("views", "likes"), ("category",), ())
_TITLED_SHARE = 0.6
_SIGNED_SHARE = 0.8
_PARQUET_FORMS = (DateForm.TIMESTAMP, DateForm.DAY, DateForm.SECOND, DateForm.ISO_UTC)


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a table.

    Attributes:
        name: In the table.
        holds: Field of `Row`, or `extra`: then columns of that kind come in the order of `Row.extra`.
        numeric: Whether its values are whole numbers.
    """

    name: str
    holds: str
    numeric: bool = False


@dataclass(frozen=True, slots=True)
class Layout:
    """The shape of a table.

    Attributes:
        extension: Of its file, without the first dot.
        encoding: Of its text, as Python calls it; nothing in Parquet.
        columns: In their order.
        date_form: How dates are written.
        line_end: Of text.
        quotes_all: Whether a delimited table quotes everything.
    """

    extension: str
    encoding: str
    columns: Sequence[Column]
    date_form: DateForm = DateForm.NONE
    line_end: str = "\n"
    quotes_all: bool = False

    @property
    def format(self) -> str:
        """Without the packing: csv, tsv, jsonl or parquet."""
        return self.extension.partition(".")[0]

    def has(self, field: str) -> bool:
        """Whether there is a column for a field of `Row`."""
        return any(column.holds == field for column in self.columns)

    def encodes(self, text: str) -> bool:
        """Whether the table can hold a text."""
        try:
            text.encode(self.encoding or "utf-8")
        except UnicodeEncodeError:
            return False
        return True

    def list_bad_kinds(self) -> list[BadKind]:
        """In which ways a row of it can be bad."""
        kinds: list[BadKind] = []
        if self.has("row_id"):
            kinds += (BadKind.MISSING_ID, BadKind.REPEATED_ID)
        if self.date_form in TEXTUAL and self.date_form is not DateForm.NONE:
            kinds.append(BadKind.BAD_DATE)
        if self.format in {"csv", "tsv"}:
            kinds.append(BadKind.FIELD_COUNT)
        if self.format == "jsonl":
            kinds.append(BadKind.BAD_JSON)
        if self.format != PARQUET:
            kinds.append(BadKind.BAD_BYTES)
        return kinds


def draw_file(random: Random) -> tuple[str, str]:
    """Extension and encoding."""
    extension, encoding = random.choice(_EXTENSIONS), random.choice(_ENCODINGS)
    return extension, "" if extension == PARQUET else encoding


def draw_layout(random: Random) -> Layout:
    """A layout of an invented table: the columns differ in names, number and order."""
    extension, encoding = draw_file(random)
    form = random.choice(_PARQUET_FORMS if extension == PARQUET else TEXTUAL)
    columns = _draw_columns(random, form)
    line_end, quotes_all = random.choice(("\n", "\n", "\r\n")), random.random() < 0.2
    return Layout(extension, encoding, columns, form, line_end, quotes_all)


def _draw_columns(random: Random, form: DateForm) -> list[Column]:
    fields = ["row_id"]
    if form is not DateForm.NONE:
        fields.append("date")
    if random.random() < _SIGNED_SHARE:
        fields.append("author")
    if random.random() < _TITLED_SHARE:
        fields.append("title")
    fields.append("body")
    numeric = random.random() < 0.5
    columns = [
        Column(random.choice(_NAMES[field]), field, numeric=field == "row_id" and numeric)
        for field in fields
    ]
    columns += (Column(name, "extra", numeric=True) for name in random.choice(_EXTRA))
    if random.random() < 0.4:
        random.shuffle(columns)
    return columns
