import json
from pathlib import Path

import pytest

from benchmarks.tables import Goal, describe_goals, format_goals, format_table, write_json


def test_columns_are_as_wide_as_their_widest_cell() -> None:
    table = format_table(("what", "ms"), [("a", "1.25"), ("longer", "3")])
    assert table.splitlines() == ["what      ms", "a       1.25", "longer     3"]


@pytest.mark.parametrize(
    ("measured", "verdict"), [(1.0, "yes"), (1.02, "yes"), (1.03, "NO"), (None, "-")]
)
def test_a_goal_is_met_up_to_its_bound(measured: float | None, verdict: str) -> None:
    goal = Goal("ratio", 1.02, measured)
    assert goal.verdict == verdict
    assert format_goals([goal]).splitlines()[1].endswith(verdict)


def test_a_goal_that_was_not_measured_is_null_in_json() -> None:
    assert describe_goals([Goal("ratio", 1.02, None)]) == [
        {"goal": "ratio", "most": 1.02, "measured": None, "met": None}
    ]


def test_json_is_written_where_it_was_asked_for(tmp_path: Path) -> None:
    write_json(tmp_path / "a.json", {"a": 1})
    write_json(None, {"b": 2})
    assert [json.loads(path.read_text()) for path in tmp_path.iterdir()] == [{"a": 1}]
