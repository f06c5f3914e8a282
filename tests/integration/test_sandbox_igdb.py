"""The sandbox as a process of its own, spoken to over HTTP."""

import asyncio
import json
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from platform_assets.core.errors import PermanentError
from sandbox.process import SandboxProcess

FORM = {
    "client_id": "sandbox-client",
    "client_secret": "sandbox-secret",
    "grant_type": "client_credentials",
}
SMALL = ("--games", "1200", "--latency", "0")
UNCAPPED = ("--rate", "100000", "--open", "1000")
PAGE = "fields *; where id > 0; sort id asc; limit 500;"


def log_in(sandbox: SandboxProcess) -> dict[str, str]:
    """The headers that a request needs."""
    answer = httpx.post(f"{sandbox.url}/oauth2/token", data=FORM)
    return {
        "Client-ID": FORM["client_id"],
        "Authorization": f"Bearer {answer.json()['access_token']}",
        "X-Sandbox-Client": "tests",
    }


def ask(
    sandbox: SandboxProcess, path: str, text: str, *, timeout: float | httpx.Timeout = 10.0
) -> httpx.Response:
    url = f"{sandbox.url}/v4/{path}"
    return httpx.post(url, content=text, headers=log_in(sandbox), timeout=timeout)


@pytest.fixture(scope="module")
def sandbox() -> Iterator[SandboxProcess]:
    """Without latency, and with caps that nobody reaches."""
    with SandboxProcess((*SMALL, *UNCAPPED)) as running:
        yield running


def write_faults(folder: Path, **plan: object) -> tuple[str, str]:
    path = folder / "faults.json"
    path.write_text(json.dumps(plan))
    return ("--faults", str(path))


def test_it_says_where_it_listens_and_stops_cleanly_when_told_to():
    command = [sys.executable, "-m", "sandbox", "igdb", "--port", "0", "--games", "10"]
    for number in (signal.SIGTERM, signal.SIGINT):
        with subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            line = process.stdout.readline()
            assert line.startswith("sandbox igdb listening on http://127.0.0.1:")
            process.send_signal(number)
            out, err = process.communicate(timeout=600)
        assert (process.returncode, out, err) == (0, "", "")


def test_a_process_that_cannot_start_says_why(tmp_path: Path):
    with pytest.raises(PermanentError, match="cannot read the faults file"):
        SandboxProcess(("--faults", str(tmp_path / "none.json"))).start()


def test_after_the_block_nobody_listens():
    with SandboxProcess(SMALL) as running:
        url = running.url
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"{url}/_sandbox/stats")
    with pytest.raises(PermanentError, match="does not run"):
        running.stats()


def test_a_token_comes_for_a_form_and_for_a_query_and_not_for_a_wrong_secret(
    sandbox: SandboxProcess,
):
    url = f"{sandbox.url}/oauth2/token"
    for answer in (httpx.post(url, data=FORM), httpx.post(url, params=FORM)):
        assert answer.json().keys() == {"access_token", "expires_in", "token_type"}
    refused = httpx.post(url, params=FORM | {"client_secret": "x"})
    assert (refused.status_code, refused.json()["message"]) == (403, "invalid client secret")


def test_pages_by_id_range_give_every_game_once(sandbox: SandboxProcess):
    seen: list[int] = []
    for low in range(0, 1400, 400):
        answer = ask(
            sandbox,
            "games",
            f"fields *; where id > {low} & id <= {low + 400}; sort id asc; limit 500;",
        )
        page = [game["id"] for game in answer.json()]
        assert answer.headers["x-count"] == str(len(page))
        seen += page
    assert seen == sandbox.ids()
    assert len(seen) == 1200


def test_a_count_and_a_multiquery_are_answered(sandbox: SandboxProcess):
    assert ask(sandbox, "games/count", "where id > 0;").json() == {"count": 1200}
    text = 'query games "page" { fields *; limit 500; }; query genres/count "n" { };'
    first, second = ask(sandbox, "multiquery", text).json()
    assert (first["name"], len(first["result"]), second) == (
        "page",
        500,
        {"name": "n", "count": 23},
    )


def test_refusals_look_as_they_do_upstream(sandbox: SandboxProcess):
    unauthorized = httpx.post(f"{sandbox.url}/v4/games", content=PAGE)
    assert unauthorized.status_code == 401
    assert unauthorized.headers["content-type"] == "application/json"
    missing = ask(sandbox, "gamez", PAGE)
    assert (missing.status_code, missing.text) == (404, "Endpoint POST /gamez not found")
    large = ask(sandbox, "games", PAGE + " " * 33 * 1024)
    assert (large.status_code, large.json()["title"]) == (413, "Request Too Large")


