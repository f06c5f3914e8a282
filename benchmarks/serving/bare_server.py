"""The peer: the same server without an API, which answers everything with a body that is ready.

python -m benchmarks.serving.bare_server PORT BYTES
"""

import sys
from typing import Any

import uvicorn


class ReadyBody:
    """ASGI app.

    Args:
        size: Bytes of the body.
    """

    def __init__(self, size: int) -> None:
        self._body = b"x" * size
        self._headers = [(b"content-length", str(size).encode())]

    async def __call__(self, scope: dict[str, Any], receive: Any, send: Any) -> None:  # noqa: ANN401, ARG002 - ASGI's signature
        """One request."""
        if scope["type"] != "http":
            return
        await send({"type": "http.response.start", "status": 200, "headers": self._headers})
        await send({"type": "http.response.body", "body": self._body})


def main() -> None:
    """The command line; the options of `python -m api`."""
    uvicorn.run(
        ReadyBody(int(sys.argv[2])),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        access_log=False,
        server_header=False,
        log_level="warning",
        lifespan="off",
    )


if __name__ == "__main__":
    main()
