"""Text as people read it: no HTML, no entities, no invisible characters, Unicode NFC, single spaces; emoji stay.

Each character of a cleaned text leads back to where it comes from: see `origins.py`. What is masked is decided in
`platform_assets/tags/convert/masking.py`.
"""

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass

from platform_assets.tags.prep.markup import find_markup
from platform_assets.tags.prep.origins import UNCHANGED, Change, Origin, change, compose

_PICTURE = "[©®‼⁉™ℹ↔-↪⌚-⏿Ⓜ▪-◾☀-➿⤴⤵⬅-⭕〰〽㊗㊙\U0001f000-\U0001faff]"  # noqa: RUF001
_TONE = "[\ufe0e\ufe0f\u20e3\U0001f3fb-\U0001f3ff]*"
EMOJI = (
    "\U0001f3f4[\U000e0030-\U000e007a]{1,6}\U000e007f"
    f"|{_PICTURE}{_TONE}(?:\u200d{_PICTURE}{_TONE})*"
)
"""Regular expression of an emoji with all that belongs to it: a skin tone, joined emoji, the letters of a flag."""

# Fillers of Hangul and Braille are written where a space must be seen but not be one.
_BLANK = r"\s\u115f\u1160\u2800\u3164\uffa0"
_INVISIBLE = (
    r"\x00-\x08\x0e-\x1b\x7f-\x84\x86-\x9f\xad\u034f\u061c\u180b-\u180e\u200b-\u200f\u202a-\u202e\u2060-\u206f"
    r"\ufeff\ufff0-\uffff\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
_LINE_END = re.compile("[\n\r\v\f\x85\u2028\u2029]")

# One look is enough for most texts.
_SUSPECT = re.compile(
    rf"[<&{_INVISIBLE}]|[{_BLANK}](?:(?<![ \n])|[{_BLANK}])|\A[{_BLANK}]|[{_BLANK}]\Z"
)
_RUN = re.compile(
    rf"[{_BLANK}{_INVISIBLE}]{{2,}}|(?![ \n])[{_BLANK}{_INVISIBLE}]|\A[ \n]|[ \n]\Z|{EMOJI}"
)
_ODD = re.compile(f"[{_BLANK}{_INVISIBLE}]")
_HAS_BLANK = re.compile(f"[{_BLANK}]")
_UNSEEN = re.compile(f"[{_INVISIBLE}\ufe0e\ufe0f\u20e3]+")

# What composes with a character in front of it is never ASCII.
_CLUSTER = re.compile(r"[\x00-\x7f]?[^\x00-\x7f]+")
_COMPOSED = re.compile(
    "[\u1100-\u1112][\u1161-\u1175][\u11a8-\u11c2]?|.[\u0300-\u036f\u11a8-\u11c2\u3099\u309a]*",
    re.DOTALL,
)


@dataclass(frozen=True, slots=True)
class Cleaned:
    """A cleaned text.

    Attributes:
        text: It.
        origin: Leads from its characters back to the text that was cleaned.
    """

    text: str
    origin: Origin = UNCHANGED

    def change(self, changes: Iterator[Change]) -> "Cleaned":
        """The same after more changes of its text."""
        text, origin = change(self.text, changes)
        return Cleaned(text, compose(origin, len(text), self.origin, len(self.text)))


def clean(text: str) -> Cleaned:
    """The text as people read it.

    Tags go: those of blocks leave a line's end, those of cells and images a space, others nothing; comments, scripts
    and styles go with what they hold. Entities are decoded, and once more where they were encoded twice; what becomes a
    tag by that goes too. A run of blanks becomes one space, or one line's end if it holds any.
    """
    cleaned = Cleaned(text)
    if _SUSPECT.search(text):
        for _ in range(2):
            cleaned = cleaned.change(find_markup(cleaned.text))
        cleaned = cleaned.change(_find_blanks(cleaned.text))
    if unicodedata.is_normalized("NFC", cleaned.text):
        return cleaned
    return cleaned.change(_find_uncomposed(cleaned.text))


def strip(cleaned: Cleaned) -> Cleaned:
    """The text without everything that could be a tag, with entities decoded, and nothing left that is not seen.

    No text for people: personal data that is hidden by markup shows in it.
    """
    bare = cleaned.change(find_markup(cleaned.text, every_tag=True))
    return bare.change((*match.span(), "") for match in _UNSEEN.finditer(bare.text))


def _find_blanks(text: str) -> Iterator[Change]:
    """Blanks and invisible characters that are more than one space or line's end between two visible characters."""
    for match in _RUN.finditer(text):
        run = match[0]
        if not _ODD.match(run):
            continue  # an emoji
        start, end = match.span()
        if start == 0 or end == len(text) or not _HAS_BLANK.search(run):
            yield start, end, ""
        else:
            yield start, end, "\n" if _LINE_END.search(run) else " "


def _find_uncomposed(text: str) -> Iterator[Change]:
    """Characters that NFC composes, or writes in another way."""
    for cluster in _CLUSTER.finditer(text):
        composed = unicodedata.normalize("NFC", cluster[0])
        if composed == cluster[0]:
            continue
        pieces = [
            (*match.span(), unicodedata.normalize("NFC", match[0]))
            for match in _COMPOSED.finditer(text, *cluster.span())
        ]
        if "".join(piece for _, _, piece in pieces) == composed:
            yield from pieces
        else:
            yield *cluster.span(), composed
