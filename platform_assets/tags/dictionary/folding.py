"""Two spellings that are one: composed Unicode, one space, no case, no full-width letters.

Dictionary and texts go through the same.
"""

import re
import unicodedata

# Digits, letters and signs in the width of Hangul, as Korean and Japanese keyboards write them.
_WIDE = {code: code - 0xFEE0 for code in range(0xFF01, 0xFF5F)}
_HAS_WIDE = re.compile("[\uff01-\uff5e]")
_SPACES = re.compile(r"\s+")


def normalise(text: str) -> str:
    """NFC, no space at either end, one space for each run of white space."""
    return _SPACES.sub(" ", unicodedata.normalize("NFC", text)).strip()


def fold(text: str) -> str:
    """The text in lower case and plain width, with as many code points as before: positions stay what they are."""
    if _HAS_WIDE.search(text):
        text = text.translate(_WIDE)
    folded = text.lower()
    if len(folded) == len(text):
        return folded
    return "".join(low if len(low := character.lower()) == 1 else character for character in text)
