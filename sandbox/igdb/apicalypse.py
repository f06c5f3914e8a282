"""Reads Apicalypse, IGDB's query language, into values: the part of it that a collector uses.

    query     = { clause ";" }
    clause    = "fields" names | "exclude" names | "where" any | "sort" name ["asc"|"desc"] | "limit" n | "offset" n
    any       = all { "|" all }
    all       = term { "&" term }
    term      = "(" any ")" | name operator value
    operator  = "=" | "!=" | ">" | ">=" | "<" | "<="
    value     = number | string | "true" | "false" | "null" | "(" value { "," value } ")"
    multi     = { "query" endpoint string "{" query "}" ";" }

Comments run from `//` or `#` to the end of the line, or stand between `/*` and `*/`. Not read: `search`, `~`,
wildcards, `[...]` and `{...}` lists, fields of other entities (`genres.name`). What a field name or an endpoint means
is not decided here.
"""

import re
from dataclasses import dataclass
from typing import Any

from sandbox.igdb.errors import WireError, syntax_error
from sandbox.igdb.queries import Comparison, Condition, Either, Every, NamedQuery, Query, Scalar

_DEEPEST = 50
"""Parentheses within parentheses; more would exhaust the interpreter's stack."""


@dataclass(frozen=True, slots=True)
class _Token:
    kind: str
    text: str


_TOKENS = re.compile(
    r"""(?P<space>\s+|//[^\n]*|\#[^\n]*|/\*.*?\*/)
      | (?P<string>"(?:[^"\\]|\\.)*")
      | (?P<number>-?\d+(?:\.\d+)?(?![\w.]))
      | (?P<name>[A-Za-z_][\w.]*|\*)
      | (?P<operator>!=|>=|<=|=|>|<)
      | (?P<mark>[;,&|(){}/])""",
    re.VERBOSE | re.DOTALL,
)
_END = _Token("end", "")
_WORDS: dict[str, Scalar] = {"true": True, "false": False, "null": None}
_ESCAPES = re.compile(r"\\(.)", re.DOTALL)


def parse_query(text: str) -> Query:
    """Reads one query.

    Raises:
        WireError: 400, with the place where reading stopped.
    """
    reader = _Reader(text)
    query = reader.read_query()
    reader.expect_end()
    return query


def parse_multiquery(text: str) -> list[NamedQuery]:
    """Reads the parts of a multiquery in their order; at least one.

    Raises:
        WireError: 400, with the place where reading stopped.
    """
    reader = _Reader(text)
    parts = [reader.read_named_query()]
    while reader.more():
        parts.append(reader.read_named_query())
    return parts


def _split(text: str) -> list[_Token]:
    tokens: list[_Token] = []
    position = 0
    while position < len(text):
        found = _TOKENS.match(text, position)
        if found is None or found.lastgroup is None:
            raise syntax_error(f"Unexpected input starting at '{text[position : position + 20]}'")
        if found.lastgroup != "space":
            tokens.append(_Token(found.lastgroup, found.group()))
        position = found.end()
    return tokens


class _Reader:
    """Recursive descent over the tokens of one text."""

    def __init__(self, text: str) -> None:
        self._tokens = _split(text)
        self._at = 0
        self._depth = 0

    def more(self) -> bool:
        return self._at < len(self._tokens)

    def expect_end(self) -> None:
        if self.more():
            raise self._unexpected("the end")

    def read_named_query(self) -> NamedQuery:
        self._expect_text("query")
        endpoint = self._expect_kind("name")
        counting = self._accept("/")
        if counting:
            self._expect_text("count")
        name = _unquote(self._expect_kind("string"))
        self._expect_text("{")
        query = self.read_query()
        self._expect_text("}")
        self._expect_text(";")
        return NamedQuery(name=name, endpoint=endpoint, counting=counting, query=query)

    def read_query(self) -> Query:
        clauses: dict[str, Any] = {}
        while self._peek().kind == "name":
            clauses |= self._read_clause()
            self._expect_text(";")
        return Query(**clauses)

    def _read_clause(self) -> dict[str, Any]:
        word = self._expect_kind("name")
        match word:
            case "fields" | "exclude":
                return {word: self._read_names()}
            case "where":
                return {"where": self._read_either()}
            case "limit" | "offset":
                return {word: self._read_count()}
            case "sort":
                return self._read_sort()
            case _:
                raise syntax_error(f"Unknown clause '{word}'")

    def _read_names(self) -> tuple[str, ...]:
        names = [self._expect_kind("name")]
        while self._accept(","):
            names.append(self._expect_kind("name"))
        return tuple(names)

    def _read_count(self) -> int:
        text = self._expect_kind("number")
        if not text.isdecimal():
            raise syntax_error(f"Expecting a whole number, not '{text}'")
        return int(text)

    def _read_sort(self) -> dict[str, Any]:
        field = self._expect_kind("name")
        descending = self._peek().text == "desc"
        if self._peek().text in ("asc", "desc"):
            self._at += 1
        return {"sort": field, "descending": descending}

    def _read_either(self) -> Condition:
        parts = [self._read_every()]
        while self._accept("|"):
            parts.append(self._read_every())
        return parts[0] if len(parts) == 1 else Either(tuple(parts))

    def _read_every(self) -> Condition:
        parts = [self._read_term()]
        while self._accept("&"):
            parts.append(self._read_term())
        return parts[0] if len(parts) == 1 else Every(tuple(parts))

    def _read_term(self) -> Condition:
        if self._accept("("):
            return self._read_group()
        field = self._expect_kind("name")
        operator = self._expect_kind("operator")
        return Comparison(field, operator, self._read_value())

    def _read_group(self) -> Condition:
        self._depth += 1
        if self._depth > _DEEPEST:
            raise syntax_error(f"More than {_DEEPEST} nested parentheses")
        inner = self._read_either()
        self._depth -= 1
        self._expect_text(")")
        return inner

    def _read_value(self) -> Scalar | tuple[Scalar, ...]:
        if not self._accept("("):
            return self._read_scalar()
        values = [self._read_scalar()]
        while self._accept(","):
            values.append(self._read_scalar())
        self._expect_text(")")
        return tuple(values)

    def _read_scalar(self) -> Scalar:
        token = self._peek()
        self._at += 1
        if token.kind == "string":
            return _unquote(token.text)
        if token.kind == "number":
            return float(token.text) if "." in token.text else int(token.text)
        if token.text in _WORDS:
            return _WORDS[token.text]
        raise syntax_error(
            "Expecting a STRING as input, surround your input with quotes "
            f"starting at '{token.text}'"
        )

    def _peek(self) -> _Token:
        return self._tokens[self._at] if self._at < len(self._tokens) else _END

    def _accept(self, text: str) -> bool:
        if self._peek().text != text:
            return False
        self._at += 1
        return True

    def _expect_text(self, text: str) -> None:
        if not self._accept(text):
            raise self._unexpected(f"'{text}'")

    def _expect_kind(self, kind: str) -> str:
        token = self._peek()
        if token.kind != kind:
            raise self._unexpected(f"a {kind}")
        self._at += 1
        return token.text

    def _unexpected(self, wanted: str) -> WireError:
        return syntax_error(f"Missing {wanted} at '{self._peek().text}'")


def _unquote(text: str) -> str:
    return _ESCAPES.sub(r"\1", text[1:-1])
