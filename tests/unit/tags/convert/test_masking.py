# ruff: noqa: RUF001 - characters that look like others are what is tested
import time
from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.tags.convert.masking import find_personal, mask

DAYS_2000 = st.dates(date(2000, 1, 1), date(2099, 12, 31))

MOBILES = (
    "010-1234-5678", "010.1234.5678", "010 1234 5678", "010 - 1234 - 5678", "01012345678", "010)1234-5678",
    "(010)1234-5678", "010-123-4567", "011-234-5678", "0112345678", "017 234 5678", "019-2345-6789",
    "010\n1234\n5678", "+82 10-1234-5678", "+82-10-1234-5678", "+821012345678", "+82(0)10-1234-5678",
    "82-10-1234-5678", "0082 10 1234 5678", "010/1234/5678", "010~1234~5678",
)  # fmt: skip
LANDLINES = (
    "02-123-4567", "02-1234-5678", "(02)123-4567", "02)1234-5678", "031-123-4567", "064.712.3456", "0212345678",
    "021234567", "0311234567", "070-1234-5678", "0505-123-4567", "0507-1234-5678", "050-5123-4567", "080-123-4567",
    "+82-2-123-4567", "+82 31 123 4567",
)  # fmt: skip
ADDRESSES = (
    "kim@example.com", "kim.chul-su+shop_1%x@mail.example.co.kr", "KIM@EXAMPLE.COM", "k@a.kr",
    "ｋｉｍ＠ｅｘａｍｐｌｅ．ｃｏｍ",
)  # fmt: skip
RESIDENTS = (
    "900101-1234567", "9001011234567", "900101 - 2234567", "040229-3234567", "990228-4000000", "850615-5123456",
    "010101-7123456", "900101.1234567", "900101 8234567",
)  # fmt: skip
DISGUISED = (
    "０１０－１２３４－５６７８", "010ㅡ1234ㅡ5678", "010–1234–5678", "010·1234·5678", "010\u00a01234\u30005678",
    "٠١٠-١٢٣٤-٥٦٧٨", "𝟎𝟏𝟎-𝟏𝟐𝟑𝟒-𝟓𝟔𝟕𝟖", "０２）１２３－４５６７", "９００１０１－１２３４５６７",
)  # fmt: skip
HARMLESS = (
    "2024-01-15 10:11:12", "2024.01.15", "24.01.15 10시", "20240115-1234567", "주문번호 2024011512345678", "1588-1234",
    "1,010,123,456원", "12,345,678,901", "0.01012345678", "978-89-01-01234-5", "9788901012345", "979-11-1234-567-8",
    "89-01-01234-5", "1234-5678-9012-3456", "110-123-456789", "900231-1234567", "901301-1234567", "900101-9234567",
    "900101-0234567", "2010-1234-5678", "01012345678901", "10.20.30.40", "@아이디", "a@b", "@@@@.com", "x@y.1",
    "123-45-67890", "100000000000000점", "버전 1.2.3.4", "37.5665, 126.9780", "0101234567",
)  # fmt: skip


@pytest.mark.parametrize("text", [*MOBILES, *LANDLINES, *ADDRESSES, *RESIDENTS, *DISGUISED])
@pytest.mark.parametrize("frame", ["{}", "연락처:{}입니다", "전화 {}.", "[{}]"])
def test_personal_data_is_masked_whole_wherever_it_stands(text: str, frame: str):
    assert mask(frame.format(text)) == frame.format("*" * len(text))


@pytest.mark.parametrize("text", HARMLESS)
def test_what_only_looks_like_personal_data_stays(text: str):
    assert mask(text) == text


def test_several_in_one_text_are_all_masked_and_the_rest_stays():
    text = "김현일 010-1234-5678 또는 kim@example.com, 주민번호 900101-1234567 입니다"
    masked = f"김현일 {'*' * 13} 또는 {'*' * 15}, 주민번호 {'*' * 14} 입니다"
    assert mask(text) == masked


def test_a_number_after_the_number_of_a_list_is_masked():
    assert mask("1.010-1234-5678 2.01012345678") == f"1.{'*' * 13} 2.{'*' * 11}"


def test_the_full_stop_before_an_address_is_no_part_of_it():
    assert mask("드릴께요.kim@example.com") == f"드릴께요.{'*' * 15}"


def test_text_without_personal_data_is_not_copied():
    text = "정말 재미있는 영화 10점"
    assert mask(text) is text


digits = st.text("0123456789", min_size=4, max_size=4)
breaks = st.sampled_from(["", "-", ".", " ", " - ", "--", ")", "ㅡ", "－", "/", "\u3000"])
around = st.text(
    st.characters(exclude_categories=["Nd", "Cs"], exclude_characters="@＠"), max_size=20
)


@given(before=around, first=digits, second=digits, left=breaks, right=breaks, after=around)
def test_any_mobile_number_is_masked_in_any_text(
    before: str, first: str, second: str, left: str, right: str, after: str
):
    number = f"010{left}{first}{right}{second}"
    masked = mask(before + number + after)
    assert len(masked) == len(before + number + after)
    assert masked[len(before) : len(before + number)] == "*" * len(number)


