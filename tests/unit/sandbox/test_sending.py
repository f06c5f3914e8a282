from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import TestClient, TestServer

from sandbox.sending import Delivery, Mishap, find_mishap, send

BODY = b"0123456789" * 200


@asynccontextmanager
async def deliver(delivery: Delivery) -> AsyncGenerator[TestClient[Any, Any]]:
    async def answer(request: web.Request) -> web.StreamResponse:
        return await send(request, delivery)

    application = web.Application()
    application.router.add_get("/", answer)
    async with TestClient(TestServer(application)) as client:
        yield client


async def test_a_whole_answer_has_its_status_headers_and_body():
    delivery = Delivery(418, BODY, "text/html", "utf-8", {"x-count": "3"})
    async with deliver(delivery) as client:
        reply = await client.get("/")
        assert (reply.status, await reply.read()) == (418, BODY)
        assert reply.headers["x-count"] == "3"
        assert reply.headers["Content-Type"] == "text/html; charset=utf-8"


async def test_an_answer_without_charset_names_none():
    async with deliver(Delivery(200, b"{}", "application/json")) as client:
        assert (await client.get("/")).headers["Content-Type"] == "application/json"


async def test_a_slow_answer_is_whole():
    delivery = Delivery(200, BODY, "text/plain", mishap=Mishap.SLOW, slow_seconds=0.02)
    async with deliver(delivery) as client:
        assert await (await client.get("/")).read() == BODY


async def test_a_dropped_answer_has_no_byte():
    async with deliver(Delivery(200, BODY, "text/plain", mishap=Mishap.DROP)) as client:
        with pytest.raises(aiohttp.ServerDisconnectedError):
            await client.get("/")


async def test_a_truncated_answer_ends_in_its_middle():
    async with deliver(Delivery(200, BODY, "text/plain", mishap=Mishap.TRUNCATE)) as client:
        reply = await client.get("/")
        with pytest.raises(aiohttp.ClientPayloadError):
            await reply.read()


def test_only_faults_of_sending_are_mishaps():
    assert [find_mishap(fault) for fault in ("drop", "http_500", None)] == [Mishap.DROP, None, None]
