"""What rows of a dictionary mean together: each term's tag, what contradicts what, what a person may want to know."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import ahocorasick

from platform_assets.tags.dictionary.folding import fold
from platform_assets.tags.dictionary.rows import Finding, Row
from platform_assets.tags.dictionary.terms import Term

MAX_PROBLEMS = 20
"""Problems that a message names; notes name as many lines."""


@dataclass(frozen=True, slots=True)
class Checked:
    """The terms by tag id and term, to be trusted only without problems."""

    terms: tuple[Term, ...]
    problems: Sequence[Finding]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class _Place:
    """Where a term or synonym stands, and what it belongs to."""

    row: Row
    text: str
    tag_id: str
    main: str


def check_rows(rows: Sequence[Row]) -> Checked:
    """All that is wrong with the rows at once.

    A term that stands under one tag twice is merged: as a main term if it is one anywhere, in the spelling that sorts
    first.
    """
    problems = [problem for row in rows for problem in _check_row(row)]
    resolver = _Resolver(rows)
    places = list(resolver.places())
    groups: dict[str, list[_Place]] = defaultdict(list)
    for place in places:
        groups[fold(place.text)].append(place)
    problems += resolver.problems
    problems += [problem for group in groups.values() for problem in _check_group(group)]
    tags = _Tags(places)
    problems += [*tags.problems, *tags.check_parents()]
    spellings = {key: min(place.text for place in group) for key, group in groups.items()}
    terms = (_merge(group, spellings, tags) for group in groups.values())
    return Checked(tuple(sorted(terms)), problems, _note(groups.values(), spellings))


def _check_row(row: Row) -> Iterator[Finding]:
    if not row.term:
        yield Finding(row.line, "the term is empty")
    if not row.tag_id and not row.use:
        yield Finding(row.line, "the row has neither a tag_id nor a term to `use`")
    if row.exact and row.compounds:
        yield Finding(row.line, "a term cannot be exact and be found in compounds: choose one")
    if "" in row.synonyms:
        yield Finding(row.line, "a synonym is empty: remove the `|` too many")
    for text in (row.term, *row.synonyms):
        if len(text) == 1 and not row.exact:
            yield Finding(
                row.line,
                f"`{text}` has one character and would be found in too many words: set `exact` to true",
            )


class _Resolver:
    """Follows `use` to the main term and the tag of every term and synonym."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self.problems: list[Finding] = []
        self._rows = [row for row in rows if row.term]
        self._targets: dict[str, Row] = {}
        # What comes later wins: a row's own term over a synonym, a main term over one that leads on.
        for row in self._rows:
            self._targets |= {fold(text): row for text in row.synonyms}
        for row in sorted(self._rows, key=lambda row: not row.use):
            self._targets[fold(row.term)] = row

    def places(self) -> Iterator[_Place]:
        """Every term and synonym of every row that leads to a tag."""
        for row in self._rows:
            target = self._follow(row)
            if target is None or not target.tag_id:
                continue
            if row.tag_id and row.tag_id != target.tag_id:
                self._say(
                    row,
                    f"`{row.term}` is of tag {row.tag_id}, and `{target.term}`, which it is another word for, of tag "
                    f"{target.tag_id} (line {target.line})",
                )
            own = "" if target is row else target.term
            yield _Place(row, row.term, target.tag_id, own)
            for text in filter(None, row.synonyms):
                yield _Place(row, text, target.tag_id, target.term)

    def _follow(self, row: Row) -> Row | None:
        path = [row]
        while path[-1].use:
            target = self._targets.get(fold(path[-1].use))
            if target is None:
                self._say(
                    path[-1], f"`{path[-1].use}`, which is to be used, is no term of the file"
                )
                return None
            if target in path:
                circle = path[path.index(target) :]
                names = _describe_circle([(each.line, each.term) for each in circle])
                self._say(
                    min(circle, key=lambda each: each.line), f"synonyms go in a circle: {names}"
                )
                return None
            path.append(target)
        return path[-1]

    def _say(self, row: Row, text: str) -> None:
        self.problems.append(Finding(row.line, text))


