from dataclasses import replace
from typing import Any

import msgspec
import pytest

from sandbox.igdb.exchange import Call, Reply
from sandbox.igdb.faults import Fault, FaultPlan
from sandbox.igdb.latency import Latency
from sandbox.igdb.limits import Gate
from sandbox.igdb.table import Change
from sandbox.igdb.tokens import Tokens
from sandbox.igdb.upstream import Behaviour, MultiqueryMode, Upstream
from tests.fakes.clock import START, FakeClock
from tests.unit.sandbox.igdb.rows import make_games

FORM = {"client_id": "app", "client_secret": "secret", "grant_type": "client_credentials"}
TWO_PARTS = b'query games "a" { where id > 1; }; query games "b" { where id > 2; };'


class World:
    """An upstream over 20 games, a clock, and a valid token."""

    def __init__(self, behaviour: Behaviour | None = None) -> None:
        self.clock = FakeClock()
        self.latency = Latency(1.0, seed=1)
        self.upstream = Upstream(
            tables={"games": make_games(20)},
            gate=Gate(rate=4, window_seconds=1.0, open_limit=8),
            tokens=Tokens(
                client_id="app", client_secret="secret", lifetime_seconds=60, clock=self.clock
            ),
            latency=self.latency,
            behaviour=behaviour or Behaviour(FaultPlan()),
            clock=self.clock,
        )
        token = msgspec.json.decode(self.upstream.issue_token(FORM).body)["access_token"]
        self.call = Call("POST", "games", b"fields *; limit 3;", "app", f"Bearer {token}", "tests")

    def ask(self, **changes: str | bytes) -> Reply:
        """One request from arrival to the end."""
        call = replace(self.call, **changes)
        refusal = self.upstream.judge(call)
        if refusal is not None:
            return refusal
        reply = self.upstream.answer(call)
        self.upstream.release()
        return reply

    def stats(self) -> dict[str, Any]:
        return self.upstream.stats.describe(self.upstream.gate)


def always(fault: Fault) -> Behaviour:
    return Behaviour(FaultPlan(rates={fault: 1.0}))


def test_a_good_request_is_answered_with_its_count_and_latency():
    world = World()
    reply = world.ask()
    assert (reply.status, reply.count, len(msgspec.json.decode(reply.body))) == (200, 20, 3)
    assert reply.delay_seconds == world.latency.draw("games\nfields *; limit 3;")


def test_the_fifth_request_of_a_second_gets_a_429_and_counts_as_a_violation():
    world = World()
    replies = [world.ask() for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 200, 429]
    assert replies[4].body == b'{"message":"Too Many Requests"}'
    stats = world.stats()
    assert (stats["violations"], stats["rejected_rate"], stats["max_in_window"]) == (1, 1, 4)
    world.clock.advance(1)
    assert world.ask().status == 200


def test_the_ninth_open_request_gets_a_429():
    world = World()
    for _ in range(8):
        assert world.upstream.judge(world.call) is None
        world.clock.advance(0.5)
    assert world.ask().status == 429
    assert (world.stats()["rejected_open"], world.stats()["max_open"]) == (1, 8)


@pytest.mark.parametrize("change", [{"client_id": ""}, {"authorization": "Bearer nonsense"}])
def test_without_authorization_a_request_uses_up_no_cap(change: dict[str, str]):
    world = World()
    assert [world.ask(**change).status for _ in range(9)] == [401] * 9
    assert world.ask().status == 200
    assert world.stats()["violations"] == 0


def test_the_recorded_body_of_a_401_is_an_object_with_tips():
    body = msgspec.json.decode(World().ask(authorization="").body)
    assert body["message"] == "Authorization Failure. Have you tried:"
    assert {"Tip 1", "Tip 2", "Tip 3", "Docs", "Discord"} < body.keys()


def test_an_expired_token_is_refused():
    world = World()
    world.clock.advance(60)
    assert world.ask().status == 401


def test_a_query_of_more_than_32_kilobytes_is_refused_before_it_is_read():
    world = World()
    assert world.ask(body=b" " * 32 * 1024).status == 200
    reply = world.ask(body=b" " * (32 * 1024 + 1))
    assert (reply.status, msgspec.json.decode(reply.body)["title"]) == (413, "Request Too Large")


def test_a_refused_query_is_an_accepted_request():
    world = World()
    reply = world.ask(body=b"fields nope;")
    assert (reply.status, world.stats()["accepted"]) == (400, 1)
    assert reply.delay_seconds > 0


