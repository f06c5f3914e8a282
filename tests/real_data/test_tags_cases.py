"""Small raw tables as people deliver them, through whole jobs with real tasks: what becomes of each."""

import asyncio
import io
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pyarrow.parquet as pq
import pytest

from platform_assets.services import Services
from platform_assets.settings import Settings
from platform_assets.tags.keys import TableOutput, TenantSource
from platform_assets.tags.shards.result import TableResult, TableState
from platform_assets.tags.shards.run import IgnoredObjects, JobProgress, ShardOutcome
from platform_assets.tags.table.receipts import read_receipt

PLACE = TenantSource("acme", "board")
GOOD = "id,body\n1,선크림이 좋아요\n2,별로예요\n"


@dataclass
class Delivery:
    """A tenant-source, and what a run over it ended with."""

    services: Services
    shards: dict[str, ShardOutcome] = field(default_factory=dict[str, ShardOutcome])
    ignored: list[str] = field(default_factory=list[str])
    jobs: int = 0

    def put(self, name: str, data: bytes | str) -> None:
        raw = data.encode() if isinstance(data, str) else data
        self.services.objects.put(f"{PLACE.raw_prefix}{name}", raw)

    def run(self) -> dict[str, TableResult]:
        """Runs all shards; the tables by id."""
        self.shards, self.ignored = {}, []
        self.jobs += 1
        version = self.services.publish_dictionary().version
        shards = ["00", "01"]
        asyncio.run(
            self.services.run_shards(f"job-{self.jobs}", PLACE, shards, version, self._hear)
        )
        results = [outcome.result for outcome in self.shards.values() if outcome.result]
        return {table.table_id: table for result in results for table in result.tables}

    def read(self, table_id: str) -> list[dict[str, Any]]:
        receipt = read_receipt(self.services.objects, PLACE, table_id)
        assert receipt is not None
        data = self.services.objects.get(receipt.files[TableOutput.CONVERTED])
        return pq.read_table(io.BytesIO(data)).to_pylist()

    def _hear(self, told: ShardOutcome | JobProgress | IgnoredObjects) -> None:
        if isinstance(told, ShardOutcome):
            self.shards[told.shard] = told
        elif isinstance(told, IgnoredObjects):
            self.ignored += told.keys


@pytest.fixture
def delivery(tmp_path: Path) -> Iterator[Delivery]:
    settings = Settings(home=tmp_path, log_file=Path("/dev/null"), tags_shards=2)
    services = Services(settings)
    services.objects.put("dictionary/tags.csv", "tag_id,term\nT1,선크림\n".encode())
    yield Delivery(services)
    services.state.close()


def test_each_form_of_a_date_is_read_as_its_one_meaning(delivery: Delivery, cases: Path):
    data = (cases / "04-korean-am-pm-dates" / "board.csv").read_bytes()
    delivery.put("board.csv", data)
    delivery.put("odd.csv", "id,작성일,본문\n1,어제,선크림\n2,01/05/2024,선크림\n3,,선크림\n")
    tables = delivery.run()
    moments = [row["created_at"] for row in delivery.read("board")]
    minute = datetime(2024, 1, 5, 6, 20, tzinfo=UTC)
    assert [moment.replace(second=0) for moment in moments] == [minute] * 8
    assert (tables["board"].rows_tagged, tables["board"].unread_dates) == (8, 0)
    # What is not understood costs the date and not the post.
    assert [row["created_at"] for row in delivery.read("odd")] == [None] * 3
    assert (tables["odd"].rows_tagged, tables["odd"].unread_dates) == (3, 2)


def test_tables_of_which_no_row_could_be_read_are_read_or_fail_by_the_kinds_of_their_dead_letters(
    delivery: Delivery, cases: Path
):
    for path in (cases / "05-every-row-a-dead-letter").iterdir():
        if path.suffix in {".csv", ".jsonl"}:
            delivery.put(path.name, path.read_bytes())
    delivery.put("lost.jsonl", '{"id": 1, "body": "x"}\n' + "{broken\n" * 9)
    delivery.put("empty.csv", b"")
    tables = delivery.run()
    rows = {table_id: table.rows for table_id, table in tables.items()}
    assert rows == {"ampm": 5, "backslash": 5, "pretty": 3, "lost": 0, "empty": 0}
    assert delivery.read("backslash")[0]["body"] == '그는 "좋다"고 했다'
    assert delivery.read("ampm")[0]["created_at"] == datetime(2024, 1, 1, 0, 1, tzinfo=UTC)
    assert [row["row_id"] for row in delivery.read("pretty")] == ["0", "1", "2"]
    lost = tables["lost"]
    assert (lost.state, lost.error_kind) == (TableState.FAILED, "rows_unreadable")
    assert "9 of 10 rows" in str(lost.error_message)
    assert "bad_json 9" in str(lost.error_message)


