"""A day whose process is killed now and then: it goes on where it was, repeats only what was open, ends complete."""

import random
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from platform_assets.ranks.open import PAGES_AT_ONCE
from sandbox.process import SandboxProcess
from tests.integration.processes import wait_until
from tests.integration.ranks.rig import Rig
from tests.integration.ranks.workers import SECONDS, Workers

pytestmark = pytest.mark.slow

TRACKINGS, PAGES = 150, 120
PAGE_KILLS, SHARE = (1, 12, 27, 42, 57, 72, 87, 102), 3
"""Pages that are stored when the process is killed, and how many of them do without `make soak`."""

RECORD_KILLS = (1, 30)
"""Trackings that are recorded then: the pages are all there."""

OPEN = 2 * PAGES_AT_ONCE
"""Pages that one process has asked for and not stored, at most: on two hosts."""


@pytest.fixture
def rig(tmp_path: Path, sandbox: SandboxProcess) -> Iterator[Rig]:
    rig = Rig(tmp_path / "home", sandbox, crawl_delay_seconds=0.04)
    rig.track_many(TRACKINGS, PAGES)
    yield rig
    rig.close()


@pytest.fixture
def workers(rig: Rig, tmp_path: Path) -> Iterator[Workers]:
    with Workers(rig, tmp_path) as workers:
        yield workers


def kill_when(workers: Workers, is_reached: Callable[[], bool]) -> None:
    """Starts a process and kills it when it is so far."""
    captor = workers.start()
    wait_until(lambda: is_reached() or captor.is_over(), "the moment to kill", SECONDS)
    captor.kill()


def test_a_day_that_is_killed_repeats_only_what_was_open_and_ends_complete(
    rig: Rig, workers: Workers, choose: random.Random, soak: bool
):
    stored = dict[str, int]()
    page_kills = PAGE_KILLS if soak else sorted(choose.sample(PAGE_KILLS, SHARE))
    for limit in page_kills:
        kill_when(workers, lambda limit=limit: rig.count_stored() >= limit)
        asked = rig.count_requests()
        assert {page: asked[page] for page in stored} == stored, "a stored page was asked for"
        stored = {page: asked[page] for page in rig.name_stored_pages()}
        assert len(stored) < PAGES, "the day was over before"
    for limit in RECORD_KILLS:
        kill_when(workers, lambda limit=limit: len(rig.read_history()) >= limit)
        assert rig.count_stored() == PAGES
    told = workers.start().read()
    assert (told["stopped"], told["failures"], told["left"]) == (None, {}, [])
    assert told["records"] == [each.tracking_id for each in rig.trackings]

    asked = rig.count_requests()
    assert asked.keys() == rig.name_pages()
    assert {page: asked[page] for page in stored} == stored
    # A page was asked for again only if it was not stored yet when its process was killed.
    assert asked.total() - PAGES <= OPEN * len(page_kills)
    assert rig.read_history() == rig.find_ranks()
    assert {each.current_session for each in rig.ranks.trackings.list()} == {1}
