"""What the tests of bad input expect of every error, and of what it leaves behind."""

from platform_assets.core.errors import PlatformError
from platform_assets.settings import Settings
from sandbox.process import SandboxProcess
from tests.integration.games.rig import DAY, find_manifest, merge, read_ids, run_day


def assert_says(error: PlatformError, *parts: str) -> None:
    missing = [part for part in parts if part not in str(error)]
    assert missing == [], f"not in: {error}"


def assert_nothing_is_visible(settings: Settings, day: str = DAY) -> None:
    assert find_manifest(settings, day) is None


def assert_completes(settings: Settings, sandbox: SandboxProcess, day: str = DAY) -> None:
    assert run_day(settings, day).report.complete
    assert read_ids(settings, day) == sandbox.ids()
    merge(settings)
