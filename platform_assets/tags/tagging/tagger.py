"""Finds the terms of a dictionary in texts. Tables are tagged in `table.py`, terms matched in `matching.py`."""

from collections.abc import Sequence
from typing import NamedTuple

from platform_assets.tags.dictionary.dictionary import Dictionary, parse
from platform_assets.tags.dictionary.folding import fold
from platform_assets.tags.dictionary.terms import Term
from platform_assets.tags.tagging.matching import Matcher, Pattern, Span
from platform_assets.tags.tagging.particles import VERB_STEMS, Allowed

TAG_VERSION = "2"
"""Of the rules and of the tables that are written by them: another one makes tagged tables outdated."""


class Match(NamedTuple):
    """A term in a text: `text[start:end]`, in code points."""

    tag_id: str
    term: str
    start: int
    end: int


class Tagger:
    """Finds terms by the rules of docs/tags-precision.md; of what overlaps the leftmost longest.

    Args:
        dictionary: The terms. It is kept: spans name terms by their place in it.
    """

    def __init__(self, dictionary: Dictionary) -> None:
        self.dictionary = dictionary
        self._matcher = Matcher([_pattern_of(term) for term in dictionary.terms])

    def find(self, text: str) -> Sequence[Match]:
        """The mentions in a text, from left to right.

        Args:
            text: Composed (NFC), with one space between words, as `prepared` tables have it.
        """
        terms = self.dictionary.terms
        return [
            Match(terms[index].tag_id, terms[index].term, start, end)
            for start, end, index in self.scan(text)
        ]

    def scan(self, text: str) -> list[Span]:
        """The same as `(start, end, index of the term)`. Many texts joined by line feeds cost less than one by one."""
        return self._matcher.scan(fold(text))


def load_tagger(data: bytes) -> Tagger:
    """The tagger of a dictionary's canonical form.

    Raises:
        RefusedError: kind `bad_dictionary`: it is no such form.
    """
    return Tagger(parse(data))


def _pattern_of(term: Term) -> Pattern:
    text = fold(term.term)
    allowed = Allowed.COPULA if text in VERB_STEMS else Allowed.SHORT_COPULA
    return Pattern(
        text=text,
        allowed=Allowed.PARTICLES if term.exact else allowed,
        compounds=term.compounds,
        joins=not term.exact,
    )
