"""A day of each pipeline asks for what it asked for before, and leaves the objects that it left."""

from pathlib import Path

import pytest

from tests.frozen.areas import read_golden
from tests.frozen.changes import CHANGES
from tests.frozen.compare import JOINT, compare, find_idle, find_unexplained
from tests.frozen.days import LIVED, read_lived

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", LIVED)
def test_no_object_is_gone_or_different_without_a_reason(name: str, tmp_path: Path):
    found = list(compare(read_golden(name), read_lived(name, tmp_path), name))
    lines = [str(each) for each in find_unexplained(found, CHANGES)]
    assert not lines, (
        "users read these objects: keep keys and contents, or say why not in tests/frozen/changes.py\n"
        + "\n".join(lines)
    )
    reasons = {place: why for place, why in CHANGES.items() if place.split(JOINT)[0] == name}
    assert find_idle(found, reasons) == []
