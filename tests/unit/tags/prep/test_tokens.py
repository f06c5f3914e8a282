import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import RefusedError
from platform_assets.tags.prep.tokens import KiwiTokenizer, PlainTokenizer, Token, load_tokenizer

ROOT = Path(__file__).resolve().parents[3]


def forms(tokens: Sequence[Token]) -> list[str]:
    return [token[0] for token in tokens]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("정말 재미있는 영화!", ["정말", "재미있는", "영화"]),
        ("ㅋㅋㅋ좋아요ㅠㅠ", ["ㅋㅋㅋ", "좋아요", "ㅠㅠ"]),
        ("iPhone15프로 A4용지", ["iPhone", "15", "프로", "A", "4", "용지"]),
        ("don't l'été Ünïcode", ["don't", "l'été", "Ünïcode"]),
        ("1,234.5원 10:30 v1.2.3", ["1,234.5", "원", "10:30", "v", "1.2.3"]),
        ("漢字와 かな", ["漢字", "와", "かな"]),
        ("좋아요😀👍🏽👨‍👩‍👧❤️!", ["좋아요", "😀", "👍🏽", "👨‍👩‍👧", "❤️"]),
        ("snake_case", ["snake", "case"]),
        ("*** ... ^^;;", []),
        ("", []),
    ],
)
def test_plain_tokens(text: str, expected: list[str]):
    tokens = PlainTokenizer().tokenize(text)
    assert forms(tokens) == expected
    assert {token[1] for token in tokens} <= {""}


@given(st.text(max_size=60))
def test_the_form_of_a_plain_token_is_its_place_in_the_text(text: str):
    tokens = PlainTokenizer().tokenize(text)
    assert all(text[start:end] == form for form, _, start, end in tokens)
    ends = [at for _, _, start, end in tokens for at in (start, end)]
    assert ends == sorted(ends)


def test_an_unknown_tokenizer_is_refused():
    with pytest.raises(RefusedError, match="plain, kiwi") as caught:
        load_tokenizer("mecab")
    assert caught.value.kind == "bad_tokenizer"


def test_without_the_extra_kiwi_is_refused_and_the_extra_named(monkeypatch: pytest.MonkeyPatch):
    program = (
        "import sys; sys.modules['kiwipiepy'] = None\n"
        "from platform_assets.tags.prep.tokens import load_tokenizer\n"
        "print(len(load_tokenizer('plain').tokenize('가 나')))\n"
        "try: load_tokenizer('kiwi')\n"
        "except Exception as error: print(type(error).__name__, error.kind, error.message)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    plain, refused = done.stdout.splitlines()
    assert plain == "2"
    assert refused.startswith("RefusedError missing_extra")
    assert "sluice[korean]" in refused


def test_kiwi_is_not_imported_until_it_is_asked_for():
    program = (
        "import sys, platform_assets.tags.prep.table; "
        "import platform_assets.tags.prep.tokens as t; t.load_tokenizer('plain'); "
        "print('kiwipiepy' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "False"


@pytest.fixture(scope="module")
def kiwi() -> KiwiTokenizer:
    pytest.importorskip("kiwipiepy", reason="the extra `korean` is not installed")
    tokenizer = load_tokenizer("kiwi")
    assert isinstance(tokenizer, KiwiTokenizer)
    return tokenizer


def test_kiwi_knows_parts_of_speech(kiwi: KiwiTokenizer):
    tokens = kiwi.tokenize("영화가 정말 재미있었어요 😀 ㅋㅋ")
    assert ("영화", "NNG", 0, 2) in tokens
    assert ("가", "JKS", 2, 3) in tokens
    assert ("정말", "MAG", 4, 6) in tokens
    assert "😀" in forms(tokens)


def test_kiwi_counts_code_points(kiwi: KiwiTokenizer):
    text = "😀😀 영화 👨‍👩‍👧 감동"
    places = {form: (start, end) for form, _, start, end in kiwi.tokenize(text)}
    for word in ("영화", "감동"):
        assert places[word] == (text.index(word), text.index(word) + 2)


def test_there_is_one_kiwi_in_a_process(kiwi: KiwiTokenizer):
    assert load_tokenizer("kiwi") is kiwi


def test_kiwi_takes_long_texts_in_pieces(kiwi: KiwiTokenizer):
    text = "영화가 좋다. " * 300 + "가나 " * 100 + "ㅋ" * 2500 + " 마지막 감동"
    tokens = kiwi.tokenize(text)
    assert forms(tokens).count("영화") == 300
    assert all(
        text[start:end] == form for form, _, start, end in tokens if form in {"영화", "감동"}
    )
    assert tokens[-1] == ("감동", "NNG", len(text) - 2, len(text))


def test_kiwi_gives_the_same_each_time(kiwi: KiwiTokenizer):
    text = "너무 재밌게 봤습니다 배우들 연기도 좋구요 ㅎㅎ 추천해요~"
    assert kiwi.tokenize(text) == kiwi.tokenize(text)


def test_kiwi_starts_no_threads_so_that_its_process_can_be_forked(kiwi: KiwiTokenizer):
    program = (
        "import os, pathlib; from platform_assets.tags.prep.tokens import load_tokenizer\n"
        "load_tokenizer('kiwi').tokenize('영화가 좋다')\n"
        "print(len(list(pathlib.Path('/proc/self/task').iterdir())))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "1"
