"""Temporary folders, and what becomes of those of the dead."""

import subprocess
import sys
from pathlib import Path

import pytest

from platform_assets.core.errors import RefusedError
from platform_assets.tags.table.scratch import open_scratch, sweep

HOLDER = """
import sys, time
from pathlib import Path
from platform_assets.tags.table.scratch import open_scratch
with open_scratch(Path(sys.argv[1])) as folder:
    (folder / "left").write_text("x")
    print(folder, flush=True)
    time.sleep(60)
"""


def test_a_folder_is_gone_at_the_end_whatever_is_in_it(tmp_path: Path):
    with open_scratch(tmp_path) as folder:
        (folder / "inner").mkdir()
        (folder / "inner" / "file").write_text("x")
        assert folder.parent == tmp_path
    assert list(tmp_path.iterdir()) == []


def test_a_folder_that_is_in_use_is_left_alone(tmp_path: Path):
    with open_scratch(tmp_path) as mine, open_scratch(tmp_path) as other:
        assert sweep(tmp_path) == 0
        assert mine.is_dir()
        assert other.is_dir()
        assert mine != other


def test_the_folder_of_a_process_that_was_killed_is_removed_by_the_next_one(tmp_path: Path):
    with subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(tmp_path)], stdout=subprocess.PIPE, text=True
    ) as holder:
        assert holder.stdout is not None
        folder = Path(holder.stdout.readline().strip())
        assert sweep(tmp_path) == 0, "it lives"
        holder.kill()
        holder.wait()
    assert (folder / "left").exists()
    with open_scratch(tmp_path) as mine:
        assert not folder.exists()
        assert {path.name.removesuffix(".lock") for path in tmp_path.iterdir()} == {mine.name}


def test_files_of_others_are_left_alone(tmp_path: Path):
    (tmp_path / "sluice-tags-").mkdir()
    (tmp_path / "other.lock").write_text("x")
    assert sweep(tmp_path) == 0
    assert len(list(tmp_path.iterdir())) == 2


def test_where_no_folder_can_be_made_it_says_so(tmp_path: Path):
    with pytest.raises(RefusedError) as raised, open_scratch(tmp_path / "missing"):
        pass
    assert raised.value.kind == "temporary_folder"
    assert str(tmp_path / "missing") in raised.value.message
