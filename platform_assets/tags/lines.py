"""Bytes to lines of text: which encoding a file is in, lines that do not decode, lines without end.

A line ends at a line feed only, and keeps it: what else looks like an end may be inside a value. In none of the
encodings is a line feed part of another character.
"""

import codecs
import io
import re
from collections.abc import Iterator
from typing import BinaryIO

from platform_assets.core.errors import PermanentError
from platform_assets.tags.rows import MAX_ROW_CHARACTERS

BLOCK_BYTES = 256 * 1024
"""Read at once."""

MAX_LINE_BYTES = 4 * MAX_ROW_CHARACTERS
_SHOWN_CHARACTERS = 16 * 1024

_WIDE = {
    codecs.BOM_UTF32_LE: "UTF-32",
    codecs.BOM_UTF32_BE: "UTF-32",
    codecs.BOM_UTF16_LE: "UTF-16",
    codecs.BOM_UTF16_BE: "UTF-16",
}
_PAIR = re.compile(rb"[\x81-\xfe][\x41-\x5a\x61-\x7a\x81-\xfe]")
_SYLLABLE = re.compile(rb"[\xb0-\xc8][\xa1-\xfe]")
"""The part of CP949 that EUC-KR has: 2,350 syllables, all that most texts need."""


class BadLine(str):
    """A line that could not be decoded, or was too long: what is left of it, and why.

    Attributes:
        kind: `undecodable` or `row_too_long`.
        message: What is wrong.
    """

    __slots__ = ("kind", "message")

    kind: str
    message: str

    def __new__(cls, text: str, kind: str, message: str) -> "BadLine":
        """A bad line.

        Args:
            text: What is left of it, with a line feed.
            kind: See above.
            message: See above.
        """
        line = super().__new__(cls, text)
        line.kind = kind
        line.message = message
        return line


def read_lines(file: BinaryIO, encoding: str | None, key: str) -> Iterator[str]:
    """The lines of a text file, each with its line feed; a bad one is a `BadLine`.

    The first block that is not ASCII decides on the encoding, if none is given.

    Args:
        file: Read from where it is, block by block.
        encoding: Name of a codec that extends ASCII; None to look.
        key: Object key of the file, for messages.

    Raises:
        PermanentError: kind `unknown_encoding`: UTF-16, or neither UTF-8 nor CP949.
    """
    chosen = encoding
    for number, block in enumerate(_read_blocks(file)):
        if number == 0:
            _refuse_wide(block, key)
            block = block.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 - the mark is not part of the text
        if chosen is None and not block.isascii():
            chosen = _choose_encoding(block, key)
        yield from _decode_block(block, chosen or "utf-8")


def _read_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Blocks of whole lines; of a line that is too long the beginning, with its line feed."""
    rest = b""
    while data := file.read(BLOCK_BYTES):
        head, feed, tail = data.rpartition(b"\n")
        if feed:
            yield rest + head + feed
            rest = tail
        elif len(rest) <= MAX_LINE_BYTES:
            rest += data
    if rest:
        yield rest


def _decode_block(block: bytes, encoding: str) -> Iterator[str]:
    if len(block) <= MAX_ROW_CHARACTERS:  # or a line may be too long
        try:
            yield from io.StringIO(block.decode(encoding), newline="\n")
        except UnicodeDecodeError:
            pass
        else:
            return
    for line in io.BytesIO(block):
        yield _decode_line(line, encoding)


def _decode_line(line: bytes, encoding: str) -> str:
    try:
        text = line.decode(encoding)
    except UnicodeDecodeError as error:
        text = line[:MAX_ROW_CHARACTERS].decode(encoding, "replace")
        message = (
            f"byte 0x{line[error.start]:02x} at position {error.start} of the line is not {encoding.upper()}: "
            "correct it in the raw table"
        )
        return BadLine(text, "undecodable", message)
    if len(text) <= MAX_ROW_CHARACTERS:
        return text
    message = f"the line is longer than {MAX_ROW_CHARACTERS:,} characters"
    return BadLine(text[:_SHOWN_CHARACTERS] + "\n", "row_too_long", message)


def _refuse_wide(block: bytes, key: str) -> None:
    for mark, name in _WIDE.items():
        if block.startswith(mark):
            raise _refuse(key, f"is in {name}")
    if block.count(b"\0") * 20 > len(block):
        raise _refuse(key, "looks like UTF-16 without a mark, or like no text at all")


def _choose_encoding(block: bytes, key: str) -> str:
    """UTF-8 or CP949, whichever most of the lines are in that are not ASCII."""
    lines = [line for line in io.BytesIO(block) if not line.isascii()]
    bad_utf8 = sum(not _decodes(line, "utf-8") for line in lines)
    if bad_utf8 * 2 <= len(lines):
        return "utf-8"
    korean = [line for line in lines if _decodes(line, "cp949")]
    pairs = sum(len(_PAIR.findall(line)) for line in korean)
    syllables = sum(len(_SYLLABLE.findall(line)) for line in korean)
    if len(korean) * 2 >= len(lines) and syllables * 5 >= pairs * 2:
        return "cp949"
    if bad_utf8 * 2 <= block.count(b"\n"):
        return "utf-8"  # a few broken lines in English text
    raise _refuse(key, "is neither in UTF-8 nor in CP949 (EUC-KR)")


def _decodes(line: bytes, encoding: str) -> bool:
    try:
        line.decode(encoding)
    except UnicodeDecodeError:
        return False
    return True


def _refuse(key: str, what: str) -> PermanentError:
    return PermanentError(
        f"{key} {what}: save it as UTF-8 and put it there again", kind="unknown_encoding"
    )
