"""Names that users stand on stay what they are, or say in changes.py why not."""

from functools import cache

import pytest

from tests.frozen.areas import AREAS, read_area, read_golden
from tests.frozen.changes import CHANGES
from tests.frozen.compare import JOINT, Difference, add_new, compare, find_idle, find_unexplained
from tests.frozen.days import LIVED

STORED = {
    "jobs": {"tags": {"run_tags": {"minutes": "5,30"}}, "redrive": {"run_tags": {}}},
    "tables": {"units": ["scope", "unit_id"]},
    "variables": {"SLUICE_HOME": ".sluice", "SLUICE_PROXY": None},
    "paths": {"/metrics": {"GET": ["200", "503"]}},
}


@cache
def differences(area: str) -> list[Difference]:
    return list(compare(read_golden(area), read_area(area), area))


@pytest.mark.parametrize("area", AREAS)
def test_no_name_is_gone_or_different_without_a_reason(
    area: str, capsys: pytest.CaptureFixture[str]
):
    found = differences(area)
    if new := [each.place for each in found if each.added]:
        with capsys.disabled():
            print(f"\nnot frozen yet, `python -m tests.frozen.make` does it: {', '.join(new)}")
    lines = [str(each) for each in find_unexplained(found, CHANGES)]
    assert not lines, (
        "users stand on these names: keep them, or say why in tests/frozen/changes.py\n"
        + "\n".join(lines)
    )


def test_no_reason_outlives_its_difference():
    """Those of objects are looked at in test_days.py, where the objects are."""
    of_objects = [place for place in CHANGES if place.split(JOINT)[0] in LIVED]
    idle = find_idle([each for area in AREAS for each in differences(area)], CHANGES)
    assert [place for place in idle if place not in of_objects] == []


def changed(at: tuple[str, ...], value: object = None) -> dict[str, object]:
    """A copy of STORED with another value at a place, or without it."""

    def copy(tree: dict[str, object], rest: tuple[str, ...]) -> dict[str, object]:
        (name, *more) = rest
        if more:
            below = tree[name]
            assert isinstance(below, dict)
            return {**tree, name: copy(below, tuple(more))}
        left = {key: it for key, it in tree.items() if key != name}
        return left if value is None else {**left, name: value}

    return copy(dict(STORED), at)


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (changed(("jobs", "redrive")), "all > jobs > redrive: is gone"),
        (
            changed(("jobs", "tags", "run_tags", "minutes"), "5"),
            "all > jobs > tags > run_tags > minutes: was '5,30', is '5'",
        ),
        (changed(("tables", "units"), ["scope"]), "all > tables > units > unit_id: is gone"),
        (changed(("variables", "SLUICE_PROXY")), "all > variables > SLUICE_PROXY: is gone"),
        (
            changed(("variables", "SLUICE_HOME"), 1),
            "all > variables > SLUICE_HOME: was '.sluice', is 1",
        ),
        (changed(("paths", "/metrics")), "all > paths > /metrics: is gone"),
        (
            changed(("paths", "/metrics", "GET"), ["200"]),
            "all > paths > /metrics > GET > 503: is gone",
        ),
    ],
)
def test_what_is_removed_or_changed_is_told_and_needs_a_reason(now: object, text: str):
    found = list(compare(STORED, now, "all"))
    assert [str(each) for each in find_unexplained(found, {})] == [text]
    place = text.partition(": ")[0]
    above = place.rpartition(" > ")[0]
    assert find_unexplained(found, {place: "why"}) == []
    assert find_unexplained(found, {above: "why"}) == []
    assert find_unexplained(found, {place[:-1]: "why"}) == found


def test_what_is_new_passes_and_is_recorded():
    now = changed(("jobs", "again"), {"run_tags": {}}) | {"tables": {"units": ["a", "unit_id"]}}
    found = list(compare(STORED, now, "all"))
    assert {each.place for each in found if each.added} == {
        "all > jobs > again",
        "all > tables > units > a",
    }
    recorded = add_new(STORED, now)
    assert recorded == changed(("jobs", "again"), {"run_tags": {}}) | {
        "tables": {"units": ["a", "scope", "unit_id"]}
    }


def test_a_reason_without_a_difference_is_idle():
    found = list(compare(STORED, changed(("jobs", "redrive")), "all"))
    changes = {"all > jobs > redrive": "why", "all > jobs > tags": "why"}
    assert find_idle(found, changes) == ["all > jobs > tags"]
