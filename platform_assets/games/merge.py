# pyright: standard, reportAttributeAccessIssue=false
# (pyarrow.compute makes its functions at import: no type checker sees them)
"""The current state of an entity: one row per id, merged from published manifests into one Parquet object.

    current.parquet + segments that it has not seen -> stream both in id order -> new current.parquet, swapped in whole

Both sides are sorted by id, so the merge holds one window of rows at a time. Merging a segment twice changes nothing:
the list of merged segments, kept beside the table, saves work and need not be written in the same breath. Same rows,
same bytes.
"""

import errno
import hashlib
import tempfile
from collections.abc import Generator, Iterable, Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import BinaryIO

import msgspec
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import structlog
import zstandard

from platform_assets.core.decoding import UnreadableError, decode_json
from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.core.objects import ObjectInfo, ObjectStore
from platform_assets.games.columns import read_columns, schema_of
from platform_assets.games.drift import Drift
from platform_assets.games.entities import Entity
from platform_assets.games.landing import Day, Days, read_days, read_manifest, read_part
from platform_assets.games.manifest import Manifest, Part, Segment
from platform_assets.games.rows import DamagedTableError, OldRows, RowWriter, explained_damage

ACCEPT_TAG = "sluice/accept_mass_change"
"""Run tag by which a person says, with `true`, that rows which vanish in a mass are really gone."""

WINDOW_PARTS = 8
"""Parts merged at a time: about 4,000 records, some 30 MB as Python values."""


FEW_ROWS = 5
"""So few rows may be deleted whatever their share is, as long as some are left: small entities have two dozen."""

log = structlog.get_logger(__name__)

_names = msgspec.json.Decoder(list[str])


@dataclass(frozen=True, slots=True)
class MergePolicy:
    """What a merge believes.

    Attributes:
        mass_deletion: Share of the rows that a full collection may find deleted.
        count_tolerance: Share by which a full collection may differ from the API's own count; one that differs more
            marks no row as deleted.
        future_margin_seconds: How far the upstream's clock may be ahead.
        accepted: Whether a person says that rows which vanish in a mass are really gone.
    """

    mass_deletion: float = 0.3
    count_tolerance: float = 0.001
    future_margin_seconds: int = 300
    accepted: bool = False


@dataclass(frozen=True, slots=True)
class Unmerged:
    """A segment, or a whole day, that is not in the table.

    Attributes:
        name: The segment, as `day/generation/digest`; or the manifest.
        kind: `mass_deletion`, `schema_drift`, `damaged_part` or `corrupt_manifest`.
        message: Why, and what to do.
    """

    name: str
    kind: str
    message: str


@dataclass(frozen=True, slots=True)
class Merged:
    """The table after a merge.

    Attributes:
        key: Object key of the table.
        rows: Rows, the deleted ones included.
        deleted: Rows that a full refresh did not find any more.
        applied: Segments merged by this call, as `day/generation/digest`.
        drift: What was odd about their records.
        newest: Highest `updated_at` of the table in seconds that is believed; None where there is none.
        unmerged: What could not be merged.
        unpublished: Days before the newest one that have parts and no manifest.
        built_anew: Why the table was built anew from all days; None when it was not.
    """

    key: str
    rows: int
    deleted: int
    applied: tuple[str, ...]
    drift: Drift
    newest: int | None
    unmerged: tuple[Unmerged, ...] = ()
    unpublished: tuple[str, ...] = ()
    built_anew: str | None = None


@dataclass(frozen=True, slots=True)
class Step:
    """One segment to merge.

    Attributes:
        day: Its day.
        segment: What to merge.
        latest: The latest second that a record can have changed at, by the newest segment there is.
        marks: Whether the rows that it does not have are marked as deleted.
    """

    day: str
    segment: Segment
    latest: int
    marks: bool

    @property
    def name(self) -> str:
        """Unique among an entity's segments, also after a lost ledger has begun to count generations anew."""
        content = "".join(part.sha256 for part in self.segment.parts)
        digest = hashlib.sha256(content.encode()).hexdigest()[:12]
        return f"{self.day}/{self.segment.generation}/{digest}"


@dataclass
class Deletions:
    """Rows that were there when a full segment was collected, and those of them that it did not have."""

    live: int = 0
    gone: int = 0

    def is_mass(self, share: float) -> bool:
        """Whether more are gone than can be believed."""
        few = self.gone <= FEW_ROWS and self.gone < self.live
        return self.gone > share * self.live and not few


