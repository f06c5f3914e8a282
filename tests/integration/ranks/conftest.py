"""One sandbox of Naver for all tests of a worker that do not care about its pace."""

from collections.abc import Iterator

import pytest

from sandbox.process import SandboxProcess
from tests.integration.ranks.rig import UNHURRIED


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[SandboxProcess]:
    with SandboxProcess(UNHURRIED, upstream="naver") as sandbox:
        yield sandbox


@pytest.fixture
def sandbox(shared_sandbox: SandboxProcess) -> SandboxProcess:
    """The shared one: well, its counters at zero, its quota unused. A rig sets its day."""
    shared_sandbox.tell("faults", {})
    shared_sandbox.reset()
    return shared_sandbox
