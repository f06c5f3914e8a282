import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.tags.convert.markup_masking import mask_markup
from platform_assets.tags.convert.masking import find_personal
from platform_assets.tags.prep.cleaning import clean

HIDDEN = (
    "010-<b>1234</b>-5678",
    "010-<foo>1234</foo>-5678",
    "010-&lt;b&gt;1234&lt;/b&gt;-5678",
    "010-&amp;lt;b&amp;gt;1234-5678",
    "&#48;10-1234-5678",
    "&#x30;&#49;0&#45;1234-5678",
    "&#48&#49&#48-1234-5678",
    "&amp;#48;10-1234-5678",
    "&amp;amp;amp;#48;10-1234-5678",
    "01\u200b0-12\u200d34-56\ufeff78",
    "010\u00ad12345678",
    "010-1234\ufffd-5678",
    "0️⃣1️⃣0️⃣-1️⃣2️⃣3️⃣4️⃣-5️⃣6️⃣7️⃣8️⃣",
    "<div>010</div><div>1234</div><div>5678</div>",
    "<td>100</td><td>010</td><td>1234</td><td>5678</td>",
    "010<br>1234<br/>5678",
    "010<!-- 안 보임 -->12345678",
    "kim&#64;example&#46;com",
    "kim&commat;example.com",
    "kim<span>@</span>exam<i>ple.com",
    '<a href="mailto:kim&#64;example.com">메일</a>',
    "<!-- kim&#64;example.com -->",
    "9<u>00101</u>-1234567",
    "900101&#45;1234567",
    "900101&nbsp;-&nbsp;1234567",
)
SECRETS = ("1234", "5678", "234567", "exam", "kim", "56", "78")


@pytest.mark.parametrize("text", HIDDEN)
def test_what_markup_hides_is_masked_in_the_raw_text_and_in_the_cleaned_one(text: str):
    masked = mask_markup(f"앞 {text} 뒤")
    assert len(masked) == len(f"앞 {text} 뒤")
    assert masked.startswith("앞 ")
    assert masked.endswith(" 뒤")
    assert not any(secret in masked or secret in clean(masked).text for secret in SECRETS)


def test_the_markup_stays():
    assert mask_markup("<p>010-<b>1234</b>-5678</p>") == "<p>****<b>****</b>*****</p>"
    assert mask_markup("<p>가</p>010<br>1234<br>5678") == "<p>가</p>***<br>****<br>****"


@pytest.mark.parametrize(
    "text",
    [
        "<p>주문 20240115</p><p>1234567</p>",
        "1 < 2 & 3 > 2",
        "<td>1,234,567원</td><td>2024-01-15</td>",
        "&#54620;&#44397;",
    ],
)
def test_html_without_personal_data_is_not_touched(text: str):
    assert mask_markup(text) is text


pieces = st.sampled_from(
    ["010", "-", "1234", "5678", "<b>", "</b>", "<br>", "<x>", "&#48;", "&amp;", "#48;", "&lt;",
     "b&gt;", "a@b", ".kr", "<!--",
     "-->", "<script>", "\u200b", "\ufe0f", "e\u0301", " ", "\n", "900101", "1234567", "&commat;", "<", ">", "가"]
)  # fmt: skip


@given(st.lists(pieces, max_size=25).map("".join))
def test_nothing_personal_is_left_in_any_view_of_the_masked_text(text: str):
    masked = mask_markup(text)
    assert len(masked) == len(text)
    assert all(new in (old, "*") for old, new in zip(text, masked, strict=True))
    assert not find_personal(masked)
    assert not find_personal(clean(masked).text)
    assert mask_markup(masked) is masked
