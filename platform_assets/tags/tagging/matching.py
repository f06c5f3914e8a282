"""Where terms stand in a text: one pass over it, the rule about words, and of what overlaps the leftmost longest.

The automaton is Aho-Corasick. Its step scans the children of a node one by one, and below the root of a Korean
dictionary there are hundreds, so a character is given to it as two symbols: the low byte of its code point, then the
high one, which is 0 for all that is not Hangul. That makes `not behind Hangul` a symbol too: the key of a term that
begins with Hangul begins with it, and the automaton leaves its root at beginnings of words only.
"""

import re
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import Any, NamedTuple

import ahocorasick

from platform_assets.tags.tagging.particles import (
    FIRST_SYLLABLE,
    LAST_SYLLABLE,
    LONGEST_TAIL,
    Allowed,
    Final,
    ends_word,
    final_of,
)

_EDGE = "\n"
"""Around every text: no term holds one, and no Hangul stands there."""

_HANGUL = re.compile(f"[{FIRST_SYLLABLE}-{LAST_SYLLABLE}]+")
_BEYOND = re.compile("[\U00010000-\U0010ffff]")
_HIGH = bytes(byte if 0xAC <= byte <= 0xD7 else 0 for byte in range(256))
_NOT_HANGUL = "\0"
_KEPT_ENDINGS = 1 << 15
_REACH = LONGEST_TAIL + 2

Span = tuple[int, int, int]
"""Start and end of a match in code points, and which pattern it is."""


class Pattern(NamedTuple):
    """A term as it is looked for.

    Attributes:
        text: Folded, see `platform_assets/tags/dictionary/folding.py`; not empty, no line feed.
        allowed: What may follow it in its word, if it ends in Hangul.
        compounds: Whether it may be the last part of a longer word.
        joins: Whether it may make up a word together with other terms.
    """

    text: str
    allowed: Allowed = Allowed.SHORT_COPULA
    compounds: bool = False
    joins: bool = True

    @property
    def final(self) -> Final | None:
        """How it ends; None if it does not end in Hangul."""
        return final_of(self.text[-1])


class _Endings(dict[str, tuple[int, ...] | None]):
    """What the rest of a word behind a term says: () a match, with patterns a match and they too, None no match.

    Asked for millions of times and with few different answers, so the answers are kept.

    Args:
        judge: Says it of a rest.
    """

    def __init__(self, judge: Callable[[str], tuple[int, ...] | None]) -> None:
        super().__init__({"": ()})
        self._judge = judge

    def __missing__(self, rest: str) -> tuple[int, ...] | None:
        if len(self) >= _KEPT_ENDINGS:
            self.clear()
            self[""] = ()
        verdict = self[rest] = self._judge(rest)
        return verdict


