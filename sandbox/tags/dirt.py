"""What makes text dirty without making a row unreadable: HTML, entities, odd spaces and characters. Pure.

A text is a list of words. What goes into a word leaves it the same word for readers (a tag around a syllable, an
entity, a zero-width space, Hangul as single letters); what goes between two words leaves them two. A mention stays a
mention by that, and a decoy a decoy.
"""

import unicodedata
from collections.abc import Callable, Sequence
from random import Random

_INLINE = (
    *(("<b>", "</b>"), ("<em>", "</em>"), ('<span style="color:red">', "</span>"), ("<u>", "</u>")),
    *(('<a href="https://shop.example/?a=1&amp;b=2">', "</a>"), ("<FONT size=2>", "</FONT>")),
)
_BLOCKS = ("<br>", "<br/>", "<BR />", "</p><p>", "</div>\n<div class='row'>", "<hr>", "<li>")
_SPACES = (
    "\xa0",
    "\u3000",
    "  ",
    "\t",
    "&nbsp;",
    "&nbsp; ",
    "&amp;nbsp;",
    " \u200b ",
    "&#160;",
    "&#12288;",
)
_LINE_ENDS = ("\n", "\r\n", "\n\n", "\u2028", "\x0b", "\n - ")
_UNSEEN = ("\u200b", "\u200c", "\u2060", "\ufeff", "\xad", "\u200e")
_CONTROL = tuple(map(chr, (*range(1, 9), *range(0x0E, 0x1A))))
_EMOJI = (
    *(
        "😀",
        "👍🏽",
        "❤️",
        "👩‍👧",
        "🇰🇷",
        "✨✨",
        "1️⃣",
        "&#128512;",
        "&#55357;&#56832;",
        "&#x1F44D;",
        "&hearts;",
    ),
    *(
        "ㅋㅋㅋ",
        "ㅠㅠ",
        "^^",
        "<3",
        ">_<",
        "T.T",
        "&amp;",
        "&lt;강추&gt;",
        "&quot;",
        "R&D",
        "&amp;amp;",
        "&copy",
    ),
)
_HIDDEN = (
    *(
        "<!-- {} -->",
        "<!--{}\n-->",
        "<script>var tag = '{}';</script>",
        "<style>.c:after{{content:'{}'}}</style>",
    ),
    *('<img src="a.png" alt="{}">', "<SCRIPT type='text/javascript'>\nshow(\"{}\");\n</SCRIPT>"),
)


def soil(words: list[str], random: Random, encodes: Callable[[str], bool], hidden: str) -> bool:
    """Makes a text dirty, in one to three places.

    Args:
        words: Changed in place; not empty.
        random: What it follows from.
        encodes: Whether the table can hold a text.
        hidden: A term, for where nobody sees it.

    Returns:
        Whether the hidden term was used.
    """
    used = False
    for _ in range(random.choice((1, 1, 2, 3))):
        if not used and random.random() < 0.15:
            words.insert(random.randrange(len(words) + 1), random.choice(_HIDDEN).format(hidden))
            used = True
        elif random.random() < 0.5:
            _soil_word(words, random, encodes)
        else:
            _soil_gap(words, random, encodes)
    return used


def _soil_word(words: list[str], random: Random, encodes: Callable[[str], bool]) -> None:
    at = random.randrange(len(words))
    word = words[at]
    # Not twice: what is put into an entity or a tag would break it.
    if word.isalnum() and unicodedata.is_normalized("NFC", word):
        changed = random.choice(_INTO_WORDS)(word, random)
        if encodes(changed):
            words[at] = changed


def _soil_gap(words: list[str], random: Random, encodes: Callable[[str], bool]) -> None:
    at = random.randrange(len(words))
    if random.random() < 0.35:
        emoji = random.choice(_EMOJI)
        if encodes(emoji):
            words.insert(at, emoji)
    elif at:
        between = random.choice(random.choice((_BLOCKS, _SPACES, _LINE_ENDS)))
        if encodes(between):
            words[at - 1 : at + 1] = [f"{words[at - 1]}{between}{words[at]}"]


def _wrap(word: str, random: Random) -> str:
    opening, closing = random.choice(_INLINE)
    return f"{opening}{word}{closing}"


def _wrap_part(word: str, random: Random) -> str:
    opening, closing = random.choice(_INLINE)
    start = random.randrange(len(word))
    end = random.randrange(start, len(word)) + 1
    return f"{word[:start]}{opening}{word[start:end]}{closing}{word[end:]}"


def _encode(word: str, random: Random) -> str:
    at = random.randrange(len(word))
    form = random.choice(("&#{};", "&#{};", "&#x{:X};", "&amp;#{};"))
    return f"{word[:at]}{form.format(ord(word[at]))}{word[at + 1 :]}"


def _insert(word: str, random: Random) -> str:
    at = random.randrange(1, len(word) + 1)
    return word[:at] + random.choice(random.choice((_UNSEEN, _CONTROL))) + word[at:]


def _decompose(word: str, _: Random) -> str:
    return unicodedata.normalize("NFD", word)


_INTO_WORDS: Sequence[Callable[[str, Random], str]] = (
    *(_wrap, _wrap_part, _encode, _insert, _insert, _decompose, _decompose),
)
