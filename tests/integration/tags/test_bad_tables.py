# pyright: standard, reportAttributeAccessIssue=false
"""Tables that hang, crash, break or cannot be read among real ones: they fail alone, and nobody's data is seen."""

import io
import os
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from platform_assets.tags.keys import TableOutput
from sandbox.tags.ordered import BrokenKind
from tests.integration.tags.faults_rig import (
    PLACE,
    DirtySource,
    faulty_steps,
    find_leaks,
    list_hosts,
    list_reasons,
    list_states,
)
from tests.integration.tags.faulty_task import FAULTS

TABLES = 30
TIMEOUT_SECONDS = 4.0
"""A table of the sandbox takes some hundredths of a second of CPU."""

PHONE, MAIL, RESIDENT = "010-9876-1234", "somebody.else@example.net", "901231-2345678"
QUOTED = (
    f"전화 {PHONE} 주세요",
    f"{MAIL} 로 연락",
    f"주민번호 {RESIDENT}",
    "010-98<b>76</b>-1234 입니다",
    "&#48;10-9876-12&#51;4",
    "０１０-９８７６-１２３４",  # noqa: RUF001 - people write it
)


@pytest.fixture
def source(tmp_path: Path) -> Iterator[DirtySource]:
    """Thirty tables, some that cannot be read, one for each fault, and one whose only row is bad."""
    kinds = ("--bad", ",".join(BrokenKind))
    counts = ("--tables", str(TABLES), "--rows", "1500")
    source = DirtySource(tmp_path / "home", *counts, *kinds, timeout_seconds=TIMEOUT_SECONDS)
    rows = "".join(f"{number},{text}\n" for number, text in enumerate(QUOTED))
    for table_id in FAULTS:
        source.objects.put(f"{PLACE.raw_prefix}{table_id}.csv", f"id,body\n{rows}".encode())
    poisoned = f"id,body\n7,{QUOTED[0]},{MAIL},{RESIDENT}\n"
    source.objects.put(f"{PLACE.raw_prefix}poisoned.csv", poisoned.encode())
    source.planted |= {PHONE, MAIL, RESIDENT, *QUOTED}
    source.personal |= {text.replace("-", "") for text in (PHONE, MAIL, RESIDENT)}
    yield source
    source.services.state.close()


@pytest.mark.slow
async def test_bad_tables_fail_alone_and_nothing_personal_is_seen_of_them(
    source: DirtySource, capfd: pytest.CaptureFixture[str]
):
    with faulty_steps(source.services):
        faulty = await source.run("faulty")
    first = source.finished()
    states = list_states(end.result for end in faulty.values())
    broken = {name for name, table in source.truth.tables.items() if table.broken}
    assert {states[name] for name in broken} <= {*BrokenKind, "bad_format", "done"}
    assert {name: states[name] for name in FAULTS} == {
        "hangs": "timeout",
        "aborts": "worker_died",
        "quotes": "unexpected",
    }
    assert {states[name] for name in {*states} - broken - {*FAULTS}} == {"done"}
    assert source.list_lies() == []
    said = "\n".join(list_reasons(faulty).values())
    assert all(name in said for name in FAULTS)
    (letter,) = source.read("poisoned", TableOutput.DEAD_LETTERS)
    assert letter["line"] == 2
    assert "*" in letter["raw"]
    assert source.list_leaks(capfd.readouterr().err, said) == []

    mended = await source.run("mended")
    states = list_states(end.result for end in mended.values())
    assert {name for name, state in states.items() if state == "done"} == {*FAULTS}
    assert {key: source.finished().get(key) for key in first} == first
    assert source.list_leaks(capfd.readouterr().err, *list_reasons(mended).values()) == []
    assert list_hosts(os.getpid()) == []


@pytest.mark.parametrize(
    "text",
    [
        PHONE,
        "010 9876 1234",
        "tel:01098761234.",
        "０１０-９８７６-１２３４",  # noqa: RUF001 - people write it
        "010-98<b>76</b>-1234",
        "&#48;10-9876-12&amp;#51;4",
        "010-9876\u200b-1234",
        "SomeBody.Else@Example.NET",
        "901231 - 2345678",
    ],
)
def test_what_looks_for_leaks_sees_through_spellings(text: str):
    sink = io.BytesIO()
    pq.write_table(pa.table({"n": [1], "words": [["a", f"x {text} y"]]}), sink)
    plain = [PHONE.replace("-", ""), MAIL, RESIDENT.replace("-", "")]
    assert find_leaks([], plain, [("a.parquet", sink.getvalue())], [])
    assert find_leaks([], plain, [("a.json", f'{{"a": ["x {text} y"]}}'.encode())], [])
    assert find_leaks([], plain, [], [f"line 1\nline 2 {text}\n"])
    masked = "".join("*" if letter.isalnum() else letter for letter in text)
    assert not find_leaks([], plain, [], [masked])
