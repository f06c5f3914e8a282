"""When a batch is believed: how many products may vanish, or fail, at once."""

import pytest

from platform_assets.core.engine.units import FailedUnit
from platform_assets.products.product import ProductSnapshot
from platform_assets.products.quality import (
    FEW_FAILURES,
    NO_MASS_CHANGE,
    check_failures,
    check_mass_change,
)
from tests.unit.products.shop import make_gone, make_ids, make_snapshot

AMOUNTS = [
    (0, 50, True),
    (15, 50, True),
    (16, 50, False),
    (50, 50, False),
    (6, 20, True),
    (7, 20, False),
    (6, 19, False),
    (5, 5, True),
    (6, 6, False),
    (0, 0, True),
]
"""How many of how many, and whether that is believed: up to 30 %, and up to 5 whatever their share."""


def vanish(count: int) -> list[ProductSnapshot]:
    return [make_gone(each) for each in make_ids(count)]


def know(ids: list[str]) -> dict[str, ProductSnapshot]:
    return {each: make_snapshot(each) for each in ids}


@pytest.mark.parametrize(("gone", "total", "passed"), AMOUNTS)
def test_too_many_that_vanish_at_once_are_not_believed(gone: int, total: int, passed: bool):
    found = [make_snapshot(each) for each in make_ids(total - gone, first=900_001)]
    finding = check_mass_change(know(make_ids(gone)), [*vanish(gone), *found], total)
    assert finding.passed is passed
    assert finding.name == NO_MASS_CHANGE
    assert finding.grave
    assert finding.text.startswith(f"{gone} of {total} products are not found any more")


def test_a_mass_change_says_how_a_person_accepts_it():
    text = check_mass_change(know(make_ids(40)), vanish(40), 50).text
    assert "run it with the tag sluice/accept_mass_change=true" in text


def test_a_mass_change_that_a_person_has_accepted_passes_with_a_note():
    finding = check_mass_change(know(make_ids(40)), vanish(40), 50, accepted=True)
    assert finding.passed
    assert "A person has accepted it" in finding.text
    assert finding.numbers["gone"] == 40


def test_what_needs_no_accepting_has_no_note():
    plain = check_mass_change(know(make_ids(5)), vanish(5), 50)
    assert check_mass_change(know(make_ids(5)), vanish(5), 50, accepted=True) == plain


def test_products_that_were_gone_before_do_not_count():
    before = {each: make_gone(each) for each in make_ids(40)}
    finding = check_mass_change(before, vanish(40), 50)
    assert finding.passed
    assert finding.numbers["gone"] == 0


def test_products_that_were_never_seen_count_as_vanished():
    assert not check_mass_change({}, vanish(40), 50).passed


def test_a_mass_change_names_its_first_products():
    text = check_mass_change(know(make_ids(40)), vanish(40), 50).text
    assert ", ".join(make_ids(10)) in text
    assert make_ids(11)[-1] not in text
    assert "above 30%" in text


@pytest.mark.parametrize(("failed", "total", "passed"), AMOUNTS)
def test_many_failures_are_a_finding_and_a_grave_one_when_too_little_was_read(
    failed: int, total: int, passed: bool
):
    finding = check_failures([FailedUnit(each, "broken", "") for each in make_ids(failed)], total)
    nothing_read = total > 0 and failed == total
    assert finding.passed is (passed and not nothing_read)
    assert finding.name == FEW_FAILURES
    assert finding.grave is nothing_read
    assert finding.text.startswith(f"{failed} of {total} products could not be read")


@pytest.mark.parametrize(
    ("failed", "total", "share", "grave"),
    [
        (25, 50, 0.5, False),
        (26, 50, 0.5, True),
        (11, 50, 0.8, True),
        (5, 6, 0.5, False),
        (1, 1, 0.0, True),
        (50, 50, 0.0, True),
        (0, 0, 1.0, False),
    ],
)
def test_a_batch_of_which_too_little_or_nothing_was_read_is_not_believed(
    failed: int, total: int, share: float, grave: bool
):
    failures = [FailedUnit(each, "broken", "") for each in make_ids(failed)]
    assert check_failures(failures, total, share).grave is grave


def test_failures_are_counted_by_their_kinds():
    failures = [FailedUnit("1", "timeout", ""), FailedUnit("2", "blocked", "")]
    finding = check_failures([*failures, *failures], 50)
    assert finding.text == "4 of 50 products could not be read: blocked 2, timeout 2."
