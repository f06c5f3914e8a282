"""`make demo` installs the runtime set only, so nothing that it loads may need a package of an extra."""

import subprocess
import sys
from importlib.metadata import packages_distributions

import pytest
from packaging.utils import canonicalize_name

from tests.architecture.requirements import close_over, read_requirements
from tests.architecture.source_tree import ROOT

WITHOUT_EXTRAS = """
import importlib, sys

class Refusal:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in BLOCKED:
            raise ModuleNotFoundError(f"{name} is in no package of the runtime set", name=name)

sys.meta_path.insert(0, Refusal())
importlib.import_module(sys.argv[1])
"""


def list_blocked() -> set[str]:
    """Top-level modules that come with the extras only."""
    runtime = {*close_over(read_requirements()), "sluice", "pip", "setuptools"}
    return {
        module
        for module, owners in packages_distributions().items()
        if not runtime & {canonicalize_name(owner) for owner in owners}
    }


def load_without_extras(module: str) -> subprocess.CompletedProcess[str]:
    program = f"BLOCKED = {list_blocked()!r}{WITHOUT_EXTRAS}"
    return subprocess.run(
        [sys.executable, "-c", program, module],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.parametrize(
    "module",
    [
        "platform_assets.definitions",
        "platform_assets.demo.__main__",
        "sandbox.__main__",
        "migrations.__main__",
    ],
)
def test_a_program_loads_with_the_runtime_set_alone(module: str) -> None:
    loaded = load_without_extras(module)
    assert loaded.returncode == 0, loaded.stderr[-2000:]


def test_a_package_of_an_extra_is_refused() -> None:
    assert {"boto3", "pytest", "dagster_webserver"} <= list_blocked()
    assert "boto3 is in no package of the runtime set" in load_without_extras("boto3").stderr
