"""Personal data that markup hides: split by tags, written as entities, with characters between that nobody sees.

What is masked is the raw text, character by character, so that its positions and its markup stay.
"""

import re
from collections.abc import Iterator

from platform_assets.tags.convert.masking import Span, cover, find_personal, mask
from platform_assets.tags.prep.cleaning import Cleaned, clean, strip
from platform_assets.tags.prep.markup import find_entities
from platform_assets.tags.prep.origins import locate

_HIDING = re.compile("[<&\ufe0f\u20e3]|[^\\S \n]|[^\x00-\x7f\u3131-\u318e\uac00-\ud7a3]")
_DIGIT = re.compile(r"\d")
_ROUNDS = 4
"""How often text can have been encoded; more than people see of it."""


def mask_markup(text: str) -> str:
    """The text with all personal data masked, in the length it had; the same object if there is none.

    After it, neither the text nor what `clean` makes of it holds personal data.
    """
    text = mask(text)
    if _HIDING.search(text) and _can_hide(text):
        while spans := list(_find_hidden(text)):
            text = mask(cover(text, spans))
    return text


def _can_hide(text: str) -> bool:
    return (
        "@" in text or "&" in text or "＠" in text or len(_DIGIT.findall(text)) >= 9  # noqa: RUF001
    )


def _find_hidden(text: str) -> Iterator[Span]:
    """Spans of the text that are personal data once it is cleaned, decoded, or stripped again and again."""
    yield from _find_in(clean(text), text)
    bare = Cleaned(text)
    yield from _find_in(bare.change(find_entities(text)), text)
    for _ in range(_ROUNDS):
        before = bare.text
        bare = strip(bare)
        if bare.text == before:
            return
        yield from _find_in(bare, text)


def _find_in(view: Cleaned, text: str) -> Iterator[Span]:
    for start, end in find_personal(view.text):
        for at in range(start, end):
            first, last = locate(view.origin, len(view.text), at, at + 1)
            # A space may stand for a tag, which holds nothing personal and stays.
            if text[first] != "<":
                yield first, last
