"""What lies in an object store: each object's key and contents, without what differs from one run to the next.

Times of the run, ids and addresses are replaced by words; a table is its columns (type, and a digest of the values in
their order), JSON is its values. What Dagster or the state database holds does not belong here.
"""

import gzip
import hashlib
import io
import json
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import cast

import pyarrow.parquet as pq
import zstandard

NOT_OURS = (".sluice/", "raw/", "dictionary/", "truth.json")
"""Beginnings of what is no object (locks), and of what users and the sandbox put there."""

LONGEST, DEEPEST = 80, 3
"""Characters of a text that is kept as it is, and levels of JSON that are looked into; a digest stands for the rest."""

VARYING = frozenset({"seconds", "elapsed_seconds", "sha256", "etag", "raw_etag", "size_bytes"})
"""Names of values that depend on the machine or on the version of a compression library."""

_WORDS = (
    (re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}"), "<uuid>"),
    (re.compile(r"(?<![0-9a-f])[0-9a-f]{12}(?![0-9a-f])"), "<id>"),
    (re.compile(r"http://127\.0\.0\.1:[0-9]+"), "<upstream>"),
)
_DAY = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}")
_TIME = re.compile(
    r"[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9.]+(Z|[+-][0-9]{2}:?[0-9]{2})?"
)


class Contents:
    """Reads an object store that was written at some time.

    Args:
        root: Its folder.
        between: Times of the clock that it was written by.
    """

    def __init__(self, root: Path, between: tuple[datetime, datetime]) -> None:
        self._root = root
        self._between = between
        # Of the machine's clock, which a task of tags, a process of its own, goes by; in Seoul it may be tomorrow.
        days = (datetime.now(UTC) + timedelta(days=shift) for shift in (-1, 0, 1))
        self._todays = {f"{day:%Y-%m-%d}" for day in days}

    def read(self) -> dict[str, object]:
        """Key -> what is in it; keys that are alike but for an id are numbered, the oldest first."""
        found: dict[str, object] = {}
        for path in sorted(self._root.rglob("*"), key=lambda it: it.stat().st_mtime_ns):
            key = path.relative_to(self._root).as_posix()
            if path.is_file() and not key.startswith(NOT_OURS):
                found[self._number(self.clean(key), found)] = self._read_object(path)
        return found

    def _number(self, key: str, found: Mapping[str, object]) -> str:
        number, free = 1, key
        while free in found:
            number += 1
            free = f"{key} ({number})"
        return free

    def _read_object(self, path: Path) -> object:
        data, names = path.read_bytes(), path.suffixes
        match names[-1:]:
            case [".gz"]:
                data, names = gzip.decompress(data), names[:-1]
            case [".zst"]:
                data, names = (
                    zstandard.ZstdDecompressor().decompressobj().decompress(data),
                    names[:-1],
                )
            case _:
                pass
        match names[-1:]:
            case [".parquet"]:
                return self._read_table(data)
            case [".json"]:
                return self._read_json(json.loads(data))
            case [".jsonl"]:
                return self._read_rows([json.loads(line) for line in data.splitlines()])
            case _:
                return self._shorten(self.clean(data.decode("utf-8", "replace")))

    def _read_table(self, data: bytes) -> object:
        table = pq.read_table(io.BytesIO(data))
        return {
            "rows": table.num_rows,
            "columns": {
                field.name: f"{field.type} {self._digest(field.name, table[field.name].to_pylist())}"
                for field in table.schema
            },
        }

    def _read_rows(self, rows: Sequence[Mapping[str, object]]) -> object:
        names = sorted({name for row in rows for name in row})
        columns = {name: self._digest(name, [row.get(name) for row in rows]) for name in names}
        return {"rows": len(rows), "columns": columns}

    def _read_json(self, value: object, name: str = "", depth: int = 0) -> object:
        if name in VARYING:
            return "<varies>"
        if depth < DEEPEST and isinstance(value, (dict, list)):
            below = list(_list_items(cast("dict[str, object] | list[object]", value)))
            return {key: self._read_json(it, key, depth + 1) for key, it in below}
        return self._shorten(self._show(value))

    def _digest(self, name: str, values: Iterable[object]) -> str:
        if name in VARYING:
            return "<varies>"
        return _digest(self._show(list(values)))

    def _show(self, value: object) -> str:
        if isinstance(value, str):
            return self.clean(value)
        shown = json.dumps(_blot(value), sort_keys=True, ensure_ascii=False, default=str)
        return self.clean(shown)

    def _shorten(self, text: str) -> str:
        return text if len(text) <= LONGEST else f"{len(text)} characters {_digest(text)}"

    def clean(self, text: str) -> str:
        """A text without what differs from run to run."""
        for pattern, word in _WORDS:
            text = pattern.sub(word, text)
        text = _TIME.sub(self._clean_time, text)
        return _DAY.sub(lambda found: "<today>" if found[0] in self._todays else found[0], text)

    def _clean_time(self, found: re.Match[str]) -> str:
        try:
            at = datetime.fromisoformat(found[0])
        except ValueError:
            return found[0]
        first, last = self._between
        now = first <= (at if at.tzinfo else at.replace(tzinfo=UTC)) <= last
        return "<now>" if now or found[0][:10] in self._todays else found[0]


def _blot(value: object) -> object:
    """JSON without what varies, at any depth."""
    if isinstance(value, dict):
        items = cast("dict[str, object]", value).items()
        return {name: "<varies>" if name in VARYING else _blot(it) for name, it in items}
    return [_blot(it) for it in cast("list[object]", value)] if isinstance(value, list) else value


def _list_items(value: dict[str, object] | list[object]) -> Iterator[tuple[str, object]]:
    if isinstance(value, dict):
        yield from value.items()
    else:
        yield from ((str(number), it) for number, it in enumerate(value))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()[:16]
