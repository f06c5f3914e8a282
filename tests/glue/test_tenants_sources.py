# pyright: standard
"""Cycles over sources as people have them: times in every form, sources of which nothing can be read, secrets."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, closing
from functools import partial
from pathlib import Path
from typing import NoReturn

import pytest

from platform_assets.tenants.registration import plan_tenant
from platform_assets.tenants.tenant import MonthStatus, SourceSettings, TenantType
from tests.glue.tenants_rig import Rig
from tests.glue.tenants_shops import MONTHS, write_shops
from tests.real_data.conftest import find_data

OpenRig = Callable[..., AbstractContextManager[Rig]]
TABLE = "CREATE TABLE events (event_id TEXT, event_at, customer_id TEXT, amount NUMERIC);"


@pytest.fixture
def open_rig(tmp_path: Path, tmp_path_factory: pytest.TempPathFactory) -> OpenRig:
    home = tmp_path / "home"
    home.mkdir()
    return partial(Rig.opened, home, write_shops(tmp_path_factory.getbasetemp()))


@pytest.fixture
def rig(open_rig: OpenRig) -> Iterator[Rig]:
    with open_rig(tenants_first_month="2024-01") as rig:
        yield rig


def add_tenant(rig: Rig, path: Path, script: str, start: str = MONTHS[0]) -> str:
    """A NEW tenant whose events a script writes; its id is the file's name."""
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript(script)
    register(rig, path.stem, f"sqlite:///{path}", start)
    return path.stem


def register(rig: Rig, tenant_id: str, url: str, start: str = MONTHS[0]) -> None:
    tenant, months = plan_tenant(
        tenant_id,
        "",
        TenantType.NEW,
        SourceSettings(url),
        now=rig.clock.now(),
        first_month=rig.services.settings.tenants_first_month,
        backfill_start=start,
    )
    rig.services.tenants.register(tenant, months)
    rig.instance.add_dynamic_partitions("tenants", [tenant_id])


def insert(*times: object, prefix: str = "e") -> str:
    rows = ", ".join(f"('{prefix}{n}', {at!r}, 'c{n}', 10)" for n, at in enumerate(times))
    return f"INSERT INTO events VALUES {rows};"


def counts(rig: Rig, tenant_id: str) -> dict[str, tuple[int, int]]:
    """Month -> good and bad events, of the months that have any."""
    return {
        month.month: (month.processed_records, month.failed_records)
        for month in rig.services.tenants.months(tenant_id)
        if month.processed_records or month.failed_records
    }


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("seconds", {"2024-01": (2, 0), "2024-03": (1, 0)}),
        ("milliseconds", {"2024-01": (2, 0), "2024-03": (2, 0)}),
    ],
)
def test_times_that_sqlite_keeps_as_numbers_are_read_into_their_months(
    rig: Rig,
    tmp_path: Path,
    name: str,
    expected: dict[str, tuple[int, int]],
    give_up: Callable[[str], NoReturn],
):
    data = find_data()
    case = data and data.parent / "cases" / "03-sqlite-times-as-numbers" / f"{name}.sql"
    if case is None or not case.is_file():
        give_up("no shared/cases beside the repository")
    tenant_id = add_tenant(rig, tmp_path / f"{name}.db", case.read_text(), "2024-01")
    assert rig.run_cycle().success
    assert counts(rig, tenant_id) == expected
    assert rig.services.tenants.get(tenant_id).tenant_type is TenantType.EXISTING


def test_dots_slashes_and_korean_times_are_read_into_their_months(rig: Rig, tmp_path: Path):
    times = (
        "2026.03.31 23:59:59",
        "2026/04/01",
        "2026. 5. 5. 오후 3:20:11",
        "20260601",
        "2026-3-1",
    )
    tenant_id = add_tenant(rig, tmp_path / "written.db", TABLE + insert(*times))
    assert rig.run_cycle().success
    assert counts(rig, tenant_id) == {
        "2026-03": (2, 0),
        "2026-04": (1, 0),
        "2026-05": (1, 0),
        "2026-06": (1, 0),
    }


def test_a_source_of_which_no_time_can_be_read_fails_by_name_and_is_no_complete_history(
    rig: Rig, tmp_path: Path
):
    tenant_id = add_tenant(
        rig, tmp_path / "american.db", TABLE + insert("05/06/2026", "05/07/2026")
    )
    text, _ = rig.run_cycle().failure
    assert f"{MONTHS[0]}|{tenant_id} (source_times)" in text
    assert "column event_at" in text
    assert "'05/06/2026'" in text
    assert rig.services.tenants.get(tenant_id).tenant_type is TenantType.NEW
    assert rig.states(tenant_id)[f"{MONTHS[0]}|{tenant_id}"] is MonthStatus.FAILED
