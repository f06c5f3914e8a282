from random import Random

from sandbox.tags.dirt import soil
from tests.unit.sandbox.tags.recount import find_mentions, read_text

WORDS: tuple[str, ...] = ("이번에", "수분크림을", "두 개", "샀는데", "Velora", "좋아요")
NAMES = {"수분크림": "a", "Velora": "b", "두 개": "c", "가려진말": "d"}


def test_words_stay_the_words_that_they_were_and_the_hidden_one_is_hidden():
    random = Random(1)
    used = 0
    for _ in range(5000):
        words = list(WORDS)
        used += soil(words, random, lambda _: True, "가려진말")
        text = " ".join(words)
        assert find_mentions(read_text(text), NAMES, 6) == ["a", "c", "b"], text
        assert text != " ".join(WORDS) or words == list(WORDS)
    assert 500 < used < 2000


def test_what_a_table_cannot_hold_is_not_put_into_it():
    def encodes(text: str) -> bool:
        try:
            text.encode("cp949")
        except UnicodeEncodeError:
            return False
        return True

    random = Random(2)
    changed = 0
    for _ in range(2000):
        words = list(WORDS)
        soil(words, random, encodes, "가려진말")
        assert encodes(" ".join(words)), ascii(words)
        changed += words != list(WORDS)
    assert changed > 1000
