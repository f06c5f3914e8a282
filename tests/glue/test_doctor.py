# pyright: standard
"""The doctor on homes that were damaged on purpose: each damage is named, and what it says it mends is mended."""

import hashlib
import json
import os
import sqlite3
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import dagster as dg
import pytest
from sqlalchemy import text

from platform_assets.core.engine.units import Attempt, Scope, Unit, UnitOutcome, UnitState
from platform_assets.core.processes.owner import describe_owner
from platform_assets.doctor import checks
from platform_assets.doctor.__main__ import FOUND, NOT_LOOKED, WELL, main
from platform_assets.games.landing import Day, publish
from platform_assets.games.manifest import Part, Segment
from platform_assets.ranks.tracking import Capture
from platform_assets.services import Services
from platform_assets.settings import load_settings
from resources.dagster.runs import OWNER_TAG
from resources.state.leases import SqlLeases
from tests.contract.state.tenant_values import make_tenant

DAY = "2026-11-20"
AT = datetime(2026, 11, 20, 1, tzinfo=UTC)
RUN = "11111111-2222-4333-8444-555555555555"


def dead_owner() -> str:
    """A process of this host that is gone: its number is ours, and it began at another time."""
    return f"{describe_owner().rpartition('|')[0]}|0"


DEAD = Attempt("attempt-of-the-dead", dead_owner())
ALIVE = Attempt("attempt-of-the-living", describe_owner())


@dataclass
class Home:
    """A home with a Dagster of its own."""

    folder: Path
    capture: pytest.CaptureFixture[str]

    def services(self) -> Services:
        return Services(load_settings())

    def look(self, *arguments: str, expect: int) -> list[dict[str, Any]]:
        """What the doctor finds; it must end with that status."""
        self.capture.readouterr()
        assert main([*arguments, "--json"]) == expect
        return json.loads(self.capture.readouterr().out)["problems"]

    def kinds(self, *arguments: str, expect: int = FOUND) -> set[tuple[str, str]]:
        return {(each["area"], each["kind"]) for each in self.look(*arguments, expect=expect)}

    def check_mended(self) -> None:
        """Everything that was found is mended, and a second look finds nothing."""
        assert all(each["mended"] for each in self.look("--mend", expect=WELL))
        assert self.look(expect=WELL) == []


@pytest.fixture
def home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> Home:
    for name in os.environ:
        if name.startswith(("SLUICE_", "CRAWL_")):
            monkeypatch.delenv(name)
    monkeypatch.setattr(checks, "FREE_BYTES", 1)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    dagster = tmp_path / "dagster"
    dagster.mkdir()
    (dagster / "dagster.yaml").write_text("telemetry:\n  enabled: false\n")
    monkeypatch.setenv("DAGSTER_HOME", str(dagster))
    return Home(tmp_path / "home", capsys)


def test_a_new_home_is_well(home: Home):
    assert home.look("--deep", expect=WELL) == []


def test_units_and_leases_of_the_dead_are_given_back_and_those_of_the_living_stay(home: Home):
    services = home.services()
    plan = services.ledger.open_plan(
        Scope("games/raw_games", "", DAY), [Unit("a", {}), Unit("b", {})], {}
    )
    services.ledger.claim(plan, ["a"], DEAD, 600)
    services.ledger.claim(plan, ["b"], ALIVE, 600)
    SqlLeases(services.state).acquire("merge", DEAD, 600)
    assert home.kinds() == {("games", "held_unit"), ("state", "held_lease")}
    home.check_mended()
    states = {each.unit.unit_id: each.state for each in services.ledger.read_units(plan)}
    assert states == {"a": UnitState.PENDING, "b": UnitState.RUNNING}
    assert SqlLeases(services.state).acquire("merge", ALIVE, 600) is not None


def test_a_unit_whose_lease_ran_out_is_given_back(home: Home):
    services = home.services()
    plan = services.ledger.open_plan(Scope("games/raw_games", "", DAY), [Unit("a", {})], {})
    services.ledger.claim(plan, ["a"], Attempt("other", "another|host|1|1|1"), -5)
    (found,) = home.look(expect=FOUND)
    assert found["subject"] == f"games/raw_games {DAY} a"
    assert "its lease ran out" in found["text"]
    home.check_mended()


