import pytest

from resources.state.database import StateDatabase
from resources.state.dead_letters import DeadLetter, DeadLetterFilter, SqlDeadLetters
from tests.fakes.clock import START, FakeClock


def letter(number: int, kind: str = "schema") -> DeadLetter:
    return DeadLetter(
        pipeline="tenants/events",
        tenant="acme" if number % 2 else "zeta",
        partition="2026-10",
        unit_id=f"unit-{number}",
        kind=kind,
        message=f"미리보기 {number}",
        record=f'{{"id": {number}}}',
    )


@pytest.fixture
def letters(database: StateDatabase) -> SqlDeadLetters:
    return SqlDeadLetters(database)


def test_letters_are_found_as_they_were_added_newest_first(letters: SqlDeadLetters):
    letters.add([letter(0), letter(1)], retention_days=7)
    found = letters.find(DeadLetterFilter())
    assert [stored.letter for stored in found] == [letter(1), letter(0)]
    assert found[0].created_at == START
    assert (found[0].expires_at - START).days == 7


def test_letters_are_found_and_counted_by_filter(letters: SqlDeadLetters):
    letters.add([letter(i, "schema" if i < 4 else "timeout") for i in range(6)], 7)
    wanted = DeadLetterFilter(tenant="acme", kind="schema")
    assert [stored.letter.unit_id for stored in letters.find(wanted)] == ["unit-3", "unit-1"]
    assert letters.count(wanted) == 2
    assert letters.count(DeadLetterFilter()) == 6
    assert letters.count(DeadLetterFilter(unit_id="unit-5")) == 1


def test_letters_are_read_page_by_page(letters: SqlDeadLetters):
    letters.add([letter(i) for i in range(5)], 7)
    first = letters.find(DeadLetterFilter(), limit=3)
    rest = letters.find(DeadLetterFilter(), limit=3, before_id=first[-1].letter_id)
    assert [stored.letter for stored in (*first, *rest)] == [letter(i) for i in (4, 3, 2, 1, 0)]


def test_expired_letters_are_purged(letters: SqlDeadLetters, clock: FakeClock):
    letters.add([letter(0)], retention_days=1)
    letters.add([letter(1)], retention_days=7)
    clock.advance(86_400)
    assert letters.purge() == 1
    assert [stored.letter for stored in letters.find(DeadLetterFilter())] == [letter(1)]


def test_adding_nothing_is_no_error(letters: SqlDeadLetters):
    letters.add([], 7)
    assert letters.count(DeadLetterFilter()) == 0


def test_a_broken_record_is_stored_as_far_as_text_can(letters: SqlDeadLetters):
    broken = DeadLetter("p", "", "d", "u", "encoding", "nul \x00", "half \ud800 of a pair")
    letters.add([broken], 7)
    assert letters.find(DeadLetterFilter())[0].letter.record == "half ? of a pair"
