import pytest

from platform_assets.tags.tagging.particles import LONGEST_TAIL, Allowed, Final, ends_word, final_of

AFTER_VOWEL = [
    "가", "는", "를", "와", "로", "랑", "나", "라도", "에서는", "으로부터"[1:], "라고", "예요", "였습니다", "입니다",
    "네요", "지만", "들", "들에게서도", "까지였다", "만으로도", "에서부터", "인데", "다",
]  # fmt: skip
AFTER_CONSONANT = [
    "이", "은", "을", "과", "으로", "이랑", "이나", "이라도", "에서는", "으로부터", "이라고", "이에요", "이었습니다",
    "입니다", "이네요", "이지만", "들", "들에게서도", "까지였다", "만으로도", "에서부터", "인데", "이다",
]  # fmt: skip


@pytest.mark.parametrize(
    ("character", "final"),
    [
        ("부", Final.VOWEL),
        ("물", Final.RIEUL),
        ("션", Final.CONSONANT),
        ("힣", Final.CONSONANT),
        ("가", Final.VOWEL),
        ("A", None),
        ("ㅋ", None),
        ("7", None),
    ],
)
def test_a_syllable_ends_in_a_vowel_in_rieul_or_in_another_consonant(
    character: str, final: Final | None
):
    assert final_of(character) is final


@pytest.mark.parametrize("tail", AFTER_VOWEL)
def test_these_follow_a_vowel(tail: str):
    assert ends_word(tail, Final.VOWEL)


@pytest.mark.parametrize("tail", AFTER_CONSONANT)
def test_these_follow_a_consonant(tail: str):
    assert ends_word(tail, Final.CONSONANT)


@pytest.mark.parametrize(
    "pair", ["이/가", "은/는", "을/를", "과/와", "이랑/랑", "이라고/라고", "이다/다"]
)
def test_of_two_forms_the_final_consonant_takes_one(pair: str):
    after_consonant, after_vowel = pair.split("/")
    assert ends_word(after_consonant, Final.CONSONANT)
    assert ends_word(after_vowel, Final.VOWEL)
    assert not ends_word(after_vowel, Final.CONSONANT)


@pytest.mark.parametrize("tail", ["이", "은", "을", "과", "으로", "이었습니다"])
def test_forms_for_a_consonant_do_not_follow_a_vowel(tail: str):
    assert not ends_word(tail, Final.VOWEL)


def test_after_rieul_stands_ro_like_after_a_vowel_and_the_rest_like_after_a_consonant():
    assert [form for form in ("로", "로부터", "론", "으로", "이", "가") if ends_word(form, Final.RIEUL)] == [
        "로", "로부터", "론", "이",
    ]  # fmt: skip


def test_each_particle_of_a_sequence_goes_by_the_syllable_before_it():
    assert ends_word("만은", Final.VOWEL)
    assert not ends_word("만는", Final.VOWEL)
    assert ends_word("에게는", Final.CONSONANT)
    assert not ends_word("에게은", Final.CONSONANT)


@pytest.mark.parametrize(
    "tail", ["물", "하고", "합니다", "적인", "스럽다", "과학", "자", "며", "세요", "ㅋ"]
)
def test_other_syllables_are_another_word(tail: str):
    assert not ends_word(tail, Final.VOWEL)


def test_behind_a_letter_or_digit_both_forms_go():
    assert ends_word("가", None)
    assert ends_word("이", None)
    assert not ends_word("물", None)


def test_what_is_allowed_is_layered():
    assert ends_word("는", Final.VOWEL, Allowed.PARTICLES)
    assert not ends_word("입니다", Final.VOWEL, Allowed.PARTICLES)
    assert ends_word("입니다", Final.VOWEL, Allowed.COPULA)
    assert not ends_word("다", Final.VOWEL, Allowed.COPULA)
    assert ends_word("다", Final.VOWEL, Allowed.SHORT_COPULA)


def test_particles_without_end_are_no_ending_and_cost_nothing():
    assert ends_word("만" * (LONGEST_TAIL // 4), Final.VOWEL)
    assert not ends_word("만" * 100_000, Final.VOWEL)
