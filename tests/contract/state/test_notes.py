from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from resources.state.database import StateDatabase
from resources.state.notes import SqlNotes
from tests.fakes.clock import START, FakeClock


@pytest.fixture
def notes(database: StateDatabase) -> SqlNotes:
    return SqlNotes(database)


def test_there_is_no_note_at_first(notes: SqlNotes):
    assert notes.get("orchestrator") is None


def test_a_note_takes_the_place_of_the_one_before(notes: SqlNotes, clock: FakeClock):
    notes.put("orchestrator", {"due": 3, "reason": "새 이벤트"})
    assert notes.get("orchestrator") == ({"due": 3, "reason": "새 이벤트"}, START)
    clock.advance(300)
    notes.put("orchestrator", {})
    assert notes.get("orchestrator") == ({}, START + timedelta(seconds=300))
    assert notes.get("stale") is None


def test_a_note_is_changed_by_what_it_was(notes: SqlNotes):
    assert notes.update("runners", lambda old, _now: {**old, "acme": "local"}) == {"acme": "local"}
    notes.update("runners", lambda old, _now: {**old, "beta": "http_service"})
    assert notes.get("runners") == ({"acme": "local", "beta": "http_service"}, START)


def test_changes_at_the_same_time_are_all_kept(notes: SqlNotes):
    def add(number: int) -> None:
        notes.update("runners", lambda old, _now: {**old, str(number): "local"})

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(40)))
    found = notes.get("runners")
    assert found is not None
    assert set(found[0]) == {str(number) for number in range(40)}


def test_notes_are_found_by_how_their_names_begin(notes: SqlNotes):
    for name in ("alerts/b", "alerts/a", "alerts", "alertsXc", "ALERTS/d", "other/alerts/e"):
        notes.put(name, {"name": name})
    assert notes.find("alerts/") == {
        "alerts/a": {"name": "alerts/a"},
        "alerts/b": {"name": "alerts/b"},
    }
    assert notes.find("a%/") == notes.find("alerts_") == {}
