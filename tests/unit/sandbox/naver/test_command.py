from pathlib import Path

import pytest

from platform_assets.settings import Settings
from sandbox.naver.command import describe_place, main
from sandbox.naver.open_api import Account
from tests.unit.sandbox.naver.hosts import BLOG_TAB, serve


@pytest.mark.parametrize(
    "option",
    [
        *("--delay=-1", "--day=2026-13-01", "--quota=x", "--fault=http_418=1", "--fault=drop=2"),
        *("--block-after=-1", "--latency=-0.1", "--fault-first=x"),
    ],
)
def test_an_impossible_option_is_refused(option: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(["--port", "0", option])
    assert caught.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err


def test_missing_real_pages_end_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--port", "0", "--data", str(tmp_path)]) == 2
    assert "no pages" in capsys.readouterr().err


def test_rates_above_one_together_are_refused(capsys: pytest.CaptureFixture[str]):
    assert main(["--port", "0", "--fault", "drop=0.6", "--fault", "slow=0.6"]) == 2
    assert "more than 1" in capsys.readouterr().err


async def test_faults_of_the_command_line_come_over_those_of_the_file(tmp_path: Path):
    file = tmp_path / "faults.json"
    file.write_text('{"rates": {"http_503": 1}, "first": 1}')
    rates = ("--fault", "http_503=0", "--fault", "http_500", "--fault-first", "0")
    async with serve("--faults", str(file), *rates) as client:
        assert [(await client.get(BLOG_TAB)).status for _ in range(3)] == [500, 500, 500]


def test_the_environment_names_settings_that_there_are():
    told = describe_place(["http://127.0.0.1:1", "http://127.0.0.1:2"], Account("a", "b"))
    environment = told["environment"]
    assert isinstance(environment, dict)
    known = {f"SLUICE_{name.upper()}" for name in Settings.model_fields}
    assert set(environment) <= known
    assert environment["SLUICE_NAVER_MAP_URL"] == "http://127.0.0.1:2"
