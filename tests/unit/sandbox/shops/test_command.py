from pathlib import Path

import pytest

from sandbox.shops.command import describe_place, main
from tests.unit.sandbox.shops.test_wires import SHOPS


def test_the_environment_names_every_shop():
    place = describe_place("http://127.0.0.1:1")
    assert place["environment"] == {
        f"SLUICE_SHOP_{name.upper()}_URL": f"http://127.0.0.1:1/{name}" for name in SHOPS
    }


@pytest.mark.parametrize(
    "option",
    ["--rate=0", "--rate=coupang=5", "--open=x", "--products=0", "--broken=coupang", "--days=0"],
)
def test_an_impossible_option_is_refused(option: str, capsys: pytest.CaptureFixture[str]):
    with pytest.raises(SystemExit) as caught:
        main(["--port", "0", option])
    assert caught.value.code == 2
    assert option.partition("=")[0] in capsys.readouterr().err


def test_missing_real_data_ends_with_a_message(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main(["--port", "0", "--data", str(tmp_path)]) == 2
    assert "no rankings" in capsys.readouterr().err