class Matcher:
    """Finds patterns in folded texts.

    Args:
        patterns: No two with the same text.
    """

    def __init__(self, patterns: Sequence[Pattern]) -> None:
        self._patterns = patterns
        self._automaton: Any = ahocorasick.Automaton()
        self._pieces = {
            pattern.text: index
            for index, pattern in enumerate(patterns)
            if pattern.joins and _is_plain(pattern.text)
        }
        self._endings: dict[tuple[Final | None, Allowed, bool], _Endings] = {}
        self._others: dict[str, list[int]] = {}
        for index, pattern in enumerate(patterns):
            key = _key_of(pattern)
            if _is_plain(pattern.text):
                value = (len(pattern.text), self._endings_of(pattern), index)
                self._automaton.add_word(key, value)
            else:
                self._others.setdefault(key, []).append(index)
        for key, group in self._others.items():
            self._automaton.add_word(key, (0, group, 0))
        self._automaton.make_automaton()

    def scan(self, text: str) -> list[Span]:
        """The matches from left to right; none overlaps another.

        Args:
            text: Folded. Several texts may be joined by line feeds.
        """
        if not self._patterns:
            return []
        symbols, high = _encode(_EDGE + text + _EDGE)
        find_edge = high.find
        found: list[Span] = []
        for at, (length, endings, index) in self._automaton.iter(symbols):
            if not at & 1:
                continue  # it began in the middle of a character
            end = at >> 1
            stop = find_edge(0, end + 1, end + _REACH) - 1
            if not length:
                found += self._check_others(text, end, stop, endings)
            elif stop >= end:  # else the word goes on and on
                pieces = endings[text[end:stop]]
                if pieces is not None:
                    found.append((end - length, end, index))
                    if pieces:
                        found += self._place(pieces, end)
        return _resolve(found)

    def _check_others(self, text: str, end: int, stop: int, group: Sequence[int]) -> list[Span]:
        """Of the patterns with one key the one that stands here, if they hold more than Hangul."""
        for index in group:
            pattern = self._patterns[index]
            start = end - len(pattern.text)
            stands = start >= 0 and text.startswith(pattern.text, start)
            if not stands or stop < end or _cuts_letters(text, start, end):
                continue
            pieces = self._endings_of(pattern)[text[end:stop]]
            if pieces is not None:
                return [(start, end, index), *self._place(pieces, end)]
        return []

    def _place(self, pieces: Sequence[int], start: int) -> Iterator[Span]:
        """Terms one behind the other."""
        for index in pieces:
            end = start + len(self._patterns[index].text)
            yield start, end, index
            start = end

    def _endings_of(self, pattern: Pattern) -> _Endings:
        kind = (pattern.final, pattern.allowed, pattern.joins)
        if kind not in self._endings:
            self._endings[kind] = _Endings(partial(self._judge, *kind))
        return self._endings[kind]

    def _judge(
        self,
        final: Final | None,
        allowed: Allowed,
        joins: bool,  # noqa: FBT001 - one of a kind's three
        rest: str,
    ) -> tuple[int, ...] | None:
        """See `_Endings`."""
        if ends_word(rest, final, allowed):
            return ()
        return self._split(rest) if joins else None

    def _split(self, rest: str) -> tuple[int, ...] | None:
        """The terms that the rest of a word is made of, but for particles; None if something is left over."""
        for size in range(len(rest), 1, -1):
            index = self._pieces.get(rest[:size])
            if index is None:
                continue
            if size == len(rest):
                return (index,)
            more = self._endings_of(self._patterns[index])[rest[size:]]
            if more is not None:
                return (index, *more)
        return None


def _resolve(found: list[Span]) -> list[Span]:
    """The leftmost first, of these the longest, then what begins behind it."""
    found.sort()
    kept: list[Span] = []
    begun, done = -1, 0
    for span in found:
        start = span[0]
        if start >= done:
            kept.append(span)
        elif start == begun:
            kept[-1] = span  # of two that begin together the longer one sorts behind
        else:
            continue
        begun, done = start, span[1]
    return kept


def _encode(text: str) -> tuple[str, bytes]:
    """The symbols of a text, two per character, and its high ones by themselves."""
    coded = bytearray(text.encode("utf-16-le", "surrogatepass"))
    if len(coded) != 2 * len(text):
        coded = bytearray(_BEYOND.sub("\ufffd", text).encode("utf-16-le", "surrogatepass"))
    high = bytes(coded[1::2]).translate(_HIGH)
    coded[1::2] = high
    return coded.decode("latin-1"), high


def _key_of(pattern: Pattern) -> str:
    key = _encode(pattern.text)[0]
    behind_hangul = pattern.compounds or not _is_hangul(pattern.text[0])
    return key if behind_hangul else _NOT_HANGUL + key


def _is_plain(text: str) -> bool:
    return _HANGUL.fullmatch(text) is not None


def _is_hangul(character: str) -> bool:
    return FIRST_SYLLABLE <= character <= LAST_SYLLABLE


def _cuts_letters(text: str, start: int, end: int) -> bool:
    """Whether a letter or digit is next to one at the edge of a span. Hangul beside them is another word."""
    return (start > 0 and _is_letter(text[start - 1]) and _is_letter(text[start])) or (
        end < len(text) and _is_letter(text[end - 1]) and _is_letter(text[end])
    )


def _is_letter(character: str) -> bool:
    """Letters of scripts that put spaces between words, and digits."""
    return character.isdecimal() or character.lower() != character.upper()
