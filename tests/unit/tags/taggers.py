"""Dictionaries and taggers in a line, and the labelled sentences."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from platform_assets.tags.dictionary.dictionary import Dictionary
from platform_assets.tags.dictionary.terms import Term
from platform_assets.tags.tagging.tagger import Tagger

LABELLED = Path(__file__).parent / "labelled"
_MARKED = re.compile(r"\[([^\]]*)\]")


def make_tagger(*terms: str | Term) -> Tagger:
    """Each term is a tag of its own; those of one character are exact."""
    made = [
        term if isinstance(term, Term) else Term(term, term, exact=len(term) < 2) for term in terms
    ]
    return Tagger(Dictionary(tuple(sorted(made))))


def find(text: str, *terms: str | Term) -> list[str]:
    """What is found, as it stands in the text."""
    return [text[match.start : match.end] for match in make_tagger(*terms).find(text)]


@dataclass(frozen=True, slots=True)
class LabelledSentence:
    terms: Sequence[str]
    text: str
    spans: frozenset[tuple[int, int]]

    def find_naively(self) -> frozenset[tuple[int, int]]:
        """Every place where the characters of a term stand."""
        folded = self.text.lower()
        return frozenset(
            found.span()
            for term in self.terms
            for found in re.finditer(re.escape(term.lower()), folded)
        )

    def find_by_rule(self) -> frozenset[tuple[int, int]]:
        matches = make_tagger(*self.terms).find(self.text)
        return frozenset((match.start, match.end) for match in matches)


def read_sentences() -> Iterator[LabelledSentence]:
    """Own sentences: what is to be found stands in brackets in the file."""
    for line in (LABELLED / "sentences.jsonl").read_text(encoding="utf-8").splitlines():
        fields = json.loads(line)
        marks = [found.span() for found in _MARKED.finditer(fields["text"])]
        spans = {(a - 2 * n, b - 2 * (n + 1)) for n, (a, b) in enumerate(marks)}
        yield LabelledSentence(
            fields["terms"], _MARKED.sub(r"\1", fields["text"]), frozenset(spans)
        )
