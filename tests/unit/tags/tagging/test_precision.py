"""The rule about words against naive substring matching: own sentences with the traps of docs/tags-precision.md."""

import json

from tests.unit.tags.taggers import LABELLED, LabelledSentence, read_sentences

SENTENCES = list(read_sentences())


def count(attribute: str) -> tuple[int, int, int]:
    """Right, wrong and missed."""
    found = [(getattr(sentence, attribute)(), sentence.spans) for sentence in SENTENCES]
    return (
        sum(len(each & spans) for each, spans in found),
        sum(len(each - spans) for each, spans in found),
        sum(len(spans - each) for each, spans in found),
    )


def test_there_are_enough_sentences_of_both_kinds():
    without = sum(not sentence.spans for sentence in SENTENCES)
    assert len(SENTENCES) >= 150
    assert 40 <= without <= len(SENTENCES) - 40


def test_brackets_mark_what_is_to_be_found():
    sentence = SENTENCES[0]
    assert isinstance(sentence, LabelledSentence)
    assert {sentence.text[start:end] for start, end in sentence.spans} == set(sentence.terms)


def test_naive_matching_finds_all_and_is_wrong_in_a_third():
    right, wrong, missed = count("find_naively")
    assert missed == 0
    assert 0.55 <= right / (right + wrong) <= 0.70


def test_the_rule_finds_nearly_all_and_nearly_nothing_else():
    right, wrong, missed = count("find_by_rule")
    assert right / (right + wrong) >= 0.98
    assert right / (right + missed) >= 0.98


def test_labels_of_real_data_hold_no_text_but_the_terms():
    lines = (LABELLED / "real_data.jsonl").read_text(encoding="utf-8").splitlines()
    labels = [json.loads(line) for line in lines]
    assert len(labels) >= 300
    assert {frozenset(label) for label in labels} == {
        frozenset({"dataset", "row", "start", "end", "term", "kind", "is_match"})
    }
    assert all(label["is_match"] == (label["kind"] == "word") for label in labels)
    assert all(label["end"] - label["start"] == len(label["term"]) <= 4 for label in labels)
