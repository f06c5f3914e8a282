"""The tag dictionary: its terms, its canonical form and its version.

What people edit is read by `load_dictionary`: CSV or JSON Lines, checked as a whole. What is stored and what tasks read
is the canonical form of `dump`: the same terms give the same bytes, whatever file and order they came from.
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import msgspec

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import RefusedError
from platform_assets.tags.dictionary.checks import MAX_PROBLEMS, Finding, check_rows
from platform_assets.tags.dictionary.rows import read_rows
from platform_assets.tags.dictionary.terms import Term

_read_term = msgspec.json.Decoder(Term)
_write = msgspec.json.Encoder()


@dataclass(frozen=True)
class Dictionary:
    """A checked dictionary.

    Attributes:
        terms: By tag id and term, no term twice.
    """

    terms: Sequence[Term]

    @cached_property
    def version(self) -> str:
        """16 hex digits that stand for the terms: the beginning of the BLAKE2b of the canonical form."""
        return hashlib.blake2b(dump(self)).hexdigest()[:16]


@dataclass(frozen=True, slots=True)
class LoadedDictionary:
    """A dictionary as it was read from a file of people's.

    Attributes:
        dictionary: The terms.
        notes: What a person may want to know and need not change: merged duplicates, terms within terms.
    """

    dictionary: Dictionary
    notes: Sequence[str]


def load_dictionary(data: bytes, name: str) -> LoadedDictionary:
    """The dictionary of a file that people edit.

    Columns of a CSV file, or keys of the JSON objects, of which only `term` and one of `tag_id` and `use` are needed:
    `tag_id`; `term`; `synonyms`, separated by `|` (or a JSON list); `parent`, a tag id; `category`; `use`, the term
    that this one is another word for; `exact`, for short terms: only by itself or with particles; `compounds`: also as
    the last part of a longer word.

    Args:
        data: UTF-8, or CP949 as Excel saves it.
        name: Of the file, for messages; its ending says what it is: `.csv` or `.jsonl`.

    Raises:
        RefusedError: kind `bad_dictionary`: names every line that has something wrong, at most 20.
    """
    rows, problems = read_rows(data, name)
    checked = check_rows(rows)
    problems = sorted({*problems, *checked.problems})
    if problems:
        raise RefusedError(_describe(problems, name), kind="bad_dictionary")
    if not checked.terms:
        raise RefusedError(
            f"the tag dictionary {name} has no terms: add rows with tag_id and term",
            kind="bad_dictionary",
        )
    return LoadedDictionary(Dictionary(checked.terms), checked.notes)


def dump(dictionary: Dictionary) -> bytes:
    """The canonical form: a JSON object per term and line, which `load_dictionary` reads too."""
    return b"".join(_write.encode(term) + b"\n" for term in dictionary.terms)


def parse(data: bytes) -> Dictionary:
    """The dictionary of a canonical form. It was checked when it was made and is not checked again.

    Raises:
        RefusedError: kind `bad_dictionary`: it is no such form.
    """
    try:
        return Dictionary(tuple(map(_read_term.decode, data.splitlines())))
    except UNREADABLE as error:
        raise RefusedError(
            f"a stored tag dictionary cannot be read ({error}): remove that object and publish the dictionary again",
            kind="bad_dictionary",
        ) from error


def _describe(problems: Sequence[Finding], name: str) -> str:
    shown = [f"  line {problem.line}: {problem.text}" for problem in problems[:MAX_PROBLEMS]]
    more = len(problems) - len(shown)
    if more:
        shown.append(f"  and {more} more")
    count = "1 problem" if len(problems) == 1 else f"{len(problems)} problems"
    return "\n".join(
        [f"the tag dictionary {name} has {count}; correct these lines and load it again:", *shown]
    )
