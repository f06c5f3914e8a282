from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from platform_assets.core.errors import PermanentError
from platform_assets.tags.shards.runner_choices import RUNNERS, RunnerChoices
from resources.state.database import open_state
from resources.state.notes import SqlNotes
from tests.fakes.clock import FakeClock


@pytest.fixture
def notes(tmp_path: Path) -> Iterator[SqlNotes]:
    with open_state(f"sqlite:///{tmp_path / 'state.db'}", FakeClock()) as database:
        yield SqlNotes(database)


@pytest.fixture
def choices(notes: SqlNotes) -> RunnerChoices:
    return RunnerChoices(notes, "local")


def test_a_tenant_that_was_not_moved_has_the_default(choices: RunnerChoices):
    assert choices.find("acme") == "local"
    assert choices.list_moved() == {}


@pytest.mark.parametrize("runner", RUNNERS)
def test_a_moved_tenant_has_its_runner_and_the_others_the_default(
    choices: RunnerChoices, runner: str
):
    assert choices.move("acme", runner) == runner
    assert choices.find("acme") == runner
    assert choices.find("acme2") == "local"


def test_a_tenant_can_be_moved_again(choices: RunnerChoices):
    choices.move("acme", "cloud_run_job")
    assert choices.move("acme", "http_service") == "http_service"
    assert choices.list_moved() == {"acme": "http_service"}


def test_a_tenant_that_is_moved_back_follows_the_default_again(
    choices: RunnerChoices, notes: SqlNotes
):
    choices.move("acme", "cloud_run_job")
    assert choices.move("acme", None) == "local"
    assert choices.list_moved() == {}
    assert RunnerChoices(notes, "http_service").find("acme") == "http_service"


def test_moving_back_who_was_not_moved_changes_nothing(choices: RunnerChoices):
    choices.move("beta", "http_service")
    assert choices.move("acme", None) == "local"
    assert choices.list_moved() == {"beta": "http_service"}


def test_a_tenant_that_was_moved_to_the_default_by_name_stays_there(
    choices: RunnerChoices, notes: SqlNotes
):
    choices.move("acme", "local")
    assert RunnerChoices(notes, "cloud_run_job").find("acme") == "local"


def test_moves_are_kept_and_listed_by_tenant(choices: RunnerChoices, notes: SqlNotes):
    for tenant_id in ("zoo", "acme", "mid"):
        choices.move(tenant_id, "http_service")
    moved = RunnerChoices(notes, "cloud_run_job").list_moved()
    assert list(moved.items()) == [(t, "http_service") for t in ("acme", "mid", "zoo")]


@pytest.mark.parametrize("runner", ["default", "", "LOCAL", "k8s" * 40])
def test_an_unknown_runner_is_refused_with_those_that_there_are(
    choices: RunnerChoices, runner: str
):
    with pytest.raises(PermanentError, match="use local, cloud_run_job, http_service") as error:
        choices.move("acme", runner)
    assert error.value.kind == "unknown_runner"
    assert len(str(error.value)) < 150
    assert choices.list_moved() == {}


@pytest.mark.parametrize("tenant_id", ["", "ac me", "../x", "a" * 51, "acme\n", "고객"])
@pytest.mark.parametrize("runner", ["local", None])
def test_what_is_no_tenant_id_is_refused(
    choices: RunnerChoices, tenant_id: str, runner: str | None
):
    with pytest.raises(PermanentError, match="is no tenant id") as error:
        choices.move(tenant_id, runner)
    assert error.value.kind == "bad_tenant_id"
    assert choices.list_moved() == {}


def test_moves_at_the_same_time_are_all_kept(choices: RunnerChoices):
    for number in range(4):
        choices.move(f"back{number}", "http_service")
    together = Barrier(8)

    def move(number: int) -> None:
        together.wait()
        if number < 4:
            choices.move(f"back{number}", None)
        else:
            choices.move(f"there{number}", RUNNERS[number % 3])

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(move, range(8)))
    assert choices.list_moved() == {f"there{number}": RUNNERS[number % 3] for number in range(4, 8)}
