"""Stored pages: as received, compressed, with a note beside each that says what it is and when it came.

    ranks/pages/dt=2026-11-21/<page id>.<start of its SHA-256>.gz
    ranks/pages/dt=2026-11-21/<page id>.json
    ranks/pages/dt=2026-11-21/<start of its SHA-256>.ids     for which trackings a run has fetched

The note is written last: a page is there when its note is. The first one of a day that is understood stays. Of two
writers at once each writes a body of its own, and the note says whose counts.
"""

import gzip
import hashlib
import zlib
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import date, datetime

import msgspec

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.errors import PermanentError
from platform_assets.core.object_keys import join_key, name_date
from platform_assets.core.objects import ObjectExistsError, ObjectMissingError, ObjectStore
from platform_assets.ranks.search_page import SearchPage

_NOTE = ".json"
_WANTED = ".ids"


@dataclass(frozen=True, slots=True)
class PageNote:
    """What is known of a stored page.

    Attributes:
        page_id: Its name.
        surface: What it shows.
        keyword: What was searched for.
        path: Path and query that it came from.
        captured_at: When it came, aware UTC.
        sha256: Of the page as received.
        size_bytes: Of the page as received.
        understood: Whether the reader of that time understood it; one that it did not is replaced by one that it does.
    """

    page_id: str
    surface: str
    keyword: str
    path: str
    captured_at: datetime
    sha256: str
    size_bytes: int
    understood: bool = True


def body_key(day: str, note: PageNote) -> str:
    """Object key of a page as received, compressed."""
    return join_key(_folder(day), f"{note.page_id}.{note.sha256[:12]}.gz")


def store_page(
    objects: ObjectStore,
    day: str,
    page: SearchPage,
    body: bytes,
    captured_at: datetime,
    *,
    understood: bool,
) -> PageNote:
    """Stores a page, unless the day has one already that is as good; the note of the one that is there then.

    Raises:
        TransientError: The store does not answer.
    """
    note = PageNote(
        page.page_id,
        page.surface.value,
        page.keyword,
        page.path,
        captured_at,
        hashlib.sha256(body).hexdigest(),
        len(body),
        understood,
    )
    objects.put(body_key(day, note), gzip.compress(body, mtime=0))
    key, text = _note_key(day, page.page_id), msgspec.json.encode(note)
    try:
        objects.put_new(key, text)
    except ObjectExistsError:
        known = find_note(objects, day, page.page_id)
        if known is not None and (known.understood or not understood):
            return known
        objects.put(key, text)  # of two at once, both understood, either may stay
    return note


def find_note(objects: ObjectStore, day: str, page_id: str) -> PageNote | None:
    """The note of a page; None if the day does not have the page.

    Raises:
        PermanentError: kind `bad_page`: the note cannot be read.
        TransientError: The store does not answer.
    """
    key = _note_key(day, page_id)
    try:
        return msgspec.json.decode(objects.get(key), type=PageNote)
    except ObjectMissingError:
        return None
    except UNREADABLE as error:
        raise PermanentError(
            f"{objects.url(key)}: no note of a page ({error})", kind="bad_page"
        ) from error


def list_page_ids(objects: ObjectStore, day: str) -> set[str]:
    """Names of the pages that a day has."""
    names = (info.key.rpartition("/")[2] for info in objects.list(f"{_folder(day)}/"))
    return {name.removesuffix(_NOTE) for name in names if name.endswith(_NOTE)}


def note_wanted(objects: ObjectStore, day: str, tracking_ids: Sequence[int]) -> None:
    """Remembers for which trackings a run fetches: one that is paused before its page is read keeps its rank."""
    data = msgspec.json.encode(sorted(tracking_ids))
    name = f"{hashlib.sha256(data).hexdigest()[:12]}{_WANTED}"
    objects.put(join_key(_folder(day), name), data)


def list_wanted(objects: ObjectStore, day: str) -> set[int]:
    """Numbers of the trackings for which the runs of a day have fetched; what cannot be read is passed over."""
    wanted: set[int] = set()
    for info in objects.list(f"{_folder(day)}/"):
        if info.key.endswith(_WANTED):
            with suppress(msgspec.DecodeError, UnicodeDecodeError, ObjectMissingError):
                wanted |= msgspec.json.decode(objects.get(info.key), type=set[int])
    return wanted


def read_body(objects: ObjectStore, day: str, note: PageNote) -> bytes:
    """A stored page as it was received.

    Raises:
        PermanentError: kind `bad_page`: it is damaged, or not there.
        TransientError: The store does not answer.
    """
    key = body_key(day, note)
    try:
        body = gzip.decompress(objects.get(key))
    except (OSError, EOFError, zlib.error, ObjectMissingError) as error:
        raise _damaged(objects.url(key), str(error)) from error
    if len(body) != note.size_bytes:
        raise _damaged(objects.url(key), f"{len(body)} bytes instead of {note.size_bytes}")
    return body


def drop_pages(objects: ObjectStore, before: str) -> int:
    """Deletes the pages of days before `before` (`YYYY-MM-DD`); returns how many objects."""
    last = f"{_folder(before)}/"
    old: list[str] = []
    for info in objects.list("ranks/pages/dt="):
        if info.key >= last:
            break
        old.append(info.key)
    # Notes first: a page without a note is no page.
    for key in sorted(old, key=lambda each: not each.endswith(_NOTE)):
        objects.delete(key)
    return len(old)


def _damaged(url: str, how: str) -> PermanentError:
    return PermanentError(
        f"{url}: the stored page cannot be unpacked ({how}); it is lost unless a copy of the object can be put back",
        kind="bad_page",
    )


def _note_key(day: str, page_id: str) -> str:
    return join_key(_folder(day), f"{page_id}{_NOTE}")


def _folder(day: str) -> str:
    return join_key("ranks", "pages", name_date(date.fromisoformat(day)))
