# pyright: standard, reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions at import: no type checker sees them)
"""The current state of an entity: one row per id, merged from published manifests into one Parquet object.

    current.parquet + segments that it has not seen -> stream both in id order -> new current.parquet, swapped in whole

Both sides are sorted by id, so the merge holds one window of rows at a time. Merging a segment twice changes nothing:
the list of merged segments, kept beside the table, saves work and need not be written in the same breath. Same rows,
same bytes.
"""

import hashlib
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from platform_assets.core.errors import PermanentError, RefusedError
from platform_assets.core.objects import ObjectInfo, ObjectStore
from platform_assets.games.columns import read_columns, schema_of
from platform_assets.games.drift import Drift
from platform_assets.games.entities import Entity
from platform_assets.games.landing import list_manifests, read_part
from platform_assets.games.manifest import Manifest, Part, Segment
from platform_assets.games.rows import OldRows, RowWriter

WINDOW_PARTS = 8
"""Parts merged at a time: about 4,000 records, some 30 MB as Python values."""


@dataclass(frozen=True, slots=True)
class Merged:
    """The table after a merge.

    Attributes:
        key: Object key of the table.
        rows: Rows, the deleted ones included.
        deleted: Rows that a full refresh did not find any more.
        applied: Segments merged by this call, as `day/generation/digest`.
        drift: What was odd about their records.
        newest: Highest `updated_at` of the table in seconds; None where there is none.
    """

    key: str
    rows: int
    deleted: int
    applied: tuple[str, ...]
    drift: Drift
    newest: int | None


@dataclass(frozen=True, slots=True)
class Step:
    """One segment to merge."""

    day: str
    segment: Segment

    @property
    def name(self) -> str:
        """Unique among an entity's segments, also after a lost ledger has begun to count generations anew."""
        content = "".join(part.sha256 for part in self.segment.parts)
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        return f"{self.day}/{self.segment.generation}/{digest}"


def current_key(entity: Entity) -> str:
    """Object key of an entity's table."""
    return f"games/{entity.name}/current.parquet"


def merge_current(objects: ObjectStore, entity: Entity) -> Merged:
    """Merges every published segment that the table has not seen yet.

    Raises:
        PermanentError: kind `not_collected`: nothing was published yet.
        RefusedError: kind `schema_drift`: a field changed its type; kind `temporary_folder`: no room for the next
            table. The table stays as it was.
        TransientError: Another merge was faster, or a part was replaced while it was read; run this again.
    """
    manifests = list_manifests(objects, entity.name)
    if not manifests:
        raise PermanentError(
            f"{entity.name} has no published day yet: materialize games/raw_{entity.name} first",
            kind="not_collected",
        )
    key, drift = current_key(entity), Drift()
    head = objects.head(key)
    seen = _read_seen(objects, entity) if head else []
    steps = plan_steps(manifests, seen)
    if steps:
        with (
            _explained_writes(entity),
            tempfile.TemporaryDirectory(prefix="sluice-merge-") as folder,
        ):
            path: Path | None = None
            for number, step in enumerate(steps):
                with closing(
                    OldRows(_open_previous(objects, key, path, head), schema_of(entity))
                ) as old:
                    path = Path(folder) / f"{number}.parquet"
                    _merge_step(objects, entity, old, step, path, drift)
            assert path is not None
            objects.put_file(key, path, etag=head.etag if head else None)
        objects.put(
            _seen_key(entity), msgspec.json.encode(sorted({*seen, *(s.name for s in steps)}))
        )
    return _describe(objects, key, tuple(step.name for step in steps), drift)


def plan_steps(manifests: Iterable[Manifest], seen: Iterable[str]) -> list[Step]:
    """The segments to merge, in the order in which they were finished."""
    known = set(seen)
    steps = [Step(manifest.day, segment) for manifest in manifests for segment in manifest.segments]
    new = [step for step in steps if step.name not in known]
    return sorted(new, key=lambda step: (step.segment.finished_at, step.day))


