"""The Makefile explains itself, keeps to its folders, and looks after .env without losing a line of it."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from dagster._core.secrets.env_file import get_env_var_dict

from tests.architecture.source_tree import ROOT

HOME = ".sluice/dagster_home"


@pytest.fixture
def project(tmp_path: Path) -> Path:
    shutil.copy(ROOT / "Makefile", tmp_path)
    for name in ("pyproject.toml", "constraints.txt", "dagster.yaml"):
        (tmp_path / name).touch()
    return tmp_path


def make(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["make", *arguments], cwd=folder, capture_output=True, text=True, check=False
    )


def test_make_alone_lists_the_targets(project: Path) -> None:
    listed = make(project).stdout
    for target in (
        "setup",
        "demo",
        "dev",
        "api",
        "fast",
        "test",
        "soak",
        "lint",
        "fmt",
        "types",
        "bench",
        "check",
        "clean",
    ):
        assert f"  make {target} " in listed


def test_a_machine_without_a_usable_python_is_told_what_to_do(project: Path) -> None:
    failed = make(project, "setup", "PYTHONS=no-such-python sh")
    assert failed.returncode != 0
    assert "make setup PYTHONS=/path/to/python" in failed.stderr
    assert not (project / ".venv").exists()


def test_dagster_finds_its_home_through_the_env_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    assert make(project, "dotenv").returncode == 0
    assert get_env_var_dict(str(project)) == {"DAGSTER_HOME": str(project / HOME)}


def test_an_exported_home_wins_over_the_env_file(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make(project, "dotenv")
    monkeypatch.setenv("DAGSTER_HOME", "/elsewhere")
    assert get_env_var_dict(str(project)) == {"DAGSTER_HOME": "/elsewhere"}


def test_lines_of_the_user_stay_in_the_env_file_and_win(
    project: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    env = project / ".env"
    env.write_text("SLUICE_HOME=/data\nDAGSTER_HOME=/mine")
    env.chmod(0o600)
    make(project, "dotenv")
    once = env.read_text()
    make(project, "dotenv")
    assert env.read_text() == once
    assert env.stat().st_mode & 0o777 == 0o600
    assert get_env_var_dict(str(project)) == {"SLUICE_HOME": "/data", "DAGSTER_HOME": "/mine"}


def test_a_moved_project_gets_its_new_home(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("DAGSTER_HOME", raising=False)
    make(project, "dotenv")
    moved = project.rename(project.with_name("moved folder"))
    make(moved, "dotenv")
    assert get_env_var_dict(str(moved)) == {"DAGSTER_HOME": str(moved / HOME)}
    assert (moved / ".env").read_text().count("\n") == 1


def test_the_callers_home_is_never_used(project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DAGSTER_HOME", "/elsewhere")
    planned = make(project, "-n", "demo", "test", "env").stdout
    assert f"export DAGSTER_HOME='{project / HOME}'" in planned
    assert "/elsewhere" not in planned


def test_env_exports_the_homes_of_dagster_and_sluice(project: Path) -> None:
    exported = dict(re.findall(r"export (\w+)='(.*)'", make(project, "-n", "env").stdout))
    assert exported == {
        "DAGSTER_HOME": str(project / HOME),
        "SLUICE_HOME": str(project / ".sluice"),
    }


def test_dev_starts_the_api_beside_dagster_and_points_it_there(project: Path) -> None:
    planned = make(project, "-n", "dev", "PORT=3100").stdout
    assert "python -m api &" in planned
    assert "SLUICE_DAGSTER_URL=http://127.0.0.1:3100" in planned


def test_dev_takes_its_home_from_the_env_file_and_with_demo_from_the_demo(project: Path) -> None:
    assert "-u DAGSTER_HOME" in make(project, "-n", "dev").stdout
    demo = make(project, "-n", "dev", "DEMO=1").stdout
    assert "-u DAGSTER_HOME" not in demo
    assert f"SLUICE_HOME={project}/.sluice/demo" in demo
