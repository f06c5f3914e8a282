import os
import subprocess
import sys
from pathlib import Path

from resources.browser.family import BrowserFamily

LEADER = 100


def add(
    proc: Path, pid: int, session: int, state: str = "S", start: str = "7", pages: int = 1
) -> None:
    folder = proc / str(pid)
    folder.mkdir()
    fields = [state, "1", str(session), str(session), *["0"] * 15, start, "0"]
    (folder / "stat").write_text(f"{pid} (a ) name) {' '.join(fields)}\n")
    (folder / "statm").write_text(f"1000 {pages} 1 1 0 1 0\n")


def test_a_family_is_what_lives_in_the_session_of_its_browser(tmp_path: Path):
    add(tmp_path, LEADER, LEADER, pages=10)
    add(tmp_path, 101, LEADER, pages=5)
    add(tmp_path, 102, LEADER, state="Z", pages=3)
    add(tmp_path, 103, 99, pages=2)
    (tmp_path / "104").mkdir()  # ended while the folder was read
    family = BrowserFamily.find(LEADER, tmp_path)
    assert family.members() == [100, 101]
    assert family.resident_bytes() == 15 * os.sysconf("SC_PAGE_SIZE")


def test_members_whose_browser_has_died_still_belong_to_it(tmp_path: Path):
    add(tmp_path, 101, LEADER)
    assert BrowserFamily(LEADER, "7", tmp_path).members() == [101]


def test_a_stranger_that_got_the_pid_of_the_browser_is_not_its_family(tmp_path: Path):
    add(tmp_path, LEADER, LEADER, start="8")
    add(tmp_path, 101, LEADER, start="9")
    assert BrowserFamily(LEADER, "7", tmp_path).members() == []


def test_there_is_no_family_without_proc(tmp_path: Path):
    family = BrowserFamily.find(LEADER, tmp_path / "proc")
    assert family.members() == []
    assert family.resident_bytes() == 0
    assert family.read_argument("user-data-dir") is None
    family.kill()


def test_arguments_are_read_however_they_are_joined(tmp_path: Path):
    add(tmp_path, LEADER, LEADER)
    family = BrowserFamily.find(LEADER, tmp_path)
    for text in (
        b"chromium\0--a=1\0--user-data-dir=/tmp/p\0",
        b"chromium --a=1 --user-data-dir=/tmp/p",
    ):
        (tmp_path / str(LEADER) / "cmdline").write_bytes(text)
        assert family.read_argument("user-data-dir") == "/tmp/p"
        assert family.read_argument("b") is None


def test_killing_ends_the_whole_session_and_nobody_else():
    sleep = "import time; time.sleep(600)"
    command = f"import subprocess, sys; subprocess.Popen([sys.executable, '-c', {sleep!r}]); print(); {sleep}"
    with (
        subprocess.Popen([sys.executable, "-c", sleep]) as kept,
        subprocess.Popen(
            [sys.executable, "-u", "-c", command], start_new_session=True, stdout=subprocess.PIPE
        ) as leader,
    ):
        family = BrowserFamily.find(leader.pid)
        try:
            assert leader.stdout is not None
            leader.stdout.readline()
            assert len(family.members()) == 2
            family.kill()
            assert (
                leader.stdout.read() == b""
            )  # its end: the child, which holds it too, has closed it
            assert kept.poll() is None
        finally:
            family.kill()
            kept.kill()