@pytest.mark.parametrize(
    ("change", "text"),
    [
        ({"endpoint": "gamez"}, "Endpoint POST /gamez not found"),
        ({"endpoint": "games/count/x"}, "Endpoint POST /games/count/x not found"),
        ({"method": "GET"}, "Endpoint GET /games not found"),
    ],
)
def test_an_unknown_endpoint_is_a_404_in_plain_text(change: dict[str, str], text: str):
    reply = World().ask(**change)
    assert (reply.status, reply.body.decode(), reply.is_text) == (404, text, True)


def test_a_multiquery_is_one_request_as_slow_as_its_slowest_part():
    world = World()
    reply = world.ask(endpoint="multiquery", body=TWO_PARTS)
    slower = World(Behaviour(FaultPlan(), multiquery=MultiqueryMode.SERIAL)).ask(
        endpoint="multiquery", body=TWO_PARTS
    )
    assert [part["name"] for part in msgspec.json.decode(reply.body)] == ["a", "b"]
    assert world.stats()["accepted"] == 1
    assert 0 < reply.delay_seconds < slower.delay_seconds < 2 * reply.delay_seconds


def test_a_server_that_refuses_multiqueries_says_so_as_upstream_does():
    reply = World(Behaviour(FaultPlan(), multiquery=MultiqueryMode.REFUSE)).ask(
        endpoint="multiquery", body=TWO_PARTS
    )
    assert (reply.status, msgspec.json.decode(reply.body)[0]["title"]) == (403, "Forbidden")


def test_scaled_time_divides_latencies():
    assert World(Behaviour(FaultPlan(), time_scale=10)).ask().delay_seconds == pytest.approx(
        World().ask().delay_seconds / 10
    )


def test_pretty_answers_mean_the_same():
    plain, pretty = World().ask(), World(Behaviour(FaultPlan(), pretty=True)).ask()
    assert b'\n  {\n    "id": 10,' in pretty.body
    assert msgspec.json.decode(pretty.body) == msgspec.json.decode(plain.body)


@pytest.mark.parametrize(
    ("fault", "status"),
    [(Fault.HTTP_500, 500), (Fault.HTTP_503, 503), (Fault.HTTP_429, 429), (Fault.HTTP_401, 401)],
)
def test_a_status_fault_replaces_the_answer_and_is_no_violation(fault: Fault, status: int):
    world = World(always(fault))
    assert world.ask().status == status
    assert (world.stats()["violations"], world.stats()["faults"]) == (0, {fault: 1})
    assert world.stats()["by_status"] == {str(status): 1}


def test_a_401_fault_forgets_the_token():
    world = World(always(Fault.HTTP_401))
    world.ask()
    assert world.ask().status == 401
    assert world.stats()["accepted"] == 1


def test_broken_bodies_come_with_status_200():
    invalid = World(always(Fault.INVALID_JSON)).ask()
    with pytest.raises(msgspec.DecodeError):
        msgspec.json.decode(invalid.body)
    no_list = World(always(Fault.NOT_A_LIST)).ask()
    assert type(msgspec.json.decode(no_list.body)) is dict
    assert invalid.status == no_list.status == 200


@pytest.mark.parametrize("fault", [Fault.DROP, Fault.SLOW, Fault.TRUNCATE])
def test_faults_of_the_sending_are_left_to_the_sender(fault: Fault):
    reply = World(replace(always(fault), time_scale=2)).ask()
    assert (reply.fault, reply.slow_seconds) == (fault, 2.5)


def test_a_dropped_connection_has_no_status():
    world = World(always(Fault.DROP))
    world.ask()
    assert (world.stats()["by_status"], world.stats()["faults"]) == ({}, {"drop": 1})


def test_changes_carry_the_time_of_the_server():
    world = World()
    changed = world.upstream.change("games", Change(change=(10,), delete=(20,)))
    assert (changed.changed, changed.deleted) == ([10], [20])
    assert world.upstream.tables["games"].read_updated_at(10) == int(START.timestamp())
    assert world.stats()["rows"] == {"deleted": 1, "changed": 1, "added": 0}


def test_stats_count_by_endpoint_status_and_client_and_a_reset_zeroes_them():
    world = World()
    for endpoint in ("games", "games/count", "nope"):
        world.ask(endpoint=endpoint)
    stats = world.stats()
    assert stats["by_endpoint"] == {"games": 1, "games/count": 1, "unknown": 1}
    assert stats["by_status"] == {"200": 2, "404": 1}
    assert (stats["requests"], stats["clients"], stats["tokens_issued"]) == (3, {"tests": 3}, 1)
    world.upstream.reset()
    assert (world.stats()["requests"], world.stats()["max_in_window"]) == (0, 0)
