import re
import time
import unicodedata
from html import unescape

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.tags.prep.cleaning import clean
from platform_assets.tags.prep.origins import UNCHANGED, compose, locate

CASES = {
    "blocks become lines, tags within a line nothing": ("<p>안녕<b>하세요</b></p><p>둘째</p>", "안녕하세요\n둘째"),
    "br is a line": ("가<br>나<br/>다<BR />라", "가\n나\n다\n라"),
    "cells and images are spaces": ("<td>가</td><td>나</td><img src='x>y'>다", "가 나 다"),
    "comments go": ("가<!-- <b>나 -- > \n -->다<!-- 라", "가다"),
    "scripts and styles go with what they hold": (
        "가<script type='a'>var x='<p>';</script>나<STYLE>p{}</style>다<script>끝", "가 나 다"
    ),
    "doctype, processing instructions, CDATA marks go": ("<!DOCTYPE html><?xml version='1'?><![CDATA[가]]>", "가"),
    "tags with unclosed quotes end at the first >": ('<a href="x>가</a> <b class="y">나</b>', "가 나"),
    "foreign and unknown tags with attributes go": ('<o:p>가</o:p><foo bar="1">나</foo><my-tag>다', "가나다"),
    "entities, named and numeric": ("&lt;&amp;&quot;&#44032;&#xAC00;&copy;&hellip;", '<&"가가©…'),
    "entities without a semicolon, if nothing else can be meant": ("&#44032 A&amp B&nbsp", "가 A& B"),
    "entities encoded twice": ("&amp;lt;3 &amp;nbsp;&amp;#44032;", "<3 가"),
    "markup that was encoded": ("&lt;p&gt;가&lt;/p&gt;&lt;p&gt;나", "가\n나"),
    "what is no entity stays": ("AT&T ?a=1&copy=2 &foo; &#xZZ; &", "AT&T ?a=1&copy=2 &foo; &#xZZ; &"),
    "an emoji written as its two halves": ("&#55357;&#56832;", "😀"),
    "what is no tag stays": (
        "1<2 가>ㅁ<나 <3 <The Thing> <Avatar> <A Team> <무한의> </",
        "1<2 가>ㅁ<나 <3 <The Thing> <Avatar> <A Team> <무한의> </",
    ),
    "spaces of any kind collapse": ("  가\t\u00a0 나\u3000다\u3164라 ", "가 나 다 라"),
    "a run of blanks with a line end is one line end": (" \r\n가 \r\n \n나\u2028다\n", "가\n나\n다"),
    "invisible characters go": ("가\u200b나\ufeff다\u00ad라\x00마\x1b바\u202e사\u2060아\ufffd", "가나다라마바사아"),
    "invisible characters between spaces leave one space": ("가 \u200b 나", "가 나"),
    "joined emoji stay, other joiners go": ("👨‍👩‍👧‍👦 하\u200d이 😀\u200d", "👨‍👩‍👧‍👦 하이 😀"),
    "tones, flags and keys stay": (
        "👍🏽❤️🇰🇷1️⃣🏴\U000e0067\U000e0062\U000e007f",
        "👍🏽❤️🇰🇷1️⃣🏴\U000e0067\U000e0062\U000e007f"),
    "hidden letters of flags go elsewhere": ("가\U000e0067\U000e0062", "가"),
    "decomposed Hangul is composed": (unicodedata.normalize("NFD", "한글 각"), "한글 각"),
    "decomposed letters are composed": ("cafe\u0301", "café"),
    "decomposed by an entity": ("e&#769;", "é"),
    "other letters that NFC writes otherwise": ("\u212b \uf900", "Å 豈"),
    "nothing": ("", ""),
    "nothing but markup": ("<p> </p>&nbsp;", ""),
}  # fmt: skip


@pytest.mark.parametrize(("text", "cleaned"), CASES.values(), ids=CASES)
def test_clean(text: str, cleaned: str):
    assert clean(text).text == cleaned


@pytest.mark.parametrize("text", ["", "정말 좋은 영화!", "가\n나 다", "ㅋㅋㅋ ^^ 10점", "a < b"])
def test_clean_text_is_unchanged_and_stores_no_origin(text: str):
    cleaned = clean(text)
    assert cleaned.text == text
    assert cleaned.origin == UNCHANGED


def origin_of(text: str, part: str) -> str:
    cleaned = clean(text)
    start = cleaned.text.index(part)
    first, last = locate(cleaned.origin, len(cleaned.text), start, start + len(part))
    return text[first:last]


