"""`python -m platform_assets.ranks.read FILE --type place|blog|cafe`: what a saved page holds, one result a line.

FILE may be gzipped; `-` is standard input. Lines are JSON with position, identity, url and title. A page that is not
read is named on standard error, and the exit code is 2.
"""

import argparse
import gzip
import json
import sys
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path

from platform_assets.core.errors import PermanentError, PlatformError
from platform_assets.core.processes.signals import restore_signals
from platform_assets.ranks.pages import read_page
from platform_assets.ranks.result_page import RankType, ResultPage, Surface

GZIP = b"\x1f\x8b"
NOT_READ = 2


def main(arguments: Sequence[str]) -> int:
    """Prints the results of one page; returns 0, or 2 with the kind and the reason on standard error."""
    restore_signals()
    asked = _parser().parse_args(arguments)
    try:
        body = _unpack(_load(asked.file), asked.file)
        page = read_page(body, RankType(asked.type), asked.surface and Surface(asked.surface))
    except PlatformError as error:
        sys.stderr.write(f"{error.kind}: {error}\n")
        return NOT_READ
    for line in _list(page):
        sys.stdout.write(f"{line}\n")
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m platform_assets.ranks.read", description=__doc__
    )
    parser.add_argument("file", help="a saved page, plain or gzipped; - for standard input")
    parser.add_argument("--type", required=True, choices=list(RankType), help="which results")
    parser.add_argument(
        "--surface", choices=list(Surface), help="refuse any other page than this one"
    )
    return parser


def _load(name: str) -> bytes:
    try:
        return sys.stdin.buffer.read() if name == "-" else Path(name).read_bytes()
    except OSError as error:
        raise PermanentError(
            f"cannot read {name}: {error.strerror}; give a saved page, or - for standard input",
            kind="no_file",
        ) from error


def _unpack(body: bytes, name: str) -> bytes:
    if not body.startswith(GZIP):
        return body
    try:
        return gzip.decompress(body)
    except (EOFError, OSError, zlib.error) as error:
        raise PermanentError(
            f"{name} is gzipped and cannot be unpacked ({error}): fetch it again", kind="truncated"
        ) from error


def _list(page: ResultPage) -> Iterator[str]:
    for item in page.items:
        fields = {
            "position": item.position,
            "identity": item.identity,
            "url": item.url,
            "title": item.title,
        }
        yield json.dumps(fields, ensure_ascii=False)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
