"""What every source of tables is: table ids, their layouts and rows."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from sandbox.tags.dates import DateForm
from sandbox.tags.layouts import Column, Layout
from sandbox.tags.rows import Row
from sandbox.tags.terms import Term


@dataclass(frozen=True, slots=True)
class Table:
    """A table that is to be written.

    Attributes:
        table_id: Name of its file, without the extension.
        layout: Its shape.
        rows: Its rows, taken one by one.
    """

    table_id: str
    layout: Layout
    rows: Iterable[Row]


@dataclass(frozen=True, slots=True)
class Sketch:
    """What tables of a source have in common, for those that are made to order.

    Attributes:
        columns: Of a table.
        date_form: How it writes dates.
    """

    columns: Sequence[Column]
    date_form: DateForm

    def draw_up(self, extension: str, encoding: str = "utf-8") -> Layout:
        """A layout with these columns."""
        return Layout(extension, encoding, self.columns, self.date_form)


class TableSource(Protocol):
    """Where tables come from, invented ones or real ones."""

    @property
    def dataset(self) -> str:
        """Name for the truth."""
        ...

    @property
    def dictionary(self) -> str:
        """Name of the dictionary for the truth."""
        ...

    @property
    def options(self) -> dict[str, Any] | None:
        """How the tables are to be read, for `_columns.json`; None where a look at them is enough."""
        ...

    @property
    def sketch(self) -> Sketch:
        """What its tables look like."""
        ...

    @property
    def terms(self) -> Sequence[Term]:
        """The dictionary."""
        ...

    def read(self) -> Iterator[Table]:
        """One table after the other; the rows of one are taken before the next is asked for."""
        ...
