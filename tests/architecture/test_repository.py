"""What must not be in the repository: traces of one machine or one package index, big files, a second lock file."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.architecture.source_tree import ROOT, list_files

BIGGEST_BYTES = 1_000_000
# Written so that they do not find themselves. A path starts a word: `https://shop.example/home/...` is no machine's.
TRACES = {
    "a path of one machine": re.compile(r"(?<![\w.:/}-])[/](?:work|root|home|Users)[/]\w"),
    "a package index": re.compile(
        r"index[-_]url|--find[-_]links|[/]simple[/]|pip_[a-z_]*(?:index|links)|pythonhosted[.]org",
        re.IGNORECASE,
    ),
}


def find_traces(text: str) -> Iterator[str]:
    for number, line in enumerate(text.splitlines(), 1):
        for what, pattern in TRACES.items():
            if pattern.search(line):
                yield f"line {number} holds {what}: {line.strip()[:120]}"


def read_text(path: Path) -> str:
    """The text of a file; nothing where it is not text."""
    try:
        return path.read_text(encoding="utf-8")
    except UnicodeDecodeError:
        return ""


def test_no_file_names_a_machine_or_a_package_index() -> None:
    found = [
        f"{name}: {trace}"
        for name in list_files(ROOT)
        for trace in find_traces(read_text(ROOT / name))
    ]
    assert not found, "\n".join(["", *found])


def test_no_file_is_bigger_than_a_megabyte() -> None:
    assert [
        str(name) for name in list_files(ROOT) if (ROOT / name).stat().st_size > BIGGEST_BYTES
    ] == []


def test_constraints_are_the_only_lock_file() -> None:
    locks = {"uv.lock", "poetry.lock", "pdm.lock", "Pipfile.lock", "requirements.txt"}
    assert [str(name) for name in list_files(ROOT) if name.name in locks] == []


def test_local_state_and_secrets_are_not_listed() -> None:
    local = {".env", ".sluice", ".venv", "__pycache__"}
    assert [str(name) for name in list_files(ROOT) if local & set(name.parts)] == []


@pytest.mark.parametrize(
    "line",
    [
        "cd /ro" + "ot/x",
        'open("/ho' + 'me/me/a")',
        "(/wo" + "rk/a)",
        "pip --extra-in" + "dex-url x",
        "https://h/sim" + "ple/a",
    ],
)
def test_a_trace_is_found(line: str) -> None:
    assert len(list(find_traces(f"fine\n{line}\n"))) == 1


@pytest.mark.parametrize(
    "line", ["https://shop.example/home/best", "the home/work balance", "index.html", "simple/a"]
)
def test_a_plain_line_is_no_trace(line: str) -> None:
    assert list(find_traces(line)) == []
