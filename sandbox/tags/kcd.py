"""The dictionary of real text: diseases by the Korean classification, and categories of beauty products.

A name that two of them have says nothing about which is meant, one letter is in every text, and what is called `other`
has no name: they are left out.
"""

import csv
import gzip
import json
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any
from unicodedata import normalize

from sandbox.tags.data_files import find_file
from sandbox.tags.terms import Term

_CODES = "taxonomy/kcd_codes.csv.gz"
_CATEGORIES = "products/product_sets/product_categories_20251209.json"
"""Beside the folder of board data; a dictionary is complete without it."""
_NO_NAMES = frozenset({"기타"})


def read_terms(folder: Path) -> Sequence[Term]:
    """The dictionary: tag ids are codes (`A00.1`) and `category-7`; parents are the wider ones of either.

    Args:
        folder: Of board data.

    Raises:
        RefusedError: The codes are not there.
    """
    terms = [*_read_codes(folder), *_read_categories(folder)]
    counts = Counter(_fold(name) for term in terms for name in term.names)
    kept = [
        term
        for term in terms
        if all(_is_name(name) and counts[_fold(name)] == 1 for name in term.names)
    ]
    known = {term.tag_id: term for term in terms}
    left = {term.tag_id for term in kept}
    return [
        Term(t.tag_id, t.term, t.synonyms, _find_parent(t, known, left), t.category) for t in kept
    ]


def _read_codes(folder: Path) -> Iterator[Term]:
    with gzip.open(find_file(folder, _CODES), "rt", encoding="utf-8-sig", newline="") as lines:
        for row in csv.DictReader(lines):
            code = row["kcd"]
            wider = code[:-1].removesuffix(".") if "." in code else ""
            yield Term(code, _tidy(row["ko"]), (), wider, "kcd")


def _read_categories(folder: Path) -> Iterator[Term]:
    path = folder.parent / _CATEGORIES
    if not path.is_file():
        return
    categories: list[dict[str, Any]] = json.loads(path.read_text(encoding="utf-8"))
    for category in sorted(categories, key=lambda category: category["id"]):
        # "에센스/세럼/앰플" is one category with three names.
        name, *others = (_tidy(part) for part in category["name"].split("/"))
        parent = category["parent_id"]
        wider = "" if parent is None else f"category-{parent}"
        yield Term(f"category-{category['id']}", name, tuple(others), wider, "beauty")


def _find_parent(term: Term, known: dict[str, Term], left: Iterable[str]) -> str:
    """The nearest wider term that is left."""
    parent = term.parent
    while parent and parent not in left:
        parent = known[parent].parent if parent in known else ""
    return parent


def _is_name(text: str) -> bool:
    return len(text) > 1 and text not in _NO_NAMES


def _tidy(text: str) -> str:
    return " ".join(normalize("NFC", text).split())


def _fold(text: str) -> str:
    return text.casefold()
