"""The state that a page of places carries as JSON, and the list of places in it.

A page may have several states, each named by its block: `nmb` and `loc` are lists of places in a search, `window` is
the page of the map; `nop` (new openings) and `rbp` (similar places) are not what was searched for.
"""

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, cast

from platform_assets.ranks.identity import PLACE_ID
from platform_assets.ranks.pages.document import clean_text
from platform_assets.ranks.pages.faults import changed_structure, wrong_page

STATE = "__APOLLO_STATE__"
NAME_CHARACTERS = 80
"""Before a state: more than its name has."""
NAME = re.compile(r"[A-Za-z][A-Za-z.]*$")
ASSIGNED = re.compile(r"\s*=\s*(?=\{)")
MAIN_BLOCKS = frozenset({"window", "nmb", "loc"})
OTHER_BLOCKS = frozenset({"nop", "rbp"})
LIST_SUFFIX = "Summary"
AD_SUFFIX = "AdSummary"
"""Of type names of places in a list; bought ones are a type of their own."""
LIST_NAMES = ("restaurantlist", "hospitals", "nxplaces", "placelist", "places", "businesses")
NO_LISTS = ("adBusinesses", "otherBusinesses")
DETAIL = "placeDetail"
DECODER = json.JSONDecoder()

Fields = dict[str, Any]


@dataclass(frozen=True, slots=True)
class PlaceEntry:
    """A place as a state names it."""

    place_id: str
    name: str


@dataclass(frozen=True, slots=True)
class PlaceEntries:
    """A list of places.

    Attributes:
        entries: In order, without advertisements.
        total: How many the search found in all.
    """

    entries: tuple[PlaceEntry, ...]
    total: int | None


@dataclass(frozen=True, slots=True)
class State:
    """One state.

    Attributes:
        block: The last word of its name that says which block it is of.
        values: Entities by reference; `ROOT_QUERY` has what was asked.
    """

    block: str
    values: Mapping[str, Any]

    def queries(self) -> Iterator[tuple[str, str, Fields]]:
        """Name, arguments and answer of each query that has an answer."""
        for key, value in as_fields(self.values.get("ROOT_QUERY")).items():
            name, _, arguments = key.partition("(")
            if isinstance(value, dict):
                yield name, arguments, cast("Fields", value)

    def find_list(self) -> PlaceEntries | None:
        """The places of this state; None if it has no list."""
        found = [
            (find_start(arguments), entries)
            for name, arguments, answer in self.queries()
            if not name.startswith(NO_LISTS)
            and (entries := self._read_list(answer, name)) is not None
        ]
        if not found:
            return None
        found.sort(key=lambda each: each[0])
        if found[0][0] > 1:
            raise wrong_page(f"places from {found[0][0]} on", "places from 1 on")
        entries = dict.fromkeys(entry for _, part in found for entry in part.entries)
        return PlaceEntries(tuple(entries), found[0][1].total)

    def find_detail(self) -> PlaceEntry | None:
        """The one place that this state is about; None if it is about several."""
        for name, _, answer in self.queries():
            if name == DETAIL:
                return self._resolve(answer.get("base"))
        return None

    def _read_list(self, answer: Fields, name: str) -> PlaceEntries | None:
        """The entries of an answer that is a list of places; an empty list is one by its name only."""
        inner = answer.get("businesses")
        answer = cast("Fields", inner) if isinstance(inner, dict) else answer
        items, total = answer.get("items"), answer.get("total")
        if not isinstance(items, list) or not isinstance(total, int):
            return None
        references = [as_fields(item).get("__ref") for item in cast("list[object]", items)]
        kinds = {str(reference).partition(":")[0] for reference in references}
        if not all(kind.endswith(LIST_SUFFIX) and not kind.endswith(AD_SUFFIX) for kind in kinds):
            return None
        if not items and not name.lower().startswith(LIST_NAMES):
            return None
        entries = [self._resolve(item) for item in cast("list[object]", items)]
        if None in entries:
            raise changed_structure("places", f"id and name of all places of {name}")
        return PlaceEntries(tuple(entry for entry in entries if entry), total)

    def _resolve(self, reference: object) -> PlaceEntry | None:
        entity = as_fields(self.values.get(str(as_fields(reference).get("__ref"))))
        place_id = PLACE_ID.fullmatch(str(entity.get("id")))
        return PlaceEntry(place_id[1], clean_text(entity.get("name"))) if place_id else None


def as_fields(value: object) -> Fields:
    """An object of JSON; an empty one for any other value."""
    return cast("Fields", value) if isinstance(value, dict) else {}


def find_start(arguments: str) -> int:
    """Which result a query starts at: pages that were scrolled hold several parts."""
    found = re.search(r'"start":\s*(\d{1,6})', arguments)
    return int(found[1]) if found else 0


def read_states(text: str) -> Iterator[State]:
    """All states of a page; one that is cut off or no JSON is there without values."""
    at = text.find(STATE)
    while at >= 0:
        end = at + len(STATE)
        if assigned := ASSIGNED.match(text, end):
            value, end = decode_at(text, assigned.end())
            yield State(name_block(text[max(0, at - NAME_CHARACTERS) : at]), as_fields(value))
        at = text.find(STATE, end)


def decode_at(text: str, start: int) -> tuple[object, int]:
    """The value that begins there, and where it ends; None if it is not whole."""
    try:
        return DECODER.raw_decode(text, start)
    except (ValueError, RecursionError):
        return None, start


def name_block(before: str) -> str:
    """Which block a state is of, from the text that its name ends; empty if it is not known."""
    words = [word for name in NAME.findall(before) for word in name.split(".")]
    return next((word for word in words if word in MAIN_BLOCKS | OTHER_BLOCKS), "")
