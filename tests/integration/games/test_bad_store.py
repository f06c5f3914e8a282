"""A store that is in the way, damaged or full: a clear error, nothing half-visible, and afterwards the rest is done."""

from pathlib import Path

import pytest

from platform_assets.core.errors import PermanentError, RefusedError, TransientError
from platform_assets.games.plan import Mode
from platform_assets.settings import Settings
from sandbox.process import SandboxProcess
from tests.contract.state.postgres import temporary_schema
from tests.integration.games.children import (
    collect_on_a_full_disk,
    merge_on_a_full_disk,
    started,
)
from tests.integration.games.complaints import (
    assert_completes,
    assert_nothing_is_visible,
    assert_says,
)
from tests.integration.games.rig import (
    DAY,
    NEXT_DAY,
    fail_day,
    find_manifest,
    merge,
    opened,
    read_table,
    run_day,
)

MANIFEST = f"games/raw/games/dt={DAY}/manifest.json"


def write_object(settings: Settings, key: str, data: bytes) -> None:
    (settings.home / "objects" / key).write_bytes(data)


def remove_object(settings: Settings, key: str) -> None:
    (settings.home / "objects" / key).unlink()


def test_a_store_below_a_file_is_refused_by_name_and_works_when_the_file_is_gone(
    settings: Settings, sandbox: SandboxProcess, tmp_path: Path
):
    in_the_way = tmp_path / "a-file"
    in_the_way.write_text("not a folder")
    of = settings.model_copy(update={"objects_url": f"file://{in_the_way}/objects"})
    error = fail_day(of)
    assert isinstance(error, RefusedError)
    assert_says(error, str(in_the_way), "move it away")
    assert error.kind == "object_store_path_taken"
    assert in_the_way.read_text() == "not a folder"
    in_the_way.unlink()
    assert_completes(of, sandbox)


def test_a_corrupt_manifest_costs_its_day_alone_and_the_day_can_be_collected_again(
    settings: Settings, sandbox: SandboxProcess
):
    run_day(settings)
    merge(settings)
    before = read_table(settings)
    path = settings.home / "objects" / MANIFEST
    write_object(settings, MANIFEST, path.read_bytes()[:200])
    error = fail_day(settings)
    assert isinstance(error, RefusedError)
    assert error.kind == "corrupt_manifest"
    assert_says(error, MANIFEST, "delete this object and collect the day again")
    with pytest.raises(RefusedError, match="is not a manifest"):
        merge(settings)
    assert read_table(settings) == before
    assert run_day(settings, NEXT_DAY).report.complete
    merged = merge(settings)
    assert [each.kind for each in merged.unmerged] == ["corrupt_manifest"]
    assert [applied.split("/")[0] for applied in merged.applied] == [NEXT_DAY]
    remove_object(settings, MANIFEST)
    assert_completes(settings, sandbox)
    assert merge(settings).unmerged == ()


def test_a_part_that_is_damaged_is_named_and_the_table_stays(
    settings: Settings, sandbox: SandboxProcess
):
    run_day(settings)
    merge(settings)
    before = read_table(settings)
    run_day(settings, NEXT_DAY, Mode.FULL)
    manifest = find_manifest(settings, NEXT_DAY)
    assert manifest is not None
    part = manifest.segments[0].parts[3].key
    path = settings.home / "objects" / part
    write_object(settings, part, path.read_bytes()[:-100])
    with pytest.raises((PermanentError, RefusedError, TransientError)) as caught:
        merge(settings)
    assert_says(caught.value, part)
    assert read_table(settings) == before
    assert_completes(settings, sandbox, NEXT_DAY)
    assert_says(caught.value, "Collect the day again in full")


def test_a_full_disk_stops_landing_and_when_there_is_room_again_the_rest_is_landed(
    settings: Settings, sandbox: SandboxProcess
):
    with temporary_schema() as url:
        of = settings.model_copy(update={"state_url": url})
        with started(collect_on_a_full_disk, of, DAY, 60_000) as child:
            ended = child.wait()
        assert "free space" in ended.message
        assert str(settings.home / "objects") in ended.message
        assert_nothing_is_visible(of)
        assert_no_leftovers(of)
        assert_completes(of, sandbox)
        assert ended.kind == "object_store_full"


def test_a_disk_that_is_full_for_the_state_stops_the_collection_with_its_name(
    settings: Settings, sandbox: SandboxProcess
):
    with opened(settings) as services:
        assert services.state.ensure_schema() is False
    with started(collect_on_a_full_disk, settings, DAY, 40_000) as child:
        ended = child.wait()
    assert str(settings.home / "state.db") in ended.message
    # SQLite calls it an I/O error at a limit of the process, and full where the disk says so.
    assert "disk" in ended.message
    assert_nothing_is_visible(settings)
    assert_completes(settings, sandbox)


def test_a_full_disk_leaves_the_table_as_it_was(settings: Settings, sandbox: SandboxProcess):
    run_day(settings)
    merge(settings)
    before = read_table(settings)
    run_day(settings, NEXT_DAY)
    with started(merge_on_a_full_disk, settings, 100_000) as child:
        ended = child.wait()
    assert read_table(settings) == before
    assert_no_leftovers(settings)
    assert len(merge(settings).applied) == 1
    assert "free space" in ended.message


def assert_no_leftovers(settings: Settings) -> None:
    """No temporary file of the store is left."""
    folder = settings.home / "objects" / ".sluice" / "tmp"
    assert [path.name for path in folder.glob("*")] == []
