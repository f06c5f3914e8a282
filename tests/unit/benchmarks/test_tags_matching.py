import gzip
import json
from pathlib import Path

import pytest

from benchmarks.korean_text import SYLLABLES, make_corpus
from benchmarks.tags_matching import (
    AUTOMATON,
    OURS,
    OURS_SINGLE,
    REGEX,
    SUBSTRING,
    Cost,
    format_costs,
    list_goals,
    measure,
    measure_loading,
    read_corpus,
)

CORPUS = make_corpus(200, 300)


def test_a_corpus_is_the_same_for_the_same_seed() -> None:
    assert make_corpus(200, 300) == CORPUS
    assert make_corpus(200, 300, seed=5) != CORPUS
    assert len(set(CORPUS.terms)) == 300
    assert all(SYLLABLES - 1 <= len(sentence) <= SYLLABLES + 12 for sentence in CORPUS.sentences)


def test_every_matcher_is_measured_and_the_rule_finds_less_than_characters() -> None:
    costs = {cost.name: cost for cost in measure(CORPUS, runs=1)}
    assert list(costs) == [OURS, OURS_SINGLE, AUTOMATON, REGEX, SUBSTRING]
    assert costs[OURS].hits == costs[OURS_SINGLE].hits > 0
    assert costs[AUTOMATON].hits > costs[OURS].hits
    assert all(cost.microseconds > 0 for cost in costs.values())


def test_real_sentences_are_lines_or_a_field_of_json_lines(tmp_path: Path) -> None:
    plain, packed = tmp_path / "a.txt", tmp_path / "a.jsonl.gz"
    plain.write_text("좋은 영화\n나쁜 영화\n", encoding="utf-8")
    with gzip.open(packed, "wt", encoding="utf-8") as lines:
        lines.writelines(json.dumps({"review": text}) + "\n" for text in ("좋은 영화", "나쁜 영화"))
    corpus = read_corpus(plain, None, 2, 5)
    assert sorted(corpus.sentences) == ["나쁜 영화", "좋은 영화"]
    assert sorted(corpus.terms[:3]) == ["나쁜", "영화", "좋은"]
    assert len(corpus.terms) == 5
    assert read_corpus(packed, "review", 2, 5) == corpus


def test_the_goal_is_about_ours_with_ten_thousand_terms() -> None:
    costs = [
        Cost(OURS, 10_000, 100, 4.0, 1.0, 0.1),
        Cost(REGEX, 10_000, 10, 400.0, 1.0, 0.1),
        Cost(OURS, 100_000, 100, 8.0, 1.0, 0.1),
    ]
    assert list_goals(costs)[0].measured == pytest.approx(4.0)
    assert list_goals(costs[1:])[0].measured is None
    table = format_costs(costs).splitlines()
    assert table[2].split()[-1] == "100.0"
    assert "250,000" in table[1]


def test_reading_a_dictionary_is_timed() -> None:
    assert measure_loading(CORPUS.terms) > 0
