# pyright: standard
"""What is held against what: one function per subject, each a generator of problems. Nothing is changed by looking.

A check belongs here when state, store and Dagster can disagree about it. How one is mended stands in its problem, and
is only what any process would do by itself later, or what can be built anew from what is there.
"""

import shutil
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import dagster as dg
import msgspec
from sqlalchemy.exc import SQLAlchemyError

from platform_assets.core.decoding import UNREADABLE
from platform_assets.core.engine.units import UnitState
from platform_assets.core.errors import PlatformError, TransientError
from platform_assets.core.objects import ObjectStore
from platform_assets.core.processes.owner import is_dead
from platform_assets.doctor.problem import Problem
from platform_assets.games.entities import ENTITIES
from platform_assets.games.manifest import Manifest, decode_manifest
from platform_assets.products.batches import DAY_PIPELINE
from platform_assets.products.glue import SNAPSHOTS
from platform_assets.ranks.day_table import day_key, publish_day
from platform_assets.ranks.glue import DAILY
from platform_assets.services import Services
from platform_assets.settings import dagster_home
from platform_assets.tags.table.receipts import OUTPUTS
from platform_assets.tenants.glue import MONTH_NUMBERS, tell_missing
from platform_assets.tenants.outputs import month_key
from platform_assets.tenants.tenant import MonthStatus, TenantMonth, name_cell
from resources.dagster.orchestration import Orchestration
from resources.dagster.runs import fail_dead_runs, find_dead_runs
from resources.state.diagnosis import SqlDiagnosis, check_file

FREE_BYTES = 1_000_000_000
"""Less is a finding: a merge of the largest table and a state database need some hundred megabytes each."""

TABLE_ENDS = b"PAR1"
"""First and last bytes of a Parquet file (parquet.apache.org, file format)."""

SMALLEST_TABLE = 12
"""Bytes of a Parquet file without anything in it: both ends, and the length of the footer."""

BATCH_PARTITIONS = "product_batches"


@dataclass(frozen=True, slots=True)
class Platform:
    """What is looked at.

    Attributes:
        services: State database and object store.
        instance: Dagster's; None where there is no DAGSTER_HOME.
        deep: Whether tables are opened, too.
    """

    services: Services
    instance: dg.DagsterInstance | None
    deep: bool = False

    @property
    def diagnosis(self) -> SqlDiagnosis:
        """Questions about the state database."""
        return SqlDiagnosis(self.services.state)

    @property
    def objects(self) -> ObjectStore:
        """The object store."""
        return self.services.objects

    def find_told(self, key: dg.AssetKey) -> set[str] | None:
        """Partitions that Dagster has as materialized; None where there is no Dagster."""
        return set(self.instance.get_materialized_partitions(key)) if self.instance else None


Check = Callable[[Platform], Iterator[Problem]]


def check_state(platform: Platform) -> Iterator[Problem]:
    """The file of the state database, read whole."""
    for found in platform.diagnosis.check_integrity():
        yield Problem(
            "state",
            "damaged",
            platform.services.state.place,
            found,
            "Stop everything, keep a copy, restore a backup; then look again.",
        )


def check_units(platform: Platform) -> Iterator[Problem]:
    """Units, leases and searches that dead processes hold."""
    diagnosis = platform.diagnosis
    for unit in diagnosis.find_held_units():
        yield Problem(
            unit.pipeline.partition("/")[0],
            "held_unit",
            f"{unit.pipeline} {unit.partition} {unit.unit_id}",
            f"is RUNNING, and {unit.reason}",
            "Any run of this work takes it over.",
            lambda unit=unit: f"{diagnosis.give_back([unit])} unit given back",
        )
    for name in diagnosis.find_dead_leases():
        yield Problem(
            "state",
            "held_lease",
            name,
            "its process is gone",
            "The next one takes it over.",
            lambda name=name: f"{diagnosis.release([name])} lease released",
        )
    for number in diagnosis.find_dead_searches():
        yield Problem(
            "products",
            "held_search",
            str(number),
            "is running, and its process is gone",
            "The sensor product_searches starts it again.",
        )


def check_runs(platform: Platform) -> Iterator[Problem]:
    """Runs that Dagster has as going on and whose process is gone."""
    instance = platform.instance
    if instance is None:
        return
    for run_id in find_dead_runs(instance):
        yield Problem(
            "dagster",
            "dead_run",
            run_id,
            "is going on for Dagster, and its process is gone",
            "The sensor runs, or the start of any run, ends it and frees its pool slots.",
            partial(_fail_dead, instance, run_id),
        )