def test_rows_change_on_order_and_the_reset_zeroes_the_counters(sandbox: SandboxProcess):
    before = sandbox.ids("collections")
    done = sandbox.mutate("collections", delete=before[:2], delete_random=3, change_random=4, add=2)
    assert {kind: len(ids) for kind, ids in done.items()} == {
        "deleted": 5,
        "changed": 4,
        "added": 2,
    }
    after = sandbox.ids("collections")
    assert set(before) - set(after) == set(done["deleted"])
    assert set(after) - set(before) == set(done["added"])
    recent = ask(
        sandbox, "collections", f"where updated_at >= {int(time.time()) - 60}; sort id; limit 500;"
    )
    assert [row["id"] for row in recent.json()] == sorted(done["changed"] + done["added"])
    assert sandbox.stats()["clients"]["tests"] > 0
    sandbox.reset()
    assert sandbox.stats()["requests"] == 0


def test_a_wrong_mutation_is_refused_with_the_reason(sandbox: SandboxProcess):
    url = f"{sandbox.url}/_sandbox/mutate"
    wrong = httpx.post(url, json={"entity": "games", "remove": [1]})
    assert (wrong.status_code, "remove" in wrong.text) == (400, True)
    assert httpx.post(url, json={"entity": "gamez"}).status_code == 404
    assert httpx.get(f"{sandbox.url}/_sandbox/ids?entity=gamez").status_code == 404


async def test_of_twelve_requests_at_once_four_are_accepted():
    # Time runs at a tenth: the window is 10 s, however slow this machine is just now.
    with SandboxProcess((*SMALL, "--time-scale", "0.1")) as running:
        async with httpx.AsyncClient(headers=log_in(running)) as client:
            answers = await asyncio.gather(
                *(client.post(f"{running.url}/v4/games", content="limit 1;") for _ in range(12))
            )
        assert Counter(answer.status_code for answer in answers) == {200: 4, 429: 8}
        refused = next(answer for answer in answers if answer.status_code == 429)
        assert refused.json() == {"message": "Too Many Requests"}
        assert "retry-after" not in refused.headers
        stats = running.stats()
    assert (stats["accepted"], stats["violations"], stats["max_in_window"]) == (4, 8, 4)


def test_a_client_that_went_away_holds_its_slot_until_the_latency_is_over():
    with SandboxProcess(("--games", "10", "--latency", "3", "--open", "1")) as running:
        with pytest.raises(httpx.ReadTimeout):
            ask(running, "games", "limit 1;", timeout=httpx.Timeout(60, read=0.1))
        assert ask(running, "games", "limit 1;").status_code == 429
        deadline = time.monotonic() + 120
        while ask(running, "games", "limit 2;").status_code == 429:
            assert time.monotonic() < deadline
        stats = running.stats()
    assert stats["max_open"] == 1
    assert stats["rejected_open"] >= 1


def test_dropped_and_truncated_replies_are_broken_connections(tmp_path: Path):
    for fault in ("drop", "truncate"):
        faults = write_faults(tmp_path, rates={fault: 1.0})
        with SandboxProcess((*SMALL, *faults)) as running:
            with pytest.raises(httpx.RemoteProtocolError):
                ask(running, "games", PAGE)
            assert running.stats()["faults"] == {fault: 1}


def test_a_slow_reply_arrives_whole(tmp_path: Path):
    faults = write_faults(tmp_path, rates={"slow": 1.0}, slow_seconds=4)
    with SandboxProcess((*SMALL, "--time-scale", "20", *faults)) as running:
        started_at = time.monotonic()
        answer = ask(running, "games", PAGE)
        assert time.monotonic() - started_at >= 0.2
    assert len(answer.json()) == 500


def test_games_change_by_themselves_only_after_somebody_began_to_read(tmp_path: Path):
    changes = {"delete_per_second": 20, "change_per_second": 20, "add_per_second": 10}
    faults = write_faults(tmp_path, changes=changes)
    with SandboxProcess((*SMALL, *faults)) as running:
        assert running.stats()["rows"] == {}
        before = set(running.ids())
        ask(running, "games", "limit 1;")
        deadline = time.monotonic() + 120
        while running.stats()["rows"].get("added", 0) < 2:
            assert time.monotonic() < deadline
        after = set(running.ids())
    assert before - after
    assert after - before
