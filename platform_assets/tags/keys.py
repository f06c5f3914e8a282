"""Where everything about a tenant's source is in the object store, and which words may be part of such a key.

    raw/<tenant>/<source>/<table>.<ext>                                   what tenants deliver
    raw/<tenant>/<source>/_columns.json, <table>._columns.json            how to read all tables, how to read one
    tags/<tenant>/<source>/<table>/<output>-<digest>.parquet              what is made of a table
    tags/<tenant>/<source>/<table>/receipt.json                           from what, and which of these files count
    tags/<tenant>/<source>/plan.json, summary/<shard>.parquet             what is made of all of them
    tags/dictionaries/<version>.jsonl                                     dictionaries as they were used; never replaced
    dictionary/tags.csv or .jsonl                                         the dictionary that people edit
    jobs/<job_id>/manifest.json, results/<shard>.json                     what tasks are to do, and what they did

Pure text; no store is touched.
"""

import re
import unicodedata
from dataclasses import dataclass
from enum import StrEnum

from platform_assets.core.errors import PermanentError
from platform_assets.core.object_keys import join_key

MOST_SHARDS = 100
"""Shards of a tenant-source at most; two digits name them."""

TEXT_EXTENSIONS = ("csv", "tsv", "jsonl", "ndjson")
EXTENSIONS = (
    *TEXT_EXTENSIONS,
    *(f"{extension}.gz" for extension in TEXT_EXTENSIONS),
    "parquet",
)
"""Of raw tables."""

OPTIONS_NAME = "_columns.json"
"""Beside the raw tables, optional: how to read them all; `<table>._columns.json`: how to read one."""

DICTIONARY_SOURCES = ("dictionary/tags.csv", "dictionary/tags.jsonl")
"""The dictionary that people edit."""

# As `platform_assets/tenants/tenant.py` has it: a tenant of one pipeline is one of all.
_TENANT_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,49}")
_SOURCE = re.compile(r"[a-z0-9_]{1,40}")
# Letters and digits of any script; blanks and brackets are common in the names of Korean boards.
_TABLE_ID = re.compile(r"[\w-](?:[\w.,&+()\[\] -]{0,98}[\w.)\]+-])?")
_TABLE_ID_BYTES = 200
_KEY_DIGITS = 16
_SHARD = re.compile(r"[0-9]{2}")
_WORD = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,99}")
_PLAN_NAME = "plan.json"


class TableOutput(StrEnum):
    """What is made of one table; the file is `<output>-<digest>.parquet`."""

    CONVERTED = "converted"
    DEAD_LETTERS = "dead_letters"
    PREPARED = "prepared"
    TAGGED = "tagged"
    SUMMARY = "summary"


@dataclass(frozen=True, slots=True)
class TenantSource:
    """A source of a tenant, such as its review boards.

    Attributes:
        tenant_id: Letters, digits, `_`, `-` and single dots, 50 characters at most; it begins with a letter or digit.
        source: Small letters, digits and `_`, 40 characters at most.

    Raises:
        PermanentError: kind `bad_tenant_source`: one of them is something else.
    """

    tenant_id: str
    source: str

    def __post_init__(self) -> None:
        """Checks both."""
        if not is_tenant_id(self.tenant_id) or _SOURCE.fullmatch(self.source) is None:
            raise PermanentError(
                f"tenant {self.tenant_id[:60]!r}, source {self.source[:60]!r}: a tenant id is 1 to 50 letters, digits, "
                "`_`, `-` or dots, a source is 1 to 40 small letters, digits or `_`",
                kind="bad_tenant_source",
            )

    @property
    def key(self) -> str:
        """Its partition key: `acme:review`."""
        return f"{self.tenant_id}:{self.source}"

    @property
    def raw_prefix(self) -> str:
        """What the keys of its raw tables begin with."""
        return f"raw/{self.tenant_id}/{self.source}/"

    @property
    def options_key(self) -> str:
        """Object key of how to read its tables."""
        return f"{self.raw_prefix}{OPTIONS_NAME}"

    def find_options_table(self, key: str) -> str | None:
        """The table that an object beside the raw tables says how to read; None when it is no such object."""
        name = key.removeprefix(self.raw_prefix)
        table_id = name.removesuffix(f".{OPTIONS_NAME}")
        return None if table_id == name else unicodedata.normalize("NFC", table_id)

    @property
    def plan_key(self) -> str:
        """Object key of its shard plan."""
        return join_key(self._tags, _PLAN_NAME)

    def output_key(self, table_id: str, output: TableOutput, digest: str | None = None) -> str:
        """Object key of what one step made of a table.

        Args:
            table_id: The table.
            output: What was made.
            digest: SHA-256 of the file, of which the key has a part: what two runs make differently never shares a
                key. None for the key that receipts without file names speak of.
        """
        name = output.value if digest is None else f"{output.value}-{digest[:_KEY_DIGITS]}"
        return join_key(self._tags, check_table_id(table_id), f"{name}.parquet")

    def table_prefix(self, table_id: str) -> str:
        """What the keys of all that is made of a table begin with."""
        return f"{join_key(self._tags, check_table_id(table_id))}/"

    def receipt_key(self, table_id: str) -> str:
        """Object key of what the outputs of a table were made from."""
        return join_key(self._tags, check_table_id(table_id), "receipt.json")

    def summary_key(self, shard: str) -> str:
        """Object key of the shard's counts by tag and month."""
        return join_key(self._tags, "summary", f"{check_shard(shard)}.parquet")

    @property
    def _tags(self) -> str:
        return f"tags/{self.tenant_id}/{self.source}"