def test_every_part_of_the_cleaned_text_leads_back_to_its_place():
    text = "<p>비브리오&nbsp;<b>콜레</b>라 &amp; A&#45;형</p>\r\n<p>  둘째  줄</p>"
    assert clean(text).text == "비브리오 콜레라 & A-형\n둘째 줄"
    assert origin_of(text, "비브리오") == "비브리오"
    assert origin_of(text, "콜레라") == "콜레</b>라"
    assert origin_of(text, "&") == "&amp;"
    assert origin_of(text, "A-형") == "A&#45;형"
    assert origin_of(text, "\n") == "</p>\r\n<p>  "
    assert origin_of(text, "둘째 줄") == "둘째  줄"


def test_composed_characters_lead_back_to_all_of_theirs():
    text = "가 " + unicodedata.normalize("NFD", "각하") + " e\u0301x"
    assert origin_of(text, "각") == unicodedata.normalize("NFD", "각")
    assert origin_of(text, "하") == unicodedata.normalize("NFD", "하")
    assert origin_of(text, "é") == "e\u0301"
    assert origin_of(text, "x") == "x"


def test_an_entity_that_was_encoded_twice_leads_back_to_all_of_it():
    assert origin_of("가&amp;lt;3나", "<") == "&amp;lt;"
    assert origin_of("가&amp;lt;3나", "3나") == "3나"


pieces = st.sampled_from(
    ["<p>", "</p>", "<b>", "<br/>", "<td>", "<script>", "</script>", "<!--", "-->",
     '<a href="', "'", '">', "<", ">", "&amp;",
     "&lt;", "&gt;", "#48;", "&#44032;", "&nbsp;", "&#769;", "&fjlig;", " ", "  ", "\n", "\r\n", "\t",
     "\u200b", "\u200d", "\ufe0f",
     "😀", "👩", "\u1112\u1161\u11ab", "e\u0301", "\u0301", "\u0323", "각", "ㅋㅋ", "\u3164", "\x00", "영화",
     "A", "1", "."]
)  # fmt: skip
texts = st.lists(pieces | st.text(max_size=4), max_size=30).map("".join)


@given(texts)
def test_every_cleaned_character_comes_from_its_own_place_in_order(text: str):
    cleaned = clean(text)
    done = 0
    for at, character in enumerate(cleaned.text):
        first, last = locate(cleaned.origin, len(cleaned.text), at, at + 1)
        assert 0 <= first < last <= len(text)
        assert first >= done  # characters of one piece share it
        done = first
        # Marks on one letter may swap places, so its base is what counts.
        base = unicodedata.normalize("NFD", character)[0]
        if not character.isspace() and not unicodedata.combining(base):
            assert base in unicodedata.normalize("NFD", decode(text[first:last]))


def decode(piece: str) -> str:
    """All that a piece of raw text can stand for."""
    twice = unescape(unescape(piece))
    seen = "".join(c for c in re.sub("<[^<>]*>", "", twice) if unicodedata.category(c)[0] != "C")
    return piece + unicodedata.normalize("NFC", twice) + unicodedata.normalize("NFC", seen)


@given(texts)
def test_nothing_unclean_is_left(text: str):
    cleaned = clean(text).text
    assert unicodedata.is_normalized("NFC", cleaned)
    assert cleaned == cleaned.strip()
    assert not {"\x00", "\u200b", "\t", "\r", "\u3164"} & set(cleaned)
    assert "  " not in cleaned
    assert "\n\n" not in cleaned


@given(texts)
def test_origins_of_two_cleanings_add_up(text: str):
    first = clean(text)
    second = clean(first.text)
    both = compose(second.origin, len(second.text), first.origin, len(first.text))
    for at in range(len(second.text)):
        between = locate(second.origin, len(second.text), at, at + 1)
        assert locate(both, len(second.text), at, at + 1) == locate(
            first.origin, len(first.text), *between
        )


@pytest.mark.parametrize(
    "unit",
    [
        "<a",
        '<a "',
        "<a '<b \"",
        "<!--",
        "<script ",
        "&",
        "&#",
        "<x a",
        "<",
        "e\u0301",
        "<p>",
        "😀\u200d",
        "<a b='x' ",
    ],
)
def test_markup_without_an_end_takes_linear_time(unit: str):
    started = time.process_time()
    clean(unit * (200_000 // len(unit)))
    assert time.process_time() - started < 5