def test_a_run_whose_process_is_gone_is_ended(home: Home):
    with dg.DagsterInstance.get() as instance:
        instance.add_run(
            dg.DagsterRun(
                job_name="daily_ranks",
                run_id=RUN,
                status=dg.DagsterRunStatus.STARTED,
                tags={OWNER_TAG: f"{RUN} {dead_owner()}"},
            )
        )
    assert home.kinds() == {("dagster", "dead_run")}
    home.check_mended()
    with dg.DagsterInstance.get() as instance:
        run = instance.get_run_by_id(RUN)
        assert run is not None
        assert run.status is dg.DagsterRunStatus.FAILURE


def test_a_day_of_ranks_without_table_and_materialization_gets_both(home: Home):
    services = home.services()
    tracking = services.ranks.register("place", "빵집", "10001", "acme")
    capture = Capture(tracking.tracking_id, DAY, 3, 30, "pages", AT)
    services.ranks.histories.record(capture)
    assert home.kinds() == {("ranks", "missing_object"), ("ranks", "not_materialized")}
    home.check_mended()
    table = f"ranks/daily/dt={DAY}/ranks.parquet"
    services.objects.put(table, services.objects.get(table)[:-3])
    assert home.kinds(expect=WELL) == set(), "only a deep look opens tables"
    assert home.kinds("--deep") == {("ranks", "bad_table")}
    assert main(["--deep", "--mend"]) == WELL
    assert home.look("--deep", expect=WELL) == []


def test_a_note_without_its_page_is_named(home: Home):
    folder = f"ranks/pages/dt={DAY}"
    for name in ("a.json", "a.0123456789ab.gz", "b.json"):
        home.services().objects.put(f"{folder}/{name}", b"{}")
    (found,) = home.look(expect=FOUND)
    assert (found["kind"], found["subject"]) == ("no_page", f"{folder}/b.json")


def collect_games(services: Services) -> list[str]:
    """A published day of games with two parts; their keys."""
    day, parts = Day("games", DAY), list[Part]()
    for number in (1, 2):
        data, key = b"part %d" % number, day.part_key(1, number, 0)
        services.objects.put(key, data)
        digest = hashlib.sha256(data).hexdigest()
        parts.append(Part(key, 1, number, number, 5, len(data), digest))
    segment = Segment(1, "full", None, 5, [(0, None)], parts, [], 2, 0, AT, AT)
    publish(services.objects, day, segment)
    return [part.key for part in parts]


def test_a_day_of_games_is_recorded_and_its_lost_and_cut_parts_are_named(home: Home):
    services = home.services()
    first, second = collect_games(services)
    assert home.kinds() == {("games", "not_materialized")}
    home.check_mended()
    services.objects.delete(first)
    services.objects.put(second, b"cut")
    found = home.look("--mend", expect=FOUND)
    assert {(each["kind"], each["subject"]) for each in found} == {
        ("bad_part", first),
        ("bad_part", second),
    }
    assert any("has 3 bytes instead of" in each["text"] for each in found)
    services.objects.put(f"games/raw/games/dt={DAY}/manifest.json", b"{")
    assert home.kinds() == {("games", "bad_manifest"), ("games", "no_manifest")}


def test_a_completed_tenant_month_is_recorded_and_its_lost_tables_are_named(home: Home):
    services = home.services()
    services.tenants.register(make_tenant(), ["2026-10"])
    with services.state.write() as connection:
        connection.execute(text("UPDATE tenant_month_states SET status = 'COMPLETED'"))
    assert home.kinds() == {("tenants", "missing_object"), ("tenants", "not_materialized")}
    found = home.look("--mend", expect=FOUND)
    assert {each["kind"] for each in found if each["mended"]} == {"not_materialized"}
    left = home.look(expect=FOUND)
    assert len(left) == 3
    assert all("materialize the assets of tenants" in each["advice"] for each in left)