class _Tags:
    """What is said about tags: their parents and categories."""

    def __init__(self, places: Iterable[_Place]) -> None:
        self.problems: list[Finding] = []
        self._lines: dict[str, int] = {}
        self._said: dict[tuple[str, str], Row] = {}
        for place in places:
            self._lines.setdefault(place.tag_id, place.row.line)
            self._hear(place, "parent")
            self._hear(place, "category")

    def get(self, tag_id: str, attribute: str) -> str:
        """What was said; empty if nothing was."""
        row = self._said.get((tag_id, attribute))
        return "" if row is None else getattr(row, attribute)

    def check_parents(self) -> Iterator[Finding]:
        """Parents that do not exist, and circles of them."""
        parents = {tag_id: self.get(tag_id, "parent") for tag_id in self._lines}
        seen: set[str] = set()
        for tag_id, parent in parents.items():
            if parent and parent not in parents:
                line = self._said[tag_id, "parent"].line
                yield Finding(line, f"the parent `{parent}` is no tag_id of the file")
            path: dict[str, None] = {}
            while tag_id in parents and tag_id not in seen and tag_id not in path:
                path[tag_id] = None
                tag_id = parents[tag_id]  # noqa: PLW2901 - it walks up
            if tag_id in path:
                circle = list(path)[list(path).index(tag_id) :]
                lines = [(self._said[each, "parent"].line, each) for each in circle]
                text = f"parents go in a circle: {_describe_circle(lines)}"
                yield Finding(min(lines)[0], text)
            seen.update(path)

    def _hear(self, place: _Place, attribute: str) -> None:
        value: str = getattr(place.row, attribute)
        first = self._said.setdefault((place.tag_id, attribute), place.row) if value else None
        if first is not None and getattr(first, attribute) != value:
            self.problems.append(
                Finding(
                    place.row.line,
                    f"tag {place.tag_id} has the {attribute} `{value}`, and `{getattr(first, attribute)}` on line "
                    f"{first.line}",
                )
            )


def _check_group(group: Sequence[_Place]) -> Iterator[Finding]:
    """One term's places: all of one tag, all with the same flags."""
    first = group[0]
    for place in group[1:]:
        if place.tag_id != first.tag_id:
            yield Finding(
                place.row.line,
                f"`{place.text}` is a term of tag {place.tag_id}, and of tag {first.tag_id} on line {first.row.line}: "
                "a term can mean one tag",
            )
        elif (place.row.exact, place.row.compounds) != (first.row.exact, first.row.compounds):
            yield Finding(
                place.row.line,
                f"`{place.text}` has other flags (exact, compounds) than on line {first.row.line}",
            )


def _merge(group: Sequence[_Place], spellings: Mapping[str, str], tags: _Tags) -> Term:
    first = group[0]
    mains = {place.main for place in group}
    return Term(
        tag_id=first.tag_id,
        term=spellings[fold(first.text)],
        use="" if "" in mains else min(spellings[fold(main)] for main in mains),
        parent=tags.get(first.tag_id, "parent"),
        category=tags.get(first.tag_id, "category"),
        exact=first.row.exact,
        compounds=first.row.compounds,
    )


def _note(groups: Iterable[Sequence[_Place]], spellings: Mapping[str, str]) -> list[str]:
    merged = [
        f"`{place.text}` on line {place.row.line} (first on line {group[0].row.line})"
        for group in groups
        for place in group[1:]
    ]
    within = [f"`{short}` in `{long}`" for short, long in _find_within(spellings)]
    notes: list[str] = []
    if merged:
        notes.append(f"terms that were there already under the same tag, merged: {_list(merged)}")
    if within:
        notes.append(f"terms within longer terms, of which the longest match wins: {_list(within)}")
    return notes


def _find_within(spellings: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    automaton: Any = ahocorasick.Automaton()
    for key, spelling in spellings.items():
        automaton.add_word(key, (key, spelling))
    automaton.make_automaton()
    for long in spellings:
        inside = {spelling for _, (key, spelling) in automaton.iter(long) if key != long}
        yield from ((short, spellings[long]) for short in sorted(inside))


def _list(items: Sequence[str]) -> str:
    more = len(items) - MAX_PROBLEMS
    return ", ".join(items[:MAX_PROBLEMS]) + (f" and {more} more" if more > 0 else "")


def _describe_circle(circle: Sequence[tuple[int, str]]) -> str:
    """A circle from its first line on, closed."""
    begin = circle.index(min(circle))
    turned = [*circle[begin:], *circle[:begin], circle[begin]]
    return " -> ".join(f"{name} (line {line})" for line, name in turned)