def current_key(entity: Entity) -> str:
    """Object key of an entity's table."""
    return f"games/{entity.name}/current.parquet"


def merge_current(
    objects: ObjectStore, entity: Entity, policy: MergePolicy = MergePolicy()
) -> Merged:
    """Merges every published segment that the table has not seen yet; what cannot be merged is set aside and named.

    A table that is damaged is built anew from all days.

    Raises:
        PermanentError: kind `not_collected`: nothing was published yet.
        RefusedError: Nothing could be merged and something had to be: kind `schema_drift`, `damaged_part`,
            `corrupt_manifest`; or kind `temporary_folder`: no room for the next table. The table stays as it was.
        TransientError: Another merge was faster, or a part was replaced while it was read; run this again.
    """
    days = read_days(objects, entity.name)
    if not days.manifests and days.refused:
        raise days.refused[0]
    if not days.manifests:
        raise PermanentError(
            f"{entity.name} has no published day yet: materialize games/raw_{entity.name} first",
            kind="not_collected",
        )
    head = objects.head(current_key(entity))
    try:
        return _Merge(objects, entity, policy, days, head).run(_read_seen(objects, entity, head))
    except DamagedTableError as error:
        log.warning("table_built_anew", entity=entity.name, reason=str(error))
        return _Merge(objects, entity, policy, days, head, built_anew=str(error)).run([])


class _Merge:
    """One merge of an entity's segments into its table."""

    def __init__(
        self,
        objects: ObjectStore,
        entity: Entity,
        policy: MergePolicy,
        days: Days,
        head: ObjectInfo | None,
        built_anew: str | None = None,
    ) -> None:
        self._objects = objects
        self._entity = entity
        self._policy = policy
        self._days = days
        self._head = head
        self._built_anew = built_anew
        self._drift = Drift()
        self._applied: list[str] = []
        self._unmerged = [
            Unmerged(str(error).split()[0], error.kind, str(error)) for error in days.refused
        ]

    def run(self, seen: list[str]) -> Merged:
        """Merges what is not in `seen`."""
        steps = plan_steps(self._days.manifests, seen, self._policy)
        accepted = read_accepted(self._objects, self._entity)
        key = current_key(self._entity)
        with (
            _explained_writes(self._entity),
            tempfile.TemporaryDirectory(prefix="sluice-merge-") as folder,
        ):
            path: Path | None = None
            for number, step in enumerate(steps):
                target = Path(folder) / f"{number}.parquet"
                if self._apply(step, path, target, accepted):
                    path = target
            if path is not None:
                self._objects.put_file(key, path, etag=self._head.etag if self._head else None)
        if path is not None:
            self._remember(_seen_key(self._entity), [*seen, *self._applied])
        self._require_something()
        return self._describe(key)

    def _apply(self, step: Step, path: Path | None, target: Path, accepted: list[str]) -> bool:
        """Writes the table with one more segment to `target`; whether it can be believed."""
        drift, deletions = Drift(), Deletions()
        try:
            with closing(OldRows(self._open_previous(path), schema_of(self._entity))) as old:
                _merge_step(self._objects, self._entity, old, step, target, drift, deletions)
            if step.name not in accepted and deletions.is_mass(self._policy.mass_deletion):
                self._accept_mass(step, deletions, accepted)
        except DamagedTableError:
            raise
        except RefusedError as error:
            self._unmerged.append(Unmerged(step.name, error.kind, str(error)))
            return False
        self._drift.add(drift)
        self._applied.append(step.name)
        return True

    def _accept_mass(self, step: Step, deletions: Deletions, accepted: list[str]) -> None:
        """Notes that a person has accepted it, for a table that is built anew; or refuses it."""
        name = self._entity.name
        if not self._policy.accepted:
            raise RefusedError(
                f"{name} {step.day}: {deletions.gone} of {deletions.live} rows are not there any more, above "
                f"{self._policy.mass_deletion:.0%}: nothing is marked as deleted. If they are really gone: python -m "
                f"platform_assets.games accept {name}, or a run with the tag {ACCEPT_TAG}=true; if the upstream was "
                "broken, the next full collection puts it right",
                kind="mass_deletion",
            )
        accepted.append(step.name)
        self._remember(_accepted_key(self._entity), accepted)

    def _open_previous(self, path: Path | None) -> BinaryIO | None:
        """The table as the last step left it."""
        if path is not None:
            return path.open("rb")
        if self._head is None or self._built_anew:
            return None
        return self._objects.open_read(current_key(self._entity))

    def _remember(self, key: str, names: Iterable[str]) -> None:
        self._objects.put(key, msgspec.json.encode(sorted(set(names))))

    def _require_something(self) -> None:
        """Raises why nothing was merged, unless that is for a person to accept and there is a table."""
        for each in self._unmerged:
            if not self._applied and (each.kind != "mass_deletion" or self._head is None):
                raise RefusedError(each.message, kind=each.kind)

    def _describe(self, key: str) -> Merged:
        with self._objects.open_read(key) as stream, explained_damage(key):
            file = pq.ParquetFile(stream, page_checksum_verification=True)
            tracked = "updated_at" in file.schema_arrow.names
            table = file.read(columns=["deleted_on", *(["updated_at"] if tracked else [])])
        newest = None
        if tracked:
            latest = _latest(self._days.manifests, self._policy)
            stamps = table["updated_at"]
            newest = pc.max(stamps.filter(pc.less_equal(stamps, latest))).as_py()
        last_day = max(manifest.day for manifest in self._days.manifests)
        return Merged(
            key,
            table.num_rows,
            table.num_rows - table["deleted_on"].null_count,
            tuple(self._applied),
            self._drift,
            newest,
            tuple(self._unmerged),
            tuple(day for day in self._days.unpublished if day < last_day),
            self._built_anew,
        )


