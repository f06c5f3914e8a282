"""Bytes to lines of text: which encoding a file is in, lines that do not decode, lines without end.

A line ends at a line feed only, and keeps it: what else looks like an end may be inside a value; a file without line
feeds ends its lines as old Macs do. In none of the encodings is a line feed part of another character; UTF-16 is
written anew in UTF-8 first.
"""

import codecs
import io
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO, cast

from platform_assets.core.decoding import FILLER, compose_syllables, decodes, has_extension
from platform_assets.core.errors import PermanentError
from platform_assets.tags.convert.rows import MAX_ROW_CHARACTERS

BLOCK_BYTES = 256 * 1024
"""Read at once."""

MAX_LINE_BYTES = 4 * MAX_ROW_CHARACTERS
_SHOWN_CHARACTERS = 16 * 1024

_UTF32 = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
_ESCAPES = (b"\x1b$", b"\x1b(")
"""What ISO-2022-KR and ISO-2022-JP begin other characters with; all their bytes are ASCII."""

_EUC_KR = ("cp949", "euc-kr")
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


@dataclass(slots=True)
class ReadNotes:
    """What is counted while a file is read.

    Attributes:
        composed_syllables: Syllables of EUC-KR that were written as a filler and three jamo (KS X 1001, annex 3).
        unsure_syllables: Fillers with jamo that are left as they are: they make no syllable, or the file has characters
            that only CP949 has, so that whoever wrote it needed no such spelling.
    """

    composed_syllables: int = 0
    unsure_syllables: int = 0


def read_lines(
    file: BinaryIO, encoding: str | None, key: str, notes: ReadNotes | None = None
) -> Iterator[str]:
    """The lines of a text file, each with its line feed; a bad one is a `BadLine`.

    The first block that is not ASCII decides on the encoding, if none is given.

    Args:
        file: Read from where it is, block by block.
        encoding: Name of a codec that extends ASCII, or of UTF-16; None to look.
        key: Object key of the file, for messages.
        notes: Where it is counted what stays unsure.

    Raises:
        PermanentError: kind `unknown_encoding`: UTF-16 without a mark, ISO-2022, or neither UTF-8 nor CP949.
    """
    file, chosen = _open_wide(file, encoding, key)
    syllables = _Syllables(notes or ReadNotes())
    for number, block in enumerate(_read_blocks(file)):
        if number == 0:
            _refuse_others(block, key)
            while block.startswith(
                codecs.BOM_UTF8
            ):  # no part of the text, however often it is there
                block = block.removeprefix(codecs.BOM_UTF8)  # noqa: PLW2901 - see above
        if chosen is None and not block.isascii():
            chosen = _choose_encoding(block, key)
        lines = _decode_block(block, chosen or "utf-8")
        yield from syllables.compose(block, lines) if chosen in _EUC_KR else lines


def _open_wide(file: BinaryIO, encoding: str | None, key: str) -> tuple[BinaryIO, str | None]:
    """A file in UTF-16 as one in UTF-8; any other as it is."""
    first = file.read(len(_UTF32[0]))
    whole = cast("BinaryIO", _Rejoined(first, file))
    if first in _UTF32:
        raise _refuse(key, "is in UTF-32")
    wide = encoding if encoding is not None and encoding.startswith("utf-16") else None
    if wide is None and first.startswith(_UTF16):
        wide = "utf-16"
    return (whole, encoding) if wide is None else (cast("BinaryIO", _Recoded(whole, wide)), "utf-8")


class _Rejoined:
    """A file of which the first bytes have been read."""

    def __init__(self, first: bytes, file: BinaryIO) -> None:
        self._first = first
        self._file = file

    def read(self, size: int) -> bytes:
        """See `BinaryIO`."""
        first, self._first = self._first, b""
        return first + self._file.read(size - len(first)) if first else self._file.read(size)


class _Recoded:
    """A file in UTF-16, read as UTF-8; halves of characters become the replacement character."""

    def __init__(self, file: BinaryIO, encoding: str) -> None:
        self._file = file
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")

    def read(self, size: int) -> bytes:
        """See `BinaryIO`."""
        while data := self._file.read(size):
            if text := self._decoder.decode(data):
                return text.encode()
        return self._decoder.decode(b"", final=True).encode()


class _Syllables:
    """Composes the syllables that Python's `euc-kr` and other strict writers spell out; see `ReadNotes`."""

    def __init__(self, notes: ReadNotes) -> None:
        self._notes = notes
        self._is_extended = False

    def compose(self, block: bytes, lines: Iterator[str]) -> Iterator[str]:
        if not self._is_extended:
            self._is_extended = has_extension(block)
        for line in lines:
            if FILLER in line and type(line) is str:
                text, composed, unsure = compose_syllables(line, extended=self._is_extended)
                self._notes.composed_syllables += composed
                self._notes.unsure_syllables += unsure
                yield text
            else:
                yield line


def _read_blocks(file: BinaryIO) -> Iterator[bytes]:
    """Blocks of whole lines; of a line that is too long the beginning, with its line feed."""
    rest = b""
    old_ends: bool | None = None
    while data := file.read(BLOCK_BYTES):
        if old_ends is None:
            old_ends = b"\r" in data and b"\n" not in data
        if old_ends:
            data = data.replace(b"\r", b"\n")  # the lines of old Macs
        head, feed, tail = data.rpartition(b"\n")
        if feed:
            yield rest + head + feed
            rest = tail
        elif len(rest) <= MAX_LINE_BYTES:
            rest += data
    if rest:
        yield rest


def _decode_block(block: bytes, encoding: str) -> Iterator[str]:
    if encoding == "euc-kr":
        encoding = (
            "cp949"  # of which it is a part; spelled-out syllables are composed by `_Syllables`
        )
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


def _refuse_others(block: bytes, key: str) -> None:
    if block.isascii() and any(escape in block for escape in _ESCAPES):
        raise _refuse(key, "is in ISO-2022 (ISO-2022-KR, ISO-2022-JP)")
    if block.count(b"\0") * 20 > len(block):
        raise _refuse(
            key,
            "looks like UTF-16 without a mark (say `encoding` in its options), or like no text at all",
        )


def _choose_encoding(block: bytes, key: str) -> str:
    """UTF-8 or CP949, whichever most of the lines are in that are not ASCII."""
    lines = [line for line in io.BytesIO(block) if not line.isascii()]
    bad_utf8 = sum(not decodes(line, "utf-8") for line in lines)
    if bad_utf8 * 2 <= len(lines):
        return "utf-8"
    korean = [line for line in lines if decodes(line, "cp949")]
    pairs = sum(len(_PAIR.findall(line)) for line in korean)
    syllables = sum(len(_SYLLABLE.findall(line)) for line in korean)
    if len(korean) * 2 >= len(lines) and syllables * 5 >= pairs * 2:
        return "cp949"
    if bad_utf8 * 2 <= block.count(b"\n"):
        return "utf-8"  # a few broken lines in English text
    raise _refuse(key, "is neither in UTF-8 nor in CP949 (EUC-KR)")


def _refuse(key: str, what: str) -> PermanentError:
    return PermanentError(
        f"{key} {what}: save it as UTF-8 and put it there again", kind="unknown_encoding"
    )
