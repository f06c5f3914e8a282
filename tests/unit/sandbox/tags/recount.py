# pyright: standard, reportAttributeAccessIssue=false
"""Counts what is in a raw table, from nothing but the definitions at the top of `sandbox/tags/truth.py`."""

import csv
import gzip
import html
import io
import json
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq

from sandbox.tags.truth import TableTruth
from sandbox.tags.words import PARTICLES

SEOUL = timezone(timedelta(hours=9))
IDS = {"id", "post_id", "no", "review_id", "번호"}
DATES = {"date", "created_at", "reg_date", "작성일"}
TITLES = {"title", "subject", "제목"}
BODIES = {"review", "content", "body", "text", "내용", "본문"}
FORMS = (
    *("%Y-%m-%dT%H:%M:%S%z", "%Y-%m-%d %H:%M:%S", "%Y/%m/%d %H:%M", "%Y.%m.%d", "%y.%m.%d"),
    *("%Y%m%d", "%Y년 %m월 %d일"),
)

HIDDEN = re.compile(
    r"<!--.*?-->|<(script|style)\b.*?</\1>|</?(b|em|span|u|a|font|i|wbr)\b[^<>]*>",
    re.IGNORECASE | re.DOTALL,
)
BLOCK = re.compile(r"</?[a-z][^<>]*>", re.IGNORECASE)
SPACES = re.compile(r"[ \t\xa0\u3000]+")


@dataclass
class Recount:
    """Like `TableTruth`; `texts` are titles and bodies of good rows as they stand there, with their months."""

    rows: int = 0
    bad: dict[str, list[int]] = field(default_factory=lambda: defaultdict(list))
    months: Counter[str] = field(default_factory=Counter)
    texts: list[tuple[str, str]] = field(default_factory=list)


def recount(folder: Path, table: TableTruth) -> Recount:
    found, seen = Recount(), set[str]()
    for line, row in read_rows(folder / table.key, table.encoding):
        found.rows += 1
        if isinstance(row, str):
            found.bad[row].append(line)
            continue
        row_id = pick(row, IDS)
        try:
            month = read_month(pick(row, DATES))
        except ValueError:
            month = ""
        if row_id in {None, ""} or str(row_id) in seen:
            found.bad["repeated_id" if row_id else "missing_id"].append(line)
            continue
        seen.add(str(row_id))
        found.months[month] += 1
        found.texts += (
            (month, str(text))
            for text in (pick(row, TITLES), pick(row, BODIES))
            if text is not None
        )
    return found


def pick(row: Mapping[str, Any], names: set[str]) -> Any:
    return next((value for name, value in row.items() if name in names), None)


def unpack(path: Path) -> bytes:
    data = path.read_bytes()
    return gzip.decompress(data) if path.suffix == ".gz" else data


def read_rows(path: Path, encoding: str) -> Iterator[tuple[int, Mapping[str, Any] | str]]:
    """Line and row, or the kind of what is wrong with it."""
    if path.suffix == ".parquet":
        yield from enumerate(pq.read_table(path).to_pylist(), 1)
        return
    # What does not decode stays visible.
    text = unpack(path).decode(encoding, "surrogateescape")
    if ".jsonl" in path.name:
        for number, line in enumerate(text.split("\n")[:-1], 1):
            yield number, "bad_bytes" if has_broken_bytes(line) else read_object(line)
        return
    reader = csv.reader(
        io.StringIO(text, newline=""), delimiter="\t" if ".tsv" in path.name else ",", strict=True
    )
    header = next(reader)
    while True:
        line = reader.line_num + 1
        values = next(reader, None)
        if values is None:
            return
        if len(values) != len(header):
            yield line, "field_count"
        elif any(map(has_broken_bytes, values)):
            yield line, "bad_bytes"
        else:
            yield line, dict(zip(header, values, strict=True))


def has_broken_bytes(text: str) -> bool:
    return any("\udc80" <= character <= "\udcff" for character in text)


def read_object(line: str) -> Mapping[str, Any] | str:
    try:
        row = json.loads(line)
    except ValueError:
        return "bad_json"
    return row if isinstance(row, dict) else "bad_json"


def read_month(value: Any) -> str:
    """The month in Seoul."""
    if value is None or value == "":
        return ""
    if isinstance(value, datetime):
        return value.astimezone(SEOUL).strftime("%Y-%m")
    if isinstance(value, date):
        return value.strftime("%Y-%m")
    text = str(value)
    for form in FORMS:
        try:
            moment = datetime.strptime(text, form)  # noqa: DTZ007 - the wall clock in Seoul
        except ValueError:
            continue
        return (moment if moment.tzinfo is None else moment.astimezone(SEOUL)).strftime("%Y-%m")
    seconds = int(text) / (1000 if len(text) > 11 else 1)
    return datetime.fromtimestamp(seconds, UTC).astimezone(SEOUL).strftime("%Y-%m")


def read_text(text: str) -> str:
    """The text as people read it, for mentions: what no reader sees is gone."""
    for _ in range(2):
        text = html.unescape(BLOCK.sub("\n", HIDDEN.sub("", text)))
    text = "".join(
        c for c in text if c in "\t\n\r\v\f" or unicodedata.category(c) not in {"Cc", "Cf"}
    )
    return SPACES.sub(" ", unicodedata.normalize("NFC", text))


def find_mentions(text: str, names: Mapping[str, str], longest: int) -> list[str]:
    """Tags of a text that is as people read it: whole words, and words with a particle behind them."""
    found: list[str] = []
    at = 0
    while at < len(text):
        size = next(
            (
                n
                for n in range(min(longest, len(text) - at), 1, -1)
                if text[at : at + n] in names and is_word(text, at, at + n)
            ),
            0,
        )
        if size:
            found.append(names[text[at : at + size]])
        at += size or 1
    return found


def is_word(text: str, start: int, end: int) -> bool:
    before = text[start - 1] if start else " "
    tail = re.match("[가-힣]*", text[end:])
    assert tail is not None
    if is_hangul(text[start]) and is_hangul(before):
        return False
    if is_latin(text[start]) and is_latin(before):
        return False
    if is_latin(text[end - 1]):
        after = text[end] if end < len(text) else " "
        forms = {form for row in PARTICLES for form in row[:2]}
        return not is_latin(after) and (not tail[0] or tail[0] in forms)
    return not tail[0] or tail[0] in {row[form_after(text[end - 1])] for row in PARTICLES}


def form_after(syllable: str) -> int:
    final = unicodedata.normalize("NFD", syllable)[2:]
    return 1 if not final else 2 if final == "\u11af" else 0


def is_hangul(character: str) -> bool:
    return "가" <= character <= "힣"


def is_latin(character: str) -> bool:
    return character.isascii() and character.isalnum()


def name_tags(lines: Iterable[Mapping[str, str]]) -> dict[str, str]:
    """Name -> tag, from the rows of a dictionary."""
    names: dict[str, str] = {}
    for line in lines:
        for name in (line["term"], *filter(None, line["synonyms"].split("|"))):
            assert name not in names, name
            names[name] = line["tag_id"]
    return names


def read_dictionary(folder: Path) -> Sequence[dict[str, str]]:
    with (folder / "dictionary/tags.csv").open(encoding="utf-8", newline="") as lines:
        return list(csv.DictReader(lines))
