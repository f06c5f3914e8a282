import json
from collections.abc import Iterator
from pathlib import Path

import pytest
import structlog

from resources.logs import open_log


@pytest.fixture(autouse=True)
def restored() -> Iterator[None]:
    before = structlog.get_config()
    yield
    structlog.configure(**before)


def test_each_event_is_one_json_object_a_line_in_the_file(tmp_path: Path):
    path = tmp_path / "logs" / "sluice.jsonl"
    open_log(path)
    structlog.get_logger().info("unit", unit_id="한글", state="done")
    structlog.get_logger().warning("second")
    first, second = [json.loads(line) for line in path.read_text().splitlines()]
    assert (first["event"], first["unit_id"], first["level"]) == ("unit", "한글", "info")
    assert second["timestamp"].endswith("Z")


def test_a_path_that_comes_back_is_written_to_again(tmp_path: Path):
    for name in ("a", "b", "a"):
        open_log(tmp_path / name)
        structlog.get_logger().info("event")
    assert len((tmp_path / "a").read_text().splitlines()) == 2
    assert len((tmp_path / "b").read_text().splitlines()) == 1
