from datetime import date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.object_keys import (
    MAX_PART_NUMBER,
    ObjectKeyError,
    is_valid_key,
    join_key,
    name_date,
    name_part,
    read_date,
    read_part_number,
    validate_key,
    validate_prefix,
)

SEGMENTS = st.text(
    st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="/\\\ufffe\uffff"),
    min_size=1,
    max_size=50,
).filter(lambda text: not text.startswith("."))


@pytest.mark.parametrize(
    "key",
    ["a", "a/b.c", "games/raw/dt=2026-11-20/part-00001.jsonl.zst", "태그/집", "a" * 255, "a b+&%"],
)
def test_plain_keys_are_valid(key: str) -> None:
    assert validate_key(key) == key


@pytest.mark.parametrize(
    ("key", "fault"),
    [
        ("", "empty segment"),
        ("/a", "empty segment"),
        ("a/", "empty segment"),
        ("a//b", "empty segment"),
        ("..", "starts with a dot"),
        ("a/../b", "starts with a dot"),
        ("./a", "starts with a dot"),
        (".sluice/tmp/x", "starts with a dot"),
        ("a\\..\\b", "backslash"),
        ("a\nb", "control character"),
        ("a\x00", "control character"),
        ("a\ud800", "UTF-8"),
        ("가" * 86, "more than 255 bytes"),
        ("a/" * 512 + "a", "more than 1024"),
    ],
)
def test_a_key_that_some_store_cannot_hold_is_refused_with_its_fault(key: str, fault: str) -> None:
    with pytest.raises(ObjectKeyError, match=fault):
        validate_key(key)
    assert not is_valid_key(key)


def test_the_longest_key_has_1024_bytes() -> None:
    longest = "/".join(["a" * 204] * 4 + ["a" * 204])

    assert len(longest) == 1024
    assert is_valid_key(longest)
    assert not is_valid_key(f"{longest}a")


@given(st.lists(SEGMENTS, min_size=1, max_size=4))
def test_joined_segments_come_apart_again(segments: list[str]) -> None:
    if any(len(segment.encode()) > 255 for segment in segments):
        with pytest.raises(ObjectKeyError):
            join_key(*segments)
    else:
        assert join_key(*segments).split("/") == segments


@given(st.text())
def test_a_valid_key_never_leaves_its_root(text: str) -> None:
    if is_valid_key(text):
        assert not {"", ".", ".."} & set(text.split("/"))
        assert len(text.encode()) <= 1024


@pytest.mark.parametrize("prefix", ["", "a", "a/", "games/raw/dt=20"])
def test_any_beginning_of_a_key_is_a_prefix(prefix: str) -> None:
    assert validate_prefix(prefix) == prefix


@pytest.mark.parametrize("prefix", ["/", "../", "a//", ".", "a/."])
def test_what_begins_no_key_is_no_prefix(prefix: str) -> None:
    with pytest.raises(ObjectKeyError):
        validate_prefix(prefix)


@given(st.dates())
def test_a_date_segment_reads_back(day: date) -> None:
    assert read_date(f"games/raw/{name_date(day)}/part-00001.parquet") == day


def test_a_date_segment_of_a_moment_is_its_day() -> None:
    assert name_date(datetime(2026, 11, 20, 23, 59)) == "dt=2026-11-20"  # noqa: DTZ001 - a day has no zone


@pytest.mark.parametrize("key", ["a/b", "dt=2026-02-30/a", "dt=2026-1-1/a", "xdt=2026-01-01/a"])
def test_a_key_without_a_real_date_is_refused(key: str) -> None:
    with pytest.raises(ObjectKeyError, match="dt=YYYY-MM-DD"):
        read_date(key)


@given(st.integers(0, MAX_PART_NUMBER))
def test_a_part_number_reads_back(number: int) -> None:
    assert read_part_number(f"games/raw/{name_part(number, '.jsonl.zst')}") == number


@given(st.lists(st.integers(0, MAX_PART_NUMBER)))
def test_parts_sort_by_number(numbers: list[int]) -> None:
    names = sorted(name_part(number, ".parquet") for number in numbers)

    assert [read_part_number(name) for name in names] == sorted(numbers)


@pytest.mark.parametrize(
    ("number", "suffix"), [(-1, ".a"), (100_000, ".a"), (1, "parquet"), (1, ""), (1, "./a")]
)
def test_a_part_that_would_not_sort_or_read_back_is_refused(number: int, suffix: str) -> None:
    with pytest.raises(ObjectKeyError):
        name_part(number, suffix)


@pytest.mark.parametrize("key", ["part-1.parquet", "part-00001", "a/part-00001.parquet/b"])
def test_a_key_that_is_no_part_has_no_number(key: str) -> None:
    with pytest.raises(ObjectKeyError):
        read_part_number(key)
