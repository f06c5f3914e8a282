"""Text to tokens with positions: a plain tokenizer that needs nothing, and kiwi, which knows parts of speech.

Kiwi is the extra `korean`. It is loaded once per process, when it is first asked for: it takes seconds and half a
gigabyte. It starts no threads, so a process that has loaded it can be forked.
"""

import re
import warnings
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Any, Protocol

from platform_assets.core.errors import RefusedError
from platform_assets.tags.prep.cleaning import EMOJI

Token = tuple[str, str, int, int]
"""Form, part of speech (empty if it is not known), start and end in the text."""

TOKENIZERS = ("plain", "kiwi")

_PIECE_CHARACTERS = 2000
_HANGUL = "가-힣"
_JAMO = "ㄱ-ㆎ"
_LETTERS = rf"[^\W\d_{_HANGUL}{_JAMO}]+"
_TOKEN = re.compile(
    rf"[{_HANGUL}]+|[{_JAMO}]+|\d+(?:[.,:]\d+)*|{_LETTERS}(?:['’]{_LETTERS})*|{EMOJI}"  # noqa: RUF001
)


class Tokenizer(Protocol):
    """Splits text into tokens."""

    def tokenize(self, text: str) -> Sequence[Token]:
        """The tokens of a text, in its order."""
        ...


def load_tokenizer(name: str) -> Tokenizer:
    """The tokenizer of a name, always the same one in a process.

    Args:
        name: One of `TOKENIZERS`.

    Raises:
        RefusedError: kinds `missing_extra` (kiwi is not installed), `bad_tokenizer` (no such name).
    """
    if name == "plain":
        return PlainTokenizer()
    if name == "kiwi":
        return _load_kiwi()
    raise RefusedError(
        f"there is no tokenizer {name[:50]!r}: choose one of {', '.join(TOKENIZERS)}",
        kind="bad_tokenizer",
    )


class PlainTokenizer:
    """Words of Hangul, of other letters, numbers, emoji, runs of single jamo; no punctuation."""

    def tokenize(self, text: str) -> Sequence[Token]:
        """See `Tokenizer`."""
        return [(match[0], "", match.start(), match.end()) for match in _TOKEN.finditer(text)]


class KiwiTokenizer:
    """Morphemes with the part of speech of the Sejong tag set, as kiwi finds them.

    Args:
        kiwi: A `kiwipiepy.Kiwi`.
    """

    def __init__(self, kiwi: Any) -> None:  # noqa: ANN401 - its types are there only where the extra is
        self._kiwi = kiwi

    def tokenize(self, text: str) -> Sequence[Token]:
        """See `Tokenizer`. A morpheme that is contracted with the one before it may share characters with it."""
        return [
            (token.form, token.tag, first + token.start, first + token.start + token.len)
            for first, piece in _cut(text)
            for token in self._kiwi.tokenize(piece, compatible_jamo=True)
        ]


@cache
def _load_kiwi() -> KiwiTokenizer:
    try:
        from kiwipiepy import Kiwi  # noqa: PLC0415 - an extra, and slow
    except ImportError as error:
        raise RefusedError(
            "the tokenizer kiwi is not installed: install sluice[korean], or choose the tokenizer plain",
            kind="missing_extra",
        ) from error
    with warnings.catch_warnings():
        # It announces that 0 used to mean all cores. Here it means: no threads.
        warnings.simplefilter("ignore", DeprecationWarning)
        return KiwiTokenizer(Kiwi(num_workers=0))


def _cut(text: str) -> Iterator[tuple[int, str]]:
    """Pieces of a text that end between words where they can, and where each begins: kiwi slows down on long texts."""
    start = 0
    while len(text) - start > _PIECE_CHARACTERS:
        end = max(text.rfind(blank, start, start + _PIECE_CHARACTERS) for blank in "\n ") + 1
        end = end if end > start else start + _PIECE_CHARACTERS
        yield start, text[start:end]
        start = end
    yield start, text[start:]