IGNORED = {"_SUCCESS", "README.txt", "posts9.csv.tmp", "Thumbs.db"}
TABLES = {"게시판.csv": "게시판", "POSTS4.CSV": "POSTS4"}


def test_a_stray_object_is_named_and_the_tables_beside_it_are_done(delivery: Delivery, cases: Path):
    names = (cases / "17-one-stray-object-among-raw-tables" / "names.txt").read_text().splitlines()
    for number in range(1, 4):
        delivery.put(f"posts{number}.csv", GOOD)
    for name in filter(None, names):
        delivery.put(name, GOOD)
        tables = delivery.run()
        delivery.services.objects.delete(f"{PLACE.raw_prefix}{name}")
        good = {f"posts{number}" for number in range(1, 4)}
        assert {tables[table_id].error_kind for table_id in good} == {None}, name
        assert {tables[table_id].rows for table_id in good} == {2}, name
        others = {table_id: table for table_id, table in tables.items() if table_id not in good}
        if name in IGNORED:
            assert (delivery.ignored, others) == ([f"{PLACE.raw_prefix}{name}"], {})
        elif name in TABLES:
            assert {table.table_id: table.rows_tagged for table in others.values()} == {
                TABLES[name]: 1
            }
        else:
            (bad,) = others.values()
            assert (bad.state, bad.error_kind) == (TableState.FAILED, "no_table")
            assert f"{PLACE.raw_prefix}{name}" in str(bad.error_message)


def test_the_advice_of_the_error_mends_the_table_and_breaks_no_other(delivery: Delivery):
    delivery.put("good.csv", GOOD)
    delivery.put("odd.csv", "number,memo\n1,선크림\n")
    tables = delivery.run()
    assert tables["odd"].error_kind == "bad_columns"
    assert "raw/acme/board/odd._columns.json" in str(tables["odd"].error_message)
    delivery.put("odd._columns.json", '{"columns": {"row_id": "number", "body": "memo"}}')
    tables = delivery.run()
    assert tables["odd"].rows_tagged == 1
    assert tables["good"].state is TableState.SKIPPED
    assert {outcome.reason for outcome in delivery.shards.values()} == {None}


def test_phone_numbers_with_other_separators_are_masked_and_harmless_numbers_stay(
    delivery: Delivery, cases: Path
):
    folder = cases / "11-phone-numbers-with-other-separators"
    harmless = (folder / "harmless.txt").read_text().splitlines()
    phones = (folder / "phones.txt").read_text().splitlines()
    for table_id, texts in (("phones", phones), ("harmless", harmless)):
        rows = [json.dumps({"id": number, "body": text}) for number, text in enumerate(texts)]
        delivery.put(f"{table_id}.jsonl", "\n".join(rows))
    tables = delivery.run()
    assert {table.personal for table in tables.values()} == {0}
    assert [row["body"] for row in delivery.read("phones")] == ["*" * len(text) for text in phones]
    assert [row["body"] for row in delivery.read("harmless")] == harmless


RARE = "뷁믜쓩쌰쬬뙇쨘햏뜌꿻뾱숖"


def test_no_syllable_is_garbled_in_what_a_strict_writer_of_euc_kr_spelled_out(delivery: Delivery):
    random = Random(5)
    common = "가나다라마바사아자차카타파하선크림이좋아요별로예요정말추천해"
    bodies = [
        "".join(random.choices(common + " ", k=random.randrange(5, 60)))
        + random.choice(RARE)
        + "".join(random.choices(common + RARE, k=random.randrange(0, 8)))
        for _ in range(4000)
    ]
    table = "id,body\n" + "".join(f"{number},{body}\n" for number, body in enumerate(bodies))
    delivery.put("strict.csv", table.encode("euc-kr"))
    # Who writes CP949 needs no such spelling: a blank and jamo are what they look like.
    jokes = ["ㅤㅋㅏㄱ", "뷁 ㅤㅂㅞㄺ", "ㅤㅋㅋㅋ", *["정말 좋아요 추천해요"] * 5]
    table = "id,body\n" + "".join(f"{number},{body}\n" for number, body in enumerate(jokes))
    delivery.put("jokes.csv", table.encode("cp949"))
    tables = delivery.run()
    garbled = [
        (body, row["body"])
        for body, row in zip(bodies, delivery.read("strict"), strict=True)
        if row["body"] != body
    ]
    assert garbled == []
    assert tables["strict"].unsure_syllables == 0
    assert [row["body"] for row in delivery.read("jokes")] == jokes
    assert tables["jokes"].unsure_syllables == 1
