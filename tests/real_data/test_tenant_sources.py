"""Real data sets written as tenants' databases: not a row more or less than their SOURCE.md says."""

import csv
import sqlite3
from collections.abc import Callable
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any, NoReturn

import pytest

from sandbox.tenants.command import main
from sandbox.tenants.truth import MonthTruth, Truth, read_truth
from tests.real_data.conftest import ROOT, find_data


@pytest.fixture(scope="module")
def events_data(give_up: Callable[[str], NoReturn]) -> Path:
    data = find_data()
    if data is None or not (data / "events" / "SOURCE.md").is_file():
        give_up(f"no real events beside {ROOT}: SLUICE_TEST_DATA names another place")
    return data / "events"


def write(data: Path, folder: Path, dataset: str, *options: str) -> Truth:
    source = ("--data", str(data), "--dataset", dataset)
    assert main(("--out", str(folder), *source, *options)) == 0
    return read_truth(folder)


def ask(path: Path, question: str) -> Any:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(f"SELECT {question} FROM events").fetchone()


def add_up(truth: Truth, month: str) -> MonthTruth:
    found = [t.months[month] for t in truth.tenants.values() if month in t.months]
    return MonthTruth(
        good=sum(m.good for m in found), revenue_units=sum(m.revenue_units for m in found)
    )


def check_agrees(folder: Path, truth: Truth) -> None:
    """Each table holds what the truth says, and no event id twice."""
    for tenant_id, tenant in truth.tenants.items():
        rows, ids, revenue = ask(
            folder / f"{tenant_id}.db",
            "count(*), count(DISTINCT event_id), sum(round(amount * 1000))",
        )
        good = sum(month.good for month in tenant.months.values())
        assert rows == ids == good, tenant_id
        assert Decimal(int(revenue)) / 1000 == sum(m.revenue for m in tenant.months.values())


@pytest.fixture(scope="module")
def retail(events_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("retail")
    return folder, write(events_data, folder, "retail")


@pytest.mark.slow
def test_online_retail_has_431673_lines_of_38_countries(retail: tuple[Path, Truth]):
    folder, truth = retail
    assert truth.count_rows() == 431_673
    assert len(truth.tenants) == 38
    assert ask(folder / "united-kingdom.db", "count(*)")[0] == 392_912
    months = {month for tenant in truth.tenants.values() for month in tenant.months}
    assert (min(months), max(months), len(months)) == ("2010-12", "2011-10", 11)
    check_agrees(folder, truth)


@pytest.mark.slow
def test_online_retail_keeps_cancellations_and_lines_without_a_customer(
    retail: tuple[Path, Truth],
):
    folder, truth = retail
    wanted = (
        *("customer_id IS NULL", "event_type = 'cancellation'", "quantity < 0"),
        "customer_id LIKE '%.%'",
    )
    counts = [
        ask(
            folder / f"{tenant_id}.db",
            ", ".join(f"count(*) FILTER (WHERE {found})" for found in wanted),
        )
        for tenant_id in truth.tenants
    ]
    assert [sum(column) for column in zip(*counts, strict=True)] == [108_103, 7_852, 9_021, 0]


@pytest.mark.slow
def test_a_line_of_online_retail_is_written_as_its_invoice_has_it(retail: tuple[Path, Truth]):
    folder, _ = retail
    with closing(sqlite3.connect(folder / "united-kingdom.db")) as connection:
        first = connection.execute("SELECT * FROM events WHERE event_id = '536365-1'").fetchone()
    assert first == (
        *("536365-1", "17850", "2010-12-01 08:26:00", "purchase", "536365", 6, 15.3, None),
    )


@pytest.fixture(scope="module")
def olist(events_data: Path, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Truth]:
    folder = tmp_path_factory.mktemp("olist")
    return folder, write(events_data, folder, "olist")


@pytest.mark.slow
def test_olist_has_99511_items_of_2720_sellers_and_four_of_them_years_late(
    olist: tuple[Path, Truth],
):
    folder, truth = olist
    assert truth.count_rows() == 99_511
    assert len(truth.tenants) == 2_720
    counts = {month: add_up(truth, month).good for month in ("2016-11", "2016-12", "2018-08")}
    assert counts == {"2016-11": 0, "2016-12": 1, "2018-08": 7_762}
    assert add_up(truth, "2020-02").good + add_up(truth, "2020-04").good == 4
    check_agrees(folder, truth)


def test_the_largest_sellers_are_taken_when_a_number_is_asked_for(
    events_data: Path, tmp_path: Path
):
    truth = write(events_data, tmp_path, "olist", "--tenants", "5")
    sizes = [sum(m.good for m in tenant.months.values()) for tenant in truth.tenants.values()]
    with (tmp_path / "tenants.csv").open(encoding="utf-8", newline="") as lines:
        listed = [row["tenant_id"] for row in csv.DictReader(lines)]
    by_rank = [sum(m.good for m in truth.tenants[name].months.values()) for name in listed]
    assert by_rank == sorted(sizes, reverse=True)
    assert by_rank[0] == 2_033
    check_agrees(tmp_path, truth)


@pytest.mark.slow
def test_political_spend_has_21388_weeks_of_1859_advertisers_over_21_months(
    events_data: Path, tmp_path: Path
):
    truth = write(events_data, tmp_path, "political")
    assert truth.count_rows() == 21_388
    assert len(truth.tenants) == 1_859
    months = {month for tenant in truth.tenants.values() for month in tenant.months}
    assert (min(months), max(months), len(months)) == ("2018-05", "2020-01", 21)
    check_agrees(tmp_path, truth)
