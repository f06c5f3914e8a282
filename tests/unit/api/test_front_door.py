"""What the guard in front of Dagster's webserver lets through."""

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route, WebSocketRoute
from starlette.types import Message
from starlette.websockets import WebSocket

from api.front_door import FrontDoor

QUERY = {"query": "mutation{setNuxSeen}"}
HERE = "http://127.0.0.1:3000"


async def answer(request: Request) -> PlainTextResponse:
    return PlainTextResponse("dagster")


async def accept(socket: WebSocket) -> None:
    await socket.accept()


INNER = Starlette(
    routes=[
        Route("/{path:path}", answer, methods=["GET", "POST"]),
        WebSocketRoute("/graphql", accept),
    ]
)
DOOR = FrontDoor(INNER, ["dagster.example", "10.0.*"])


async def ask(
    method: str, url: str, headers: dict[str, str] | None = None, **options: object
) -> httpx.Response:
    async with httpx.AsyncClient(transport=httpx.ASGITransport(DOOR)) as client:
        return await client.request(method, url, headers=headers, **options)  # pyright: ignore[reportArgumentType]


@pytest.mark.parametrize(
    ("url", "origin"),
    [
        (HERE, None),
        (HERE, HERE),
        ("http://localhost:3000", "http://localhost:3000"),
        ("http://[::1]:3000", "http://[::1]:3000"),
        ("http://dagster.example", "https://dagster.example"),
        ("http://127.0.0.1:3000", "https://dagster.example"),
        ("http://10.0.3.4:3000", None),
    ],
)
async def test_its_own_pages_use_it(url: str, origin: str | None):
    headers = {} if origin is None else {"origin": origin}
    response = await ask("POST", f"{url}/graphql", headers, json=QUERY)
    assert (response.status_code, response.text) == (200, "dagster")


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:9999", "", "x"]
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_pages_of_other_origins_are_refused(origin: str, method: str):
    response = await ask(method, f"{HERE}/graphql", {"origin": origin}, json=QUERY)
    assert response.status_code == 403
    assert "SLUICE_DAGSTER_HOSTS" in response.text


@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example", "xdagster.example", "", "[", "10.1.0.1"]
)
async def test_a_name_that_is_not_listed_is_refused(host: str):
    response = await ask("GET", f"{HERE}/", {"host": host})
    assert response.status_code == 403
    assert "SLUICE_DAGSTER_HOSTS" in response.text


@pytest.mark.parametrize("path", ["/graphql", "/graphql/", "/prefix/graphql"])
async def test_graphql_by_get_is_refused(path: str):
    response = await ask("GET", HERE + path, params=QUERY)
    assert (response.status_code, response.text) == (403, "GraphQL is taken by POST only\n")


@pytest.mark.parametrize("path", ["/", "/runs?query=x", "/server_info", "/graphql"])
async def test_pages_are_read_by_get(path: str):
    assert (await ask("GET", HERE + path, {"accept": "text/html"})).status_code == 200


@pytest.mark.parametrize(
    ("origin", "first"),
    [(HERE, "websocket.accept"), ("http://evil.example", "websocket.close")],
)
async def test_a_web_socket_is_for_its_own_pages_alone(origin: str, first: str):
    sent: list[Message] = []

    async def receive() -> Message:
        return {"type": "websocket.connect"}

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"host", b"127.0.0.1:3000"), (b"origin", origin.encode())]
    scope = {"type": "websocket", "path": "/graphql", "query_string": b"", "headers": headers}
    await DOOR(scope, receive, send)
    assert sent[0]["type"] == first
