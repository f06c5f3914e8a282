"""Bodies and exchanges as recorded from IGDB and Twitch, through the client and the reader of pages."""

import gzip
import json
from functools import cache
from pathlib import Path
from typing import Any

import httpx
import msgspec
import pytest

from platform_assets.core.errors import PermanentError, PlatformError, RefusedError, TransientError
from platform_assets.games.columns import read_columns
from platform_assets.games.drift import Drift
from platform_assets.games.entities import ENTITIES, Entity, find_entity
from platform_assets.games.pages import Page, read_page
from platform_assets.games.ranges import PAGE_SIZE, IdRange
from resources.igdb.client import IgdbReply
from tests.fakes.igdb_api import FakeIgdb, make_http, make_plain, make_source, query
from tests.fakes.virtual_time import run_virtual

OLDER, NEWER = "igdb_v4_raw_2023-07-09", "igdb_v4_raw_2026-06-08"
EVERYTHING = IdRange(-1, None)
"""The game type `Main Game` has id 0."""

MEANINGS: dict[int, tuple[type[PlatformError], str]] = {
    400: (RefusedError, "bad_request"),
    403: (RefusedError, "forbidden"),
    404: (RefusedError, "unknown_endpoint"),
    408: (TransientError, "request_timeout"),
    413: (PermanentError, "too_large"),
    429: (TransientError, "throttled"),
}


@cache
def read_json(path: Path) -> Any:
    data = path.read_bytes()
    return json.loads(gzip.decompress(data) if path.suffix == ".gz" else data)


def read_exchanges(data: Path) -> list[dict[str, Any]]:
    exchanges = read_json(data / "igdb_wire_fixtures" / "romm_recorded_interactions.json")
    assert len(exchanges) == 24
    return exchanges


def as_response(recorded: dict[str, Any]) -> httpx.Response:
    """A recorded reply; its body was decompressed by the recorder or is plain."""
    kept = ("Content-Type", "x-count")
    headers = {name: values[0] for name, values in recorded["headers"].items() if name in kept}
    return httpx.Response(recorded["status"], headers=headers, content=recorded["body"].encode())


def fetch(api: FakeIgdb) -> IgdbReply:
    async def fetch_once() -> IgdbReply:
        async with make_http(api) as http:
            return await make_plain(http).fetch("games", query(1))

    return run_virtual(fetch_once())


def fail(api: FakeIgdb) -> PlatformError:
    with pytest.raises(PlatformError) as caught:
        fetch(api)
    return caught.value


def fetch_with_token(api: FakeIgdb) -> IgdbReply:
    async def fetch_once() -> IgdbReply:
        async with make_source(api).open() as client:
            return await client.fetch("games", query(1))

    return run_virtual(fetch_once())


# Errors.


def test_every_reported_error_body_gives_its_kind_and_shows_the_apis_own_message(games_data: Path):
    bodies = read_json(games_data / "igdb_wire_fixtures" / "error_bodies_reported.json")
    failures = [body for body in bodies if body["status"] != 200]
    assert {body["status"] for body in failures} == set(MEANINGS)
    for recorded in failures:
        text = recorded.get("body_text") or json.dumps(recorded["body"])
        answer = httpx.Response(recorded["status"], text=text)
        error = fail(FakeIgdb(respond=lambda call, answer=answer: answer))
        family, kind = MEANINGS[recorded["status"]]
        assert isinstance(error, family), recorded
        assert error.kind == kind, recorded
        assert read_message(recorded) in str(error)


def read_message(recorded: dict[str, Any]) -> str:
    """What a person should see of a body: its cause, else its title, else its text."""
    if "body_text" in recorded:
        return recorded["body_text"]
    body = recorded["body"][0] if isinstance(recorded["body"], list) else recorded["body"]
    return body.get("cause") or body.get("title") or body["message"]


def test_the_recorded_bodies_of_another_client_are_understood_too(games_data: Path):
    folder = games_data / "igdb_wire_fixtures" / "illarionov"
    wrong = httpx.Response(400, content=(folder / "400_syntax_error.json").read_bytes())
    error = fail(FakeIgdb(respond=lambda call: wrong))
    assert isinstance(error, RefusedError)
    assert "Expecting a STRING as input" in str(error)
    unknown = httpx.Response(401, content=(folder / "401_auth_failure.json").read_bytes())
    api = FakeIgdb(respond=lambda call: unknown if call.number == 1 else None)
    assert fetch_with_token(api).body == b'[{"id":1}]'
    assert len(api.token_forms) == 2


def test_no_match_is_an_empty_list_and_a_count_is_an_object(games_data: Path):
    bodies = read_json(games_data / "igdb_wire_fixtures" / "error_bodies_reported.json")
    empty, counted = (json.dumps(body["body"]) for body in bodies if body["status"] == 200)
    reply = fetch(FakeIgdb(respond=lambda call: httpx.Response(200, text=empty)))
    assert read_page(reply.body, EVERYTHING, "test").count == 0

    async def count() -> int:
        api = FakeIgdb(respond=lambda call: httpx.Response(200, text=counted))
        async with make_http(api) as http:
            return await make_plain(http).count("games", "where id > 0;")

    assert run_virtual(count()) == 31