def _fail_dead(instance: dg.DagsterInstance, run_id: str) -> str:
    fail_dead_runs(instance)  # all of them: a later call has nothing left to do
    return f"run {run_id} ended, its slots freed"


def check_dagster_files(platform: Platform) -> Iterator[Problem]:
    """The SQLite files of Dagster's instance, read whole."""
    home = dagster_home()
    if platform.instance is None or home is None:
        return
    for path in sorted(home.rglob("*.db")):
        for found in check_file(path):
            yield Problem(
                "dagster",
                "damaged",
                str(path),
                found,
                "Stop Dagster and restore a backup, or move the file away: runs and materializations in it are lost, "
                "what was collected is not, and --mend records it anew.",
            )


def check_disk(platform: Platform) -> Iterator[Problem]:
    """Free space where this host keeps things."""
    folders = {platform.services.settings.home, dagster_home()} - {None}
    for folder in sorted(_existing(path) for path in folders if path):
        free = shutil.disk_usage(folder).free
        if free < FREE_BYTES:
            yield Problem(
                "disk",
                "little_space",
                str(folder),
                f"{free / 1e9:.2f} GB are free, less than {FREE_BYTES / 1e9:.0f} GB",
                "Free some: `dagster job execute -j purge` deletes what is past its time; docs/runbook.md says more.",
            )


def check_tenants(platform: Platform) -> Iterator[Problem]:
    """COMPLETED tenant-months, their three tables, and Dagster; RUNNING ones that nobody works on."""
    months = platform.services.tenants.read_all()[1]
    completed = [month for month in months if month.status is MonthStatus.COMPLETED]
    there = _list_sizes(platform.objects, "tenants/")
    for month in completed:
        yield from _check_month(platform, month, there)
    yield from _check_told_months(platform, completed)
    for month in months:
        if month.status is MonthStatus.RUNNING and is_dead(month.owner or ""):
            yield Problem(
                "tenants",
                "held_month",
                name_cell(month.tenant_id, month.month),
                "is RUNNING, and its process is gone",
                "The sensor tenants_stale, or the next cycle, takes it over.",
            )


def _check_month(
    platform: Platform, month: TenantMonth, there: Mapping[str, int]
) -> Iterator[Problem]:
    cell = name_cell(month.tenant_id, month.month)
    again = (
        f"Process the month again: materialize the assets of tenants for the partition {cell}, "
        "or start the job tenant_months with it."
    )
    for key in MONTH_NUMBERS:
        table = month_key(month.tenant_id, month.month, key.path[-1])
        if there.get(table):
            yield from _check_table(platform, "tenants", table, again)
        else:
            text = f"{cell} is COMPLETED and has no such table"
            yield _missing(platform, "tenants", table, text, again)


def _check_told_months(platform: Platform, completed: Sequence[TenantMonth]) -> Iterator[Problem]:
    """COMPLETED tenant-months that Dagster does not know of."""
    instance = platform.instance
    if instance is None:
        return
    told = [set(instance.get_materialized_partitions(key)) for key in MONTH_NUMBERS]
    for month in completed:
        cell = name_cell(month.tenant_id, month.month)
        if not all(cell in known for known in told):
            yield Problem(
                "tenants",
                "not_materialized",
                cell,
                "is COMPLETED, and Dagster does not know of it",
                "The sensor tenants_stale records it.",
                partial(_record_months, platform.services, instance),
            )


def _record_months(services: Services, instance: dg.DagsterInstance) -> str:
    runs = Orchestration(instance, services.settings.dagster_url)
    return f"recorded, with {tell_missing(instance, services, runs.is_going_on)} in all"


def check_games(platform: Platform) -> Iterator[Problem]:
    """Manifests of games, their parts, and Dagster."""
    for entity in ENTITIES:
        there = _list_sizes(platform.objects, f"games/raw/{entity.name}/")
        key = dg.AssetKey(["games", f"raw_{entity.name}"])
        told, days = platform.find_told(key), set[str]()
        for name in sorted(each for each in there if each.endswith("/manifest.json")):
            manifest = _read_manifest(platform.objects, name, key)
            if isinstance(manifest, Problem):
                yield manifest
                continue
            days.add(manifest.day)
            yield from _check_parts(manifest, there, key)
            records = sum(each.records for each in manifest.segments)
            yield from _check_told(platform, key, told, manifest.day, {"records": records})
        for day in sorted((told or set()) - days):
            yield Problem(
                "games",
                "no_manifest",
                f"{key.to_user_string()} {day}",
                "is materialized, and its day is not in the object store",
                "The table lacks what changed that day until a full collection: `dagster job execute -j games_full`.",
            )


