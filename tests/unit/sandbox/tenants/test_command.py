import csv
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime
from decimal import Decimal
from itertools import pairwise
from pathlib import Path

import pytest
from sqlalchemy import create_engine, text
from sqlalchemy.exc import OperationalError

from sandbox.tenants.command import main
from sandbox.tenants.oddities import TYPED
from sandbox.tenants.truth import MonthTruth, read_truth
from tests.contract.state.postgres import temporary_schema
from tests.fakes.clock import FakeClock
from tests.unit.sandbox.tenants.recount import Row, figures, read_rows, recount

NOW = datetime(2026, 3, 10, 4, 0, tzinfo=UTC)
SMALL = ("--tenants", "3", "--months", "4", "--events-per-month", "60", "--dirt", "0.3")


def run(*options: str, now: datetime = NOW) -> int:
    return main(options, FakeClock(now))


def read_list(folder: Path, name: str = "tenants.csv") -> list[dict[str, str]]:
    with (folder / name).open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))


def read_month(folder: Path, tenant_id: str, month: str) -> MonthTruth:
    return read_truth(folder).tenants[tenant_id].months[month]


def test_each_tenant_gets_a_file_and_a_line_in_the_list_that_is_printed_too(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run("--out", str(tmp_path), *SMALL) == 0
    assert capsys.readouterr().out == (tmp_path / "tenants.csv").read_text(encoding="utf-8")
    listed = read_list(tmp_path)
    assert listed[0] == {
        "tenant_id": "tenant-0001",
        "name": "Bright Bakery 1",
        "tenant_type": "NEW",
        "last_completed_month": "",
        "source_url": f"sqlite:///{tmp_path}/tenant-0001.db",
        "table": "events",
        "columns": "{}",
    }
    assert [len(read_rows(tmp_path / f"{line['tenant_id']}.db")) > 0 for line in listed] == [
        True,
        True,
        True,
    ]


def test_the_same_command_writes_the_same_rows_in_place_of_the_old_ones(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL)
    truth, rows = (tmp_path / "truth.json").read_text(), read_rows(tmp_path / "tenant-0001.db")
    run("--out", str(tmp_path), *SMALL)
    assert (tmp_path / "truth.json").read_text() == truth
    assert read_rows(tmp_path / "tenant-0001.db") == rows


def test_history_ends_with_yesterday(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL[:6], "--dirt", "0")
    days = [row[2][:10] for row in read_rows(tmp_path / "tenant-0001.db")]
    assert (min(days)[:7], max(days)) == ("2025-12", "2026-03-09")


def test_a_month_that_is_over_is_full_of_events_to_its_end(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL[:6], "--dirt", "0", "--until", "2026-02")
    assert max(row[2] for row in read_rows(tmp_path / "tenant-0001.db"))[:10] == "2026-02-28"


def test_existing_tenants_have_a_last_completed_month_and_are_a_legacy_table(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL, "--existing", "2")
    listed = [(line["tenant_type"], line["last_completed_month"]) for line in read_list(tmp_path)]
    assert listed == [("EXISTING", "2026-02"), ("EXISTING", "2026-02"), ("NEW", "")]
    legacy = read_list(tmp_path, "advertisers.csv")
    assert [line["advertiser_id"] for line in legacy] == ["tenant-0001", "tenant-0002"]
    assert legacy[0]["source_url"] == read_list(tmp_path)[0]["source_url"]
    assert (legacy[0]["last_completed_month"], legacy[0]["source_table"]) == ("2026-02", "events")


def test_the_index_is_on_the_time(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL)
    with closing(sqlite3.connect(tmp_path / "tenant-0001.db")) as connection:
        plan = connection.execute(
            "EXPLAIN QUERY PLAN SELECT * FROM events WHERE event_at >= '2026-01-01'"
        ).fetchone()
    assert "USING INDEX ix_events" in plan[3]


def test_failing_tenants_fail_each_in_its_own_way(tmp_path: Path):
    kinds = ("--bad", "missing-table", "--bad", "other-columns", "--bad", "unreachable")
    run("--out", str(tmp_path), *SMALL, *kinds)
    urls = {line["tenant_id"]: line["source_url"] for line in read_list(tmp_path)}
    assert (tmp_path / "bad-missing-table.db").exists(), "or it would be unreachable"
    with pytest.raises(sqlite3.OperationalError, match="no such table: events"):
        read_rows(tmp_path / "bad-missing-table.db")
    with closing(sqlite3.connect(tmp_path / "bad-other-columns.db")) as connection:
        columns = [row[1] for row in connection.execute("PRAGMA table_info(events)")]
    assert columns == ["id", "payload", "happened"]
    engine = create_engine(urls["bad-unreachable"])
    with pytest.raises(OperationalError, match="refused"):
        engine.connect()
    assert {t.fails for t in read_truth(tmp_path).tenants.values()} == {"", *kinds[1::2]}


def test_appended_events_are_new_good_and_known_to_the_truth(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL, "--bad", "missing-table")
    before = read_rows(tmp_path / "tenant-0002.db")
    assert run("--out", str(tmp_path), "--append", "5") == 0
    assert run("--out", str(tmp_path), "--append", "2") == 0
    after = read_rows(tmp_path / "tenant-0002.db")
    added = after[len(before) :]
    assert after[: len(before)] == before
    assert [row[0] for row in added] == [f"A{n}" for n in range(7)]
    assert [row[2] for row in added][4::2] == ["2026-03-10 13:00:00"] * 2
    known = read_month(tmp_path, "tenant-0002", "2026-03")
    assert recount(after, "2026-03", "2026-04") == figures(known)
    assert read_truth(tmp_path).tenant("tenant-0002").appended == 7


def test_appended_events_stay_within_the_month_that_is_named(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL)
    before = len(read_rows(tmp_path / "tenant-0001.db"))
    run("--out", str(tmp_path), "--append", "3", "--until", "2026-02")
    added = read_rows(tmp_path / "tenant-0001.db")[before:]
    assert [row[2][:10] for row in added] == ["2026-02-28"] * 3


def test_events_appended_just_after_a_month_began_are_not_in_the_one_before(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL)
    before = len(read_rows(tmp_path / "tenant-0001.db"))
    run("--out", str(tmp_path), "--append", "9", now=datetime(2026, 3, 31, 15, 0, 2, tzinfo=UTC))
    added = read_rows(tmp_path / "tenant-0001.db")[before:]
    assert {row[2] for row in added} == {f"2026-04-01 00:00:0{n}" for n in range(3)}


def test_one_database_holds_a_table_for_each_tenant(tmp_path: Path):
    url = f"sqlite:///{tmp_path}/all.db"
    assert run("--url", url, "--out", str(tmp_path), *SMALL) == 0
    listed = {line["table"]: line["source_url"] for line in read_list(tmp_path)}
    assert listed == {f"events_tenant_000{n}": url for n in (1, 2, 3)}
    rows = read_rows(tmp_path / "all.db", "events_tenant_0003")
    known = read_month(tmp_path, "tenant-0003", "2026-03")
    assert recount(rows, "2026-03", "2026-04") == figures(known)
    assert [path.name for path in tmp_path.glob("*.db")] == ["all.db"]


@pytest.fixture
def schema() -> Iterator[str]:
    with temporary_schema() as url:
        yield url


def read_table(url: str, table: str) -> list[Row]:
    engine = create_engine(url)
    with engine.connect() as connection:
        rows = [tuple(row) for row in connection.execute(text(f"SELECT * FROM {table}"))]
    engine.dispose()
    return [(*row[:6], "NaN" if row[6].is_nan() else row[6], row[7]) for row in rows]


def test_postgresql_holds_typed_tables_that_agree_with_the_truth(schema: str, tmp_path: Path):
    options = ("--url", schema, "--out", str(tmp_path), *SMALL, "--bad", "missing-table")
    assert run(*options, "--bad", "other-columns") == 0
    assert run("--out", str(tmp_path), "--append", "4") == 0
    rows = read_table(read_list(tmp_path)[0]["source_url"], "events_tenant_0001")
    assert {type(row[2]) for row in rows} == {datetime}
    assert any(row[6] == "NaN" for row in rows)
    known = read_truth(tmp_path).tenant("tenant-0001").months
    for month, after in pairwise(["2025-12", "2026-01", "2026-02", "2026-03", "2026-04"]):
        assert recount(rows, month, after) == figures(known[month])
    assert sum(month.bad for month in known.values()) > 0
    kinds = {kind for month in known.values() for kind in month.odd}
    assert kinds <= {*TYPED}
    assert {"null_id", "nan_amount", "restated", "copied"} < kinds


def test_writing_to_postgresql_again_replaces_the_tables(schema: str, tmp_path: Path):
    options = ("--url", schema, "--out", str(tmp_path), *SMALL)
    run(*options)
    first = read_table(schema, "events_tenant_0001")
    run(*options)
    assert sorted(map(str, read_table(schema, "events_tenant_0001"))) == sorted(map(str, first))


def test_the_lists_hold_a_reference_in_place_of_the_password(
    schema: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    url = schema.replace("postgres@", "postgres:hunter2@")
    assert run("--url", url, "--out", str(tmp_path), *SMALL) == 0
    assert "postgres:${SANDBOX_PASSWORD}@127.0.0.1" in read_list(tmp_path)[0]["source_url"]
    assert run("--out", str(tmp_path), "--append", "1") == 2
    assert run("--out", str(tmp_path), "--append", "1", "--url", url) == 0
    files = "".join(path.read_text() for path in tmp_path.iterdir())
    said = capsys.readouterr()
    assert "hunter2" not in files + said.out + said.err
    assert "has no password" in said.err


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ((), "nowhere to write to"),
        (("--url", "mysql://host/shop"), "PostgreSQL database or a SQLite file"),
        (("--url", "sqlite://"), "PostgreSQL database or a SQLite file"),
        (("--url", "nonsense"), "no SQLAlchemy URL"),
        (("--url", "postgresql://u:hunter2@127.0.0.1:1/x"), "cannot write to"),
        (("--append", "1"), "needs the --out folder"),
        (("--out", "{}", "--append", "1"), "write tenants there first"),
        (("--out", "{}", "--data", "{}", "--dataset", "olist"), "no olist/"),
        (("--out", "{}", "--data", "{}", "--dataset", "retail"), "no online_retail_by_day"),
        (("--out", "{}", "--data", "{}", "--dataset", "political"), "no google_political_ads/"),
    ],
)
def test_what_cannot_be_done_ends_with_a_message(
    options: tuple[str, ...], message: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert run(*(option.replace("{}", str(tmp_path)) for option in options)) == 2
    said = capsys.readouterr().err
    assert message in said
    assert "hunter2" not in said


@pytest.mark.parametrize(
    "option",
    ["--tenants=0", "--dirt=2", "--until=2026-13", "--bad=other", "--dataset=snap", "--data=x"],
)
def test_an_impossible_option_is_refused(option: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        run("--out", "x", option)
    assert caught.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err


def test_revenue_is_exact_to_the_last_cent(tmp_path: Path):
    run("--out", str(tmp_path), *SMALL[:6], "--dirt", "0")
    rows = read_rows(tmp_path / "tenant-0001.db")
    months = json.loads((tmp_path / "truth.json").read_text())["tenants"]["tenant-0001"]["months"]
    said = sum(Decimal(month["revenue"]) for month in months.values())
    assert sum(Decimal(str(row[6])) for row in rows) == said