@given(
    year=st.integers(0, 99),
    day=st.dates(),
    gap=st.sampled_from(["", "-", " ", " - ", "–"]),
    rest=st.integers(1_000_000, 8_999_999),
    before=around,
    after=around,
)
def test_any_resident_number_with_a_date_is_masked(
    year: int, day: date, gap: str, rest: int, before: str, after: str
):
    number = f"{year:02}{day:%m%d}{gap}{rest}"
    assert mask(before + number + after)[len(before) :][: len(number)] == "*" * len(number)


@given(
    st.datetimes(datetime.fromisoformat("1900-01-01"), datetime.fromisoformat("2100-01-01")),
    st.sampled_from(["%Y-%m-%d %H:%M:%S", "%Y.%m.%d", "%Y/%m/%d %H:%M", "%Y-%m-%dT%H:%M"]),
)
def test_no_date_is_masked(moment: datetime, form: str):
    text = f"{moment:{form}}"
    assert mask(text) == text


@given(st.integers(0, 10**12), st.sampled_from(["{:,}원", "₩{:,}", "{:,}"]))
def test_no_price_is_masked(price: int, form: str):
    assert mask(form.format(price)) == form.format(price)


@given(st.sampled_from(["978", "979"]), st.integers(0, 10**10 - 1))
def test_no_isbn_is_masked(prefix: str, number: int):
    isbn = f"{prefix}{number:010}"
    assert mask(isbn) == isbn
    dashed = f"{isbn[:3]}-{isbn[3:5]}-{isbn[5:7]}-{isbn[7:12]}-{isbn[12]}"
    assert mask(dashed) == dashed


@given(DAYS_2000, st.integers(0, 9_999_999))
def test_no_order_number_of_a_day_and_seven_digits_is_masked(day: date, number: int):
    order = f"{day:%Y%m%d}{number:07}"
    assert mask(order) == order


@given(DAYS_2000, st.sampled_from("012569"), st.integers(0, 999_999))
def test_no_order_number_is_masked_whose_dash_is_followed_by_a_digit_of_another_century(
    day: date, digit: str, number: int
):
    order = f"{day:%Y%m%d}-{digit}{number:06}"
    assert mask(order) == order


@given(DAYS_2000, st.sampled_from("3478"), st.integers(0, 999_999))
def test_what_may_be_a_registration_number_with_its_century_is_masked_rather_than_left(
    day: date, digit: str, number: int
):
    assert mask(f"{day:%Y%m%d}-{digit}{number:06}") == "*" * 16


PARTS = (
    "010",
    "82",
    "+",
    "-",
    " ",
    "1234",
    "5678",
    "900101",
    "a@b.kr",
    "@",
    ".",
    "(",
    "０",
    "가",
    "\n",
)


@given(st.lists(st.sampled_from(PARTS) | st.text(max_size=3), max_size=30).map("".join))
def test_a_mask_keeps_the_length_and_masking_again_changes_nothing(text: str):
    masked = mask(text)
    assert len(masked) == len(text)
    assert all(new in (old, "*") for old, new in zip(text, masked, strict=True))
    assert mask(masked) is masked
    assert not find_personal(masked)


@pytest.mark.parametrize("unit", ["1", "1-", "01", "a@", "a.a@a.", "+82 ", "@a-", "010-", "0 1 0 "])
def test_long_text_without_an_end_takes_linear_time(unit: str):
    started = time.process_time()
    mask(unit * (300_000 // len(unit)))
    assert time.process_time() - started < 5


@pytest.mark.parametrize(
    "personal",
    [
        "010ㆍ1234ㆍ5678", "010,1234,5678", "010:1234:5678", "010*1234*5678", "010|1234|5678", "010=1234=5678",
        "010……1234……5678", "010     1234     5678", "010-12 34-5678", "010 1 2 3 4 5 6 7 8", "공일공-1234-5678",
        "공일공 일이삼사 오육칠팔", "영일영-1234-5678", "O1O-1234-5678", "o1o 1234 5678", "0l0-1234-5678",
        "⓪①⓪-①②③④-⑤⑥⑦⑧", "010₁₂₃₄5678", "900101/1234567", "900101=1234567", "900101:1234567", "900101,1234567",
        "19900101-1234567", "20050101-3234567", "kim @ example.com", "kim(at)example.com", "kim [at] example.com",
        "kim골뱅이naver.com", "kim 골뱅이 naver.com", "kim@한글.kr", "kim@한글.한국", "kim@xn--bj0bj06e.xn--3e0b707e",
        "kim(at)naver(dot)com",
    ],
)  # fmt: skip
def test_what_people_write_to_get_past_filters_is_masked(personal: str):
    assert mask(f"연락은 {personal} 주세요") == f"연락은 {'*' * len(personal)} 주세요"


@pytest.mark.parametrize(
    "text",
    [
        "주문번호 20240105-0001234", "주문번호 20240105-1234567", "번호 010 2024-01-05", "가격 1,012,345,678원",
        "좌표 37.5012345, 127.0123456", "ISBN 9788960000000", "골뱅이 무침 10.5", "회의 @ 3.5층", "영일만 공일오비",
        "2023.01.02~2023.12.3", "https://news.example/bulletin/2017/08/22/0200000000AKR20170822010100001.HTML",
        "http://news.example/3/all/20070518/8443553/1",
        "x²³ + y₁₂", "1,010,1234원",
    ],
)  # fmt: skip
def test_what_looks_a_little_like_it_stays(text: str):
    assert mask(text) == text