def _read_manifest(objects: ObjectStore, name: str, key: dg.AssetKey) -> Manifest | Problem:
    try:
        return decode_manifest(objects.get(name), name)
    except PlatformError as error:
        advice = (
            f"Delete the object, then collect that day anew: materialize {key.to_user_string()}."
        )
        return Problem("games", "bad_manifest", name, str(error), advice)


def _check_parts(
    manifest: Manifest, there: Mapping[str, int], key: dg.AssetKey
) -> Iterator[Problem]:
    for part in manifest.parts():
        size = there.get(part.key)
        if size == part.size_bytes:
            continue
        found = "is not there" if size is None else f"has {size} bytes instead of {part.size_bytes}"
        yield Problem(
            "games",
            "bad_part",
            part.key,
            f"{found}, and the manifest of {manifest.day} names it",
            f"Restore it, or collect that day anew in full: `dagster asset materialize --select "
            f"{key.to_user_string()} --partition {manifest.day}` with the run tag sluice/mode=full.",
        )


def check_products(platform: Platform) -> Iterator[Problem]:
    """Batches that are done, their snapshots, and Dagster."""
    there = _list_sizes(platform.objects, "products/")
    shown, told = _list_partitions(platform, BATCH_PARTITIONS), platform.find_told(SNAPSHOTS)
    for shop, day, unit_id in platform.diagnosis.find_units(DAY_PIPELINE, UnitState.DONE):
        batch = f"{shop}/{day}/{unit_id}"
        key = f"products/{batch}/snapshots.parquet"
        again = f"Scan it again: start the job product_batches with the partition {batch}."
        if not there.get(key):
            text = f"the batch {batch} is done and has no such table"
            yield _missing(platform, "products", key, text, again)
            continue
        yield from _check_table(platform, "products", key, again)
        if batch in shown:  # older ones are no partitions any more
            yield from _check_told(platform, SNAPSHOTS, told, batch, {})


def check_ranks(platform: Platform) -> Iterator[Problem]:
    """Days of ranks, their tables, their pages, and Dagster."""
    there, told = _list_sizes(platform.objects, "ranks/daily/"), platform.find_told(DAILY)
    again = "A run of the day writes it anew."
    for day, count in sorted(platform.diagnosis.count_rank_days().items()):
        key, publish = day_key(day), partial(_publish_ranks, platform.services, day)
        if there.get(key):
            yield from _check_table(platform, "ranks", key, again, publish)
        else:
            text = f"{day} has {count} records and no such table"
            yield _missing(platform, "ranks", key, text, again, publish)
        yield from _check_told(platform, DAILY, told, day, {"dagster/partition_row_count": count})
    yield from _check_pages(platform)


def _publish_ranks(services: Services, day: str) -> str:
    ranks = services.ranks
    trackings = {each.tracking_id: each for each in ranks.trackings.list()}
    rows = publish_day(services.objects, day, lambda: (ranks.histories.read_day(day), trackings))
    return f"the table of {day} written with {rows} rows"


def _check_pages(platform: Platform) -> Iterator[Problem]:
    """Notes of stored pages whose page is not there."""
    keys = _list_sizes(platform.objects, "ranks/pages/")
    pages = {key.rsplit(".", 2)[0] for key in keys if key.endswith(".gz")}
    for note in keys:
        if note.endswith(".json") and note.removesuffix(".json") not in pages:
            yield Problem(
                "ranks",
                "no_page",
                note,
                "is the note of a page that is not there",
                "Put a copy of the page back; without one this day cannot be read again from it.",
            )


def check_tags(platform: Platform) -> Iterator[Problem]:
    """Receipts of tags tables, and the outputs that they speak of."""
    there, again = _list_sizes(platform.objects, "tags/"), "The next run of its shard does it anew."
    for key in (each for each in there if each.endswith("/receipt.json")):
        try:
            receipt = msgspec.json.decode(platform.objects.get(key), type=dict[str, object])
        except UNREADABLE as error:
            yield Problem("tags", "bad_receipt", key, f"cannot be read ({error})", again)
            continue
        for name in _list_outputs(key, receipt):
            if there.get(name):
                yield from _check_table(platform, "tags", name, f"Delete it. {again}")
            else:
                yield _missing(platform, "tags", name, f"{key} says that it is there", again)


