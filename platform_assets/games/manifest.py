"""The manifest of one entity's day: which parts it has, and what is known about them. A reader trusts it only.

A day is a list of segments: a full refresh replaces the day, an incremental one is added to it. Each segment is one
closed plan of the ledger, so its `generation` makes the names of its parts unique within the day.
"""

from collections.abc import Iterator
from datetime import datetime

import msgspec

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import RefusedError
from platform_assets.games.pages import OddRecord

FORMAT = 1
"""Version of the manifest's form; a reader refuses any other."""


class Part(msgspec.Struct, frozen=True):
    """One object with at most one page of records, in id order.

    Attributes:
        key: Object key.
        count: Records.
        first_id: Lowest id.
        last_id: Highest id.
        newest: Highest `updated_at` in seconds; None when no record has one.
        size_bytes: Size of the object.
        sha256: Digest of the object, hexadecimal.
    """

    key: str
    count: int
    first_id: int
    last_id: int
    newest: int | None
    size_bytes: int
    sha256: str


class Segment(msgspec.Struct, frozen=True):
    """One finished collection.

    Attributes:
        generation: Grows with each collection of the day, also over a ledger that was lost and begun anew.
        mode: `full` or `incremental`.
        since: Only records changed after this second were asked for; None for all.
        watermark: Highest `updated_at` seen; None when no record has one.
        ranges: The id ranges that were read, as [after, upto] pairs, in order; together they cover every id.
        parts: Its parts, in id order.
        boundaries: Where the next full refresh cuts its pages: every 500th id. Empty for an incremental one.
        requests: Requests sent by the run that finished it, retries included.
        throttled: Replies 429 to them.
        started_at: When its plan was made, UTC.
        finished_at: When its last part was landed, UTC.
        odd: Records that were set aside, or whose time is not believed.
        api_count: Rows by the API's own count once all was landed; None for an incremental one, or when the API did not
            say.
    """

    generation: int
    mode: str
    since: int | None
    watermark: int | None
    ranges: list[tuple[int, int | None]]
    parts: list[Part]
    boundaries: list[int]
    requests: int
    throttled: int
    started_at: datetime
    finished_at: datetime
    odd: list[OddRecord] = []
    api_count: int | None = None

    @property
    def records(self) -> int:
        """Number of records."""
        return sum(part.count for part in self.parts)

    @property
    def set_aside(self) -> list[OddRecord]:
        """The records that came and are in no part."""
        return [record for record in self.odd if not record.landed]

    def is_count_off(self, tolerance: float) -> bool:
        """Whether the API counts another number of rows than came.

        Args:
            tolerance: Share of rows that may come or go between reading them and counting them; one row always may.
        """
        if self.api_count is None:
            return False
        apart = abs(self.records + len(self.set_aside) - self.api_count)
        return apart > max(1, tolerance * self.api_count)

    @property
    def size_bytes(self) -> int:
        """Bytes of all parts, compressed."""
        return sum(part.size_bytes for part in self.parts)


class Manifest(msgspec.Struct, frozen=True):
    """What one entity has for one day."""

    entity: str
    day: str
    segments: list[Segment]
    format: int = FORMAT

    def with_segment(self, segment: Segment) -> "Manifest":
        """A copy with `segment`: a full one replaces what came before it, an incremental one is added.

        What comes late changes nothing that is newer: a segment that a later full one has replaced is left out.
        """
        if any(old.mode == "full" and old.generation > segment.generation for old in self.segments):
            return self
        kept = [
            old
            for old in self.segments
            if old.generation > segment.generation
            or (segment.mode != "full" and old.generation < segment.generation)
        ]
        segments = sorted([*kept, segment], key=lambda each: each.generation)
        return Manifest(self.entity, self.day, segments)

    @property
    def newest_generation(self) -> int:
        """The highest generation of its segments; 0 when there is none."""
        return max((segment.generation for segment in self.segments), default=0)

    def parts(self) -> Iterator[Part]:
        """All parts, segment by segment."""
        for segment in self.segments:
            yield from segment.parts


class _Form(msgspec.Struct):
    format: int = FORMAT


def encode_manifest(manifest: Manifest) -> bytes:
    """JSON, indented: people read manifests."""
    return msgspec.json.format(msgspec.json.encode(manifest), indent=1)


def decode_manifest(data: bytes, key: str) -> Manifest:
    """Reads a manifest.

    Raises:
        RefusedError: kind `corrupt_manifest`: it is no manifest of a form that this code knows; `key` is named.
    """
    try:
        form = msgspec.json.decode(data, type=_Form).format
        if form == FORMAT:
            return msgspec.json.decode(data, type=Manifest)
    except UNREADABLE as error:
        raise RefusedError(
            f"{key} is not a manifest ({error}). Its parts are untouched: delete this object and collect the day again",
            kind="corrupt_manifest",
        ) from error
    raise RefusedError(
        f"{key} has form {form}, this version reads form {FORMAT}: upgrade Sluice, then run it again",
        kind="corrupt_manifest",
    )