def test_recorded_tokens_and_their_refusal_are_understood(games_data: Path):
    recorded = [of for of in read_exchanges(games_data) if "id.twitch.tv" in of["uri"]]
    assert {of["status"] for of in recorded} == {200, 400}
    for of in recorded:
        api = FakeIgdb(respond_token=lambda of=of: as_response(of))
        api.valid.add("x" * 30)
        if of["status"] == 200:
            assert fetch_with_token(api).body == b'[{"id":1}]'
            continue
        with pytest.raises(RefusedError, match="invalid client") as caught:
            fetch_with_token(api)
        assert caught.value.kind == "bad_credentials"


def test_recorded_401s_renew_the_token(games_data: Path):
    recorded = [of for of in read_exchanges(games_data) if of["status"] == 401]
    assert len(recorded) >= 3
    for of in recorded:
        answer = as_response(of)
        api = FakeIgdb(respond=lambda call, answer=answer: answer if call.number == 1 else None)
        fetch_with_token(api)
        assert len(api.token_forms) == 2


def test_recorded_pages_are_read(games_data: Path):
    pages = 0
    for of in read_exchanges(games_data):
        whole = of["body"].startswith("[")
        if "/v4/games" not in of["uri"] or of["status"] != 200 or not whole:
            continue
        answer = as_response(of)
        reply = fetch(FakeIgdb(respond=lambda call, answer=answer: answer))
        found = [row["id"] for row in msgspec.json.decode(reply.body, type=list[dict[str, Any]])]
        body = in_id_order(msgspec.json.decode(reply.body))
        assert read_page(body, EVERYTHING, "test").ids.tolist() == sorted(found)
        counts = of["headers"].get("x-count")
        assert reply.total == (int(counts[0]) if counts else None)
        pages += 1
    assert pages >= 3


# Records.


def in_id_order(rows: list[dict[str, Any]], *, indent: int | None = None) -> bytes:
    """A body as our queries get it: sorted by id."""
    body = msgspec.json.encode(sorted(rows, key=lambda row: row["id"]))
    return msgspec.json.format(body, indent=indent) if indent else body


def read_rows(path: Path) -> list[dict[str, Any]]:
    return read_json(path)


def to_table(entity: Entity, page: Page) -> tuple[Any, Drift]:
    drift = Drift()
    return read_columns(entity, page.lines, "2026-11-20", drift), drift


def test_the_pages_of_2023_are_kept_as_they_were_received(games_data: Path):
    for path in sorted((games_data / OLDER / "games").glob("*.json.gz")):
        rows = read_rows(path)
        page = read_page(in_id_order(rows, indent=2), EVERYTHING, path.name)
        assert page.count == PAGE_SIZE == len(rows)
        kept = [msgspec.json.decode(line) for line in page.lines.splitlines()]
        assert kept == sorted(rows, key=lambda row: row["id"])
        assert page.newest == max(row["updated_at"] for row in rows)


def test_in_2023_games_had_a_category_which_lands_in_the_rest(games_data: Path):
    for path in sorted((games_data / OLDER / "games").glob("*.json.gz")):
        rows = read_rows(path)
        games = find_entity("games")
        table, drift = to_table(games, read_page(in_id_order(rows), EVERYTHING, path.name))
        assert drift.changed == {}
        assert drift.new["category"] == sum("category" in row for row in rows) > 0
        assert drift.missing["game_type"] == PAGE_SIZE
        by_id = {row["id"]: row for row in rows}
        for record in table.select(["id", "name", "genres", "rest"]).to_pylist():
            row = by_id[record["id"]]
            assert json.loads(record["rest"])["category"] == row["category"]
            assert record["name"] == row["name"]
            assert record["genres"] == row.get("genres")


def test_in_2026_games_have_a_type_which_is_a_column(games_data: Path):
    rows = read_rows(games_data / NEWER / "games.json.gz")
    page = read_page(in_id_order(rows), EVERYTHING, "2026")
    table, drift = to_table(find_entity("games"), page)
    assert drift.changed == {}
    assert "category" not in drift.new
    types = dict(zip(table["id"].to_pylist(), table["game_type"].to_pylist(), strict=True))
    assert types == {row["id"]: row.get("game_type") for row in rows}
    assert drift.missing["game_type"] == sum("game_type" not in row for row in rows) < len(rows)


@pytest.mark.parametrize("year", [OLDER, NEWER])
def test_no_record_of_any_entity_has_another_type_than_the_table_of_entities_says(
    games_data: Path, year: str
):
    read = 0
    for entity in ENTITIES:
        path = games_data / year / f"{entity.name}.json.gz"
        if entity.name == "games" or not path.exists():
            continue
        page = read_page(in_id_order(read_rows(path)), EVERYTHING, entity.name)
        table, drift = to_table(entity, page)
        assert drift.changed == {}, entity.name
        assert table.num_rows == page.count > 0
        read += 1
    assert read >= 7


def test_every_field_of_a_real_record_is_in_the_table_one_way_or_the_other(games_data: Path):
    rows = read_rows(games_data / NEWER / "games.json.gz")
    table, _ = to_table(find_entity("games"), read_page(in_id_order(rows), EVERYTHING, "2026"))
    by_id = {row["id"]: row for row in rows}
    for record in table.to_pylist():
        rest = json.loads(record.pop("rest") or "{}")
        record.pop("seen_on")
        record.pop("deleted_on")
        typed = {name: value for name, value in record.items() if value is not None}
        assert typed | rest == by_id[record["id"]]
