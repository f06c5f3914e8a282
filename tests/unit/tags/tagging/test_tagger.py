from collections.abc import Iterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import RefusedError
from platform_assets.tags.dictionary.dictionary import dump
from platform_assets.tags.dictionary.folding import fold
from platform_assets.tags.dictionary.terms import Term
from platform_assets.tags.tagging.particles import VERB_STEMS, Allowed, ends_word, final_of
from platform_assets.tags.tagging.tagger import Match, load_tagger
from tests.unit.tags.taggers import find, make_tagger


def test_a_match_has_its_tag_its_term_and_its_place_in_code_points():
    text = "😀 순한 로션으로 발라요"
    found = make_tagger(Term("T1", "로션")).find(text)
    assert found == [Match("T1", "로션", 5, 7)]
    assert text[5:7] == "로션"


@pytest.mark.parametrize(
    "text", ["로션", "로션!", "(로션)", "로션ㅋㅋ", "로션 로션으로는", "새로션 로션"]
)
def test_a_term_stands_at_the_edge_of_a_word(text: str):
    assert set(find(text, "로션")) == {"로션"}


@pytest.mark.parametrize("text", ["바디로션", "로션통", "로션합니다", "로로션션", "로 션", ""])
def test_a_term_within_another_word_is_none(text: str):
    assert find(text, "로션") == []


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("암울하다", "암"), ("감기다", "감기"), ("감기네요", "감기"), ("시간", "간"), ("시간이", "간"),
        ("피부과", "피부"),
        ("피부과에서", "피부"), ("눈물", "눈"), ("눈물이", "눈"), ("로션로", "로션"), ("물론", "물"),
        ("배우고", "배우"),
        ("배우자", "배우"), ("사랑하고", "사랑"),
    ],
)  # fmt: skip
def test_known_traps_are_not_matched(text: str, term: str):
    assert find(text, term) == []


@pytest.mark.parametrize(
    ("text", "term"),
    [
        ("암에", "암"), ("감기예요", "감기"), ("감기에", "감기"), ("간이", "간"), ("피부와", "피부"), ("눈을", "눈"),
        ("로션으로", "로션"), ("물로", "물"), ("배우입니다", "배우"), ("병원과", "병원"),
    ],
)  # fmt: skip
def test_their_neighbours_are(text: str, term: str):
    assert find(text, term) == [term]


def test_the_longest_term_wins():
    assert find("눈물과 눈", "눈", "눈물") == ["눈물", "눈"]
    assert find("여드름 흉터가", "여드름", "흉터", "여드름 흉터") == ["여드름 흉터"]


def test_when_the_longest_stands_inside_a_word_shorter_ones_are_tried():
    assert find("여드름 흉터질", "여드름", "여드름 흉터") == ["여드름"]
    assert find("사과과물", "사과과", "사과") == []
    assert find("서울로", "서울", "서울로") == ["서울로"]
    assert find("서울로부터", "서울", "서울로") == ["서울로"]
    assert find("서울로는요", "서울", "서울로는") == ["서울로는"]
    assert find("서울에서는", "서울", "서울에서는요") == ["서울"]


def test_a_word_of_nothing_but_terms_gives_each_of_them():
    assert find("수분크림으로", "수분", "크림") == ["수분", "크림"]
    assert find("피부트러블", "피부", "트러블") == ["피부", "트러블"]
    assert find("수분크림통", "수분", "크림") == []
    assert find("새수분크림", "수분", "크림") == []


def test_a_short_term_joins_no_word_of_terms():
    assert find("눈물", "눈", "물") == []


def test_a_term_for_compounds_is_also_the_last_part_of_a_word():
    cream = Term("C", "크림", compounds=True)
    assert find("아이크림과 나이트크림", cream) == ["크림", "크림"]
    assert find("크림색 아이크림색", cream) == []


def test_latin_terms_need_edges_of_words_and_know_no_case():
    assert find("CG가 cg는 CGV, 이CG", "cG") == ["CG", "cg", "CG"]
    assert find("OST 2OST OSTs", "OST") == ["OST"]
    assert find("bb크림을 BB크림 ABB크림", "BB크림") == ["bb크림", "BB크림"]
    assert find("C++은 C++", "c++") == ["C++", "C++"]


def test_a_latin_term_before_hangul_needs_a_particle_too():
    assert find("OST만 OST명곡", "OST") == ["OST"]


def test_characters_of_all_planes_and_scripts_are_told_apart():
    assert find("癌은 x 😀 ś [ Ċ", "癌은", "😀", "ś", "Ċ") == ["癌은", "😀", "ś", "Ċ"]
    assert find("\U0001ac00나 가나", "가나") == ["가나"]
    assert find("Ċ", "Ċ") == ["Ċ"]
    assert find("\n", "Ċ") == []


