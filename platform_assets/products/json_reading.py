"""Reading JSON of a shop field by field: what is missing or of another type is named by its path.

A `Node` is a value with the path that led to it, so that each error says where a shop changed. No shop is named here.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, TypeVar, cast

import msgspec

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import PermanentError
from platform_assets.products.blocking import find_block, is_html
from platform_assets.products.faults import blocked, changed_structure

BIGGEST = 10**15
"""Ids, counts and prices at or above this are none."""

MOST_STARS = 5
_SHOWN = 60

Choice = TypeVar("Choice")
Value = TypeVar("Value")
_STEP = re.compile(r"\[(\d{1,6})\]|(?:^|(?<=.)\.)([^.\[\]\s]+)")
_RATING = re.compile(r"\d(?:\.\d{1,6})?", re.ASCII)
_COUNT = re.compile(r"\d{1,3}(?:,\d{3}){1,4}|\d{1,15}", re.ASCII)


@lru_cache(maxsize=1024)
def parse_path(path: str) -> tuple[str | int, ...]:
    """Steps of a path such as `data.goods[0].price`.

    Raises:
        ValueError: It is not one.
    """
    steps: list[str | int] = []
    end = 0
    for match in _STEP.finditer(path):
        if match.start() != end:
            break
        index, key = match.groups()
        steps.append(key if index is None else int(index))
        end = match.end()
    if not path or end != len(path):
        raise ValueError(f"{path!r} is no JSON path: write it like data.goods[0].price")
    return tuple(steps)


@dataclass(frozen=True, slots=True)
class Node:
    """A JSON value, where it is, and in whose reply.

    Every method that reads raises `PermanentError` of kind `changed_structure` when the value is not what it says.

    Attributes:
        value: The value.
        path: Keys from the top, such as `data.goods[0]`; empty at the top.
        page: Names the reply in errors, such as `hwahae product 61560`.
    """

    value: Any
    path: str
    page: str

    def at(self, path: str) -> "Node":
        """The value under a path, which must be there; it may be null."""
        node = self
        for step in parse_path(path):
            found = node.step(step)
            if found is None:
                raise changed_structure(self.page, f"{node._join(step)} is missing")
            node = found
        return node

    def find(self, path: str) -> "Node | None":
        """The value under a path; None when a part of the path is absent or null."""
        node = self
        for step in parse_path(path):
            found = node.step(step)
            if found is None or found.value is None:
                return None
            node = found
        return node

    def read(self, path: str, reader: "Callable[[Node], Value | None]") -> "Value | None":
        """What a reader, such as `Node.count`, makes of the value under a path; None when it is absent or null."""
        found = self.find(path)
        return None if found is None else reader(found)

    def items(self) -> list["Node"]:
        """The values of a list."""
        if not isinstance(self.value, list):
            raise self.changed("a list")
        values = cast("list[Any]", self.value)
        return [Node(value, self._join(index), self.page) for index, value in enumerate(values)]

    def text(self) -> str:
        """A text that is not blank, without the spaces around it."""
        text = self.value.strip() if isinstance(self.value, str) else ""
        if not text or "\0" in text:
            raise self.changed("a text that is not blank")
        return text

    def label(self) -> str | None:
        """A text that a page may leave blank, without the spaces around it; None when it is blank."""
        return None if isinstance(self.value, str) and not self.value.strip() else self.text()

    def flag(self) -> bool:
        """True or false."""
        if not isinstance(self.value, bool):
            raise self.changed("true or false")
        return self.value

    def whole(self) -> int:
        """A whole number from 0."""
        if not isinstance(self.value, int) or isinstance(self.value, bool):
            raise self.changed("a whole number")
        if not 0 <= self.value < BIGGEST:
            raise self.changed("a whole number from 0 and of a likely size")
        return self.value

    def count(self) -> int:
        """A count, as a number or as a text such as `10,562`."""
        if isinstance(self.value, str) and _COUNT.fullmatch(self.value):
            return int(self.value.replace(",", ""))
        return self.whole()

    def rating(self) -> float | None:
        """A rating from 0 to 5, as a number or as its text; None for 0, which says that nobody rated yet."""
        value = self.value
        if isinstance(value, str) and _RATING.fullmatch(value):
            value = float(value)
        if not isinstance(value, int | float) or isinstance(value, bool):
            raise self.changed("a rating")
        if not 0 <= value <= MOST_STARS:
            raise self.changed(f"a rating from 0 to {MOST_STARS}")
        return float(value) or None

    def word(self) -> str:
        """A word, number or flag as text: an id is written as a number by some shops and as a text by others."""
        if isinstance(self.value, bool):
            return str(self.value).lower()
        return self.text() if isinstance(self.value, str) else str(self.whole())

    def choose(self, choices: Mapping[str, Choice]) -> Choice:
        """What a word of the shop stands for; a word that is not among the choices is an error."""
        word = self.word()
        if word not in choices:
            raise self.changed(f"one of {', '.join(choices)}")
        return choices[word]

    def changed(self, expected: str) -> PermanentError:
        """The error that this value is not what it was."""
        where = self.path or "the reply"
        return changed_structure(self.page, f"{where} is {self._shown()}, expected {expected}")

    def step(self, step: str | int) -> "Node | None":
        """The value of a key, or at a place of a list; None when there is none."""
        if isinstance(step, int):
            items = self.items()
            return items[step] if step < len(items) else None
        if not isinstance(self.value, dict):
            raise self.changed("an object")
        fields = cast("dict[str, Any]", self.value)
        return Node(fields[step], self._join(step), self.page) if step in fields else None

    def _join(self, step: str | int) -> str:
        if isinstance(step, int):
            return f"{self.path}[{step}]"
        return f"{self.path}.{step}" if self.path else step

    def _shown(self) -> str:
        """A text or number as it is, shortened; of anything larger its type."""
        if isinstance(self.value, dict):
            return "an object"
        if isinstance(self.value, list):
            return "a list"
        if isinstance(self.value, str):
            return repr(_shorten(self.value))
        return "null" if self.value is None else _shorten(str(self.value).lower())


def _shorten(text: str) -> str:
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


class OptionalFields:
    """Reads what a product can do without: a field in an odd form is None, and noted. Price and status are not read so.

    Args:
        node: Where the fields are.

    Attributes:
        odd: Names of the fields that were not understood.
    """

    def __init__(self, node: Node) -> None:
        self._node = node
        self.odd: list[str] = []

    def read(
        self, name: str, path: str, reader: "Callable[[Node], Value | None]"
    ) -> "Value | None":
        """As `Node.read`; None and noted where that is an error."""
        return self.attempt(name, lambda: self._node.read(path, reader))

    def need(
        self, name: str, path: str, reader: "Callable[[Node], Value | None]"
    ) -> "Value | None":
        """As `read`, of a field that every page has: its absence is noted, too."""
        return self.attempt(name, lambda: reader(self._node.at(path)))

    def attempt(self, name: str, read: "Callable[[], Value | None]") -> "Value | None":
        """What a function reads; None and noted when it cannot."""
        try:
            return read()
        except PermanentError:
            self.odd.append(name)
            return None


def gather(
    nodes: Iterable[Node], read: "Callable[[Node], Value | None]"
) -> "tuple[list[Value], list[PermanentError]]":
    """What a function makes of each of the nodes, None left out, and the errors of those that it cannot read."""
    found: list[Value] = []
    errors: list[PermanentError] = []
    for node in nodes:
        try:
            value = read(node)
        except PermanentError as error:
            errors.append(error)
        else:
            if value is not None:
                found.append(value)
    return found, errors


def read_json(body: bytes, page: str) -> Node:
    """The JSON of a reply.

    Args:
        body: What was received.
        page: Names the reply in errors.

    Raises:
        PermanentError: kind `blocked`: a document came instead; kind `changed_structure`: no JSON at all.
    """
    if is_html(body):
        raise blocked(page, find_block(body) or "a web page")
    return decode_json(body, page, "the reply")


def decode_json(text: bytes | str, page: str, what: str) -> Node:
    """JSON as a node.

    Raises:
        PermanentError: kind `changed_structure`: it is none.
    """
    try:
        return Node(msgspec.json.decode(text), "", page)
    except UNREADABLE as error:
        raise changed_structure(page, f"{what} is no JSON ({error})") from error
