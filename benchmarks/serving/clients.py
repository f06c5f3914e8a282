"""Clients of the REST API as a process of their own, each on its connection, the next request after the answer.

    python -m benchmarks.serving.clients '<Load as JSON>'

Raw streams and no HTTP library: what is measured is the server, which shares the machine with them.
"""

import asyncio
import sys
import time
from collections.abc import Sequence

import msgspec


class Load(msgspec.Struct, frozen=True):
    """What to ask.

    Attributes:
        port: On 127.0.0.1.
        paths: Asked in turns; each client begins at another one.
        token: Bearer token; none is sent if it is empty.
        clients: At the same time.
        seconds: How long to ask; the first tenth does not count.
    """

    port: int
    paths: list[str]
    token: str
    clients: int
    seconds: float


class Answers(msgspec.Struct, frozen=True):
    """What came back.

    Attributes:
        milliseconds: Of each counted request, ascending: from sending it to the last byte of its answer.
        seconds: For how long was counted.
        failed: Answers other than 200.
        body_bytes: Length of the last body.
    """

    milliseconds: list[float]
    seconds: float
    failed: int
    body_bytes: int


class Client:
    """One connection.

    Args:
        load: What to ask.
        number: Which of the clients.
    """

    def __init__(self, load: Load, number: int) -> None:
        self._load = load
        self._next = number * len(load.paths) // load.clients
        self.taken: list[float] = []
        self.failed = 0
        self.body_bytes = 0

    async def ask(self, count_from: float, until: float) -> None:
        """Asks until the time is over."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self._load.port)
        while (began := time.perf_counter()) < until:
            writer.write(self._request())
            status, length = parse_head(await reader.readuntil(b"\r\n\r\n"))
            await reader.readexactly(length)
            if began >= count_from:
                self.taken.append((time.perf_counter() - began) * 1e3)
            self.failed += status != 200
            self.body_bytes = length
        writer.close()

    def _request(self) -> bytes:
        path = self._load.paths[self._next % len(self._load.paths)]
        self._next += 1
        bearer = f"Authorization: Bearer {self._load.token}\r\n" if self._load.token else ""
        return f"GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\n{bearer}\r\n".encode()


def parse_head(head: bytes) -> tuple[int, int]:
    """Status and length of the body of a response."""
    status, *headers = head.decode("latin-1").split("\r\n")
    for header in headers:
        name, _, value = header.partition(":")
        if name.lower() == "content-length":
            return int(status.split()[1]), int(value)
    raise ValueError(f"an answer without a length: {status}")


async def ask_all(load: Load) -> Answers:
    """All clients at once."""
    clients = [Client(load, number) for number in range(load.clients)]
    now = time.perf_counter()
    count_from, until = now + load.seconds / 10, now + load.seconds
    async with asyncio.TaskGroup() as group:
        for client in clients:
            group.create_task(client.ask(count_from, until))
    return gather(clients, time.perf_counter() - count_from)


def gather(clients: Sequence[Client], seconds: float) -> Answers:
    """The clients' answers together."""
    taken = sorted(each for client in clients for each in client.taken)
    return Answers(taken, seconds, sum(client.failed for client in clients), clients[0].body_bytes)


def main() -> None:
    """The command line: a load as JSON in, answers as JSON out."""
    load = msgspec.json.decode(sys.argv[1], type=Load)
    print(msgspec.json.encode(asyncio.run(ask_all(load))).decode())


if __name__ == "__main__":
    main()
