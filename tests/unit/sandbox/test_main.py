from pathlib import Path

import pytest

from sandbox.__main__ import main


@pytest.mark.parametrize("arguments", [[], ["steam"], ["--help"]])
def test_an_unknown_upstream_is_answered_with_the_known_ones(
    arguments: list[str], capsys: pytest.CaptureFixture[str]
):
    assert main(arguments) == 2
    assert "{igdb,naver,shops,tags,tenants}" in capsys.readouterr().err


def test_a_missing_data_folder_ends_with_a_message(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    assert main(["igdb", "--port", "0", "--data", str(tmp_path)]) == 2
    assert "no catalogue of games" in capsys.readouterr().err


@pytest.mark.parametrize("option", ["--rate=0", "--time-scale=0", "--games=x", "--multiquery=both"])
def test_an_impossible_option_is_refused(option: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(["igdb", "--port", "0", option])
    assert caught.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err
