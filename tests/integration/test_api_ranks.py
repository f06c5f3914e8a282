"""A registration over the API is a run of Dagster that captures the tracking's first rank, and nothing else."""

import json
import threading
from collections.abc import Generator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.integration.api_rig import serving
from tests.integration.tenants.rig import running, wait_until

TRACKINGS = "/api/v2/batch/rank-trackings"
RUN_SECONDS = 600.0


class OpenApi(BaseHTTPRequestHandler):
    """The blog search of the Open API: ten posts, whatever is searched for."""

    def do_GET(self) -> None:
        split = urlsplit(self.path)
        self.server.asked.append(parse_qs(split.query)["query"][0])  # pyright: ignore[reportAttributeAccessIssue]
        links = [f"https://blog.naver.com/baker/2200000000{number:02}" for number in range(1, 11)]
        items = [{"title": "bread", "link": link, "bloggername": "baker"} for link in links]
        body = json.dumps({"total": 10, "start": 1, "display": 10, "items": items}).encode()
        self.send_response(200)
        self.send_header("content-type", "application/json;charset=UTF-8")
        self.send_header("content-length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        """Says nothing."""


class Naver(ThreadingHTTPServer):
    """Answers on a free port, and remembers what was searched for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), OpenApi)
        self.asked: list[str] = []


@contextmanager
def open_naver() -> Generator[Naver]:
    with Naver() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield server
        finally:
            server.shutdown()
            thread.join()


def body(keyword: str, number: int, *, capture: bool) -> dict[str, object]:
    return {
        "rank_type": "blog",
        "keyword": keyword,
        "target": f"https://m.blog.naver.com/baker/2200000000{number:02}",
        "customer": "bakery",
        "capture": capture,
    }


@pytest.mark.slow
def test_a_registration_captures_its_first_rank_and_no_other(tmp_path: Path):
    with open_naver() as naver:
        variables = {
            "SLUICE_RANK_SOURCE": "openapi",
            "SLUICE_NAVER_OPENAPI_URL": f"http://127.0.0.1:{naver.server_port}",
            "SLUICE_NAVER_CLIENT_ID": "id",
            "SLUICE_NAVER_CLIENT_SECRET": "secret",
        }
        with running(tmp_path / "platform", variables) as platform:
            platform.home.mkdir(exist_ok=True)
            platform.start_webserver()
            platform.start_daemon()
            home = {"DAGSTER_HOME": str(platform.dagster_home), "SLUICE_DAGSTER_URL": platform.url}
            with serving(platform.home, **home) as client:
                other = client.post(TRACKINGS, json=body("cake", 1, capture=False)).json()
                new = client.post(TRACKINGS, json=body("bread", 3, capture=True)).json()
                assert other["run_id"] is None
                run = platform.instance.get_run_by_id(new["run_id"])
                assert run is not None
                assert run.job_name == "daily_ranks"
                day = run.tags["dagster/partition"]
                assert run.tags["sluice/trackings"] == str(new["tracking_id"])

                wait_until(platform.is_idle, "the run has ended", RUN_SECONDS, platform.tell)
                one = client.get(f"{TRACKINGS}/{new['tracking_id']}").json()
                assert one["last"] is not None, platform.tell()
                assert (one["last"]["checked_on"], one["last"]["rank"]) == (day, 3)
                assert client.get(f"{TRACKINGS}/{other['tracking_id']}").json()["last"] is None
                assert naver.asked == ["bread"]
                totals = client.get(f"/api/v2/batch/rank-days/{day}").json()
                counted = [totals[name] for name in ("tracked", "recorded", "failed", "left")]
                assert counted == [2, 1, 0, 1]
                picture = client.get(f"{TRACKINGS}/{new['tracking_id']}/chart.svg").text
                assert f"{day}: rank 3" in picture
