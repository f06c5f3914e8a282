"""What is killed: one day's work of each pipeline against a sandbox, small enough to be done again and again.

A subject says how its upstream is started, what must be registered in a fresh home, which job does the work, and how
far it is. Killing is in `killing.py`, comparing what came out in `contents.py`.
"""

from collections.abc import Callable, Generator, Mapping
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path

import dagster as dg
import sqlalchemy as sa

from benchmarks.backfilling.sources import register_all, write_world
from benchmarks.backfilling.storage import Home
from platform_assets.core.clock import SystemClock
from platform_assets.partitions import PRODUCT_BATCHES, TENANT_SOURCES, today
from platform_assets.services import Services
from platform_assets.settings import Settings
from sandbox.naver.ranking import View, find_truth
from sandbox.process import SandboxProcess
from sandbox.tags.command import main as write_tags

GAMES, PRODUCTS, TRACKINGS, TABLES = 12_000, 408, 60, 40
TENANTS, MONTHS, EVENTS = 4, 12, 2_000
PLATFORM = "musinsa"
SOURCE = "acme:board"
NAVER_SEED = 1


@dataclass(frozen=True, slots=True)
class Subject:
    """A day's work of one pipeline.

    Attributes:
        name: The pipeline.
        job: The job that does it.
        variables: Settings by variable.
        count_done: Pieces that are done, by the folder of objects and the state database: grows from 0.
        count_requests: Requests that the upstream has seen; None where it does not count.
        prepare: Registers what is to be done in a fresh home.
        first_job: A job that has to run once, undisturbed, before; with its run tags.
        find_tags: The run tags of `job`, read from the instance when it is started.
    """

    name: str
    job: str
    variables: Mapping[str, str]
    count_done: Callable[[Path, sa.Connection], int]
    count_requests: Callable[[], int] | None
    prepare: Callable[[Services, dg.DagsterInstance], None]
    first_job: tuple[str, Mapping[str, str]] | None = None
    find_tags: Callable[[dg.DagsterInstance], Mapping[str, str]] = field(default=lambda _: {})


def _nothing(_services: Services, _instance: dg.DagsterInstance) -> None:
    """Nothing has to be registered."""


def count_units(_objects: Path, connection: sa.Connection) -> int:
    """Units of all plans that are done."""
    return connection.scalar(sa.text("SELECT count(*) FROM units WHERE state = 'done'")) or 0


def count_months(_objects: Path, connection: sa.Connection) -> int:
    """Tenant-months that are done."""
    query = "SELECT count(*) FROM tenant_month_states WHERE status = 'COMPLETED'"
    return connection.scalar(sa.text(query)) or 0


@contextmanager
def open_games(_folder: Path) -> Generator[Subject]:
    """All entities in full, page by page."""
    options = ("--games", str(GAMES), "--rate", "40", "--open", "8", "--latency", "0.1")
    with SandboxProcess(options) as igdb:
        yield Subject(
            "games",
            "games_full",
            {
                "SLUICE_IGDB_API_URL": f"{igdb.url}/v4",
                "SLUICE_IGDB_TOKEN_URL": f"{igdb.url}/oauth2/token",
                "SLUICE_IGDB_CLIENT_ID": "sandbox-client",
                "SLUICE_IGDB_CLIENT_SECRET": "sandbox-secret",
                "SLUICE_IGDB_REQUESTS_PER_SECOND": "10",
                "SLUICE_IGDB_MULTIQUERY": "off",
            },
            count_done=count_units,
            count_requests=lambda: igdb.stats()["requests"],
            prepare=_nothing,
        )


@contextmanager
def open_tenants(folder: Path) -> Generator[Subject]:
    """New tenants with a year behind them; what is due is decided by the job itself."""
    world = write_world(folder / "sources", TENANTS, MONTHS, EVENTS)
    yield Subject(
        "tenants",
        "tenant_cycle",
        {"SLUICE_TENANTS_ORCHESTRATOR_SECONDS": "5", "SLUICE_TENANTS_SLICE_RECORDS": "100"},
        count_done=count_months,
        count_requests=None,
        prepare=lambda services, _: register_all(services, world),
    )


