import os
import subprocess
import sys

import pytest

from platform_assets.core.processes.owner import describe_owner, is_dead

WAIT = (
    "from platform_assets.core.processes.owner import describe_owner\n"
    "print(describe_owner(), flush=True)\n"
    "input()\n"
)


def start_child() -> tuple[subprocess.Popen[str], str]:
    child = subprocess.Popen(
        [sys.executable, "-c", WAIT], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    return child, child.stdout.readline().strip()


def test_the_calling_process_lives():
    assert is_dead(describe_owner()) is False


def test_an_owner_names_its_process():
    assert describe_owner().split("|")[-2] == str(os.getpid())


def test_a_killed_process_is_dead_even_before_its_parent_has_looked():
    child, owner = start_child()
    with child:
        assert is_dead(owner) is False
        child.kill()
        os.waitid(os.P_PID, child.pid, os.WEXITED | os.WNOWAIT)
        assert is_dead(owner) is True
    assert is_dead(owner) is True


def test_a_reused_pid_is_another_process():
    place, _, _start = describe_owner().rpartition("|")
    assert is_dead(f"{place}|1") is True


def test_a_process_of_another_host_boot_or_namespace_counts_as_alive():
    host, boot, namespace, _pid, start = describe_owner().split("|")
    assert is_dead(f"elsewhere|{boot}|{namespace}|999999999|{start}") is False
    assert is_dead(f"{host}|another-boot|{namespace}|999999999|{start}") is False
    assert is_dead(f"{host}|{boot}|pid:[1]|999999999|{start}") is False
    assert is_dead(f"{host}|{boot}|{namespace}|999999999|{start}") is True


@pytest.mark.parametrize("owner", ["", "owner-1", "||||", "a|b|c|d|e"])
def test_what_is_no_owner_counts_as_alive(owner: str):
    assert is_dead(owner) is False


def test_an_owner_without_a_start_time_counts_as_alive():
    place, _, _start = describe_owner().rpartition("|")
    assert is_dead(f"{place}|") is False
