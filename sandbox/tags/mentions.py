"""Mentions of terms, alone and with particles, and decoys: terms within other words. Pure.

A mention is one word of a text even where the term holds a space, so that nothing is put between its parts.
"""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from sandbox.tags.terms import Term
from sandbox.tags.words import OTHER_WORD_BEGINNINGS, OTHER_WORD_ENDS, PARTICLES

_FIRST, _LAST = ord("가"), ord("힣")
_FINALS = 28
_RIEUL = 8
_LETTERS = ("line", "ish", "xa", "2go", "s2")


class Name(NamedTuple):
    """One name of a tag."""

    tag_id: str
    text: str


class Mentions:
    """Draws mentions and decoys of a dictionary; a few terms are popular, most are rare.

    Args:
        terms: The dictionary.
    """

    def __init__(self, terms: Sequence[Term]) -> None:
        self._names = [Name(term.tag_id, name) for term in terms for name in term.names]
        # Popular ones from everywhere in the dictionary.
        Random(len(self._names)).shuffle(self._names)

    def draw(self, random: Random) -> Name:
        """A tag, and the word that mentions it: half of the time with a particle."""
        name = self._draw_name(random)
        if random.random() < 0.5:
            return name
        return Name(name.tag_id, name.text + _choose_particle(name.text, random))

    def draw_decoy(self, random: Random) -> Name:
        """A tag, and a word that its term is only a part of."""
        name = self._draw_name(random)
        while " " in name.text:
            name = self._draw_name(random)
        if find_final(name.text) is None:
            return Name(name.tag_id, _extend_letters(name.text, random))
        if random.random() < 0.5:
            return Name(name.tag_id, random.choice(OTHER_WORD_BEGINNINGS) + name.text)
        return Name(name.tag_id, name.text + random.choice(OTHER_WORD_ENDS))

    def draw_hidden(self, random: Random) -> Name:
        """A tag, and a term that is to stand where no reader sees it."""
        return self._draw_name(random)

    def _draw_name(self, random: Random) -> Name:
        return self._names[int(random.random() ** 3 * len(self._names))]


def find_final(text: str) -> int | None:
    """Which form of a particle follows, as the index in `PARTICLES`; None behind anything but Hangul."""
    code = ord(text[-1])
    if not _FIRST <= code <= _LAST:
        return None
    final = (code - _FIRST) % _FINALS
    if final == 0:
        return 1
    return 2 if final == _RIEUL else 0


def _choose_particle(text: str, random: Random) -> str:
    final = find_final(text)
    # How a Latin name is read aloud decides, so people write either form.
    return random.choice(PARTICLES)[random.randrange(2) if final is None else final]


def _extend_letters(text: str, random: Random) -> str:
    """Latin letters and digits go on: `Velorish`, `BCX-117`."""
    if text[-1].isdigit():
        return f"{text}{random.randrange(10)}"
    if random.random() < 0.3:
        return random.choice(("x", "neo", "e")) + text
    return text + random.choice(_LETTERS)
