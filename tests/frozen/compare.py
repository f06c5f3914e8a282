"""Two trees of names, as stored and as read now: what is gone or different, and what is new."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import cast

JOINT = " > "
"""Between the names of a place: names hold slashes, dots and colons themselves."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One name, or what is said of it.

    Attributes:
        place: The names that lead to it.
        text: What was there and what is, for people.
        added: Nothing that was there is gone or different.
    """

    place: str
    text: str
    added: bool = False

    def __str__(self) -> str:
        return f"{self.place}: {self.text}"


def compare(stored: object, now: object, place: str) -> Iterator[Difference]:
    """All differences; a list is a set of names."""
    before, after = _as_names(stored), _as_names(now)
    if before is None or after is None:
        if stored != now:
            yield Difference(place, f"was {stored!r}, is {now!r}")
        return
    for name in before:
        if name in after:
            yield from compare(before[name], after[name], f"{place}{JOINT}{name}")
        else:
            yield Difference(f"{place}{JOINT}{name}", "is gone")
    for name in after.keys() - before.keys():
        yield Difference(f"{place}{JOINT}{name}", "is new", added=True)


def add_new(stored: object, now: object) -> object:
    """What is stored with what is new; nothing that was stored is removed or replaced."""
    if isinstance(stored, dict) and isinstance(now, dict):
        both = cast(dict[str, object], {**now, **stored})
        return {name: add_new(both[name], now.get(name, both[name])) for name in both}
    if isinstance(stored, list) and isinstance(now, list):
        return sorted({*cast(list[str], stored), *cast(list[str], now)})
    return stored


def find_unexplained(found: list[Difference], changes: Mapping[str, str]) -> list[Difference]:
    """What is gone or different, at or under no place of `changes`."""
    return [
        each
        for each in found
        if not each.added and not any(_is_under(each.place, place) for place in changes)
    ]


def find_idle(found: list[Difference], changes: Mapping[str, str]) -> list[str]:
    """Places of `changes` where nothing is gone or different."""
    real = [each.place for each in found if not each.added]
    return [place for place in changes if not any(_is_under(it, place) for it in real)]


def _is_under(place: str, top: str) -> bool:
    return place == top or place.startswith(f"{top}{JOINT}")


def _as_names(value: object) -> Mapping[str, object] | None:
    if isinstance(value, dict):
        return cast(Mapping[str, object], value)
    if isinstance(value, list):
        return dict.fromkeys(cast(list[str], value))
    return None
