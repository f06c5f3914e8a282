"""1,400 products in 28 batches, the scanning process killed again and again: nothing missing, nothing twice."""

import random
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from platform_assets.products.changes import ChangeKind
from platform_assets.products.latest import read_latest
from platform_assets.products.publishing import changes_key, snapshots_key
from platform_assets.products.tables import read_changes, read_snapshots
from platform_assets.services import Services
from platform_assets.settings import Settings, child_environment
from resources.caps.limits import find_cap
from tests.architecture.source_tree import ROOT
from tests.integration.processes import wait_until
from tests.integration.products.counting_shop import CountingShop

DAY, PACE = "2026-11-20", 40
PRODUCTS = 1400
KILLS = (150, 400, 650, 900, 1000)
"""Products that were answered when the process is killed. Without `make soak` two of them do."""

SECONDS = 600.0


@pytest.fixture
def shop() -> Iterator[CountingShop]:
    shop = CountingShop(PRODUCTS)
    shop.start()
    yield shop
    shop.stop()


def start(home: Path, shop: CountingShop) -> subprocess.Popen[str]:
    variables = {
        "PYTHONPATH": str(ROOT),
        "SLUICE_HOME": str(home),
        "SLUICE_SHOP_MUSINSA_URL": shop.url,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "benchmarks.products_scanning.worker", DAY, str(PACE)],
        env=child_environment(variables),
        stdout=subprocess.PIPE,
        text=True,
    )


def kill_at(limit: int, process: subprocess.Popen[str], shop: CountingShop) -> None:
    """Kills the process when so many products were answered."""
    wait_until(
        lambda: len(shop.answered) >= limit or process.poll() is not None,
        f"{limit} products answered",
        SECONDS,
    )
    assert process.poll() is None, "it was over before"
    process.send_signal(signal.SIGKILL)
    process.communicate()


@pytest.mark.slow
def test_a_day_whose_process_is_killed_is_complete_and_repeats_only_what_was_open(
    tmp_path: Path, shop: CountingShop, choose: random.Random, soak: bool
):
    kills = KILLS if soak else sorted(choose.sample(KILLS, 2))
    for limit in kills:
        kill_at(limit, start(tmp_path, shop), shop)
    with start(tmp_path, shop) as process:
        told, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0
    assert [line.partition(" ")[2] for line in told.splitlines()] == ["published"] * 28

    assert set(shop.answered) == {str(number) for number in range(1, PRODUCTS + 1)}
    repeated = shop.answered.total() - PRODUCTS
    # What was open, and what was read since the ledger was last written: a quarter of a second on a quiet machine.
    assert repeated <= len(kills) * (find_cap("musinsa").in_flight + PACE)

    services = Services(Settings(home=tmp_path, log_file=Path("/dev/null")))
    batches = [planned.batch for planned in services.shops.find_day("musinsa", DAY)]
    objects = services.objects
    snapshots = [
        each.product_id
        for batch in batches
        for each in read_snapshots(objects.get(snapshots_key(batch)), batch.key)
    ]
    changes = [
        each
        for batch in batches
        for each in read_changes(objects.get(changes_key(batch)), batch.key)
    ]
    services.state.close()
    assert sorted(snapshots, key=int) == [str(number) for number in range(1, PRODUCTS + 1)]
    assert {change.kind for change in changes} == {ChangeKind.NEW}
    assert len({change.product_id for change in changes}) == len(changes) == PRODUCTS
    assert len(read_latest(objects, "musinsa")) == PRODUCTS
