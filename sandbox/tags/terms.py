"""Terms of a dictionary, the invented ones, and the file that people edit: `dictionary/tags.csv`.

Its columns are tag_id, term, synonyms (with `|` between them), parent (a tag_id) and category.
"""

import csv
import io
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from sandbox.igdb.hashing import salt_of
from sandbox.tags.words import HEADS, MODIFIERS, SETS, SYLLABLES

FILE_NAME = "dictionary/tags.csv"
_COLUMNS = ("tag_id", "term", "synonyms", "parent", "category")
_BRANDS = 400
_CODES = 60


@dataclass(frozen=True, slots=True)
class Term:
    """A tag and how it is called.

    Attributes:
        synonyms: Other names.
        parent: Tag id of the wider term; empty for none.
    """

    tag_id: str
    term: str
    synonyms: tuple[str, ...] = ()
    parent: str = ""
    category: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """All names."""
        return (self.term, *self.synonyms)


def format_dictionary(terms: Iterable[Term]) -> str:
    """The file."""
    file = io.StringIO()
    writer = csv.writer(file, lineterminator="\n")
    writer.writerow(_COLUMNS)
    for term in terms:
        synonyms = "|".join(term.synonyms)
        writer.writerow((term.tag_id, term.term, synonyms, term.parent, term.category))
    return file.getvalue()


@cache
def make_terms() -> Sequence[Term]:
    """Some 3,500 invented terms, the same for every tenant: products and their parents, brands, codes.

    Many products are called with a space too (`수분 크림`), every brand in Hangul too; some terms begin with another
    one (`수분크림세트`) or end in one (`수분크림` in `크림`).
    """
    random = Random(salt_of("tags", "terms"))
    heads = [Term(f"H{n:02}", head, category="kind") for n, head in enumerate(HEADS, 1)]
    return (*heads, *_make_products(heads, random), *_make_brands(random), *_make_codes())


def _make_products(heads: Sequence[Term], random: Random) -> list[Term]:
    products: list[Term] = []
    for head in heads:
        for modifier in MODIFIERS:
            tag_id = f"P{len(products) + 1:04}"
            spaced = (f"{modifier} {head.term}",) if random.random() < 0.25 else ()
            product = Term(tag_id, modifier + head.term, spaced, head.tag_id, "product")
            products.append(product)
            if random.random() < 0.1:
                name = product.term + SETS[len(products) % len(SETS)]
                products.append(Term(f"P{len(products) + 1:04}", name, (), tag_id, "set"))
    return products


def _make_brands(random: Random) -> list[Term]:
    brands: dict[str, str] = {}
    names: set[str] = set()
    while len(brands) < _BRANDS:
        syllables = random.choices(SYLLABLES, k=3)
        latin = "".join(letters for letters, _ in syllables).capitalize()
        hangul = "".join(sound for _, sound in syllables)
        if latin not in brands and hangul not in names:
            brands[latin] = hangul
            names.add(hangul)
    return [
        Term(f"B{n:03}", latin, (hangul,), category="brand")
        for n, (latin, hangul) in enumerate(brands.items(), 1)
    ]


def _make_codes() -> list[Term]:
    """Ingredients with numbers in their names."""
    letters = "BCDFGHJKLM"
    return [
        Term(f"C{n:02}", f"{letters[n % 10]}{letters[n * 7 % 10]}X-{10 + n}", category="ingredient")
        for n in range(1, _CODES + 1)
    ]