def plan_steps(
    manifests: Iterable[Manifest], seen: Iterable[str], policy: MergePolicy = MergePolicy()
) -> list[Step]:
    """The segments to merge, in the order in which they were finished.

    A full one marks deletions only if its count is right, and no newer full one was merged before.
    """
    manifests, known = list(manifests), set(seen)
    latest = _latest(manifests, policy)
    steps = [
        Step(
            manifest.day,
            segment,
            latest,
            segment.mode == "full" and not segment.is_count_off(policy.count_tolerance),
        )
        for manifest in manifests
        for segment in manifest.segments
    ]
    fulls = [s.segment.finished_at for s in steps if s.name in known and s.segment.mode == "full"]
    newest = max(fulls, default=None)
    new = [
        replace(step, marks=False) if newest and step.segment.finished_at < newest else step
        for step in steps
        if step.name not in known
    ]
    return sorted(new, key=lambda step: (step.segment.finished_at, step.day))


def _latest(manifests: Iterable[Manifest], policy: MergePolicy) -> int:
    """The latest second that a record of any of them can have changed at."""
    ends = [segment.finished_at for manifest in manifests for segment in manifest.segments]
    return int(max(ends).timestamp()) + policy.future_margin_seconds if ends else 0


def merge_window(old: pa.Table, new: pa.Table, step: Step, deletions: Deletions) -> pa.Table:
    """Rows of both in id order; of an id in both, the one that the upstream changed last.

    Args:
        old: Rows of the table in a stretch of ids, in id order.
        new: The segment's rows in the same stretch, in id order.
        step: A full segment marks the old rows that it does not have as deleted on its day.
        deletions: How many is added to it.
    """
    if old.num_rows == 0:
        return new
    fresh = _without_outdated(old, new, step.latest)
    kept = old.filter(pc.invert(pc.is_in(old["id"], value_set=fresh["id"])))
    if step.marks:
        ids = pa.array(
            [each.id for each in step.segment.set_aside if each.id is not None], pa.int64()
        )
        present = pc.or_(
            pc.is_in(kept["id"], value_set=new["id"]), pc.is_in(kept["id"], value_set=ids)
        )
        deletions.live += _count_live(old, step.day)
        deletions.gone += _count_live(kept.filter(pc.invert(present)), step.day)
        kept = _mark_deleted(kept, present, step.day)
    return pa.concat_tables([kept, fresh]).sort_by("id")


def _count_live(rows: pa.Table, day: str) -> int:
    """Rows that are not deleted and were there on the day."""
    live = pc.and_(pc.is_null(rows["deleted_on"]), pc.less_equal(rows["seen_on"], day))
    return pc.sum(live).as_py() or 0


def _without_outdated(old: pa.Table, new: pa.Table, latest: int) -> pa.Table:
    """Without the new rows that are older, by the upstream's own `updated_at`, than what the table has.

    A time in the future is not believed: such a row of the table is replaced by any, such a new one replaces any.
    """
    if "updated_at" not in new.column_names:
        return new
    have = dict(zip(old["id"].to_pylist(), old["updated_at"].to_pylist(), strict=True))
    pairs = zip(new["id"].to_pylist(), new["updated_at"].to_pylist(), strict=True)

    def is_fresh(record_id: int, stamp: int | None) -> bool:
        known = have.get(record_id) or 0
        return known > latest or (stamp or 0) >= known

    fresh = [is_fresh(record_id, stamp) for record_id, stamp in pairs]
    return new if all(fresh) else new.filter(pa.array(fresh))


