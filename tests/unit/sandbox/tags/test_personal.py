import html
import re
import unicodedata
from random import Random

from sandbox.tags.personal import draw_personal, draw_phone
from sandbox.tags.rows import Personal, PersonalKind


def encodes_all(_: str) -> bool:
    return True


def draw(count: int = 3000) -> list[Personal]:
    random = Random(1)
    return [draw_personal(random, encodes_all) for _ in range(count)]


def fold(text: str) -> str:
    return unicodedata.normalize("NFKC", text)


def test_what_it_says_is_what_is_shown():
    for personal in draw():
        shown = fold(personal.shown)
        if personal.kind is PersonalKind.EMAIL:
            assert shown.lower() == personal.plain
        else:
            digits = re.sub(r"\D", "", shown)
            assert re.sub(r"^82(?=1)", "0", digits) == personal.plain, personal


def test_what_is_shown_is_left_when_what_hides_it_is_gone():
    for personal in draw():
        seen = re.sub(r"<!-- tel (.*) -->", r"\1", personal.raw)
        seen = html.unescape(html.unescape(re.sub("<[^>]*>", "", seen)))
        seen = re.sub("[\u200b\u2060\ufeff\xad]", "", seen)
        assert seen == personal.shown, personal


def test_two_of_five_are_hidden_and_in_many_ways():
    drawn = draw()
    hidden = [p.raw for p in drawn if p.raw != p.shown or not p.raw.isascii()]
    assert 0.3 < len(hidden) / len(drawn) < 0.5
    for sign in ("<b>", "<wbr>", "&#x", "&amp;#", "\u200b", "<!--", "０", "＠"):  # noqa: RUF001
        assert any(sign in raw for raw in hidden), sign


def test_phone_numbers_are_written_in_many_ways():
    shown = {re.sub(r"\d", "0", p.shown) for p in draw() if p.kind is PersonalKind.PHONE}
    assert {
        *("000-0000-0000", "00000000000", "000 0000 0000", "000.0000.0000", "+00 00-0000-0000"),
        *("00-000-0000", "(000) 000-0000", "000 - 0000 - 0000"),
    } <= shown
    assert re.fullmatch(r"010-\d{4}-\d{4}", draw_phone(Random(2)).shown)


def test_no_resident_registration_number_can_be_somebodys():
    numbers = [p.plain for p in draw() if p.kind is PersonalKind.RESIDENT_NUMBER]
    assert len(numbers) > 500
    for number in numbers:
        assert len(number) == 13
        total = sum(int(digit) * (2 + n % 8) for n, digit in enumerate(number[:12]))
        assert int(number[12]) != (11 - total % 11) % 10


def test_what_a_table_cannot_hold_stays_in_plain_sight():
    random = Random(3)
    drawn = [draw_personal(random, str.isascii) for _ in range(500)]
    assert all(p.raw.isascii() for p in drawn)
    assert any(p.raw != p.shown for p in drawn)
