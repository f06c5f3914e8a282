"""Two spellings that are one: composed Unicode, one space, no case. Dictionary and texts go through the same."""

import re
import unicodedata

_SPACES = re.compile(r"\s+")


def normalise(text: str) -> str:
    """NFC, no space at either end, one space for each run of white space."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def fold(text: str) -> str:
    """The text in lower case, with as many code points as before: positions stay what they are."""
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)
