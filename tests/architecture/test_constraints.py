"""constraints.txt pins all that pyproject.toml asks for, and what is installed here is what it pins."""

import re

from packaging.utils import canonicalize_name

from tests.architecture.requirements import close_over, read_requirements
from tests.architecture.source_tree import ROOT

PIN = re.compile(r"([A-Za-z0-9._-]+)==([A-Za-z0-9.!+_-]+)")
TESTED_EXTRAS = ("ui", "aws", "dev")
REPAIR = "install it in .venv and run `make constraints`"


def read_pins() -> dict[str, str]:
    lines = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    pins = [PIN.fullmatch(line) for line in lines if not line.startswith("#")]
    assert all(pins), "a line of constraints.txt is not name==version"
    return {canonicalize_name(pin[1]): pin[2] for pin in pins if pin}


def test_every_package_that_the_project_needs_is_pinned_at_what_is_installed() -> None:
    pins = read_pins()
    wrong = {
        name: f"installed {version}, pinned {pins.get(name)}"
        for name, version in close_over(read_requirements(*TESTED_EXTRAS)).items()
        if version is None or pins.get(name) != version
    }
    assert wrong == {}, REPAIR


def test_pins_are_sorted_and_unique() -> None:
    lines = [line for line in (ROOT / "constraints.txt").read_text().splitlines() if line[0] != "#"]
    assert lines == sorted(lines, key=str.upper)
    assert len(lines) == len(read_pins())


def test_protobuf_stays_in_the_window_of_dagster_and_google() -> None:
    # dagster: below 7; google-api-core 2.44: from 6.33.5.
    assert (6, 33, 5) <= tuple(map(int, read_pins()["protobuf"].split("."))) < (7,)
