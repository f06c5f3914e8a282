# pyright: standard
"""A fault of the platform is never counted against a tenant: it is told once, waited for, and over by itself."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from platform_assets.core.errors import PlatformError, RefusedError, TransientError
from platform_assets.tenants.tenant import MonthStatus
from tests.glue.tenants_rig import Rig
from tests.glue.tenants_shops import write_shops

ONE = "tenant-0001"
TENANTS = [f"tenant-{number}" for number in range(8)]
CYCLES = 10

FULL = RefusedError("No space left; free space on that disk", kind="object_store_full")
AWAY = TransientError("the store does not answer; try again later", kind="object_store_unavailable")


class FaultyStore:
    """A store that takes nothing while it has an error."""

    def __init__(self, store: object, error: PlatformError) -> None:
        self._store = store
        self.error: PlatformError | None = error

    def __getattr__(self, name: str) -> Any:
        if name.startswith("put") and self.error is not None:
            return self._refuse
        return getattr(self._store, name)

    def _refuse(self, *_: object, **__: object) -> None:
        assert self.error is not None
        raise self.error


@pytest.fixture
def rig(tmp_path: Path) -> Iterator[Rig]:
    shops = tmp_path / "shops"
    shops.mkdir()
    with Rig.opened(tmp_path / "home", write_shops(shops)) as rig:
        yield rig


def told(rig: Rig, kind: str) -> list[str]:
    return sorted(rig.services.notes.find("alerts/").get(f"alerts/{kind}", {}).get("told", {}))


@pytest.mark.parametrize("fault", [FULL, AWAY], ids=lambda fault: fault.kind)
def test_a_store_that_takes_nothing_disables_nobody_and_all_is_done_once_it_does(
    rig: Rig, fault: PlatformError
):
    rig.add_existing(*TENANTS, shop=ONE)
    store = FaultyStore(rig.services.objects, fault)
    rig.services.month_processor = replace(rig.services.month_processor, objects=store)  # pyright: ignore[reportArgumentType]
    for _ in range(CYCLES):
        run = rig.run_cycle()
        assert not run.success
        assert fault.kind in run.failure[0]
        rig.clock.advance(16 * 60)
    tenants, months = rig.services.tenants.read_all()
    assert [tenant.tenant_id for tenant in tenants if not tenant.active] == []
    assert {month.retry_count for month in months} == {0}
    assert told(rig, "platform_fault") == [fault.kind]
    assert told(rig, "run_failed") == []
    store.error = None
    assert rig.run_cycle().success
    assert set(rig.states().values()) == {MonthStatus.COMPLETED}
    assert told(rig, "platform_fault") == []


def test_after_a_fault_of_the_platform_the_orchestrator_waits_and_says_why(rig: Rig):
    rig.add_existing(*TENANTS, shop=ONE)
    store = FaultyStore(rig.services.objects, FULL)
    rig.services.month_processor = replace(rig.services.month_processor, objects=store)  # pyright: ignore[reportArgumentType]
    assert not rig.run_cycle().success
    tick = rig.tick("tenants_orchestrator")
    assert tick.requests == []
    assert "the platform has a fault (object_store_full)" in (tick.skipped or "")
