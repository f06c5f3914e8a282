"""Where everything about a tenant's source is in the object store, and which words may be part of such a key.

    raw/<tenant>/<source>/<table>.<ext>, _columns.json                    what tenants deliver, and how to read it
    tags/<tenant>/<source>/<table>/<step>.parquet, receipt.json           what is made of a table
    tags/<tenant>/<source>/plan.json, summary/<shard>.parquet             what is made of all of them
    tags/dictionaries/<version>.jsonl                                     dictionaries as they were used; never replaced
    dictionary/tags.csv or .jsonl                                         the dictionary that people edit
    jobs/<job_id>/manifest.json, results/<shard>.json                     what tasks are to do, and what they did

Pure text; no store is touched.
"""

import re
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
"""Beside the raw tables, optional: how to read them. It is no table."""

DICTIONARY_SOURCES = ("dictionary/tags.csv", "dictionary/tags.jsonl")
"""The dictionary that people edit."""

# As `platform_assets/tenants/tenant.py` has it: a tenant of one pipeline is one of all.
_TENANT_ID = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9_-]|\.(?!\.)){0,49}")
_SOURCE = re.compile(r"[a-z0-9_]{1,40}")
_TABLE_ID = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,99}")
_SHARD = re.compile(r"[0-9]{2}")
_WORD = re.compile(r"[A-Za-z0-9-][A-Za-z0-9._-]{0,99}")
_PLAN_NAME = "plan.json"


class TableOutput(StrEnum):
    """What is made of one table; the file is `<output>.parquet`."""

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

    @property
    def plan_key(self) -> str:
        """Object key of its shard plan."""
        return join_key(self._tags, _PLAN_NAME)

    def output_key(self, table_id: str, output: TableOutput) -> str:
        """Object key of what one step made of a table."""
        return join_key(self._tags, check_table_id(table_id), f"{output.value}.parquet")

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
    """The text, if it can be a table's id: `[A-Za-z0-9._-]`, 1 to 100, no dot or `_` at the beginning.

    Raises:
        PermanentError: kind `bad_table_id`.
    """
    # An object `plan.json` and a folder of that name cannot both be in a store of files.
    if _TABLE_ID.fullmatch(text) is None or text == _PLAN_NAME:
        raise PermanentError(
            f"table id {text[:120]!r}: use 1 to 100 letters, digits, dots, `_` and `-`, no dot or `_` at the "
            f"beginning, and not {_PLAN_NAME}",
            kind="bad_table_id",
        )
    return text


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
