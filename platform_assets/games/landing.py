"""Where an entity's raw records lie: names of parts and manifests, writing them, reading them back in id order."""

import hashlib
import re
from dataclasses import dataclass

import zstandard

from platform_assets.core.errors import RefusedError, TransientError
from platform_assets.core.objects import ObjectChangedError, ObjectMissingError, ObjectStore
from platform_assets.games.manifest import Manifest, Part, Segment, decode_manifest, encode_manifest
from platform_assets.games.pages import Page

COMPRESSION_LEVEL = 1
"""zstd 1: real pages shrink 2.5 times at 1.4 ms a page; level 3 2.8 times at 2.4 ms, gzip -6 the same at 20 ms."""

_PART = re.compile(r"/part-\d+(-\d+)?(\.g(?P<generation>\d+))?(\.[0-9a-f]{12}-\d+)?\.jsonl\.zst$")


@dataclass(frozen=True, slots=True)
class Day:
    """One entity's day: the folder of its parts and manifest."""

    entity: str
    date: str

    @property
    def prefix(self) -> str:
        """Folder, with a slash at the end."""
        return f"games/raw/{self.entity}/dt={self.date}/"

    @property
    def manifest_key(self) -> str:
        """Key of the manifest."""
        return f"{self.prefix}manifest.json"

    def part_key(self, generation: int, index: int, page: int, attempt: str = "") -> str:
        """Key of a part: no two attempts share one, so nobody overwrites what another one has landed or published.

        Args:
            generation: Of the plan.
            index: Of the unit.
            page: Of the unit's pages.
            attempt: Names the attempt, in letters, digits and dashes. Parts of older versions have none.
        """
        name = f"part-{index:05d}"
        if page:
            name += f"-{page:03d}"
        if generation > 1:
            name += f".g{generation}"
        if attempt:
            name += f".{attempt}"
        return f"{self.prefix}{name}.jsonl.zst"


def land_page(objects: ObjectStore, key: str, page: Page) -> Part:
    """Compresses and writes one page with at least one record; doing it twice gives the same object."""
    data = zstandard.ZstdCompressor(level=COMPRESSION_LEVEL).compress(page.lines)
    objects.put(key, data)
    return Part(
        key=key,
        count=page.count,
        first_id=page.ids[0],
        last_id=page.ids[-1],
        newest=page.newest,
        size_bytes=len(data),
        sha256=hashlib.sha256(data).hexdigest(),
    )


def read_part(objects: ObjectStore, part: Part) -> bytes:
    """JSON Lines of a part.

    Raises:
        TransientError: kind `part_replaced`: the object is gone or another one than the manifest says; the day may have
            been collected anew meanwhile, so read its manifest again.
    """
    try:
        data = objects.get(part.key)
    except ObjectMissingError as error:
        raise TransientError(_replaced(part.key), kind="part_replaced") from error
    if hashlib.sha256(data).hexdigest() != part.sha256:
        raise TransientError(_replaced(part.key), kind="part_replaced")
    return zstandard.ZstdDecompressor().decompress(data)


def read_manifest(objects: ObjectStore, day: Day) -> Manifest | None:
    """The manifest of a day; None when the day has not been collected.

    Raises:
        RefusedError: It is corrupt.
    """
    if objects.head(day.manifest_key) is None:
        return None
    return decode_manifest(objects.get(day.manifest_key), day.manifest_key)


@dataclass(frozen=True, slots=True)
class Days:
    """The days of an entity.

    Attributes:
        manifests: Those that can be read, by day.
        refused: Why others cannot.
        unpublished: Days that have parts and no manifest: being collected now, never finished, or damaged.
    """

    manifests: list[Manifest]
    refused: list[RefusedError]
    unpublished: list[str]


def read_days(objects: ObjectStore, entity: str) -> Days:
    """All days of an entity."""
    manifests: list[Manifest] = []
    refused: list[RefusedError] = []
    published: set[str] = set()
    landed: set[str] = set()
    for key in [stored.key for stored in objects.list(f"games/raw/{entity}/")]:
        folder, _, name = key.rpartition("/")
        if name == "manifest.json":
            published.add(folder)
            try:
                manifests.append(decode_manifest(objects.get(key), key))
            except RefusedError as error:
                refused.append(error)
        elif _PART.search(key):
            landed.add(folder)
    days = [folder.rpartition("dt=")[2] for folder in sorted(landed - published)]
    return Days(manifests, refused, days)


def publish(objects: ObjectStore, day: Day, segment: Segment) -> Manifest:
    """Makes a finished collection visible in one write, then removes the parts that it replaced.

    Two runs that publish at once cannot lose each other's segment: the loser reads again and adds its own.
    """
    while True:
        head = objects.head(day.manifest_key)
        before = read_manifest(objects, day) if head else None
        after = (before or Manifest(day.entity, day.date, [])).with_segment(segment)
        try:
            objects.put_if(day.manifest_key, encode_manifest(after), head.etag if head else None)
        except ObjectChangedError:
            continue
        _sweep(objects, day, after, segment.generation)
        return after


def _sweep(objects: ObjectStore, day: Day, manifest: Manifest, generation: int) -> None:
    """Removes parts that the manifest does not name; those of later generations may be in the making."""
    named = {part.key for part in manifest.parts()}
    for stored in list(objects.list(day.prefix)):
        match = _PART.search(stored.key)
        if match and stored.key not in named and int(match["generation"] or 1) <= generation:
            objects.delete(stored.key)


def _replaced(key: str) -> str:
    return (
        f"{key} is not the part that the manifest names: the day was collected anew meanwhile, or the object is "
        "damaged. Run it again; if this stays, collect the day again in full"
    )
