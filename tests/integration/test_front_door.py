"""Dagster's own webserver behind the guard, as a process."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import httpx
import pytest

from tests.architecture.source_tree import ROOT
from tests.integration.api_rig import free_port

pytestmark = pytest.mark.slow
START_SECONDS = 600
MUTATION = "mutation{setNuxSeen}"


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("webserver")
    (folder / "workspace.yaml").write_text("load_from: []\n")
    (folder / "dagster.yaml").write_text("telemetry: {enabled: false}\n")
    port = free_port()
    process = subprocess.Popen(
        [
            sys.executable,
            "-m",
            "platform_assets.webserver",
            "-p",
            str(port),
            "-w",
            str(folder / "workspace.yaml"),
        ],
        cwd=folder,
        env={**os.environ, "DAGSTER_HOME": str(folder), "PYTHONPATH": str(ROOT)},
    )
    try:
        _await_answer(f"http://127.0.0.1:{port}", process)
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        with suppress(subprocess.TimeoutExpired):
            process.wait(300)
        process.kill()


def _await_answer(url: str, process: "subprocess.Popen[bytes]") -> None:
    until = time.monotonic() + START_SECONDS
    while time.monotonic() < until:
        assert process.poll() is None
        with suppress(httpx.HTTPError):
            httpx.get(f"{url}/server_info", trust_env=False, timeout=60)
            return
        with suppress(subprocess.TimeoutExpired):
            process.wait(0.2)
    raise AssertionError("the webserver does not answer")


def test_a_page_of_another_site_changes_nothing(url: str):
    with httpx.Client(base_url=url, trust_env=False, timeout=240) as client:
        by_get = client.get("/graphql", params={"query": MUTATION})
        foreign = client.post(
            "/graphql", json={"query": MUTATION}, headers={"origin": "http://evil.example"}
        )
        renamed = client.post(
            "/graphql", json={"query": MUTATION}, headers={"host": "evil.example"}
        )
        assert [by_get.status_code, foreign.status_code, renamed.status_code] == [403] * 3
        seen = client.post("/graphql", json={"query": "{shouldShowNux}"}).json()
    assert seen == {"data": {"shouldShowNux": True}}


def test_its_own_pages_work(url: str):
    with httpx.Client(base_url=url, trust_env=False, timeout=240) as client:
        assert "text/html" in client.get("/").headers["content-type"]
        own = client.post("/graphql", json={"query": "{version}"}, headers={"origin": url})
    assert own.json()["data"]["version"]


def test_what_is_replaced_in_dagster_is_there():
    program = (
        "import dagster._cli.dev as d, dagster_webserver.cli as c, platform_assets.webserver.__main__ as m;"
        "getattr(d, m.PROCESS_OPENER); getattr(c, m.APP_MAKER)"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=600, cwd=Path(ROOT))
