"""The command line, as who types it sees it."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from platform_assets.tags.__main__ import main
from resources.objects.local import LocalObjectStore

Run = Callable[..., tuple[int, list[str], str]]

DICTIONARY = "dictionary/tags.csv"
LONG = "a" * 50
"""The longest id of a tenant."""


@pytest.fixture
def objects(tmp_path: Path) -> LocalObjectStore:
    return LocalObjectStore(tmp_path / "home" / "objects")


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """Runs a command with a home of its own: exit status, lines of standard output, standard error."""
    for name in os.environ:
        if name.startswith("SLUICE_"):
            monkeypatch.delenv(name)
    monkeypatch.setenv("SLUICE_HOME", str(tmp_path / "home"))

    def run(*arguments: str) -> tuple[int, list[str], str]:
        status = main(arguments)
        out, err = capsys.readouterr()
        return status, out.splitlines(), err

    return run


def words(lines: list[str]) -> list[list[str]]:
    return [line.split() for line in lines]


# sources


def test_sources_are_listed_with_their_tables_and_runner(run: Run, objects: LocalObjectStore):
    for key in ("acme/board/a.csv", "acme/board/b.csv", "beta/review/a.jsonl"):
        objects.put(f"raw/{key}", b"")
    run("move", "beta", "http_service")
    status, lines, err = run("sources")
    assert (status, err) == (0, "")
    assert words(lines) == [
        ["acme:board", "2", "tables", "local"],
        ["beta:review", "1", "tables", "http_service"],
    ]


def test_a_folder_that_is_no_source_is_told_after_those_that_are(
    run: Run, objects: LocalObjectStore
):
    objects.put("raw/acme/Bad Name/a.csv", b"")
    objects.put("raw/beta/review/a.csv", b"")
    status, lines, _ = run("sources")
    assert status == 0
    assert [line.split()[0] for line in lines] == ["beta:review", "raw/acme/Bad"]


def test_without_sources_nothing_is_listed(run: Run):
    assert run("sources") == (0, [], "")


def test_columns_stay_apart_however_long_names_are(run: Run, objects: LocalObjectStore):
    objects.put(f"raw/{LONG}/{'b' * 40}/a.csv", b"")
    run("move", LONG, "cloud_run_job")
    assert words(run("sources")[1]) == [
        [f"{LONG}:{'b' * 40}", "1", "tables", "cloud_run_job"],
    ]
    assert words(run("runners")[1])[0] == [LONG, "cloud_run_job"]


# runners, move


def test_at_first_all_tenants_have_the_default_runner(run: Run, monkeypatch: pytest.MonkeyPatch):
    assert words(run("runners")[1]) == [["all", "others", "local"]]
    monkeypatch.setenv("SLUICE_TAGS_RUNNER", "cloud_run_job")
    assert words(run("runners")[1]) == [["all", "others", "cloud_run_job"]]


def test_a_moved_tenant_is_told_and_remembered(run: Run):
    assert run("move", "beta", "http_service") == (0, ["beta: http_service"], "")
    assert run("move", "acme", "cloud_run_job") == (0, ["acme: cloud_run_job"], "")
    assert words(run("runners")[1]) == [
        ["acme", "cloud_run_job"],
        ["beta", "http_service"],
        ["all", "others", "local"],
    ]


def test_a_tenant_is_moved_back_to_the_default(run: Run):
    run("move", "acme", "cloud_run_job")
    assert run("move", "acme", "default") == (0, ["acme: local"], "")
    assert words(run("runners")[1]) == [["all", "others", "local"]]


def test_what_is_no_tenant_id_is_refused(run: Run):
    status, lines, err = run("move", "ac me", "local")
    assert (status, lines) == (1, [])
    assert err == "'ac me' is no tenant id\n"


# dictionary


def test_a_dictionary_is_published_and_counted(run: Run, objects: LocalObjectStore):
    objects.put(DICTIONARY, "tag_id,term\nT1,크림\nT2,수분크림\n".encode())
    status, (counted, *notes), err = run("dictionary")
    assert (status, err) == (0, "")
    (published,) = objects.list("tags/dictionaries/")
    version = published.key.rpartition("/")[2].removesuffix(".jsonl")
    assert counted == f"{DICTIONARY}: version {version}, 2 tags, 2 terms"
    assert any("수분크림" in note for note in notes)


def test_a_missing_dictionary_is_refused_with_where_to_put_it(run: Run):
    status, lines, err = run("dictionary")
    assert (status, lines) == (1, [])
    assert "there is no tag dictionary: put one at" in err
    assert "dictionary/tags.csv" in err


def test_a_bad_dictionary_is_refused_with_its_lines(run: Run, objects: LocalObjectStore):
    objects.put(DICTIONARY, "tag_id,term\nT1,\n,감기\n".encode())
    status, lines, err = run("dictionary")
    assert (status, lines) == (1, [])
    assert "line 2: the term is empty" in err
    assert "line 3: " in err
    assert not list(objects.list("tags/"))


# All commands.


@pytest.mark.parametrize(
    "command", [["sources"], ["runners"], ["move", "acme", "local"], ["dictionary"]]
)
def test_a_bad_setting_is_refused_by_name(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]
):
    monkeypatch.setenv("SLUICE_TAGS_RUNNER", "k8s")
    status, lines, err = run(*command)
    assert (status, lines) == (1, [])
    assert err.startswith("settings: SLUICE_TAGS_RUNNER: ")
    assert "Traceback" not in err


@pytest.mark.parametrize("command", [["sources"], ["dictionary"]])
def test_a_store_that_cannot_be_opened_is_refused(
    run: Run, monkeypatch: pytest.MonkeyPatch, command: list[str]
):
    monkeypatch.setenv("SLUICE_OBJECTS_URL", "ftp://example.com/objects")
    status, lines, err = run(*command)
    assert (status, lines) == (1, [])
    assert "ftp" in err


@pytest.mark.parametrize(
    ("command", "said"),
    [
        ([], "COMMAND"),
        (["remove", "acme"], "invalid choice: 'remove'"),
        (["move", "acme"], "runner"),
        (["move", "acme", "k8s"], "invalid choice: 'k8s'"),
        (["move", "acme", "local", "beta"], "unrecognized arguments: beta"),
    ],
)
def test_a_command_line_that_says_nothing_clear_is_explained(
    run: Run, capsys: pytest.CaptureFixture[str], command: list[str], said: str
):
    with pytest.raises(SystemExit) as ended:
        run(*command)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_help_names_every_command(run: Run, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as ended:
        run("--help")
    assert ended.value.code == 0
    shown = capsys.readouterr().out
    assert {"sources", "runners", "move", "dictionary"} <= set(shown.split())
