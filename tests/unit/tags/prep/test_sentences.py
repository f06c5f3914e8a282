import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.tags.prep.sentences import split_sentences

CASES = {
    "marks": "정말 좋다. | 또 볼래? | 네! | 좋아요… | 끝",
    "several marks": "뭐야?! | 진짜... | 헐!!!",
    "full-width marks": "좋다。 | 정말？ | 네！",  # noqa: RUF001
    "closing quotes and brackets": '"좋다." | (정말?) | 끝',
    "line ends": "제목\n| 본문입니다\n| 끝",
    "no space after a mark that ends a sentence": "재밌다.| 정말 좋아요.| 끝이다!| 와",
    "an ellipsis within": "최고의 영화...정말 최고다.. | 또",
    "no mark after a polite ending": "재미있어요 | 또 보고 싶네요 | 정말 좋았습니다 | 추천합니다 | 그렇죠 | 네",
    "no mark after a past tense": "재미있었다 | 또 보겠다 | 그랬다 | 끝",
    "nouns that end like one": "필요 없는 중요 정보와 수요 예측",
    "다 that ends no sentence": "보다 더 다 같이 바다 여행 아니다 그렇다",
    "an ending that goes on": "봤다 는데 좋았다 고 했어요 라고 말했다 가",
    "quoted": "'재밌다.' 라고 했다. | \"와!\"라고 외쳤다! | 야호!하고 뛰었다.",
    "numbers": "평점 9.5 점 3.14 입니다.",
    "dates": "2024. 1. 5. 개봉했다. | 끝",
    "numbers of a list": "1. 재미\n| 2. 감동\n| 가. 배우",
    "short forms": "Mr. Kim vs. Lee e.g. this. | No. 5 is good. | J. R. R. Tolkien",
    "addresses": "www.naver.com 에서 a.b.c 를",
    "what holds no word": "좋다. | ^^;; 네! ♥",
    "a line without words": "좋다\n| ^^\n| 끝",
    "one sentence": "그냥 좋은 영화",
    "nothing": "",
}


@pytest.mark.parametrize("marked", CASES.values(), ids=CASES)
def test_sentences_are_split_at_the_bars(marked: str):
    expected = [piece.strip() for piece in marked.split("|") if piece.strip()]
    text = marked.replace(" | ", " ").replace("\n| ", "\n").replace("| ", "").replace("|", "")
    assert [text[start:end] for start, end in split_sentences(text)] == expected


pieces = st.sampled_from(
    [
        "좋다",
        "요",
        "습니다",
        ".",
        "!",
        "?",
        "…",
        " ",
        "\n",
        "1",
        "Mr",
        '"',
        ")",
        "라고",
        "^^",
        "필요",
        "죠",
    ]
)


@given(st.lists(pieces | st.text(max_size=2), max_size=30).map("".join))
def test_every_character_that_is_no_space_is_in_exactly_one_sentence(text: str):
    spans = split_sentences(text)
    covered = [at for start, end in spans for at in range(start, end)]
    assert covered == sorted(set(covered))
    assert {at for at, character in enumerate(text) if not character.isspace()} <= set(covered)
    assert all(text[start:end].strip() == text[start:end] != "" for start, end in spans)
