"""Where the sentences of a text are: marks, line ends, and the endings of Korean that end a sentence for sure.

People often leave marks out, and the space after them. Where an ending could be part of a longer sentence none is cut:
a sentence too long does less harm than half of one.
"""

import re
from collections.abc import Iterator, Sequence

_CANDIDATE = re.compile(
    r"""\n
    | (?P<mark>[.!?…。！？]+) (?P<closed>[)\]}"'”’」』】》]*)
    | (?P<ending>[다요죠])(?=[^\S\n]+\w)""",  # noqa: RUF001 - marks of full width
    re.VERBOSE,
)
_SPACE = re.compile(r"\s|\Z")
_LETTER = re.compile(r"[^\W\d_]")
_WORD = re.compile(r"\w")

# A polite ending, not a noun such as 필요, 중요, 수요.
_POLITE = re.compile(r"[아어여해에예네군세나까지래데대워와줘봐돼려]요\Z")
_FINALS = frozenset("다요죠까네음임함됨")
_DATED = re.compile(r"\d{4}\. ?\d{1,2}\. ?\d{1,2}\Z")
_NUMBER_CHARACTERS = 12
_NUMBERED = re.compile(r"\s*\(?(?:\d{1,3}|[A-Za-z가-하])\Z")
_SHORTENED = re.compile(
    r"(?:\b[A-Za-z]|\b(?:Mr|Mrs|Ms|Dr|Prof|St|vs|cf|etc|No|Vol|Jr|Sr|e\.g|i\.e))\Z", re.IGNORECASE
)
_QUOTING = r"이?라(?:고|는|며|면서|던|니|지만)|하(?:고|는|며|면서|던|니|지만|더라|게|기)"
_QUOTED = re.compile(rf"\s*(?:{_QUOTING})")
# What goes on after an ending that is split off by a space that does not belong there.
_GOES_ON = re.compile(
    rf"\s*(?:{_QUOTING}|(?:가|고|는|는데|던|던데|면|며|만|지만|니|니까|가도|더라도|해도)(?![가-힣]))"
)

Span = tuple[int, int]


def split_sentences(text: str) -> Sequence[Span]:
    """Start and end of each sentence, without the spaces around it; what holds no word belongs to the one before."""
    spans: list[Span] = []
    start = 0
    for end in _find_ends(text):
        _append(spans, text, start, end)
        start = end
    _append(spans, text, start, len(text))
    return spans


def _append(spans: list[Span], text: str, start: int, end: int) -> None:
    piece = text[start:end]
    filled = piece.strip()
    if not filled:
        return
    start += len(piece) - len(piece.lstrip())
    end = start + len(filled)
    if spans and not _WORD.search(filled) and "\n" not in text[spans[-1][1] : start]:
        start = spans.pop()[0]
    spans.append((start, end))


def _find_ends(text: str) -> Iterator[int]:
    last = 0
    for match in _CANDIDATE.finditer(text):
        end = match.end()
        if match["mark"]:
            ends = _ends_at_mark(text, last, match)
        elif match["ending"]:
            ends = _ends_at_ending(text, end)
        else:
            ends = True
        if ends:
            yield end
            last = end


def _ends_at_mark(text: str, last: int, match: re.Match[str]) -> bool:
    end = match.end()
    if _QUOTED.match(text, end):
        return False
    before = text[max(last, match.start() - _NUMBER_CHARACTERS) : match.start()]
    if _SPACE.match(text, end):
        return match["mark"] != "." or not _is_shortened(text, last, match, before)
    # No space after it: certain only between a finished sentence and a word.
    if match["closed"] or not before or not _LETTER.match(text, end):
        return False
    return (
        before[-1] in _FINALS
        if set(match["mark"]) <= {".", "…"}
        else _LETTER.match(before[-1]) is not None
    )


def _is_shortened(text: str, last: int, match: re.Match[str], before: str) -> bool:
    """Whether a full stop belongs to a number of a list, to a date such as `2024. 1. 5.`, or to a short form."""
    at_start = match.start() - last <= _NUMBER_CHARACTERS
    if at_start and _NUMBERED.fullmatch(before) and match.end() < len(text):
        return True
    following = text[match.end() : match.end() + 2].lstrip()
    if _DATED.search(before) and following:
        return True
    if before[-1:].isdigit() and following[:1].isdigit():
        return True
    return _SHORTENED.search(before) is not None and bool(following)


def _ends_at_ending(text: str, end: int) -> bool:
    word = text[max(0, end - 3) : end]
    if word[-1] == "요":
        sure = _POLITE.search(word) is not None
    elif word[-1] == "죠":
        sure = len(word) > 1 and "가" <= word[-2] <= "힣"
    else:
        sure = _ends_in_da(word)
    return sure and not _GOES_ON.match(text, end)


def _ends_in_da(word: str) -> bool:
    """Whether 다 ends a sentence: after 니 that follows a syllable with ㅂ (합니다), or a syllable with ㅆ (했다)."""
    if word[-2:] == "니다":
        return _final(word[:-2]) == "ㅂ"
    return _final(word[:-1]) == "ㅆ"


def _final(word: str) -> str:
    """The final consonant of a word's last syllable: ㅂ, ㅆ, or nothing for all else."""
    if not word or not "가" <= word[-1] <= "힣":
        return ""
    return {17: "ㅂ", 20: "ㅆ"}.get((ord(word[-1]) - ord("가")) % 28, "")
