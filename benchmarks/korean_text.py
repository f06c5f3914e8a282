"""Korean-looking sentences and dictionaries for benchmarks: the same for the same seed, any number of them.

Words are made of common syllables and drawn by Zipf's law; half carry a particle, some go on as another word. How many
of them are terms is the dictionary's share of the vocabulary, so more terms need not mean more mentions.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from random import Random

from platform_assets.tags.tagging.particles import Final, final_of

SYLLABLES = 55
"""Characters of a sentence, about."""

_FIRST, _VOWELS, _FINALS = 0xAC00, 21, 28
_COMMON_VOWELS = (0, 1, 4, 5, 6, 8, 13, 18, 20)
_COMMON_FINALS = (0, 0, 0, 1, 4, 8, 16, 17, 21)
_LENGTHS = (2, 2, 2, 3, 3, 4)
_PARTICLES = {
    Final.VOWEL: ("가", "는", "를", "와", "로", "에서", "도", "에서는", "까지", "입니다"),
    Final.RIEUL: ("이", "은", "을", "과", "로", "에서", "도", "에서는", "까지", "입니다"),
    Final.CONSONANT: ("이", "은", "을", "과", "으로", "에서", "도", "에서는", "까지", "입니다"),
}
_GOES_ON = ("적인", "스럽게", "하고", "합니다", "처리")


@dataclass(frozen=True, slots=True)
class Corpus:
    """Sentences and the terms to look for in them."""

    sentences: Sequence[str]
    terms: Sequence[str]


def make_corpus(sentences: int, terms: int, *, share: float = 1 / 12, seed: int = 4) -> Corpus:
    """Sentences over a vocabulary of which the terms are a share, drawn evenly over all ranks."""
    rng = Random(seed)  # noqa: S311 - nothing secret
    words = _make_words(round(terms / share), rng)
    chosen = rng.sample(words, terms)
    return Corpus([_make_sentence(words, rng) for _ in range(sentences)], chosen)


def _make_words(count: int, rng: Random) -> list[str]:
    words: dict[str, None] = {}
    while len(words) < count:
        words["".join(_make_syllable(rng) for _ in range(rng.choice(_LENGTHS)))] = None
    return list(words)


def _make_syllable(rng: Random) -> str:
    vowel = rng.randrange(19) * _VOWELS + rng.choice(_COMMON_VOWELS)
    return chr(_FIRST + vowel * _FINALS + rng.choice(_COMMON_FINALS))


def _make_sentence(words: Sequence[str], rng: Random) -> str:
    made: list[str] = []
    length = 0
    while length < SYLLABLES:
        # The rank is log-uniform: a word of rank k comes about 1/k as often as the first.
        word = words[int(len(words) ** rng.random()) - 1]
        kind = rng.random()
        if kind < 0.5:
            final = final_of(word[-1])
            assert final is not None
            word += rng.choice(_PARTICLES[final])
        elif kind < 0.6:
            word += rng.choice(_GOES_ON)
        made.append(word)
        length += len(word) + 1
    return " ".join(made) + rng.choice((".", "", "!", "~", " ㅋㅋ"))
