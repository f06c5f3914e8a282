import csv
import io
import unicodedata
from random import Random

from sandbox.tags.mentions import Mentions, find_final
from sandbox.tags.terms import Term, format_dictionary, make_terms
from sandbox.tags.words import (
    OTHER_WORD_BEGINNINGS,
    OTHER_WORD_ENDS,
    PARTICLES,
    SENTENCES,
    SLOTTED,
    SLOTTED_TITLES,
    TITLES,
    fill,
)
from tests.unit.sandbox.tags.recount import find_mentions, name_tags

NAMES = {name: term.tag_id for term in make_terms() for name in term.names}
LONGEST = max(map(len, NAMES))


def find(text: str) -> list[str]:
    return find_mentions(text, NAMES, LONGEST)


def test_the_dictionary_has_a_few_thousand_terms_with_parents_and_synonyms():
    terms = make_terms()
    assert 3000 < len(terms) < 6000
    ids = {term.tag_id for term in terms}
    assert len(ids) == len(terms)
    assert all(term.parent in ids for term in terms if term.parent)
    assert sum(bool(term.synonyms) for term in terms) > 900
    assert {term.category for term in terms} == {"kind", "product", "set", "brand", "ingredient"}


def test_no_two_terms_are_called_the_same_in_any_case():
    names = [name.casefold() for term in make_terms() for name in term.names]
    assert len(names) == len(set(names))
    assert all(unicodedata.is_normalized("NFC", name) for name in names)


def test_the_file_gives_the_terms_back():
    terms = [
        Term("a", "수분크림", ("수분 크림", "moist, cream"), "b", "kind"),
        Term("b", 'the "big" one'),
    ]
    rows = list(csv.DictReader(io.StringIO(format_dictionary(terms))))
    assert rows[0] == {
        "tag_id": "a",
        "term": "수분크림",
        "synonyms": "수분 크림|moist, cream",
        "parent": "b",
        "category": "kind",
    }
    assert name_tags(rows)['the "big" one'] == "b"


def test_sentences_mention_nothing_by_themselves():
    for words in (*SENTENCES, *TITLES):
        assert find(" ".join(words)) == []
    for words in (*SLOTTED, *SLOTTED_TITLES):
        assert find(" ".join(fill(words, "그것"))) == []


def test_a_mention_is_found_in_every_sentence_with_every_particle():
    for name, tag_id in (("수분크림", "P0001"), ("레몬 오일", None), ("Hubomi", "B001")):
        tag_id = tag_id or NAMES.setdefault(name, "x")  # noqa: PLW2901
        for forms in PARTICLES:
            form = forms[find_final(name) or 0]
            for words in (*SLOTTED, *SLOTTED_TITLES):
                assert find(" ".join(fill(words, name + form))) == [tag_id], (name, form, words)


def test_a_term_in_another_word_is_found_nowhere():
    for end in OTHER_WORD_ENDS:
        assert find(f"어제 수분크림{end} 봤어요") == [], end
    for beginning in OTHER_WORD_BEGINNINGS:
        assert find(f"어제 {beginning}수분크림 봤어요") == [], beginning


def test_mentions_and_decoys_are_what_they_say():
    mentions, random = Mentions(make_terms()), Random(1)
    drawn = [mentions.draw(random) for _ in range(3000)]
    for name in drawn:
        assert find(name.text) == [name.tag_id], name
    for _ in range(3000):
        name = mentions.draw_decoy(random)
        assert find(name.text) == [], name
    assert len({name.tag_id for name in drawn}) > 500
    texts = {name.text for name in drawn}
    assert any(" " in text for text in texts)
    assert any(text.isascii() for text in texts)
