"""Keys of the tags pipeline, and the words that may be in them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from platform_assets.core.errors import PermanentError
from platform_assets.core.object_keys import is_valid_key
from platform_assets.tags.keys import (
    TableOutput,
    TenantSource,
    check_shard,
    check_table_id,
    dictionary_key,
    manifest_key,
    name_shard,
    read_tenant_source,
    result_key,
)

PLACE = TenantSource("acme", "review")


def test_keys_are_where_others_look_for_them():
    assert PLACE.raw_prefix == "raw/acme/review/"
    assert PLACE.options_key == "raw/acme/review/_columns.json"
    assert PLACE.plan_key == "tags/acme/review/plan.json"
    assert PLACE.output_key("t1", TableOutput.DEAD_LETTERS) == (
        "tags/acme/review/t1/dead_letters.parquet"
    )
    assert PLACE.receipt_key("t1") == "tags/acme/review/t1/receipt.json"
    assert PLACE.summary_key("07") == "tags/acme/review/summary/07.parquet"
    assert PLACE.output_key("t1", TableOutput.TAGGED, "0123456789abcdef" * 4) == (
        "tags/acme/review/t1/tagged-0123456789abcdef.parquet"
    )
    assert dictionary_key("v1") == "tags/dictionaries/v1.jsonl"
    assert manifest_key("j1") == "jobs/j1/manifest.json"
    assert result_key("j1", "07") == "jobs/j1/results/07.json"


def test_a_partition_key_leads_back_to_its_tenant_source():
    assert read_tenant_source(PLACE.key) == PLACE


@pytest.mark.parametrize(
    "key", ["", "acme", "acme:", ":review", "a/b:review", "acme:Review", "acme:a:b", "a..b:review"]
)
def test_another_text_is_no_partition_key(key: str):
    with pytest.raises(PermanentError) as raised:
        read_tenant_source(key)
    assert raised.value.kind == "bad_tenant_source"


@given(st.from_regex(r"[A-Za-z0-9가-힣][A-Za-z0-9가-힣_-]{0,49}", fullmatch=True))
def test_whatever_is_a_table_id_makes_valid_keys(table_id: str):
    if table_id != "plan.json":
        assert is_valid_key(PLACE.receipt_key(check_table_id(table_id)))


@pytest.mark.parametrize(
    "text",
    [
        "",
        ".x",
        "_x",
        "a  b",
        " a",
        "a ",
        "a/b",
        "a|b",
        "가" * 70,
        "x" * 101,
        "a\n",
        "a\tb",
        "plan.json",
        "\u1100\u1161",
    ],
)
def test_another_text_is_no_table_id(text: str):
    with pytest.raises(PermanentError) as raised:
        check_table_id(text)
    assert raised.value.kind == "bad_table_id"


def test_shards_have_two_digits():
    assert [name_shard(number) for number in (0, 7, 99)] == ["00", "07", "99"]
    assert check_shard("07") == "07"
    with pytest.raises(ValueError, match="100"):
        name_shard(100)
    for text in ("7", "007", "ab", "\u0660\u0667"):
        with pytest.raises(PermanentError, match="00 to 99"):
            check_shard(text)


@pytest.mark.parametrize("word", ["", "a/b", "../x", "_x", "x" * 101])
def test_a_job_id_or_version_that_is_no_segment_is_refused(word: str):
    for make in (manifest_key, dictionary_key):
        with pytest.raises(PermanentError) as raised:
            make(word)
        assert raised.value.kind == "bad_key_word"
