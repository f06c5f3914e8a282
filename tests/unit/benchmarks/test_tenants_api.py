import asyncio

import pytest

from benchmarks.serving.clients import Answers, Load, ask_all, parse_head
from benchmarks.serving.measuring import TENANTS, list_questions
from benchmarks.serving.summary import (
    BARE,
    describe_answers,
    format_served,
    list_served_goals,
    take_percentile,
)


def make_answers(milliseconds: list[float], failed: int = 0) -> Answers:
    return Answers(milliseconds, seconds=2.0, failed=failed, body_bytes=9)


def test_a_percentile_is_a_value_that_was_measured() -> None:
    hundred = [float(n) for n in range(1, 101)]
    assert (take_percentile(hundred, 50), take_percentile(hundred, 99)) == (50.0, 99.0)
    assert take_percentile([7.0], 99) == 7.0


def test_status_and_length_are_read_from_a_head() -> None:
    head = b"HTTP/1.1 404 Not Found\r\nContent-Type: x\r\nCONTENT-LENGTH: 12\r\n\r\n"
    assert parse_head(head) == (404, 12)


def test_an_answer_without_a_length_is_an_error() -> None:
    with pytest.raises(ValueError, match="without a length"):
        parse_head(b"HTTP/1.1 200 OK\r\n\r\n")


def test_tenants_are_asked_for_once_each_before_any_is_asked_again() -> None:
    for name, paths in list_questions().items():
        assert len(set(paths)) == len(paths) == (1 if name == "status" else TENANTS)


def test_goals_are_about_the_slowest_hundredth_and_answers_that_failed() -> None:
    fast = describe_answers("status", "SQLite", make_answers([1.0] * 100))
    slow = describe_answers("states", "SQLite", make_answers([1.0] * 98 + [60.0] * 2, failed=1))
    bare = describe_answers(BARE, "SQLite", make_answers([0.5]))
    goals = list_served_goals([fast, slow, bare])
    assert [goal.verdict for goal in goals] == ["yes", "NO", "NO"]
    assert "2.0" in format_served([fast, bare])
    assert list_served_goals([]) == []


async def test_clients_ask_all_paths_and_count_what_is_refused() -> None:
    asked: set[str] = set()

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            asked.add(head.split()[1].decode())
            assert b"Bearer secret" in head
            status = b"404 No" if b"/b" in head else b"200 OK"
            writer.write(b"HTTP/1.1 " + status + b"\r\nContent-Length: 2\r\n\r\nhi")

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await serve(reader, writer)
        except asyncio.IncompleteReadError:
            writer.close()

    server = await asyncio.start_server(handle, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    answers = await ask_all(Load(port, ["/a", "/b"], "secret", clients=2, seconds=0.2))
    server.close()
    await server.wait_closed()
    assert asked == {"/a", "/b"}
    assert answers.body_bytes == 2
    assert answers.failed > 0
    assert answers.milliseconds == sorted(answers.milliseconds)