def _mark_deleted(rows: pa.Table, present: pa.ChunkedArray, day: str) -> pa.Table:
    """Rows that a full refresh did not have: `deleted_on` is the first day that missed them."""
    index = rows.column_names.index("deleted_on")
    marked = pc.if_else(present, rows["deleted_on"], pc.fill_null(rows["deleted_on"], day))
    return rows.set_column(index, rows.schema.field(index), marked)


def _merge_step(
    objects: ObjectStore,
    entity: Entity,
    old: OldRows,
    step: Step,
    path: Path,
    drift: Drift,
    deletions: Deletions,
) -> None:
    """Writes the table with one more segment to `path`."""
    schema = schema_of(entity)
    with closing(RowWriter(path, schema)) as rows:
        for window in _windows(step.segment.parts):
            lines = b"".join(_read_part(objects, entity, step, part) for part in window)
            new = read_columns(entity, lines, step.day, drift)
            rows.add(merge_window(old.take_until(window[-1].last_id), new, step, deletions))
        rows.add(merge_window(old.take_until(None), schema.empty_table(), step, deletions))
    if drift.changed:
        fields = "; ".join(f"{name}: {why}" for name, why in sorted(drift.changed.items()))
        raise RefusedError(
            f"{entity.name} {step.day}: the upstream changed the type of a field ({fields}). {current_key(entity)} "
            "stays as it was. Change the column in platform_assets/games/entities.py and materialize again",
            kind="schema_drift",
        )


def _read_part(objects: ObjectStore, entity: Entity, step: Step, part: Part) -> bytes:
    """JSON Lines of a part.

    Raises:
        RefusedError: kind `damaged_part`: it is not what was published, and nobody has published the day anew.
        TransientError: kind `part_replaced`: somebody has.
    """
    try:
        return read_part(objects, part)
    except zstandard.ZstdError as error:
        raise _damaged(entity, step, part, str(error)) from error
    except TransientError as error:
        if error.kind != "part_replaced":
            raise
        manifest = read_manifest(objects, Day(entity.name, step.day))
        if manifest is None or part not in manifest.parts():
            raise
        raise _damaged(entity, step, part, "missing, or other bytes than were published") from error


def _damaged(entity: Entity, step: Step, part: Part, why: str) -> RefusedError:
    return RefusedError(
        f"{part.key} is damaged ({why}): its segment is left out of {current_key(entity)}. Collect the day again in "
        f'full: dagster job execute -j games_full --tags \'{{"dagster/partition": "{step.day}"}}\'',
        kind="damaged_part",
    )


_DISK_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)  # the last: a limit of the process


@contextmanager
def _explained_writes(entity: Entity) -> Generator[None]:
    """The next table is written to the machine's temporary folder first; that can fail too."""
    try:
        yield
    except OSError as error:
        todo = "make free space there" if error.errno in _DISK_FULL else "see to that folder"
        raise RefusedError(
            f"{entity.name}: the next table could not be written to {tempfile.gettempdir()} ({error}): {todo} or set "
            f"TMPDIR, then materialize again; {current_key(entity)} stays as it was",
            kind="temporary_folder",
        ) from error


def _windows(parts: list[Part]) -> Iterator[list[Part]]:
    for start in range(0, len(parts), WINDOW_PARTS):
        yield parts[start : start + WINDOW_PARTS]


def _seen_key(entity: Entity) -> str:
    return f"games/{entity.name}/merged.json"


def _accepted_key(entity: Entity) -> str:
    return f"games/{entity.name}/accepted.json"


def read_accepted(objects: ObjectStore, entity: Entity) -> list[str]:
    """Segments whose deletions a person has accepted."""
    return _read_names(objects, _accepted_key(entity))


def _read_seen(objects: ObjectStore, entity: Entity, head: ObjectInfo | None) -> list[str]:
    """Segments that are in the table; unreadable or missing means that all are merged again, which changes nothing."""
    return _read_names(objects, _seen_key(entity)) if head else []


def _read_names(objects: ObjectStore, key: str) -> list[str]:
    try:
        return decode_json(objects.get(key), _names) if objects.head(key) else []
    except UnreadableError as error:
        log.warning("object_unreadable", key=key, reason=str(error))
        return []
