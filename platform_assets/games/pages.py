"""Reading one reply: a page of records in id order, kept as they were received. Pure, and cheap on purpose.

A page is split at record borders without decoding the records (0.5 ms for 668 kB, where decoding takes 4).
"""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass

import msgspec

from platform_assets.core.errors import PermanentError, TransientError
from platform_assets.games.ranges import IdRange

_split = msgspec.json.Decoder(list[msgspec.Raw])


class _Head(msgspec.Struct):
    id: int
    updated_at: int | None = None


_read_heads = msgspec.json.Decoder(list[_Head])
_read_lines = msgspec.json.Decoder(_Head)


@dataclass(frozen=True, slots=True)
class Page:
    """Records of one reply.

    Attributes:
        lines: JSON Lines, one record a line, newline at the end; empty when there are no records.
        ids: Ids of the records, ascending.
        newest: Highest `updated_at` (seconds); None when no record has one.
    """

    lines: bytes
    ids: "array[int]"
    newest: int | None

    @property
    def count(self) -> int:
        """Number of records."""
        return len(self.ids)

    @property
    def last_id(self) -> int | None:
        """Highest id; None when there are no records."""
        return self.ids[-1] if self.ids else None


def read_page(body: bytes, ids: IdRange, what: str) -> Page:
    """Splits a reply into records and checks that it is what was asked for.

    Args:
        body: JSON list of objects.
        ids: The range that was asked for.
        what: Names the query in errors.

    Raises:
        TransientError: kind `bad_page`: not JSON, not a list of objects, or an object without a numeric id.
        PermanentError: kind `wrong_page`: ids out of the range or out of order: the server answers another question.
    """
    try:
        records = _split.decode(body)
        heads = _read_heads.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        start = bytes(body)[:60]
        raise TransientError(
            f"{what}: the reply is not a list of records ({error}); it starts with {start!r}",
            kind="bad_page",
        ) from error
    found = array("q", [head.id for head in heads])
    _check_order(found, ids, what)
    return Page(
        lines=_join(records, indented=b"\n" in body),
        ids=found,
        newest=max((h.updated_at for h in heads if h.updated_at is not None), default=None),
    )


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
