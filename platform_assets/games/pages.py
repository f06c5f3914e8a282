"""Reading one reply: a page of records in id order, each checked whole and kept as it was received. Pure.

A page with nothing odd in it is never turned into Python values: it is split at record borders, and its bytes are
looked at for what a reader of records could stumble over. Only a page that has something of that kind is read record
by record, so that one bad record costs that record.
"""

import codecs
import re
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, cast

import msgspec

from platform_assets.core.decoding import UNREADABLE, UnreadableError, decode_json
from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.games.ranges import IdRange

MOST_LEVELS = 100
"""Depth of nesting that a record may have; IGDB's have three levels."""

INT64 = range(-(2**63), 2**63)

_split = msgspec.json.Decoder(list[msgspec.Raw])
_read_any = msgspec.json.Decoder()


class _Head(msgspec.Struct):
    id: int
    updated_at: int | None = None


_read_heads = msgspec.json.Decoder(list[_Head])
_read_lines = msgspec.json.Decoder(_Head)


class OddRecord(msgspec.Struct, frozen=True):
    """A record that cannot be taken as it came.

    Attributes:
        id: Its id; None when that cannot be read either.
        kind: `not_utf8`, `bad_json`, `bad_number`, `too_deep`, `bad_id`, `bad_time` or `future_time`.
        message: What is wrong with it.
        landed: Whether it was landed all the same (`future_time`: only its time is not believed).
    """

    id: int | None
    kind: str
    message: str
    landed: bool = False


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one reply.

    Attributes:
        lines: JSON Lines, one record a line, newline at the end; empty when there are no records.
        ids: Ids of the records, ascending.
        newest: Highest `updated_at` (seconds) that is believed; None when no record has one.
        received: Records of the reply, those that were set aside included.
        last_id: Highest id of the reply; None when no id could be read.
        odd: Records that were set aside, or whose time is not believed.
    """

    lines: bytes
    ids: "array[int]"
    newest: int | None
    received: int
    last_id: int | None
    odd: tuple[OddRecord, ...] = ()

    @property
    def count(self) -> int:
        """Number of records that can be landed."""
        return len(self.ids)


def read_page(body: bytes, ids: IdRange, what: str, latest: int | None = None) -> Page:
    """Splits a reply into records and checks that it is what was asked for.

    Args:
        body: JSON list of objects.
        ids: The range that was asked for.
        what: Names the query in errors.
        latest: The latest second that a record can have changed at; None: any is believed.

    Raises:
        TransientError: kind `bad_page`: not JSON, not a list, or no record has an id that can be read.
        PermanentError: kind `wrong_page`: ids out of the range or out of order: the server answers another question.
    """
    page = _read_plain(body, latest)
    if page is None:
        page, found = _read_one_by_one(body, what, latest)
    else:
        found = page.ids
    _check_order(found, ids, what)
    return page


def _read_plain(body: bytes, latest: int | None) -> Page | None:
    """The page, if all of its records are as they should be."""
    try:
        # The live API indents its JSON.
        whole = msgspec.json.format(body, indent=-1) if b"\n" in body else body
        if not _is_plain(whole):
            return None
        lines, heads, openers = _split_lines(whole)
        if not _is_shallow(lines, openers):
            return None
        found = array("q", [head.id for head in heads])
    except UNREADABLE:
        return None
    stamps = [head.updated_at for head in heads if head.updated_at is not None]
    newest, odd = max(stamps, default=None), ()
    if latest is not None and newest is not None and newest > latest:
        odd = tuple(_not_believed(head, latest) for head in heads if _is_ahead(head, latest))
        newest = max((stamp for stamp in stamps if stamp <= latest), default=None)
    return Page(lines, found, newest, len(found), found[-1] if found else None, odd)


def _split_lines(body: bytes) -> tuple[bytes, Sequence[_Head], list[bytes]]:
    """JSON Lines of a list without line breaks, and of its records what is to be known and their opening brackets.

    Cutting before each object that begins with an id is the fastest way. A cut inside a record, or one that is missing,
    leaves a line that is not one whole object, so reading the lines proves the cuts; else the list is read twice.
    """
    cut = body.replace(b'},{"id":', b'}\n{"id":')
    lines = b"".join((memoryview(cut)[1:-1], b"\n"))
    try:
        heads, openers = _read_lines.decode_lines(lines), _list_openers(lines)
        if body[:2] == b"[{" and body[-2:] == b"}]" and len(openers) == len(heads):
            return lines, heads, openers
    except UNREADABLE:
        pass
    lines = _join(_split.decode(body), indented=False)
    return lines, _read_heads.decode(body), _list_openers(lines)


def _list_openers(lines: bytes) -> list[bytes]:
    """The opening brackets of each line, those in texts included."""
    return lines.translate(None, _NO_OPENERS).split(b"\n")[:-1]


def _is_shallow(lines: bytes, openers: Sequence[bytes]) -> bool:
    """Whether no record is nested too deeply. Only those that have brackets enough for that are read."""
    if max(map(len, openers), default=0) <= MOST_LEVELS:
        return True
    crowded = (
        line
        for line, found in zip(lines.split(b"\n"), openers, strict=False)
        if len(found) > MOST_LEVELS
    )
    return all(levels <= MOST_LEVELS for line in crowded for _, levels in _cut(b"[%b]" % line))


def _is_ahead(head: _Head, latest: int) -> bool:
    return head.updated_at is not None and head.updated_at > latest


def _not_believed(head: _Head, latest: int) -> OddRecord:
    message = f"updated_at {head.updated_at} lies in the future (now and the margin are {latest})"
    return OddRecord(head.id, "future_time", message, landed=True)


# What a page's bytes are looked at for.

_CLASSES = bytes(
    ord("0") if chr(byte) in "0123456789+" else ord("e") if chr(byte) in "eE" else ord("x")
    for byte in range(256)
)
_LONG_NUMBER = b"0" * 19
_EXPONENT = b"e000"
_REST_OF_NUMBER = re.compile(rb"[0-9+]*[\s,\]}]")
_BEGIN_OF_ESCAPE = re.compile(rb"\\u[0-9a-fA-F]{0,2}\Z")
_NO_OPENERS = bytes(set(range(256)) - set(b"[{\n"))
_CHUNK = 8192


def _is_plain(body: bytes) -> bool:
    """Whether the text is UTF-8 and has no number that could be too large.

    Such a number has 19 digits, or an exponent of three: less than 19 digits with an exponent of two fit into a float.
    Text may look like such a number; that only makes the page one that is read record by record.
    """
    if not _is_utf8(body):
        return False
    classes = body.translate(_CLASSES)
    if _LONG_NUMBER in classes:
        return False
    at = classes.rfind(_EXPONENT)  # backwards: that looks for the `e`, which is rarer than digits
    while at >= 0:
        if _is_exponent(body, at):
            return False
        at = classes.rfind(_EXPONENT, 0, at)
    return True


def _is_utf8(body: bytes) -> bool:
    """Read in pieces, of which few need the wide letters that one emoji makes of a whole text."""
    if body.isascii():
        return True
    view, at = memoryview(body), 0
    try:
        while at < len(body):
            end = at + _CHUNK
            at += codecs.utf_8_decode(view[at:end], "strict", end >= len(body))[1]
    except UnicodeDecodeError:
        return False
    return True


def _is_exponent(body: bytes, at: int) -> bool:
    """Whether the `e` looks like a number's, and not like a part of a word or of an escaped letter (`u00e9`)."""
    digit = body[at - 1 : at].isdigit()
    if not digit or not _REST_OF_NUMBER.match(body, at + 1):
        return False
    return _BEGIN_OF_ESCAPE.search(body, max(0, at - 5), at - 1) is None


