# pyright: standard
"""One small day of each pipeline, as a user has it: variables, commands, jobs by name, an upstream of the sandbox.

Only what test_frozen.py keeps is used of the platform, so a day outlives what is moved or renamed behind it; the clock,
which a day sets, is the one exception. What a day leaves is read in contents.py.
"""

import logging
import os
from collections import Counter
from collections.abc import Callable, Generator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from dagster._core.definitions.job_base import InMemoryJob
from dagster._core.execution.api import execute_run

from platform_assets.core.clock import SystemClock
from platform_assets.definitions import build_definitions
from platform_assets.demo import games as demo_games
from platform_assets.demo.home import make_home
from platform_assets.ranks.__main__ import main as ranks_command
from platform_assets.settings import load_settings
from platform_assets.tenants.__main__ import main as tenants_command
from sandbox.naver.ranking import find_truth
from sandbox.process import SandboxProcess
from sandbox.tags.command import main as write_tables
from sandbox.tenants.command import main as write_events
from sandbox.tenants.listing import read_list
from tests.architecture.source_tree import ROOT
from tests.frozen.areas import OURS
from tests.frozen.contents import Contents

DAY = "2026-03-02"
"""In the past of every machine: Dagster's partitions go by its clock."""

NOON = datetime(2026, 3, 2, 3, 0, tzinfo=UTC)
"""In Seoul."""


@dataclass(frozen=True, slots=True)
class Home:
    """A folder with all that a platform keeps, and what its upstreams keep.

    Attributes:
        folder: SLUICE_HOME, with Dagster's home in it.
        beside: Sources that are files.
        sandbox: The upstream that listens, if the day has one.
        instance: Dagster's.
    """

    folder: Path
    beside: Path
    sandbox: SandboxProcess | None
    instance: dg.DagsterInstance

    @property
    def objects(self) -> Path:
        return self.folder / "objects"

    def run(
        self, job: str, assets: Sequence[str] = (), *, fails: bool = False, **tags: str
    ) -> None:
        """Runs a job, or some assets of it, to its end.

        Args:
            job: Its name.
            assets: Keys, as `games/companies`.
            fails: Whether it is to.
            tags: Of the run; `__` stands for `/`.
        """
        definition = build_definitions(load_settings()).resolve_job_def(job)
        if assets:
            keys = {dg.AssetKey.from_user_string(each) for each in assets}
            definition = definition.get_subset(asset_selection=keys)
        named = {name.replace("__", "/"): value for name, value in tags.items()}
        run = self.instance.create_run_for_job(definition, tags={**definition.tags, **named})
        execute_run(InMemoryJob(definition), run, self.instance, raise_on_error=False)
        ended = self.instance.get_run_by_id(run.run_id)
        assert ended is not None
        assert ended.is_success is not fails, self._explain(ended)

    def _explain(self, run: dg.DagsterRun) -> str:
        entries = self.instance.all_logs(run.run_id)
        return "\n".join(it.user_message for it in entries if int(it.level) >= logging.ERROR)

    def add_partition(self, kind: str, key: str) -> None:
        """As a sensor of the daemon does."""
        self.instance.add_dynamic_partitions(kind, [key])

    def count_asked(self) -> dict[str, int]:
        """What the upstream was asked for since the last call."""
        if self.sandbox is None:
            return {}
        stats = self.sandbox.stats()
        self.sandbox.reset()
        return dict(sorted(_count(stats).items()))


def _count(stats: Mapping[str, Any]) -> Counter[str]:
    """Requests by what they ask for, over all hosts or shops."""
    parts = stats.get("hosts") or stats.get("shops") or {"": stats}
    found = Counter[str]()
    for name, each in parts.items():
        for kind, count in each.get("by_kind", each.get("by_endpoint", {})).items():
            found[f"{name} {kind}".strip()] += count
    return found


@dataclass(frozen=True, slots=True)
class Day:
    """What a pipeline does in a day.

    Attributes:
        begin: Registers what there is to do and does a part of it.
        finish: Does all of it: what was done is not done again.
        variables: Of the environment, for the upstream at an address.
        upstream: Name and arguments of the sandbox that listens, if one does.
    """

    begin: Callable[[Home], None]
    finish: Callable[[Home], None]
    variables: Callable[[SandboxProcess], Mapping[str, str]] = lambda _: {}
    upstream: tuple[str, Sequence[str]] | None = None


