"""The labels of tests/unit/tags/labelled joined with the reviews and questions that they are about."""

import csv
import gzip
import io
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.real_data.conftest import ROOT, find_data
from tests.unit.tags.taggers import LABELLED, make_tagger

BEAUTY = "oliveyoung_reviews/cream_reviews_301-400.csv.gz"
QUESTIONS = "chatbot_qna/ChatbotData.csv.gz"
REVIEWS = "nsmc_raw/reviews.jsonl.gz"


@dataclass(frozen=True, slots=True)
class Label:
    """A place where the characters of a term stand; `kind` is explained in docs/tags-precision.md."""

    dataset: str
    row: int
    start: int
    end: int
    term: str
    kind: str
    is_match: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """A label, and whether the rule says that it is a match."""

    label: Label
    found: bool


@pytest.fixture(scope="module")
def labels() -> Sequence[Label]:
    lines = (LABELLED / "real_data.jsonl").read_text(encoding="utf-8").splitlines()
    return [Label(**json.loads(line)) for line in lines]


@pytest.fixture(scope="module")
def texts(
    labels: Sequence[Label], give_up: Callable[[str], NoReturn]
) -> Mapping[tuple[str, int], str]:
    """The text of each row that has a label: movie reviews go by their id, the others by the number of the record."""
    data = find_data()
    if data is None or not (data / "board" / REVIEWS).is_file():
        give_up(f"no real boards beside {ROOT}; SLUICE_TEST_DATA names another place")
    board = data / "board"
    read = {
        **read_column(board, "oliveyoung", BEAUTY, "review_text"),
        **read_column(board, "chatbot", QUESTIONS, "Q"),
    }
    with gzip.open(board / REVIEWS, "rt", encoding="utf-8") as lines:
        reviews = (json.loads(line) for line in lines)
        read |= {("nsmc", int(each["review_id"])): each["review"] for each in reviews}
    return {(label.dataset, label.row): read[label.dataset, label.row] for label in labels}


def read_column(board: Path, dataset: str, file: str, name: str) -> dict[tuple[str, int], str]:
    text = gzip.decompress((board / file).read_bytes()).decode("utf-8-sig")
    rows = csv.DictReader(io.StringIO(text, newline=""))
    return {(dataset, number): row[name] for number, row in enumerate(rows)}


@pytest.fixture(scope="module")
def judged(labels: Sequence[Label], texts: Mapping[tuple[str, int], str]) -> Sequence[Judged]:
    """By one dictionary of all labelled terms, each a tag of its own; those of one character are exact."""
    tagger = make_tagger(*{label.term for label in labels})
    found = {
        (*key, match.start, match.end) for key, text in texts.items() for match in tagger.find(text)
    }
    return [
        Judged(label, (label.dataset, label.row, label.start, label.end) in found)
        for label in labels
    ]


def measure(judged: Sequence[Judged], kinds: frozenset[str]) -> tuple[float, float]:
    """Precision and recall when these kinds of places are the right ones."""
    right = sum(each.found and each.label.kind in kinds for each in judged)
    found = sum(each.found for each in judged)
    wanted = sum(each.label.kind in kinds for each in judged)
    return right / found, right / wanted


def test_each_label_is_about_the_characters_of_its_term(
    labels: Sequence[Label], texts: Mapping[tuple[str, int], str]
):
    assert len(labels) >= 300
    for label in labels:
        text = texts[label.dataset, label.row]
        assert text[label.start : label.end] == label.term, label


def test_naive_matching_is_wrong_in_four_of_ten_places(labels: Sequence[Label]):
    precision = sum(label.is_match for label in labels) / len(labels)
    assert precision == pytest.approx(0.568, abs=0.001)


def test_the_rule_is_as_precise_as_the_docs_say(judged: Sequence[Judged]):
    precision, recall = measure(judged, frozenset({"word"}))
    assert precision == pytest.approx(0.887, abs=0.001)
    assert recall == pytest.approx(0.846, abs=0.001)


def test_of_places_inside_words_of_another_meaning_few_are_found(judged: Sequence[Judged]):
    other = [each for each in judged if each.label.kind == "other"]
    assert sum(each.found for each in other) == 14
    assert len(other) == 85