def read_tenant_source(key: str) -> TenantSource:
    """The tenant-source of a partition key such as `acme:review`.

    Raises:
        PermanentError: kind `bad_tenant_source`: it is no such key.
    """
    tenant_id, _, source = key.partition(":")
    return TenantSource(tenant_id, source)


def is_tenant_id(text: str) -> bool:
    """Whether a text can be a tenant's id."""
    return _TENANT_ID.fullmatch(text) is not None


def check_table_id(text: str) -> str:
    """The text, if it can be a table's id.

    It has 1 to 100 letters and digits of any script, dots, `_`, `-`, and single blanks, commas, `&`, `+` and brackets
    within; at most 200 bytes; composed (Unicode NFC); it begins with a letter, a digit or `-`.

    Raises:
        PermanentError: kind `bad_table_id`.
    """
    if not _is_table_id(text):
        raise PermanentError(
            f"table id {text[:120]!r}: use 1 to 100 letters or digits of any language, dots, `_`, `-`, and single "
            f"blanks, commas or brackets between them ({_TABLE_ID_BYTES} bytes at most); it begins with a letter, a "
            f"digit or `-`, and is not {_PLAN_NAME}",
            kind="bad_table_id",
        )
    return text


def _is_table_id(text: str) -> bool:
    return (
        _TABLE_ID.fullmatch(text) is not None
        and not text.startswith("_")
        and "  " not in text
        # An object and a folder of that name cannot both be in a store of files.
        and text != _PLAN_NAME
        and len(text.encode()) <= _TABLE_ID_BYTES
        and unicodedata.is_normalized("NFC", text)
    )


def name_shard(number: int) -> str:
    """The shard `07` for 7.

    Raises:
        ValueError: There is no such shard.
    """
    if not 0 <= number < MOST_SHARDS:
        raise ValueError(f"shard {number} is not within 0 to {MOST_SHARDS - 1}")
    return f"{number:02d}"


def check_shard(text: str) -> str:
    """The text, if it names a shard.

    Raises:
        PermanentError: kind `bad_shard`.
    """
    if _SHARD.fullmatch(text) is None:
        raise PermanentError(f"shard {text[:40]!r}: use 00 to 99", kind="bad_shard")
    return text


def dictionary_key(version: str) -> str:
    """Object key of a version of the dictionary."""
    return join_key("tags", "dictionaries", f"{_check_word(version, 'dictionary version')}.jsonl")


def manifest_key(job_id: str) -> str:
    """Object key of a job's manifest."""
    return join_key("jobs", _check_word(job_id, "job id"), "manifest.json")


def result_key(job_id: str, shard: str) -> str:
    """Object key of what the task of a shard did."""
    name = f"{check_shard(shard)}.json"
    return join_key("jobs", _check_word(job_id, "job id"), "results", name)


def _check_word(text: str, what: str) -> str:
    if _WORD.fullmatch(text) is None:
        raise PermanentError(
            f"{what} {text[:120]!r}: use 1 to 100 letters, digits, dots, `_` and `-`",
            kind="bad_key_word",
        )
    return text