def test_a_capital_that_is_longer_in_lower_case_moves_nothing():
    text = "İİ 로션"
    assert [(match.start, match.end) for match in make_tagger("로션").find(text)] == [(3, 5)]


def test_texts_joined_by_line_feeds_give_what_each_gives_alone():
    tagger = make_tagger("로션", "로션 크림")
    assert tagger.scan("로션\n크림\n로션 크림") == [(0, 2, 0), (6, 11, 1)]


def test_endless_words_are_no_trouble():
    assert find("감기" * 50_000, "감기", Term("X", "감기감", compounds=True)) == []
    assert find("로션" + "만" * 100_000, "로션") == []
    assert len(find("감기" * 10, "감기")) == 10


def test_no_terms_find_nothing():
    assert make_tagger().find("로션") == []


def test_the_canonical_form_makes_the_same_tagger():
    tagger = make_tagger("로션", Term("C", "크림", compounds=True), "눈")
    loaded = load_tagger(dump(tagger.dictionary))
    assert loaded.dictionary == tagger.dictionary
    assert loaded.find("눈에 아이크림과 로션") == tagger.find("눈에 아이크림과 로션")
    assert len(loaded.find("눈에 아이크림과 로션")) == 3


def test_what_is_no_canonical_form_is_refused():
    with pytest.raises(RefusedError) as error:
        load_tagger(b"tag_id,term\n")
    assert error.value.kind == "bad_dictionary"


# Few syllables, so that terms meet; among them particles, a final consonant, ㄹ, and what folds or has two planes.
_ALPHABET = "가나물션는은로이다만 A\n😀"
_TERMS = st.builds(
    Term,
    tag_id=st.just("T"),
    term=st.text("가나물션는로A😀", min_size=1, max_size=4),
    exact=st.booleans(),
    compounds=st.booleans(),
)


def find_slowly(text: str, terms: list[Term]) -> list[tuple[int, int]]:
    """The rules once more, place by place, without an automaton."""
    spans = sorted({span for term in terms for span in _stand(fold(text), term, terms)})
    longest = dict(spans)
    kept: list[tuple[int, int]] = []
    for start, end in sorted(longest.items()):
        if not kept or start >= kept[-1][1]:
            kept.append((start, end))
    return kept


def _stand(text: str, term: Term, terms: list[Term]) -> Iterator[tuple[int, int]]:
    word = fold(term.term)
    for start in range(len(text)):
        end = start + len(word)
        if text.startswith(word, start) and _begins(text, start, term) and _letters_end(text, end):
            stop = end
            while stop < len(text) and is_hangul(text[stop]):
                stop += 1
            for pieces in _close(text[end:stop], term, terms)[:1]:
                yield start, end
                for piece in pieces:
                    yield end, end + len(piece)
                    end += len(piece)


def _begins(text: str, start: int, term: Term) -> bool:
    if start == 0:
        return True
    if is_hangul(term.term[0]):
        return term.compounds or not is_hangul(text[start - 1])
    return not (text[start - 1] == "a" and text[start] == "a")


def _letters_end(text: str, end: int) -> bool:
    return not (end < len(text) and text[end - 1] == "a" and text[end] == "a")


def _close(rest: str, term: Term, terms: list[Term]) -> list[list[str]]:
    """The terms that the rest of a word is made of, the longest first, in every way that leaves particles at most."""
    word = fold(term.term)
    allowed = Allowed.COPULA if word in VERB_STEMS else Allowed.SHORT_COPULA
    if term.exact:
        allowed = Allowed.PARTICLES
    if not rest or ends_word(rest, final_of(word[-1]), allowed):
        return [[]]
    if term.exact:
        return []
    ways: list[list[str]] = []
    for piece in sorted(terms, key=lambda each: -len(each.term)):
        text = piece.term
        joins = not piece.exact and len(text) > 1 and all(map(is_hangul, text))
        if joins and rest.startswith(text):
            ways += [[text, *way] for way in _close(rest[len(text) :], piece, terms)]
    return ways


def is_hangul(character: str) -> bool:
    return "가" <= character <= "힣"


@given(
    st.text(_ALPHABET, max_size=30),
    st.lists(_TERMS, max_size=8, unique_by=lambda term: fold(term.term)),
)
def test_the_automaton_finds_what_the_rules_say(text: str, terms: list[Term]):
    found = [(match.start, match.end) for match in make_tagger(*terms).find(text)]
    assert found == find_slowly(text, terms)


def test_full_width_letters_and_digits_are_the_plain_ones_and_move_nothing():
    wide = "SPF50".translate({code: code + 0xFEE0 for code in range(0x21, 0x7F)})
    text = f"선크림 {wide}은 순해요"
    assert make_tagger("SPF50").find(text) == [Match("SPF50", "SPF50", 4, 9)]
    assert find("SPF50은", wide) == ["SPF50"]