def merge_window(old: pa.Table, new: pa.Table, step: Step) -> pa.Table:
    """Rows of both in id order; of an id in both, the one that the upstream changed last.

    Args:
        old: Rows of the table in a stretch of ids, in id order.
        new: The segment's rows in the same stretch, in id order.
        step: A full segment marks the old rows that it does not have as deleted on its day.
    """
    if old.num_rows == 0:
        return new
    fresh = _without_outdated(old, new)
    kept = old.filter(pc.invert(pc.is_in(old["id"], value_set=fresh["id"])))
    if step.segment.mode == "full":
        kept = _mark_deleted(kept, pc.is_in(kept["id"], value_set=new["id"]), step.day)
    return pa.concat_tables([kept, fresh]).sort_by("id")


def _without_outdated(old: pa.Table, new: pa.Table) -> pa.Table:
    """Without the new rows that are older, by the upstream's own `updated_at`, than what the table has."""
    if "updated_at" not in new.column_names:
        return new
    have = dict(zip(old["id"].to_pylist(), old["updated_at"].to_pylist(), strict=True))
    pairs = zip(new["id"].to_pylist(), new["updated_at"].to_pylist(), strict=True)
    fresh = [(stamp or 0) >= (have.get(record_id) or 0) for record_id, stamp in pairs]
    return new if all(fresh) else new.filter(pa.array(fresh))


def _mark_deleted(rows: pa.Table, present: pa.ChunkedArray, day: str) -> pa.Table:
    """Rows that a full refresh did not have: `deleted_on` is the first day that missed them."""
    index = rows.column_names.index("deleted_on")
    marked = pc.if_else(present, rows["deleted_on"], pc.fill_null(rows["deleted_on"], day))
    return rows.set_column(index, rows.schema.field(index), marked)


def _merge_step(
    objects: ObjectStore, entity: Entity, old: OldRows, step: Step, path: Path, drift: Drift
) -> None:
    """Writes the table with one more segment to `path`."""
    schema = schema_of(entity)
    with closing(RowWriter(path, schema)) as rows:
        for window in _windows(step.segment.parts):
            lines = b"".join(read_part(objects, part) for part in window)
            new = read_columns(entity, lines, step.day, drift)
            rows.add(merge_window(old.take_until(window[-1].last_id), new, step))
        rows.add(merge_window(old.take_until(None), schema.empty_table(), step))
    if drift.changed:
        fields = "; ".join(f"{name}: {why}" for name, why in sorted(drift.changed.items()))
        raise RefusedError(
            f"{entity.name} {step.day}: the upstream changed the type of a field ({fields}). {current_key(entity)} "
            "stays as it was. Change the column in platform_assets/games/entities.py and materialize again",
            kind="schema_drift",
        )


@contextmanager
def _explained_writes(entity: Entity) -> Generator[None]:
    """The next table is written to the machine's temporary folder first; that can fail too."""
    try:
        yield
    except OSError as error:
        raise RefusedError(
            f"{entity.name}: the next table could not be written to {tempfile.gettempdir()} ({error}): make free space "
            f"there or set TMPDIR, then materialize again; {current_key(entity)} stays as it was",
            kind="temporary_folder",
        ) from error


def _windows(parts: list[Part]) -> Iterator[list[Part]]:
    for start in range(0, len(parts), WINDOW_PARTS):
        yield parts[start : start + WINDOW_PARTS]


def _open_previous(
    objects: ObjectStore, key: str, path: Path | None, head: ObjectInfo | None
) -> BinaryIO | None:
    """The table as the last step left it."""
    if path is not None:
        return path.open("rb")
    return objects.open_read(key) if head else None


def _seen_key(entity: Entity) -> str:
    return f"games/{entity.name}/merged.json"


def _read_seen(objects: ObjectStore, entity: Entity) -> list[str]:
    """Segments that are in the table; unreadable or missing means that all are merged again, which changes nothing."""
    if objects.head(_seen_key(entity)) is None:
        return []
    try:
        return msgspec.json.decode(objects.get(_seen_key(entity)), type=list[str])
    except msgspec.DecodeError:
        return []


def _describe(objects: ObjectStore, key: str, applied: tuple[str, ...], drift: Drift) -> Merged:
    with objects.open_read(key) as stream:
        file = pq.ParquetFile(stream)
        tracked = "updated_at" in file.schema_arrow.names
        table = file.read(columns=["deleted_on", *(["updated_at"] if tracked else [])])
    deleted = table.num_rows - table["deleted_on"].null_count
    newest = pc.max(table["updated_at"]).as_py() if tracked else None
    return Merged(key, table.num_rows, deleted, applied, drift, newest)
