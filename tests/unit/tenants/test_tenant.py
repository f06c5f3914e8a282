import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.core.object_keys import is_valid_key
from platform_assets.tenants.tenant import check_tenant_id, name_cell, split_cell

IDS = st.from_regex(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,49}", fullmatch=True)


@pytest.mark.parametrize("tenant_id", ["a", "7", "acme", "Acme_Ltd-2.kr", "a" * 50, "a.", "a.b.c"])
def test_letters_digits_and_three_signs_make_a_tenant_id(tenant_id: str) -> None:
    assert check_tenant_id(tenant_id) == tenant_id


@pytest.mark.parametrize(
    "text",
    [
        *("", " ", "a b", "a|b", "a/b", "a\\b", "a,b", "a..b", ".a", "-a", "_a"),
        *("a\n", "a\x00", "a" * 51, "태그", "a\u0660", "a%2Fb", "a'b", "..."),
    ],
)
def test_what_would_break_keys_is_no_tenant_id(text: str) -> None:
    with pytest.raises(PermanentError, match="no tenant id; use 1 to 50 letters") as caught:
        check_tenant_id(text)
    assert caught.value.kind == "bad_tenant_id"


def test_a_long_text_that_is_no_tenant_id_is_cut_in_the_message() -> None:
    with pytest.raises(PermanentError) as caught:
        check_tenant_id("x" * 10_000)
    assert len(caught.value.message) < 300


@given(IDS)
def test_every_tenant_id_is_a_folder_of_the_object_store(tenant_id: str) -> None:
    assert check_tenant_id(tenant_id) == tenant_id
    assert is_valid_key(f"tenants/{tenant_id}/2026-01/events.parquet")


@given(IDS)
def test_a_cell_comes_apart_into_tenant_and_month(tenant_id: str) -> None:
    assert split_cell(name_cell(tenant_id, "2026-01")) == (tenant_id, "2026-01")


def test_a_cell_begins_with_its_month_as_dagster_orders_the_dimensions() -> None:
    assert name_cell("acme", "2026-01") == "2026-01|acme"


@pytest.mark.parametrize("key", ["", "2026-01", "2026-01|", "acme"])
def test_a_key_without_a_tenant_is_no_cell(key: str) -> None:
    with pytest.raises(PermanentError, match="written YYYY-MM|tenant") as caught:
        split_cell(key)
    assert caught.value.kind == "bad_partition"