@contextmanager
def open_tags(_folder: Path) -> Generator[Subject]:
    """The tables of one tenant-source, in all its shards."""

    def prepare(services: Services, instance: dg.DagsterInstance) -> None:
        tenant, _, source = SOURCE.partition(":")
        write_tags(
            [
                *("--out", str(services.settings.home / "objects"), "--tables", str(TABLES)),
                *("--rows", "20000", "--tenant", tenant, "--source", source),
            ]
        )
        instance.add_dynamic_partitions(str(TENANT_SOURCES.name), [SOURCE])

    yield Subject(
        "tags",
        "tags",
        {},
        count_done=lambda objects, _: len(list(objects.glob("tags/*/*/*/receipt.json"))),
        count_requests=None,
        prepare=prepare,
        find_tags=lambda _: _name_range(f"00|{SOURCE}", f"99|{SOURCE}"),
    )


@contextmanager
def open_products(_folder: Path) -> Generator[Subject]:
    """All batches of a shop's day, after it was split."""
    options = ("--products", str(PRODUCTS), "--rate", "100", "--latency", "0.05")
    with SandboxProcess(options, upstream="shops") as shops:
        yield Subject(
            "products",
            "product_batches",
            {f"SLUICE_SHOP_{PLATFORM.upper()}_URL": f"{shops.url}/{PLATFORM}"},
            count_done=count_units,
            count_requests=lambda: sum(shops.stats()["shops"][PLATFORM]["by_product"].values()),
            prepare=_nothing,
            first_job=("product_day", {"sluice/platform": PLATFORM}),
            find_tags=_find_batches,
        )


def _find_batches(instance: dg.DagsterInstance) -> Mapping[str, str]:
    batches = instance.get_dynamic_partitions(str(PRODUCT_BATCHES.name))
    return _name_range(batches[0], batches[-1])


@contextmanager
def open_ranks(_folder: Path) -> Generator[Subject]:
    """Trackings of all types, each with a page of its own."""
    options = ("--map-port", "0", "--delay", "0.1", "--block-after", "0", "--latency", "0.05")
    with SandboxProcess((*options, "--slack", "0.05"), upstream="naver") as naver:

        def count_requests() -> int:
            return sum(host["requests"] for host in naver.stats()["hosts"].values())

        yield Subject(
            "ranks",
            "daily_ranks",
            {
                "SLUICE_NAVER_URL": naver.urls[0],
                "SLUICE_NAVER_MAP_URL": naver.urls[-1],
                "CRAWL_DELAY_SECONDS": "0.2",
            },
            count_done=count_units,
            count_requests=count_requests,
            prepare=_track,
        )


def _track(services: Services, _instance: dg.DagsterInstance) -> None:
    day = date.fromisoformat(today(SystemClock().now()))
    for number in range(TRACKINGS):
        kind, keyword = ("blog", "cafe", "place")[number % 3], f"성수 카페 {number}"
        found = find_truth(NAVER_SEED, kind, keyword, day, View.TAB)
        ours = [identity for identity in found if not identity.startswith("http")]
        services.ranks.register(kind, keyword, ours[number % 11], "acme")


def _name_range(first: str, last: str) -> Mapping[str, str]:
    return {
        "dagster/asset_partition_range_start": first,
        "dagster/asset_partition_range_end": last,
    }


SUBJECTS: Mapping[str, Callable[[Path], AbstractContextManager[Subject]]] = {
    "games": open_games,
    "tenants": open_tenants,
    "tags": open_tags,
    "products": open_products,
    "ranks": open_ranks,
}


def fill(subject: Subject, home: Home, instance: dg.DagsterInstance) -> None:
    """Registers what is to be done in a fresh home."""
    ours = {name: text for name, text in subject.variables.items() if name.startswith("SLUICE_")}
    fields = {name.removeprefix("SLUICE_").lower(): text for name, text in ours.items()}
    settings = Settings.model_validate(
        {
            "home": home.folder,
            "state_url": home.state_url,
            "objects_url": "",
            "log_file": None,
            **fields,
        }
    )
    services = Services(settings)
    subject.prepare(services, instance)
    services.state.close()