# Record by record.


def _read_one_by_one(body: bytes, what: str, latest: int | None) -> tuple[Page, Sequence[int]]:
    """The page, and the ids of all of its records in their order."""
    try:
        elements = list(_cut(body))
    except UnreadableError as error:
        raise _bad_page(body, what, str(error)) from error
    good: list[msgspec.Raw] = []
    heads: list[_Head] = []
    odd: list[OddRecord] = []
    found: list[int] = []
    for element, levels in elements:
        read = _check_record(element, levels, latest)
        if isinstance(read, OddRecord):
            odd.append(read)
        if isinstance(read, _Head) or read.landed:
            head = read if isinstance(read, _Head) else _Head(cast("int", read.id))
            good.append(msgspec.Raw(element))
            heads.append(head)
        if read.id is not None:
            found.append(read.id)
    if odd and not found and not any(each.kind == "bad_id" for each in odd):
        raise _bad_page(body, what, odd[0].message)
    newest = max((head.updated_at for head in heads if head.updated_at is not None), default=None)
    ids = array("q", [head.id for head in heads])
    last_id = found[-1] if found else None
    lines = _join(good, indented=b"\n" in body)
    return Page(lines, ids, newest, len(elements), last_id, tuple(odd)), found


def _bad_page(body: bytes, what: str, why: str) -> TransientError:
    start = bytes(body)[:60]
    return TransientError(
        f"{what}: the reply is not a list of records ({why}); it starts with {start!r}",
        kind="bad_page",
    )


