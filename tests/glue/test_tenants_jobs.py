# pyright: standard
"""The import job, and the command line `python -m platform_assets.tenants`, in process."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text

from platform_assets.core.clock import SystemClock
from platform_assets.core.months import add_months, list_months, month_of
from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tenants.__main__ import main
from platform_assets.tenants.tenant import MonthStatus, TenantType
from tests.glue.tenants_rig import Rig
from tests.glue.tenants_shops import MONTHS, NOW, write_shops

ONE, TWO = "tenant-0001", "tenant-0002"

LEGACY = f"""advertiser_id,name,last_completed_month,source_url,source_table
{ONE},Shop one,{MONTHS[2]},sqlite:////data/one.db,events
{TWO},Shop two,,sqlite:////data/two.db,
no good,Shop three,2026-99,sqlite:////data/three.db,events
"""


@pytest.fixture
def rig(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    with Rig.opened(tmp_path / "home", write_shops(tmp_path_factory.getbasetemp())) as rig:
        yield rig


@pytest.fixture
def legacy(tmp_path: Path) -> Path:
    path = tmp_path / "advertisers.csv"
    path.write_text(LEGACY, encoding="utf-8")
    return path


# The job.


def run_import(rig: Rig, path: str, *, apply: bool = False, table: str = "advertisers"):
    config = {"path": path, "table": table, "apply": apply}
    return rig.run_job(
        "import_tenants", config={"ops": {"read_legacy_tenants": {"config": config}}}
    )


def test_an_import_is_a_dry_run_unless_it_is_to_apply(rig: Rig, legacy: Path):
    run = run_import(rig, str(legacy))
    assert rig.services.tenants.ids() == []
    assert "2 to import, 0 already there, problems: 2" in run.messages
    assert f"import {ONE} (Shop one), completed up to {MONTHS[2]}" in run.messages


def test_an_applied_import_adds_existing_tenants_and_leaves_those_alone_that_are_there(
    rig: Rig, legacy: Path
):
    rig.add_existing(TWO)
    before = rig.services.tenants.get(TWO)
    legacy.write_text(LEGACY.rpartition("no good")[0], encoding="utf-8")
    assert run_import(rig, str(legacy), apply=True).success
    assert run_import(rig, str(legacy), apply=True).success
    assert rig.services.tenants.ids() == [ONE, TWO]
    added = rig.services.tenants.get(ONE)
    assert (added.tenant_type, added.last_completed_month) == (TenantType.EXISTING, MONTHS[2])
    assert rig.services.tenants.get(TWO) == before


@pytest.mark.parametrize("apply", [True, False])
def test_rows_that_are_no_tenants_fail_the_import_by_name_after_the_good_ones_are_there(
    rig: Rig, legacy: Path, *, apply: bool
):
    run = run_import(rig, str(legacy), apply=apply)
    assert not run.success
    assert rig.services.tenants.ids() == ([ONE, TWO] if apply else [])
    text, metadata = run.failure
    assert "1 rows could not be read" in text
    assert "problem in line 4, advertiser_id: " in text
    assert "problem in line 4, last_completed_month: " in text
    assert (metadata["kind"], metadata["transient"]) == ("bad_import", False)


def test_an_import_reads_a_table_of_any_database(rig: Rig, tmp_path: Path):
    url = f"sqlite:///{tmp_path}/legacy.db"
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(
            text("CREATE TABLE clients (Advertiser_ID, last_completed_month, source_url)")
        )
        connection.execute(
            text("INSERT INTO clients VALUES ('acme', NULL, 'sqlite:////data/a.db')")
        )
    engine.dispose()
    assert run_import(rig, url, apply=True, table="clients").success
    assert rig.services.tenants.ids() == ["acme"]


def test_a_file_that_cannot_be_read_fails_the_job_with_its_name(rig: Rig, tmp_path: Path):
    run = run_import(rig, str(tmp_path / "none.csv"))
    assert f"cannot read {tmp_path}/none.csv as a CSV file" in run.failure[0]


def test_what_was_imported_is_due_from_the_month_after_the_last_completed_one(
    rig: Rig, legacy: Path
):
    run_import(rig, str(legacy), apply=True)
    lanes = {lane.tenant_id: lane.months for lane in rig.services.decide_tenants(()).lanes}
    assert lanes[ONE] == (MONTHS[3],)
    assert lanes[TWO] == (MONTHS[3],)


# The command line.

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with a home of its own: exit status, standard output, standard error."""
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))
    monkeypatch.setenv("SLUICE_LOG_FILE", "/dev/null")

    def run(*arguments: str) -> tuple[int, str, str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out, err

    return run


@pytest.fixture
def stored(tmp_path: Path) -> Iterator[Services]:
    services = Services(Settings(home=tmp_path / "home", log_file=Path("/dev/null")))
    yield services
    services.state.close()


def test_registering_a_new_tenant_makes_its_months_from_two_years_ago(run: Run, stored: Services):
    current = month_of(SystemClock().now())
    first = max("2024-01", add_months(current, -24))
    months = list_months(first, current)
    status, out, err = run("register", "acme", "sqlite:////data/acme.db", "--name", "Acme & Co")
    assert (status, err) == (0, "")
    assert out == f"acme is registered as NEW, {len(months)} months from {first}\n"
    assert [month.month for month in stored.tenants.months("acme")] == months
    assert stored.tenants.get("acme").name == "Acme & Co"


def test_registering_an_existing_tenant_takes_its_last_month_and_its_columns(
    run: Run, stored: Services
):
    current = month_of(SystemClock().now())
    last = add_months(current, -1)
    status, out, _ = run(
        "register",
        "acme",
        "sqlite:////data/acme.db",
        "--existing",
        f"--last-completed-month={last}",
        "--table=sales.orders",
        '--columns={"event_at": "bought_at"}',
    )
    assert (status, out) == (0, f"acme is registered as EXISTING, 1 months from {current}\n")
    tenant = stored.tenants.get("acme")
    assert (tenant.tenant_type, tenant.last_completed_month) == (TenantType.EXISTING, last)
    assert tenant.source.table == "sales.orders"
    assert dict(tenant.source.columns) == {"event_at": "bought_at"}


def test_a_backfill_may_begin_later(run: Run, stored: Services):
    current = month_of(SystemClock().now())
    run("register", "acme", "sqlite:////data/acme.db", f"--backfill-start={current}")
    assert [month.month for month in stored.tenants.months("acme")] == [current]


def test_the_list_shows_every_tenant_and_why_one_is_disabled(run: Run, stored: Services):
    run("register", "acme", "sqlite:////data/acme.db")
    run("register", "beta", "sqlite:////data/beta.db", "--existing")
    stored.tenants.deactivate("beta", "left us")
    status, out, _ = run("list")
    lines = out.splitlines()
    assert status == 0
    assert [line.split()[:3] for line in lines[:3]] == [
        ["tenant", "type", "active"],
        ["acme", "NEW", "yes"],
        ["beta", "EXISTING", "no"],
    ]
    assert lines[3].strip() == "disabled: left us"


def test_months_are_shown_with_what_failed(rig: Rig, run: Run):
    rig.add_existing(ONE, TWO)
    rig.watch.failing[ONE, MONTHS[1]] = ConnectionError("boom")  # type: ignore[assignment]
    rig.run_range(f"{MONTHS[0]}|{ONE}", f"{MONTHS[1]}|{ONE}")
    status, out, _ = run("months", ONE)
    _, first, second, message = (line.split() for line in out.splitlines())
    truth = rig.shops.truth.tenants[ONE].months[MONTHS[0]]
    assert status == 0
    assert first[:5] == [MONTHS[0], MonthStatus.COMPLETED, str(truth.good), str(truth.bad), "0"]
    assert first[5:] == [f"{NOW:%Y-%m-%d}", f"{NOW:%H:%M:%S}"]
    assert second[:5] == [MONTHS[1], MonthStatus.FAILED, "0", "0", "1"]
    assert message[:3] == ["unexpected:", "ConnectionError:", "boom."]


def test_removing_a_tenant_removes_its_months_and_says_what_stays(run: Run, stored: Services):
    run("register", "acme", "sqlite:////data/acme.db")
    assert run("remove", "acme") == (
        0,
        "acme is removed; tenants/acme/ in the object store stays\n",
        "",
    )
    assert stored.tenants.read_all() == ([], [])


def test_an_import_from_the_terminal_is_a_dry_run_without_apply(
    run: Run, stored: Services, legacy: Path
):
    status, out, _ = run("import", str(legacy))
    assert status == 1  # for the two rows with problems
    assert out.splitlines()[0] == "2 to import, 0 already there, problems: 2"
    assert out.splitlines()[-1] == "nothing was stored: add --apply"
    assert stored.tenants.ids() == []
    assert run("import", str(legacy), "--apply")[1].splitlines()[-1] == "2 imported"
    assert stored.tenants.ids() == [ONE, TWO]
    again = run("import", str(legacy), "--apply")[1].splitlines()
    assert (again[0], again[-1]) == ("0 to import, 2 already there, problems: 2", "0 imported")


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("months", "nobody"), "'nobody'"),
        (("remove", "nobody"), "'nobody'"),
        (("register", "a|b", "sqlite:////data/a.db"), "'a|b' is no tenant id"),
        (("register", "acme", "no url"), "source"),
        (("register", "acme", "sqlite:////d/a.db", "--columns={"), "--columns"),
        (
            ("register", "acme", "sqlite:////d/a.db", "--columns=[]"),
            "--columns '[]' is no JSON object",
        ),
        (("register", "acme", "sqlite:////d/a.db", '--columns={"event_at": 1}'), "--columns"),
        (("register", "acme", "sqlite:////d/a.db", "--backfill-start=2020-01"), "2020-01"),
        (("import", "/nowhere/advertisers.csv"), "/nowhere/advertisers.csv"),
    ],
    ids=lambda value: " ".join(value[:2]) if isinstance(value, tuple) else "",
)
def test_a_command_that_cannot_be_done_says_why_on_standard_error(
    run: Run, arguments: tuple[str, ...], words: str
):
    status, out, err = run(*arguments)
    assert (status, out) == (1, "")
    assert words in err
    assert len(err.splitlines()) == 1


def test_a_tenant_that_is_there_is_not_registered_again(run: Run):
    run("register", "acme", "sqlite:////data/acme.db")
    status, _, err = run("register", "acme", "sqlite:////data/other.db")
    assert (status, err) == (1, "tenant 'acme' is registered already; nothing was changed\n")