def _list_outputs(key: str, receipt: Mapping[str, object]) -> list[str]:
    """Keys of the outputs of the steps that a receipt has as done."""
    folder = key.rpartition("/")[0]
    done = [step for step in OUTPUTS if receipt.get(step.value) is not None]
    return [f"{folder}/{output.value}.parquet" for step in done for output in OUTPUTS[step]]


def _check_told(
    platform: Platform,
    key: dg.AssetKey,
    told: Collection[str] | None,
    partition: str,
    numbers: Mapping[str, int],
) -> Iterator[Problem]:
    """Whether Dagster knows of a partition that is there."""
    if told is None or platform.instance is None or partition in told:
        return
    yield Problem(
        key.path[0],
        "not_materialized",
        f"{key.to_user_string()} {partition}",
        "is there, and Dagster does not know of it",
        "A run of it records it.",
        partial(_record, platform.instance, key, partition, numbers),
    )


def _record(
    instance: dg.DagsterInstance, key: dg.AssetKey, partition: str, numbers: Mapping[str, int]
) -> str:
    instance.report_runless_asset_event(
        dg.AssetMaterialization(key, partition=partition, metadata=dict(numbers))
    )
    return f"{key.to_user_string()} {partition} recorded"


def _check_table(
    platform: Platform,
    area: str,
    key: str,
    advice: str,
    mend: Callable[[], str] | None = None,
) -> Iterator[Problem]:
    """Whether a Parquet file begins and ends as such: two small reads, so only where it is asked for."""
    if not platform.deep:
        return
    info = platform.objects.head(key)
    size = info.size_bytes if info is not None else 0
    ends = [platform.objects.get_range(key, at, 4) for at in (0, max(size - 4, 0))]
    if size < SMALLEST_TABLE or ends != [TABLE_ENDS, TABLE_ENDS]:
        text = f"is no whole Parquet file ({size} bytes)"
        yield Problem(area, "bad_table", key, text, advice, mend)


def _missing(
    platform: Platform,
    area: str,
    key: str,
    text: str,
    advice: str,
    mend: Callable[[], str] | None = None,
) -> Problem:
    return Problem(area, "missing_object", platform.objects.url(key), text, advice, mend)


def _list_sizes(objects: ObjectStore, prefix: str) -> dict[str, int]:
    return {info.key: info.size_bytes for info in objects.list(prefix)}


def _list_partitions(platform: Platform, name: str) -> set[str]:
    return set(platform.instance.get_dynamic_partitions(name)) if platform.instance else set()


def _existing(path: Path) -> Path:
    """The folder itself, or the nearest one above it that is there."""
    return next(each for each in (path, *path.parents) if each.exists())


@contextmanager
def open_instance() -> Iterator[dg.DagsterInstance | None]:
    """Dagster's instance; None where DAGSTER_HOME names none.

    Raises:
        TransientError: It cannot be opened.
    """
    if dagster_home() is None:
        yield None
        return
    with _dagster_errors(), dg.DagsterInstance.get() as instance:
        yield instance


def look(platform: Platform, name: str) -> list[Problem]:
    """What one of the checks finds.

    Raises:
        PlatformError: It cannot be made.
    """
    with _dagster_errors():
        return list(CHECKS[name](platform))


@contextmanager
def _dagster_errors() -> Iterator[None]:
    try:
        yield
    except (SQLAlchemyError, dg.DagsterError) as error:
        reason = str(error).strip().partition("\n")[0][:200]
        raise TransientError(
            f"Dagster's instance cannot be read ({type(error).__name__}: {reason}); check DAGSTER_HOME and the storage "
            "in its dagster.yaml",
            kind="dagster_storage",
        ) from error


CHECKS: Mapping[str, Check] = {
    "state": check_state,
    "units": check_units,
    "runs": check_runs,
    "dagster": check_dagster_files,
    "disk": check_disk,
    "games": check_games,
    "tenants": check_tenants,
    "tags": check_tags,
    "products": check_products,
    "ranks": check_ranks,
}
"""By name, in the order in which they are made."""