def test_a_batch_that_is_done_without_its_snapshots_is_named(home: Home):
    services = home.services()
    plan = services.ledger.open_plan(
        Scope("products/batches", "musinsa", DAY), [Unit("1-of-1", {})], {}
    )
    services.ledger.claim(plan, ["1-of-1"], ALIVE, 60)
    services.ledger.record(plan, ALIVE, [UnitOutcome("1-of-1", UnitState.DONE, detail={})])
    (found,) = home.look(expect=FOUND)
    assert (found["area"], found["kind"]) == ("products", "missing_object")
    assert f"musinsa/{DAY}/1-of-1" in found["advice"]
    key = f"products/musinsa/{DAY}/1-of-1/snapshots.parquet"
    services.objects.put(key, b"PAR1....PAR1")
    assert home.look("--deep", expect=WELL) == []
    with dg.DagsterInstance.get() as instance:
        instance.add_dynamic_partitions("product_batches", [f"musinsa/{DAY}/1-of-1"])
    assert home.kinds() == {("products", "not_materialized")}
    home.check_mended()


def test_a_receipt_that_speaks_of_outputs_that_are_not_there_is_named(home: Home):
    objects, folder = home.services().objects, "tags/acme/board/posts"
    receipt = {"convert": {"rows": 1}, "prep": None, "tag": None}
    objects.put(f"{folder}/receipt.json", json.dumps(receipt).encode())
    objects.put(f"{folder}/converted.parquet", b"PAR1....PAR1")
    (found,) = home.look(expect=FOUND)
    assert found["subject"].endswith("dead_letters.parquet")
    objects.put(f"{folder}/receipt.json", b"\xff")
    assert home.kinds() == {("tags", "bad_receipt")}


def test_a_damaged_file_of_dagster_is_named(home: Home):
    damaged = Path(os.environ["DAGSTER_HOME"]) / "schedules" / "old.db"
    damaged.parent.mkdir(exist_ok=True)
    damaged.write_bytes(b"no database" * 1000)
    (found,) = home.look(expect=FOUND)
    assert (found["kind"], found["subject"]) == ("damaged", str(damaged))


def test_damaged_pages_of_the_state_database_are_found_though_it_opens(home: Home):
    services = home.services()
    for number in range(400):
        services.notes.put(f"note {number}", {"text": "x" * 200})
    services.state.close()
    path = home.folder / "state.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        size = connection.execute("PRAGMA page_size").fetchone()[0]
    data = path.read_bytes()
    at = data.index(b"note 100") // size * size
    path.write_bytes(data[:at] + bytes(size) + data[at + size :])
    (found, *_) = home.look("--only", "state", expect=FOUND)
    assert (found["area"], found["kind"]) == ("state", "damaged")
    assert "restore a backup" in found["advice"]


def test_a_state_database_that_is_lost_cannot_be_looked_at(home: Home):
    home.services().state.close()
    (home.folder / "state.db").write_bytes(b"")
    home.capture.readouterr()
    assert main([]) == NOT_LOOKED
    told = home.capture.readouterr()
    assert "is lost: the file has 0 bytes" in told.err
    assert told.out == "0 found, 0 mended, 0 left\n"


def test_little_space_is_told(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(checks, "FREE_BYTES", 10**18)
    assert home.kinds() == {("disk", "little_space")}


def test_without_dagster_the_rest_is_looked_at(home: Home, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("DAGSTER_HOME")
    collect_games(home.services())
    assert home.look(expect=WELL) == []


def test_findings_are_plain_lines_with_what_to_do(home: Home):
    services = home.services()
    plan = services.ledger.open_plan(Scope("games/raw_games", "", DAY), [Unit("a", {})], {})
    services.ledger.claim(plan, ["a"], DEAD, 600)
    home.capture.readouterr()
    assert main([]) == FOUND
    assert home.capture.readouterr().out.splitlines() == [
        f"games: held_unit: games/raw_games {DAY} a: is RUNNING, and its process is gone",
        "    Any run of this work takes it over. (--mend does it)",
        "1 found, 0 mended, 1 left",
    ]