_LEVELS = {b"[": 1, b"{": 1, b"]": -1, b"}": -1}
_TOKEN = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"|[\[\]{},]', re.DOTALL)


def _cut(body: bytes) -> Iterator[tuple[bytes, int]]:
    """The elements of a JSON list and how deep each is nested, without reading them.

    Raises:
        UnreadableError: It is no list, or has no end.
    """
    start = len(body) - len(body.lstrip())
    if body[start : start + 1] != b"[":
        raise UnreadableError("it is no list")
    begin, level, deepest = start + 1, 0, 0
    for token in _TOKEN.finditer(body, start):
        level += _LEVELS.get(token.group(), 0)
        deepest = max(deepest, level - 1)
        if level == 0 or (level == 1 and token.group() == b","):
            if element := body[begin : token.start()].strip():
                yield element, deepest
            begin, deepest = token.end(), 0
        if level == 0:
            break
    if level or body[begin:].strip():
        raise UnreadableError("it has no end, or something behind its end")


_LEADING_ID = re.compile(rb'\{\s*"id"\s*:\s*([0-9]{1,18})\s*[,}]')


def _check_record(element: bytes, levels: int, latest: int | None) -> _Head | OddRecord:
    """What is to be known of a record; or what is wrong with it."""
    leading = _LEADING_ID.match(element)
    record_id = int(leading[1]) if leading else None
    if levels > MOST_LEVELS:
        return OddRecord(record_id, "too_deep", f"nested {levels} levels deep")
    try:
        record = decode_json(element, _read_any)
    except UnreadableError as error:
        return OddRecord(record_id, _kind_of(error), str(error))
    if not isinstance(record, dict):
        return OddRecord(None, "bad_json", f"no object: {element[:40]!r}")
    return _check_fields(cast("dict[str, Any]", record), latest)


def _kind_of(error: UnreadableError) -> str:
    cause = error.__cause__
    if isinstance(cause, UnicodeDecodeError):
        return "not_utf8"
    if isinstance(cause, msgspec.ValidationError):
        return "bad_number"
    return "too_deep" if isinstance(cause, RecursionError) else "bad_json"


def _check_fields(record: dict[str, Any], latest: int | None) -> _Head | OddRecord:
    found: object = record.get("id")
    if not _is_integer(found):
        return OddRecord(None, "bad_json", f"the id is {found!r:.40}, no number")
    if found not in INT64:
        return OddRecord(None, "bad_id", f"the id {found!r:.40} has more than 64 bits")
    record_id = cast("int", found)
    large = next((n for n in _walk_numbers(record) if n not in INT64), None)
    if large is not None:
        return OddRecord(record_id, "bad_number", f"the number {large!r:.40} has more than 64 bits")
    stamp: object = record.get("updated_at")
    if stamp is not None and not _is_integer(stamp):
        return OddRecord(record_id, "bad_time", f"updated_at is {stamp!r:.40}, no number")
    head = _Head(record_id, cast("int | None", stamp))
    return _not_believed(head, latest) if latest is not None and _is_ahead(head, latest) else head


def _is_integer(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _walk_numbers(value: object) -> Iterator[int]:
    """All integers in it, in any order."""
    rest: list[object] = [value]
    while rest:
        each = rest.pop()
        if isinstance(each, dict):
            rest.extend(cast("dict[str, object]", each).values())
        elif isinstance(each, list):
            rest.extend(cast("list[object]", each))
        elif isinstance(each, int):
            yield each


def _check_order(found: Sequence[int], ids: IdRange, what: str) -> None:
    previous = ids.after
    for record_id in found:
        if record_id <= previous or (ids.upto is not None and record_id > ids.upto):
            raise PermanentError(
                f"{what}: the reply has id {record_id} after {previous}, asked for {ids}: "
                "the server ignored the range or the order",
                kind="wrong_page",
            )
        previous = record_id


def _join(records: Sequence[msgspec.Raw], *, indented: bool) -> bytes:
    """One record a line. The live API indents its JSON, so line breaks inside records are taken out."""
    if indented:
        records = [msgspec.Raw(msgspec.json.format(record, indent=-1)) for record in records]
    return b"\n".join([*records, b""]) if records else b""


def read_ids(lines: bytes) -> "array[int]":
    """Ids of JSON Lines that `read_page` made, in their order."""
    return array("q", [head.id for head in _read_lines.decode_lines(lines)])
