import gzip
import io
import json
from pathlib import Path

import pytest

from platform_assets.ranks.read import main
from tests.unit.ranks.pages.builders import ad_card, block, card, make_integrated

POST = "https://blog.naver.com/name/1"
PAGE = make_integrated(block(ad_card(), card(POST), card("https://blog.naver.com/name/2")))


@pytest.mark.parametrize("packed", [False, True])
def test_a_saved_page_is_printed_one_result_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], packed: bool
):
    saved = tmp_path / "page"
    saved.write_bytes(gzip.compress(PAGE) if packed else PAGE)
    assert main([str(saved), "--type", "blog"]) == 0
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert lines[0] == {
        "position": 1,
        "identity": "blog.naver.com/name/1",
        "url": POST,
        "title": "제목 1",
    }
    assert [line["position"] for line in lines] == [1, 2]


def test_a_page_is_read_from_standard_input(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(PAGE)))
    assert main(["-", "--type", "blog"]) == 0
    assert capsys.readouterr().out.count("\n") == 2


@pytest.mark.parametrize(
    ("content", "options", "kind"),
    [
        (PAGE[:-20], [], "truncated"),
        (PAGE, ["--surface", "blog_tab"], "wrong_page"),
        (b"<html><body>hello</body></html>", [], "changed_structure"),
        (gzip.compress(PAGE, mtime=0)[:-20], [], "truncated"),
        (b"\x1f\x8bno gzip", [], "truncated"),
    ],
)
def test_a_page_that_is_not_read_is_named_on_standard_error(
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    content: bytes,
    options: list[str],
    kind: str,
):
    saved = tmp_path / "page.gz"
    saved.write_bytes(content)
    assert main([str(saved), "--type", "blog", *options]) == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert said.err.startswith(f"{kind}: ")


def test_a_missing_file_is_named(tmp_path: Path, capsys: pytest.CaptureFixture[str]):
    assert main([str(tmp_path / "none"), "--type", "place"]) == 2
    assert capsys.readouterr().err.startswith("no_file: cannot read ")
