"""Where the characters of a cleaned text come from in the text that it was made of.

An origin is a flat sequence of integers, three per run: where the run starts in the cleaned text, and where it starts
and ends in the original. A run ends where the next one starts. A run as long as its original goes character by
character; of any other run (an entity, a collapsed space) each character stands for the whole of the original. No
integers at all mean that the text is unchanged. So most rows store nothing, and HTML stores a few integers per tag.
"""

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence

Origin = Sequence[int]

UNCHANGED: Origin = ()

Change = tuple[int, int, str]
"""Start and end of a piece of text, and what takes its place."""


def locate(origin: Origin, length: int, start: int, end: int) -> tuple[int, int]:
    """The span of the original text that a span of the cleaned text comes from.

    Args:
        origin: Of the cleaned text.
        length: Characters of the cleaned text.
        start: First character of the span.
        end: The one after its last; more than `start`.

    Returns:
        Start and end in the original, for `original[start:end]`.
    """
    if not origin:
        return start, end
    first, _ = _edges(origin, length, start)
    _, last = _edges(origin, length, end - 1)
    return first, last


def change(text: str, changes: Iterable[Change]) -> tuple[str, Origin]:
    """The text with pieces of it replaced, and where its characters come from.

    Args:
        text: The original.
        changes: Pieces in the order of the text, none over another, none empty.
    """
    pieces: list[str] = []
    origin = OriginBuilder()
    done = 0
    for start, end, put in changes:
        pieces += (text[done:start], put)
        origin.add(start - done, done, start)
        origin.add(len(put), start, end)
        done = end
    if not done:
        return text, UNCHANGED
    pieces.append(text[done:])
    origin.add(len(text) - done, done, len(text))
    return "".join(pieces), origin.finish()


def compose(later: Origin, length: int, earlier: Origin, earlier_length: int) -> Origin:
    """Where the characters of a text that was cleaned twice come from.

    Args:
        later: From the final text to the one between.
        length: Characters of the final text.
        earlier: From the text between to the original.
        earlier_length: Characters of the text between.
    """
    if not earlier:
        return later
    if not later:
        if length == earlier_length:
            return earlier
        later = (0, 0, length)  # only its end was cut off: the last run of `earlier` is shorter now
    origin = OriginBuilder()
    for clean, following, first, last in _runs(later, length):
        if following - clean == last - first:
            for run in _cut(earlier, earlier_length, first, last):
                origin.add(*run)
        else:
            origin.add(following - clean, *locate(earlier, earlier_length, first, last))
    return origin.finish()


class OriginBuilder:
    """An origin, run by run; runs that continue each other become one."""

    def __init__(self) -> None:
        self._runs: list[int] = []
        self._length = 0
        self._one_by_one = False
        self._changed = False

    def add(self, length: int, start: int, end: int) -> None:
        """Adds the next `length` characters, which come from `original[start:end]`."""
        if not length:
            return
        one_by_one = length == end - start
        runs = self._runs
        if one_by_one and self._one_by_one and runs[-1] == start:
            runs[-1] = end
        else:
            runs += (self._length, start, end)
            self._changed |= not one_by_one or start != self._length
        self._one_by_one = one_by_one
        self._length += length

    def finish(self) -> Origin:
        """The origin; `UNCHANGED` if it leads every character to its own place."""
        return tuple(self._runs) if self._changed else UNCHANGED


def _runs(origin: Origin, length: int) -> Iterator[tuple[int, int, int, int]]:
    """Start and end in the cleaned text, start and end in the original, of each run."""
    for at in range(0, len(origin), 3):
        following = origin[at + 3] if at + 3 < len(origin) else length
        yield origin[at], following, origin[at + 1], origin[at + 2]


def _cut(origin: Origin, length: int, start: int, end: int) -> Iterator[tuple[int, int, int]]:
    """Length, start and end in the original of each piece of a run between two positions of the cleaned text."""
    for at in range(_find(origin, start) * 3, len(origin), 3):
        clean, first, last = origin[at : at + 3]
        if clean >= end:
            return
        following = origin[at + 3] if at + 3 < len(origin) else length
        low, high = max(start, clean), min(end, following)
        if following - clean == last - first:
            first, last = first + low - clean, first + high - clean
        yield high - low, first, last


def _edges(origin: Origin, length: int, at: int) -> tuple[int, int]:
    """Start and end in the original of one character."""
    return next((first, last) for _, first, last in _cut(origin, length, at, at + 1))


def _find(origin: Origin, at: int) -> int:
    """Which run holds a character."""
    return bisect_right(range(len(origin) // 3), at, key=lambda run: origin[run * 3]) - 1
