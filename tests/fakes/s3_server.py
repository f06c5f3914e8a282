"""moto's S3 over HTTP on loopback, with what moto 5.2.5 leaves out and the real S3 promises.

moto checks a condition and writes in two steps, so two writers in two threads both pass; it ignores If-Match on the
last call of a multipart upload. Here writes come one after the other, and that If-Match is checked.

`answers_to_lose`: so many of the next writes, after `answers_before_loss` others, are done and answered with 500.
`answers_to_refuse`: the next requests get these statuses and codes, and nothing is done.
"""

from collections.abc import Callable, Iterable
from threading import Lock, Thread
from typing import Any, cast
from urllib.parse import parse_qs

from moto.moto_server.werkzeug_app import (
    DomainDispatcherApplication,
    MotoRequestHandler,
    create_backend_app,
)
from pydantic import SecretStr
from werkzeug.serving import make_server

from resources.objects.s3_client import S3Access

Environ = dict[str, Any]
StartResponse = Callable[..., Any]


class S3Application:
    def __init__(self) -> None:
        self._moto = DomainDispatcherApplication(create_backend_app)
        self._writing = Lock()
        self.answers_before_loss = 0
        self.answers_to_lose = 0
        self.answers_to_refuse: list[tuple[int, str]] = []

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if self.answers_to_refuse:
            return _answer(start_response, *self.answers_to_refuse.pop(0))
        if environ["REQUEST_METHOD"] in ("GET", "HEAD"):
            return self._moto(environ, start_response)
        with self._writing:
            return self._write(environ, start_response)

    def _write(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        wanted = environ.get("HTTP_IF_MATCH")
        ends_upload = environ["REQUEST_METHOD"] == "POST" and "uploadId" in parse_qs(
            environ["QUERY_STRING"]
        )
        if ends_upload and wanted is not None and self._read_etag(environ) != wanted:
            return _answer(start_response, 412, "PreconditionFailed")
        body = list(self._moto(environ, start_response))
        if self.answers_to_lose and self.answers_before_loss:
            self.answers_before_loss -= 1
        elif self.answers_to_lose:
            self.answers_to_lose -= 1
            return _answer(start_response, 500, "InternalError")
        return body

    def _read_etag(self, environ: Environ) -> str | None:
        headers: dict[str, str] = {}

        def keep(status: str, sent: list[tuple[str, str]], *_: object) -> None:
            headers.update({name.lower(): value for name, value in sent})

        asked = environ | {"REQUEST_METHOD": "HEAD", "QUERY_STRING": "", "CONTENT_LENGTH": "0"}
        list(self._moto({k: v for k, v in asked.items() if k != "HTTP_IF_MATCH"}, keep))
        return headers.get("etag")


def _answer(start_response: StartResponse, status: int, code: str) -> list[bytes]:
    body = f"<Error><Code>{code}</Code><Message>fake</Message></Error>".encode()
    start_response(f"{status} {code}", [("Content-Length", str(len(body)))])
    return [body]


class S3Server:
    def __init__(self) -> None:
        self.application = S3Application()
        self._server = make_server(
            "127.0.0.1", 0, self.application, threaded=True, request_handler=MotoRequestHandler
        )
        self.access = S3Access(
            endpoint_url=f"http://127.0.0.1:{self._server.port}",
            region_name="us-east-1",
            access_key_id="AKIATESTKEYID",
            secret_access_key=SecretStr("test-secret-access-key"),
            max_attempts=2,
        )
        self.client = self.access.connect()
        self._thread = Thread(target=self._server.serve_forever, daemon=True)
        self._thread.start()

    def create_bucket(self, name: str) -> None:
        cast("Any", self.client).create_bucket(Bucket=name)

    def list_uploads(self, bucket: str) -> list[str]:
        """Ids of the uploads in parts that were neither completed nor aborted."""
        listed = cast("Any", self.client).list_multipart_uploads(Bucket=bucket)
        return [upload["UploadId"] for upload in listed.get("Uploads", [])]

    def close(self) -> None:
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
