# pyright: standard, reportAttributeAccessIssue=false
"""The second step of a table: converted rows to prepared ones, cleaned, masked, cut into sentences and tokens. Streams.

What each of these means is in the module of its name.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from platform_assets.tags.convert.masking import mask
from platform_assets.tags.prep.cleaning import clean
from platform_assets.tags.prep.origins import UNCHANGED, Origin
from platform_assets.tags.prep.sentences import split_sentences
from platform_assets.tags.prep.tokens import Tokenizer
from platform_assets.tags.table.files import TableFile, read_batches
from platform_assets.tags.table.schemas import PREPARED

PREP_VERSION = 2
"""Raised whenever the same converted table would give another output."""

_BATCH_ROWS = 512
_BATCH_CHARACTERS = 256 * 1024
_FIELDS = ("title", "body")
_KEPT = ("tenant_id", "source", "table_id", "row_id", "created_at")


@dataclass(frozen=True, slots=True)
class PrepResult:
    """What was prepared."""

    rows: int


def prepare_table(converted: Path, out: Path, tokenizer: Tokenizer) -> PrepResult:
    """Writes the prepared rows (`PREPARED`) of a converted table, one for one and in its order.

    The same table and tokenizer give the same bytes.

    Args:
        converted: A file that `convert_table` wrote.
        out: Replaced; removed on any error.
        tokenizer: From `load_tokenizer`.

    Raises:
        RefusedError: kind `temporary_folder`: no room to write.
    """
    with TableFile(out, PREPARED) as table:
        for batch in read_batches(converted, _BATCH_ROWS):
            for piece in _prepare(batch, tokenizer):
                table.write(piece)
    return PrepResult(table.rows)


def prepare_text(text: str) -> tuple[str, Origin]:
    """The prepared text of a title or body, and where its characters come from."""
    cleaned = clean(text)
    # Nothing is left to mask in what convert wrote; it is made sure of, for the text is read from here on.
    return mask(cleaned.text), cleaned.origin


def _prepare(batch: pa.RecordBatch, tokenizer: Tokenizer) -> Iterator[pa.RecordBatch]:
    """The prepared rows of a batch, fewer at a time where texts are long: tokens take many times their room."""
    texts = zip(batch.column("title").to_pylist(), batch.column("body").to_pylist(), strict=True)
    start = 0
    rows = _Rows(tokenizer)
    for number, (title, body) in enumerate(texts, 1):
        rows.add(title, body)
        if rows.characters >= _BATCH_CHARACTERS or number == len(batch):
            yield rows.finish(batch.slice(start, number - start))
            start = number
            rows = _Rows(tokenizer)


class _Lists:
    """A column of lists of structs that say in which field and where something is.

    Args:
        column: Its name in `PREPARED`.
        names: Members of the struct that the items have, in their order; `field` is added.
    """

    def __init__(self, column: str, *names: str) -> None:
        self._type = PREPARED.field(column).type
        self._names = names
        self._items: list[tuple[str | int, ...]] = []
        self._fields: list[str] = []
        self._ends = [0]

    def add(self, field: str, items: Sequence[tuple[str | int, ...]]) -> None:
        """Adds items of a field of the row."""
        self._items += items
        self._fields += [field] * len(items)

    def end_row(self) -> None:
        """Ends the row."""
        self._ends.append(len(self._items))

    def build(self) -> pa.ListArray:
        """The column."""
        values = zip(*self._items, strict=True) if self._items else [()] * len(self._names)
        columns = {"field": self._fields, **dict(zip(self._names, values, strict=True))}
        members = list(self._type.value_type)
        structs = pa.StructArray.from_arrays(
            [pa.array(columns[member.name], member.type) for member in members], fields=members
        )
        return pa.ListArray.from_arrays(pa.array(self._ends, pa.int32()), structs, type=self._type)


class _Rows:
    """The columns of prepared rows that are made here.

    Attributes:
        characters: Of the texts so far.
    """

    def __init__(self, tokenizer: Tokenizer) -> None:
        self._tokenizer = tokenizer
        self._texts: dict[str, list[str]] = {field: [] for field in _FIELDS}
        self._origins: dict[str, list[Origin]] = {field: [] for field in _FIELDS}
        self._sentences = _Lists("sentences", "start", "end")
        self._tokens = _Lists("tokens", "form", "pos", "start", "end")
        self.characters = 0

    def add(self, *originals: str) -> None:
        """Adds a row of the texts of `_FIELDS`."""
        for field, original in zip(_FIELDS, originals, strict=True):
            text, origin = prepare_text(original) if original else ("", UNCHANGED)
            self._texts[field].append(text)
            self._origins[field].append(origin)
            if text:
                self.characters += len(text)
                self._sentences.add(field, split_sentences(text))
                self._tokens.add(field, self._tokenizer.tokenize(text))
        self._sentences.end_row()
        self._tokens.end_row()

    def finish(self, batch: pa.RecordBatch) -> pa.RecordBatch:
        """The prepared rows of as many converted ones."""
        kind = PREPARED.field("title_origin").type
        columns = [
            *(batch.column(name) for name in _KEPT),
            *(pa.array(self._texts[field], pa.string()) for field in _FIELDS),
            *(pa.array(self._origins[field], kind) for field in _FIELDS),
            self._sentences.build(),
            self._tokens.build(),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=PREPARED)
