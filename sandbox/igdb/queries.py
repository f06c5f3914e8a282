"""What a query says, as values, and whether a record meets its filter. Reading the text is `apicalypse.py`."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from operator import ge, gt, le, lt
from typing import Any

Scalar = int | float | str | bool | None

DEFAULT_LIMIT = 10
"""Rows of a query without a `limit` (api-docs.igdb.com)."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """`field operator value`; a tuple as the value means one of these."""

    field: str
    operator: str
    value: Scalar | tuple[Scalar, ...]


@dataclass(frozen=True, slots=True)
class Every:
    """All parts hold."""

    parts: tuple["Condition", ...]


@dataclass(frozen=True, slots=True)
class Either:
    """At least one part holds."""

    parts: tuple["Condition", ...]


Condition = Comparison | Every | Either


@dataclass(frozen=True, slots=True)
class Query:
    """One query as written.

    Attributes:
        fields: Names asked for; `("*",)` for all; only the id when the query names none.
        exclude: Names left out.
        where: The filter; None for every row.
        sort: Field that orders the rows.
        descending: Whether the order is from high to low.
        limit: Rows at most.
        offset: Rows skipped.
    """

    fields: tuple[str, ...] = ("id",)
    exclude: tuple[str, ...] = ()
    where: Condition | None = None
    sort: str = "id"
    descending: bool = False
    limit: int = DEFAULT_LIMIT
    offset: int = 0


@dataclass(frozen=True, slots=True)
class NamedQuery:
    """One part of a multiquery: its name in the answer, the endpoint, whether only the count is asked, the query."""

    name: str
    endpoint: str
    counting: bool
    query: Query


_ORDERINGS: dict[str, Callable[[Any, Any], bool]] = {">": gt, ">=": ge, "<": lt, "<=": le}


def matches(condition: Condition, record: Mapping[str, Any]) -> bool:
    """Whether a record meets a filter.

    A field that the record lacks meets `= null` and, of the others, only `!=` with a value that is not null. A list
    meets `=` when one of its members does.
    """
    match condition:
        case Every(parts):
            return all(matches(part, record) for part in parts)
        case Either(parts):
            return any(matches(part, record) for part in parts)
        case Comparison(field, operator, value):
            return _compare(record.get(field), operator, value)


def list_conditions(condition: Condition | None) -> Iterator[Comparison]:
    """All comparisons of a filter, in their order."""
    match condition:
        case Every(parts) | Either(parts):
            for part in parts:
                yield from list_conditions(part)
        case Comparison():
            yield condition
        case None:
            return


def _compare(actual: object, operator: str, wanted: Scalar | tuple[Scalar, ...]) -> bool:
    if operator == "=":
        return _is_one_of(actual, wanted)
    if operator == "!=":
        return not _is_one_of(actual, wanted)
    order = _ORDERINGS[operator]
    if isinstance(wanted, tuple) or type(actual) is str or type(wanted) is str:
        return type(actual) is type(wanted) is str and order(actual, wanted)
    return isinstance(actual, int | float) and wanted is not None and order(actual, wanted)


def _is_one_of(actual: object, wanted: Scalar | tuple[Scalar, ...]) -> bool:
    options = wanted if isinstance(wanted, tuple) else (wanted,)
    if isinstance(actual, list):
        return any(member in options for member in actual)
    return actual in options
