# pyright: standard, reportAttributeAccessIssue=false
"""Real reviews and questions, converted and prepared: every row is there, positions hold, masks hide what is personal.

No test shows a review that holds personal data: they are real people's.
"""

import gzip
import json
import time
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn

import pyarrow.parquet as pq
import pytest

from platform_assets.tags.convert.columns import TableOptions
from platform_assets.tags.convert.masking import find_personal
from platform_assets.tags.convert.table import ConvertResult, TablePlace, convert_table
from platform_assets.tags.prep.origins import locate
from platform_assets.tags.prep.table import prepare_table
from platform_assets.tags.prep.tokens import load_tokenizer
from tests.real_data.conftest import find_data

REVIEWS = 171_687


@pytest.fixture(scope="module")
def board(give_up: Callable[[str], NoReturn]) -> Path:
    data = find_data()
    if data is None or not (data / "board").is_dir():
        give_up("no real board tables: SLUICE_TEST_DATA names the folder that has them in `board`")
    return data / "board"


@pytest.fixture(scope="module")
def reviews(board: Path) -> list[dict[str, Any]]:
    with gzip.open(board / "nsmc_raw" / "reviews.jsonl.gz") as lines:
        return [json.loads(line) for line in lines]


def convert(path: Path, folder: Path, options: TableOptions) -> tuple[ConvertResult, Path]:
    out = folder / "converted.parquet"
    place = TablePlace("acme", "board", path.name.partition(".")[0])
    with path.open("rb") as raw:
        result = convert_table(raw, path.name, options, place, out, folder / "letters.parquet")
    return result, out


@pytest.fixture(scope="module")
def converted(board: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("reviews")
    path = board / "nsmc_raw" / "reviews.jsonl.gz"
    result, out = convert(path, folder, TableOptions())
    assert (result.rows, result.dead_letters) == (REVIEWS, 0)
    return out


@pytest.fixture(scope="module")
def prepared(converted: Path) -> Path:
    out = converted.with_name("prepared.parquet")
    started = time.process_time()
    assert prepare_table(converted, out, load_tokenizer("plain")).rows == REVIEWS
    seconds = time.process_time() - started
    print(f"prepared {REVIEWS / seconds:,.0f} reviews per CPU second")
    return out


def test_every_review_is_converted_as_it_is_but_for_masks(
    converted: Path, reviews: list[dict[str, Any]]
):
    table = pq.read_table(converted)
    assert table["row_id"].to_pylist() == [review["review_id"] for review in reviews]
    bodies = table["body"].to_pylist()
    assert [len(body) for body in bodies] == [len(review["review"]) for review in reviews]
    months = [f"{at.astimezone():%Y}" for at in table["created_at"].to_pylist()[:3]]
    assert months == ["2003", "2003", "2003"]
    assert table["created_at"].null_count == 0
    assert len(set(table["author_hash"].to_pylist())) == len(
        {review["author"] for review in reviews}
    )


def test_22_reviews_have_a_mask_and_one_of_them_by_mistake(
    converted: Path, reviews: list[dict[str, Any]]
):
    bodies = pq.read_table(converted, columns=["body"])["body"].to_pylist()
    masked = {
        review["review_id"]: review["review"]
        for body, review in zip(bodies, reviews, strict=True)
        if body != review["review"]
    }
    addresses = {row_id for row_id, text in masked.items() if "@" in text}
    phones = {
        row_id for row_id, text in masked.items() if any(p in text for p in ("010 ", "027071764"))
    }
    # The one mistake: the number of an article in a newspaper's address reads like a resident registration number.
    mistakes = set(masked) - addresses - phones
    assert (len(addresses), len(phones), mistakes) == (16, 5, {"9149079"})


def test_prepared_reviews_hold_nothing_unclean_and_nothing_personal(prepared: Path):
    bodies = pq.read_table(prepared, columns=["body"])["body"].to_pylist()
    for body in bodies:
        assert body == body.strip()
        assert "  " not in body
        assert unicodedata.is_normalized("NFC", body)
        assert not find_personal(body)


def test_every_word_of_a_prepared_review_leads_back_to_its_place(prepared: Path, converted: Path):
    originals = pq.read_table(converted, columns=["body"])["body"].to_pylist()
    columns = pq.read_table(prepared, columns=["body", "body_origin", "tokens", "sentences"])
    moved = 0
    for row, original in zip(columns.to_pylist(), originals, strict=True):
        body, origin = row["body"], row["body_origin"]
        moved += bool(origin)
        for token in row["tokens"]:
            first, last = locate(origin, len(body), token["start"], token["end"])
            assert body[token["start"] : token["end"]] == token["form"]
            assert unicodedata.normalize("NFC", original[first:last]) == token["form"]
        assert (row["sentences"] == []) == (body == "")
    print(
        f"{moved} of {len(originals)} reviews were changed by cleaning in a way that moves characters"
    )
    assert 5000 < moved < 20_000


def test_the_same_reviews_in_cp949_give_the_same_rows(
    tmp_path: Path, converted: Path, reviews: list[dict[str, Any]]
):
    lines = [json.dumps(review, ensure_ascii=False) for review in reviews]
    encodable = [line for line in lines if line.encode("cp949", "ignore").decode("cp949") == line]
    assert len(encodable) > REVIEWS * 0.99
    raw = tmp_path / "reviews.jsonl"
    raw.write_bytes("\n".join(encodable).encode("cp949"))
    result, out = convert(raw, tmp_path, TableOptions())
    assert (result.rows, result.dead_letters) == (len(encodable), 0)
    kept = {json.loads(line)["review_id"] for line in encodable}
    expected = [row for row in pq.read_table(converted).to_pylist() if row["row_id"] in kept]
    found = pq.read_table(out).to_pylist()
    assert [{**row, "table_id": "reviews"} for row in expected] == found


@pytest.mark.parametrize(
    ("name", "options", "rows"),
    [
        ("chatbot_qna/ChatbotData.csv.gz", TableOptions(columns={"title": "Q", "body": "A"}, row_id="line"), 11_823),
        ("oliveyoung_reviews/cream_reviews_301-400.csv.gz", TableOptions(row_id="line"), 4_689),
        ("taxonomy/kcd_codes.csv.gz", TableOptions(columns={"row_id": "kcd", "title": "en", "body": "ko"}), 22_551),
    ],
)  # fmt: skip
def test_every_row_of_a_real_csv_is_converted(
    board: Path, tmp_path: Path, name: str, options: TableOptions, rows: int
):
    result, out = convert(board / name, tmp_path, options)
    assert (result.rows, result.dead_letters) == (rows, 0)
    with gzip.open(board / name, "rt", encoding="utf-8-sig", newline="") as text:
        whole = text.read()
    sample = pq.read_table(out, columns=["body"])["body"].to_pylist()[:: rows // 100]
    assert all(body in whole for body in sample if '"' not in body and "*" not in body)
    again = tmp_path / "again"
    again.mkdir()
    assert convert(board / name, again, options)[1].read_bytes() == out.read_bytes()


def test_a_real_table_of_other_columns_is_refused_with_their_names(board: Path, tmp_path: Path):
    with pytest.raises(Exception, match="'A', 'Q', 'label'") as caught:
        convert(board / "chatbot_qna" / "ChatbotData.csv.gz", tmp_path, TableOptions())
    assert getattr(caught.value, "kind", "") == "bad_columns"
