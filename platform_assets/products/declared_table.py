"""A table of a declared shop's file, read key by key: mistakes are noted, all of them, instead of raised one by one."""

import re
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, cast

from platform_assets.products.json_reading import parse_path

_HOLE = re.compile(r"\{([^{}]*)\}")
_ANY_TEXT = r"(?s).+"


@dataclass
class Table:
    """A table of the file. Reading notes mistakes instead of raising, and gives something to go on with."""

    values: dict[str, Any]
    name: str
    mistakes: list[str]
    read: set[str] = field(default_factory=set[str])

    def wrong(self, key: str, what: str) -> None:
        """Notes a mistake."""
        self.mistakes.append(f"{self.name}{key}: {what}")

    def text(self, key: str, default: str | None = None, pattern: str = _ANY_TEXT) -> str:
        """A text; one without a default must be there."""
        self.read.add(key)
        value = self.values.get(key, default)
        if value is None:
            self.wrong(key, "is missing: add it")
        elif not isinstance(value, str) or re.fullmatch(pattern, value) is None:
            form = "a text that is not empty" if pattern == _ANY_TEXT else f"a text like {pattern}"
            self.wrong(key, f"is {value!r:.60}: write {form}")
        else:
            return value
        return ""

    def path(self, key: str, default: str | None = None) -> str:
        """A JSON path."""
        text = self.text(key, default)
        try:
            parse_path(text or "-")
        except ValueError as error:
            self.wrong(key, str(error))
        return text

    def maybe_path(self, key: str) -> str | None:
        """A JSON path, if there is one."""
        return self.path(key) if key in self.values else None

    def template(self, key: str, may_have: Iterable[str], must_have: Iterable[str] = ()) -> str:
        """A path of a URL with places to fill in."""
        text = self.text(key, pattern=r"/\S*")
        holes = set(_HOLE.findall(text))
        self._check_holes(key, holes, set(may_have), set(must_have) if text else set())
        return text

    def _check_holes(self, key: str, holes: set[str], may: set[str], must: set[str]) -> None:
        for hole in sorted(holes - may - must):
            known = ", ".join(f"{{{name}}}" for name in sorted(may | must))
            self.wrong(key, f"{{{hole}}} stands for nothing: there are {known}")
        for hole in sorted(must - holes):
            self.wrong(key, f"lacks {{{hole}}}: put it where it belongs")

    def choice(self, key: str, choices: tuple[str, ...]) -> str:
        """One of some words, the first by default."""
        text = self.text(key, choices[0])
        if text and text not in choices:
            self.wrong(key, f"is {text!r:.60}: write one of {', '.join(choices)}")
        return text

    def table(self, key: str) -> "Table":
        """A table in this one; empty when it is missing."""
        self.read.add(key)
        value = self.values.get(key, {})
        if not isinstance(value, dict):
            self.wrong(key, "is no table: write its keys under it")
            value = {}
        return Table(cast("dict[str, Any]", value), f"{self.name}{key}.", self.mistakes)

    def texts(self, key: str) -> list[str]:
        """A list of texts, empty by default; true, false and numbers are taken as JSON writes them."""
        self.read.add(key)
        value = self.values.get(key, [])
        if not isinstance(value, list):
            self.wrong(key, "is no list: write it in brackets")
            return []
        words = cast("list[Any]", value)
        if any(not isinstance(word, str | int) for word in words):
            self.wrong(key, "has something else than texts")
        return [str(word).lower() if isinstance(word, bool) else str(word) for word in words]

    def end(self, known: Iterable[str] = ()) -> None:
        """Notes keys that nobody asked for: they are misspelt, or in the wrong table."""
        asked = sorted(self.read | set(known))
        for key in self.values:
            if key not in asked:
                self.wrong(key, f"is not known here: there are {', '.join(asked)}")