@contextmanager
def live(name: str, folder: Path, hours: float = 0) -> Generator[Home]:
    """A day's home, new or as it was left, its upstream and its variables; it is noon and so many hours."""
    day = DAYS[name]
    home = folder / "home"
    (home / "dagster_home").mkdir(parents=True, exist_ok=True)
    config = (ROOT / "dagster.yaml").read_bytes()
    (home / "dagster_home" / "dagster.yaml").write_bytes(config)
    with ExitStack() as opened:
        sandbox, variables = None, {}
        if day.upstream is not None:
            kind, arguments = day.upstream
            sandbox = opened.enter_context(SandboxProcess(arguments, upstream=kind))
            variables = day.variables(sandbox)
        opened.enter_context(_at(NOON + timedelta(hours=hours)))
        patch = opened.enter_context(pytest.MonkeyPatch.context())
        for variable in [it for it in os.environ if it.startswith(OURS)]:
            patch.delenv(variable)
        own = {"SLUICE_HOME": str(home), "SLUICE_LOG_FILE": os.devnull}
        for variable, value in {**own, **variables}.items():
            patch.setenv(variable, value)
        dagster = dg.DagsterInstance.from_config(str(home / "dagster_home"))
        yield Home(home, folder / "beside", sandbox, opened.enter_context(dagster))


