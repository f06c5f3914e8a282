"""Text of a shop as UTF-8, whatever it was sent in: what is valid UTF-8 is that, whatever header and page say."""

import codecs
import re
from contextlib import suppress

from platform_assets.core.decoding import decode_euc_kr
from platform_assets.products.faults import changed_structure

_BOMS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CHARSET = re.compile(r"""charset\s*=\s*["']?([A-Za-z0-9_.:-]{1,40})""", re.IGNORECASE)
_LOOKED_AT_BYTES = 4096
"""A page names its charset in its first 1024 bytes (HTML, 4.2.5.4); some put scripts before it."""

_WIDER = {"euc_kr": "cp949", "ascii": "cp1252", "iso8859-1": "cp1252"}
"""What is meant by a name that people write for a smaller charset (encoding.spec.whatwg.org)."""


def to_utf8(body: bytes, content_type: str) -> bytes:
    """A reply's body as UTF-8: by the mark that it begins with, or by the charset that its header names.

    It stays as it is where neither fits.

    Args:
        body: What was received.
        content_type: The header; may be empty.
    """
    for mark, name in _BOMS:
        if body.startswith(mark):
            with suppress(UnicodeError):
                return body[len(mark) :].decode(name).encode()
    if is_utf8(body) or (charset := find_charset(content_type)) is None:
        return body
    try:
        return _decode(body, charset).encode()
    except (UnicodeError, LookupError):
        return body


def read_text(part: bytes, whole: bytes, page: str, what: str) -> str:
    """A part of a page as text: UTF-8 if it is that, else the charset that the page names.

    Args:
        part: The part, such as a script.
        whole: The whole page.
        page: Names the page in errors.
        what: Names the part in errors.

    Raises:
        PermanentError: kind `changed_structure`: it is in no charset that the page names.
    """
    if is_utf8(part):
        return part.decode("utf-8-sig")
    named = find_charset(whole[:_LOOKED_AT_BYTES].decode("latin-1"))
    if named is None:
        raise changed_structure(page, f"{what} is no UTF-8, and the page names no other charset")
    try:
        return _decode(part, named)
    except (UnicodeError, LookupError) as error:
        raise changed_structure(page, f"{what} is no {named}, which the page names") from error


def _decode(data: bytes, charset: str) -> str:
    return decode_euc_kr(data) if charset == "cp949" else data.decode(charset)


def unify(body: bytes) -> bytes:
    """A page as bytes in which ASCII is ASCII: UTF-16, which begins with its mark, becomes UTF-8."""
    found = next(((mark, name) for mark, name in _BOMS if body.startswith(mark)), None)
    if found is None:
        return body
    mark, name = found
    return body[len(mark) :].decode(name, "replace").encode()


def is_utf8(body: bytes) -> bool:
    """Whether these bytes are valid UTF-8."""
    try:
        body.decode()
    except UnicodeDecodeError:
        return False
    return True


def find_charset(text: str) -> str | None:
    """The charset that a header or the beginning of a page names, as Python calls it; None if there is none such."""
    match = _CHARSET.search(text)
    if match is None:
        return None
    try:
        name = codecs.lookup(match[1]).name
    except LookupError:
        return None
    return _WIDER.get(name, name)