@contextmanager
def _at(now: datetime) -> Generator[None]:
    """The platform's clock goes on from `now`."""
    shift = now - datetime.now(UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(SystemClock, "now", lambda _: datetime.now(UTC) + shift)
        yield


# Games, of three entities: the last page of companies is answered with nonsense; it is collected later.

ENTITIES = ("games", "genres", "companies")
IGDB_FAULTS = Path(__file__).parent / "igdb_faults.json"


def _begin_games(home: Home) -> None:
    keys = [f"games/{layer}{entity}" for entity in ENTITIES for layer in ("raw_", "")]
    home.run("games_full", keys, dagster__partition=DAY, fails=True)


def _finish_games(home: Home) -> None:
    home.run("games_full", ["games/raw_companies", "games/companies"], dagster__partition=DAY)


def _find_igdb(sandbox: SandboxProcess) -> Mapping[str, str]:
    return {
        "SLUICE_IGDB_API_URL": f"{sandbox.url}/v4",
        "SLUICE_IGDB_TOKEN_URL": f"{sandbox.url}/oauth2/token",
        "SLUICE_IGDB_CLIENT_ID": "sandbox-client",
        "SLUICE_IGDB_CLIENT_SECRET": "sandbox-secret",
        "SLUICE_IGDB_REQUESTS_PER_SECOND": "100",
        "SLUICE_IGDB_MULTIQUERY": "off",
        "SLUICE_IGDB_MODE": "sequential",
    }


# Tenants: one that is there, one that is new; the third comes later.


def _register_tenants(home: Home, first: int, last: int) -> None:
    for tenant in read_list(home.beside)[first:last]:
        words = ["register", tenant.tenant_id, tenant.source_url, "--table", tenant.table]
        kind = "--existing" if tenant.last_completed_month else "--backfill-start=2026-01"
        assert tenants_command([*words, kind]) == 0
        home.add_partition("tenants", tenant.tenant_id)


def _begin_tenants(home: Home) -> None:
    words = "--tenants 3 --existing 1 --months 3 --events-per-month 20 --until 2026-02 --quiet"
    assert write_events(["--out", str(home.beside), *words.split()]) == 0
    _register_tenants(home, 0, 2)
    home.run("tenant_cycle")


def _finish_tenants(home: Home) -> None:
    _register_tenants(home, 2, 3)
    home.run("tenant_cycle")


# Tags: six tables, of which two shards are done at first.

PLACE = "acme:board"


def _begin_tags(home: Home) -> None:
    words = "--tables 6 --rows 120 --quiet"
    assert write_tables(["--out", str(home.objects), *words.split()]) == 0
    home.add_partition("tenant_sources", PLACE)
    _run_shards(home, "00", "01")


def _finish_tags(home: Home) -> None:
    _run_shards(home, "00", "05")


def _run_shards(home: Home, first: str, last: str) -> None:
    home.run(
        "tags",
        dagster__asset_partition_range_start=f"{first}|{PLACE}",
        dagster__asset_partition_range_end=f"{last}|{PLACE}",
    )


# Products: one shop, then another one too.


def _begin_products(home: Home) -> None:
    _scan(home, "musinsa")


def _finish_products(home: Home) -> None:
    _scan(home, "musinsa")
    _scan(home, "kurly")


def _scan(home: Home, shop: str) -> None:
    home.run("product_day", sluice__platform=shop, sluice__day=DAY)
    home.run("product_batches", dagster__partition=f"{shop}/{DAY}/1-of-1")


def _find_shops(sandbox: SandboxProcess) -> Mapping[str, str]:
    shops = ("musinsa", "kurly")
    return {f"SLUICE_SHOP_{name.upper()}_URL": f"{sandbox.url}/{name}" for name in shops}


# Ranks: a tracking of each type; one more comes later.

KEYWORD = "성수 카페"


def _begin_ranks(home: Home) -> None:
    for number, kind in enumerate(("blog", "cafe", "place")):
        _track(kind, number)
    home.run("daily_ranks", dagster__partition=DAY)


def _finish_ranks(home: Home) -> None:
    _track("blog", 4)
    home.run("daily_ranks", dagster__partition=DAY)


def _track(kind: str, number: int) -> None:
    keyword = f"{KEYWORD} {number}"
    found = find_truth(1, kind, keyword, date.fromisoformat(DAY))
    target = next(islice((each for each in found if "://" not in each), 2, None))
    words = ["register", kind, keyword, target, "--customer", "acme", "--later"]
    assert ranks_command(words) == 0


def _find_naver(sandbox: SandboxProcess) -> Mapping[str, str]:
    sandbox.tell("day", {"day": DAY})
    return {
        "SLUICE_NAVER_URL": sandbox.urls[0],
        "SLUICE_NAVER_MAP_URL": sandbox.urls[-1],
        "CRAWL_DELAY_SECONDS": "0.02",
        "CRAWL_RETRY_SECONDS": "0.1",
    }


# What there is.

UNHURRIED = ("--latency", "0", "--rate", "1000", "--open", "100")

DAYS = {
    "games": Day(
        _begin_games,
        _finish_games,
        _find_igdb,
        ("igdb", ("--games", "60", *UNHURRIED, "--faults", str(IGDB_FAULTS))),
    ),
    "tenants": Day(_begin_tenants, _finish_tenants),
    "tags": Day(_begin_tags, _finish_tags),
    "products": Day(
        _begin_products,
        _finish_products,
        _find_shops,
        ("shops", ("--products", "4", *UNHURRIED)),
    ),
    "ranks": Day(
        _begin_ranks,
        _finish_ranks,
        _find_naver,
        (
            "naver",
            ("--map-port", "0", "--delay", "0.001", "--block-after", "0", "--latency", "0.001"),
        ),
    ),
}
"""Pipeline -> its day."""


def read_day(name: str, folder: Path) -> object:
    """What a day asked its upstream for, in two parts, and the objects that it left."""
    with live(name, folder) as home:
        DAYS[name].begin(home)
        began = home.count_asked()
        DAYS[name].finish(home)
        finished = home.count_asked()
    objects = read_objects(home)
    return {"asked": {"begin": began, "finish": finished}, "objects": objects}


def read_objects(home: Home) -> Mapping[str, object]:
    """Key -> what is in it."""
    return Contents(home.objects, (NOON, NOON + timedelta(days=1))).read()


def read_demo(folder: Path) -> object:
    """The objects that the main job of `make demo` leaves, of fewer games."""
    began_at = datetime.now(UTC)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(demo_games, "GAMES", 1_200)
        patch.setenv("SLUICE_HOME", str(folder))
        patch.chdir(ROOT)
        home = make_home()
        demo_games.show_games(home)
    return {"objects": Contents(home.folder / "objects", (began_at, datetime.now(UTC))).read()}


LIVED = (*(f"day_{name}" for name in DAYS), "demo")
"""Names of golden files of what takes seconds to read."""


def read_lived(name: str, folder: Path) -> object:
    """One of them, made anew in an empty folder."""
    day = name.removeprefix("day_")
    return read_demo(folder) if name == "demo" else read_day(day, folder)
